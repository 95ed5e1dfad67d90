"""The changes of one site in total: how many articles change in which way, and some samples.

The size of a report does not grow with the archive. Of the pages that differ, the report keeps
only those that differ most.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field

from pipeline.core.models import Outcome
from pipeline.jobs.changes import Change

COUNTS = (
    "new articles",
    "changed",
    "lose text",
    "lines lost",
    "gain text",
    "lines gained",
    "titles",
    "authors",
    "agencies",
    "dates",
    "languages",
    "other metadata",
    "other outcome",
)
METADATA_COUNTS = {
    "title": "titles",
    "authors": "authors",
    "agency": "agencies",
    "published_at": "dates",
    "language": "languages",
}


@dataclass(slots=True)
class ChangeReport:
    """What a clean changes of one site.

    Attributes:
        site: The id of the site.
        samples: How many changes to keep as samples.
        pages: Pages so far.
        outcomes: Pages by outcome.
        counts: Changes by the names in `COUNTS`.
        rules: Lost lines by the rule that removes them.
    """

    site: str
    samples: int
    pages: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    _samples: list[tuple[bool, int, int, Change]] = field(default_factory=list)

    def add(self, change: Change) -> None:
        """Add the change of one page.

        Args:
            change: What a clean changes of one page.
        """
        self.pages += 1
        self.outcomes[str(change.outcome)] += 1
        self.counts.update(_counts(change))
        if change.outcome is Outcome.HELD or change.before is not None:
            self.rules.update(line.rule for line in change.lost)
        if self.samples and change.differs and change.before is not None:
            self._add_sample(change)

    def _add_sample(self, change: Change) -> None:
        weight = len(change.lost) + len(change.gained) + len(change.metadata)
        entry = (change.outcome is Outcome.HELD, weight, -change.page_id, change)
        if len(self._samples) < self.samples:
            heapq.heappush(self._samples, entry)
        else:
            heapq.heappushpop(self._samples, entry)

    @property
    def samples_by_weight(self) -> tuple[Change, ...]:
        """Return the pages that differ most, those that are held first."""
        entries = sorted(self._samples, key=lambda entry: entry[:3], reverse=True)
        return tuple(entry[-1] for entry in entries)


def _counts(change: Change) -> dict[str, int]:
    """Return what one page adds to the counts.

    A page that was never cleaned cannot be compared, and a page that is held does not change.
    """
    if change.before is None and change.after is Outcome.ARCHIVED:
        return {"new articles": 1}
    if change.before is None or change.outcome is Outcome.HELD:
        return {}
    counts = {
        "changed": int(change.differs),
        "lose text": int(bool(change.lost)),
        "lines lost": len(change.lost),
        "gain text": int(bool(change.gained)),
        "lines gained": len(change.gained),
        "other outcome": int(change.before is not change.after),
    }
    for metadata_change in change.metadata:
        counts[METADATA_COUNTS.get(metadata_change.field, "other metadata")] = 1
    return counts
