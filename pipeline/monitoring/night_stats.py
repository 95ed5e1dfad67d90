"""One night of one Site in numbers: what its crawl met, and what cleaning made of the stories that were new.

Promises values that JSON can hold and that later versions can read: a figure that a night of before does not have is 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class SourceStats:
    """How a feed, sitemap or section fared."""

    url: str
    kind: str
    outcome: str
    reason: str = ""
    status: int = 0
    links: int = -1  # that it showed; -1 where it was not read

    @property
    def works(self) -> bool:
        return self.outcome in ("fetched", "unchanged")


@dataclass(frozen=True, slots=True)
class NightStats:
    """Counts of one night. `asked` and what follows it are of stories that were requested, `judged` of those that were new and
    have been cleaned, `articles` and what follows of those that became one."""

    seen: int = 0  # URLs of stories that ended in an outcome
    known: int = 0
    refused: int = 0
    deferred: int = 0
    requested: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    redirected: int = 0
    gone: int = 0
    failed: int = 0
    turned_away: int = 0  # of the failed, those answered with 401, 403, 429, 451 or 503
    cleaned: int = 0
    articles: int = 0
    revised: int = 0
    held: int = 0
    with_own_date: int = 0  # with a date that their own page tells
    with_date: int = 0  # with any date
    with_author: int = 0
    garbled: int = 0  # with characters that could not be read
    in_new_layout: int = 0  # whose text stands in containers that were new to the Site
    median_words: int = 0  # median
    removed_blocks: int = 0  # blocks
    bytes: int = 0
    seconds: int = 0
    median_ms: int = 0  # of answers
    reasons: Mapping[str, int] = field(default_factory=dict)  # of the judged that are no articles
    failures: Mapping[str, int] = field(default_factory=dict)  # of the failed
    charsets: Mapping[str, int] = field(default_factory=dict)  # as answers declared it
    sources: tuple[SourceStats, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> NightStats:
        known = {each.name for each in fields(cls)} - {"sources"}
        sources = tuple(SourceStats(**each) for each in values.get("sources", ()))
        return cls(
            **{name: value for name, value in values.items() if name in known}, sources=sources
        )

    @property
    def links(self) -> int:
        """Links that all places together showed; -1 where any was not read anew."""
        numbers = [place.links for place in self.sources]
        return sum(numbers) if numbers and min(numbers) >= 0 else -1


@dataclass(frozen=True, slots=True)
class Night:
    """One crawl of a Site and the cleans behind it."""

    run: int
    site: str
    started_at: datetime
    status: str  # of the crawl
    stats: NightStats
    detail: str = ""
    issue_kinds: frozenset[str] = (
        frozenset()
    )  # kinds of Findings that were open that night: it is no model for these

    @property
    def is_complete(self) -> bool:
        """Whether the crawl came to its own end."""
        return self.status == "finished"
