"""One night of one site in numbers: what its crawl fetched, and what cleaning made of new stories.

The values can be stored as JSON, and later versions can read them: a number that an older night
lacks is 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class SourceStats:
    """The outcome of one source, which is a feed, a sitemap or a section, in one night."""

    url: str
    kind: str
    outcome: str
    reason: str = ""
    status: int = 0
    links: int = -1  # that it listed; -1 if it was not read

    @property
    def works(self) -> bool:
        """Whether the source was read, or was unchanged."""
        return self.outcome in ("fetched", "unchanged")


@dataclass(frozen=True, slots=True)
class NightStats:
    """The numbers of one night.

    `requested` and what follows count stories that were requested. `cleaned` counts those that
    were new and have been cleaned. `articles` and what follows count those that became articles.
    """

    seen: int = 0  # stories that ended in an outcome
    known: int = 0
    refused: int = 0
    traps: int = 0  # refused as traps that never end, and perhaps stories
    deferred: int = 0
    requested: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    redirected: int = 0
    gone: int = 0
    failed: int = 0
    turned_away: int = 0  # failed with HTTP status 401, 403, 429, 451 or 503
    cleaned: int = 0
    articles: int = 0
    revised: int = 0
    held: int = 0
    with_own_date: int = 0  # with a date from their own page
    with_date: int = 0  # with a date from anywhere
    with_author: int = 0
    garbled: int = 0  # with characters that could not be decoded
    in_new_layout: int = 0  # whose text is in containers that were new to the site
    median_words: int = 0
    removed_blocks: int = 0
    bytes: int = 0
    seconds: int = 0
    median_ms: int = 0  # of the answers
    reasons: Mapping[str, int] = field(default_factory=dict)  # of cleaned stories without article
    failures: Mapping[str, int] = field(default_factory=dict)  # reasons of the failed
    charsets: Mapping[str, int] = field(default_factory=dict)  # as the answers declared them
    sources: tuple[SourceStats, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Convert the numbers to JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> NightStats:
        """Convert JSON values back. Values of another version that are unknown are ignored."""
        names = {each.name for each in fields(cls)} - {"sources"}
        known = {name: value for name, value in values.items() if name in names}
        sources = tuple(SourceStats(**source) for source in values.get("sources", ()))
        return cls(**known, sources=sources)

    @property
    def links(self) -> int:
        """The links that all sources together listed, or -1 if one of them was not read."""
        numbers = [source.links for source in self.sources]
        if not numbers or min(numbers) < 0:
            return -1
        return sum(numbers)


@dataclass(frozen=True, slots=True)
class Night:
    """One crawl of a site and the cleans after it.

    Attributes:
        run: The run of the crawl.
        site: The site.
        started_at: When the crawl began.
        status: The status of the crawl.
        stats: The numbers of the night.
        detail: The detail of the crawl.
        issue_kinds: Kinds of issues that were open in that night. It is no baseline for these.
    """

    run: int
    site: str
    started_at: datetime
    status: str
    stats: NightStats
    detail: str = ""
    issue_kinds: frozenset[str] = frozenset()

    @property
    def is_complete(self) -> bool:
        """Whether the crawl came to its own end."""
        return self.status == "finished"
