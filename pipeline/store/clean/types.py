"""The frozen values that `CleanSession` returns and accepts. Rows stay inside the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from pipeline.core.clean_values import StoredResult
from pipeline.core.models import (
    AnnouncedMetadata,
    ExtractedPage,
    Outcome,
    PreviousArticle,
    RawPage,
    Reason,
    ResultStatus,
    Revision,
)
from pipeline.core.story import StoryLink

DURING_CRAWL: Final = "during the crawl"


@dataclass(frozen=True, slots=True)
class PendingPayload:
    """A payload that the extractors have not seen, and what links said of its pages.

    With a `codec` the body is still compressed: the process that extracts it decompresses it.
    """

    raw_page: RawPage
    pages: tuple[tuple[int, AnnouncedMetadata], ...]
    codec: str = ""


@dataclass(frozen=True, slots=True)
class StoredExtraction:
    """An extracted page as it is stored, and what is needed of it without decoding it."""

    extractors: str
    reason: Reason
    detail: str
    cost_ms: int
    block_count: int
    codec: str
    body: bytes


@dataclass(frozen=True, slots=True)
class PageSignals:
    """What an extracted page adds to the site profile."""

    lines: tuple[int, ...] = ()  # keys
    headlines: Mapping[int, tuple[int, ...]] = field(default_factory=dict)  # keys by page
    # name of each container, whether most of it is story, whether most of the story is in it
    containers: tuple[tuple[str, bool, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class UnprofiledPage:
    """An extracted page that is not in the site profile, and what links said of its pages."""

    extracted_page_id: int
    payload_id: int
    extracted: ExtractedPage
    pages: tuple[tuple[int, AnnouncedMetadata], ...]


@dataclass(frozen=True, slots=True)
class CleanScope:
    """The pages that a clean is about: the stale ones or `everything`, narrowed by the rest."""

    everything: bool = False
    since: datetime | None = None  # published or first seen
    rule: str = ""  # has removed something from the current text
    pages: tuple[int, ...] = ()  # ids; () for the pages of the whole site
    during_crawl: bool = False  # the profile has not seen all pages of this night yet

    def __str__(self) -> str:
        parts: list[str] = []
        if self.everything:
            parts.append("all")
        if self.since:
            parts.append(f"since {self.since.isoformat()}")
        if self.rule:
            parts.append(f"rule {self.rule}")
        if self.pages:
            parts.append("1 page" if len(self.pages) == 1 else f"{len(self.pages)} pages")
        if self.during_crawl:
            parts.append(DURING_CRAWL)
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time in which fetches returned one payload."""

    payload_id: int
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class JoinablePage:
    """A story in several pages: the payload that lists its parts, and their extracted pages."""

    payload_id: int
    parts: tuple[tuple[int, ExtractedPage], ...]  # by number


@dataclass(frozen=True, slots=True)
class ReviewInput:
    """A page with all its results, for a choice among them. Nothing is cleaned for it."""

    page_id: int
    url: str
    periods: tuple[Period, ...]
    results: tuple[StoredResult, ...]  # oldest first
    previous: PreviousArticle | None


@dataclass(frozen=True, slots=True)
class ReviewOutcome:
    """What a choice among the results of a page came to."""

    page_id: int
    moves: tuple[tuple[int, ResultStatus], ...]  # new status by a result's id
    revisions: tuple[Revision, ...]
    outcome: Outcome
    reason: Reason
    links: tuple[StoryLink, ...] = ()  # of the article


@dataclass(frozen=True, slots=True)
class WorkLeft:
    """What a clean would find to do.

    Attributes:
        has_stale_pages: Whether there are pages to clean.
        has_pending_articles: Whether articles wait to be grouped or indexed, or their changes to
            be listed.
    """

    has_stale_pages: bool
    has_pending_articles: bool
