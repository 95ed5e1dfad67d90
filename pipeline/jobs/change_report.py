"""Changes summed up by Site: how many articles would gain or lose what, and a few of them to look at.

Promises that the size of a report does not grow with the archive: of the Pages that differ, only those that differ
most are kept.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field

from pipeline.core.models import Outcome
from pipeline.jobs.changes import Change


@dataclass(slots=True)
class ChangeReport:
    """What a clean changes of one Site, added up Page by Page."""

    site: str
    samples: int  # changes to keep
    pages: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)  # see `_counted`
    rules: Counter[str] = field(default_factory=Counter)  # lines lost by Rule
    _kept: list[tuple[bool, int, int, Change]] = field(default_factory=list)

    def add(self, change: Change) -> None:
        """One more Page."""
        self.pages += 1
        self.outcomes[str(change.outcome)] += 1
        self.counts.update(_counted(change))
        if change.outcome is Outcome.HELD or change.before is not None:
            self.rules.update(gone.rule for gone in change.lost)
        if self.samples and change.differs and change.before is not None:
            weight = len(change.lost) + len(change.gained) + len(change.metadata)
            entry = (change.outcome is Outcome.HELD, weight, -change.page_id, change)
            if len(self._kept) < self.samples:
                heapq.heappush(self._kept, entry)
            else:
                heapq.heappushpop(self._kept, entry)

    @property
    def samples_by_weight(self) -> tuple[Change, ...]:
        """The Pages that differ most, the held ones first."""
        return tuple(
            entry[-1] for entry in sorted(self._kept, key=lambda entry: entry[:3], reverse=True)
        )


def _counted(change: Change) -> dict[str, int]:
    """What one Page adds to the counts. Of a Page that was never cleaned there is nothing to compare, and of one that is held
    nothing changes."""
    if change.outcome is Outcome.HELD or change.before is None:
        return (
            {"new articles": 1}
            if change.before is None and change.after is Outcome.ARCHIVED
            else {}
        )
    counts = {
        "changed": int(change.differs),
        "lose text": int(bool(change.lost)),
        "lines lost": len(change.lost),
        "gain text": int(bool(change.gained)),
        "lines gained": len(change.gained),
        "other outcome": int(change.before is not change.after),
    }
    return counts | {NAMES.get(name, "other metadata"): 1 for name, _, _ in change.metadata}


NAMES = {"title": "titles", "authors": "authors", "published_at": "dates", "language": "languages"}
COUNTS = (
    "new articles", "changed", "lose text", "lines lost", "gain text", "lines gained", "titles", "authors", "dates",
    "languages", "other metadata", "other outcome",
)  # fmt: skip
