"""The frozen values that `CleanSession` returns and accepts. Rows stay inside the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.core.models import (
    AnnouncedMetadata,
    Block,
    CleanResult,
    ExtractedPage,
    Outcome,
    PreviousArticle,
    RawPage,
    Reason,
    ResultStatus,
    Revision,
)


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
class PayloadPeriod:
    """A stretch of time in which fetches returned one payload, with its extracted page."""

    payload_id: int
    extracted_page_id: int
    extracted: ExtractedPage
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class CleanScope:
    """The pages that a clean is about: the stale ones or `everything`, narrowed by the rest."""

    everything: bool = False
    since: datetime | None = None  # published or first seen
    rule: str = ""  # has removed something from the current text

    def __str__(self) -> str:
        parts: list[str] = []
        if self.everything:
            parts.append("all")
        if self.since:
            parts.append(f"since {self.since.isoformat()}")
        if self.rule:
            parts.append(f"rule {self.rule}")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A clean result of the past, with the blocks of its extracted page."""

    id: int
    payload_id: int
    extracted_page_id: int
    run_id: int | None
    status: ResultStatus
    result: CleanResult
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time in which fetches returned one payload."""

    payload_id: int
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class CleanInput:
    """All that is needed to clean one page."""

    page_id: int
    url: str
    announced: AnnouncedMetadata
    periods: tuple[PayloadPeriod, ...]  # oldest first; none where an extracted page is missing
    previous: PreviousArticle | None  # what its article is made of now
    results: tuple[StoredResult, ...] = ()  # current or rejected results for these payloads


@dataclass(frozen=True, slots=True)
class ReviewInput:
    """A page with all its results, for a choice among them. Nothing is cleaned for it."""

    page_id: int
    url: str
    periods: tuple[Period, ...]
    results: tuple[StoredResult, ...]  # oldest first
    previous: PreviousArticle | None


@dataclass(frozen=True, slots=True)
class UnchangedResult:
    """A current result that a clean has made again: the same article, under another recipe.

    `only_recipe_changed` says that the extracted page, the removed blocks and the site profile
    are the same too.
    """

    result_id: int
    extracted_page_id: int
    result: CleanResult
    only_recipe_changed: bool


@dataclass(frozen=True, slots=True)
class NewResult:
    """A clean result of one payload that a clean made and the archive does not hold yet."""

    payload_id: int
    extracted_page_id: int
    result: CleanResult


@dataclass(frozen=True, slots=True)
class CleanOutcome:
    """What a clean made of one page.

    A payload without a result here keeps its current one.
    """

    page_id: int
    payload_id: int  # the newest
    results: tuple[NewResult, ...]  # current from now on
    revisions: tuple[Revision, ...]
    outcome: Outcome
    reason: Reason
    unchanged: tuple[UnchangedResult, ...] = ()
    held: tuple[NewResult, ...] = ()  # for a review
    is_article_unchanged: bool = False  # the article and its revisions need not be written


@dataclass(frozen=True, slots=True)
class ReviewOutcome:
    """What a choice among the results of a page came to."""

    page_id: int
    moves: tuple[tuple[int, ResultStatus], ...]  # new status by a result's id
    revisions: tuple[Revision, ...]
    outcome: Outcome
    reason: Reason
