"""What the shelf hands out and takes back, as frozen values: rows stay in the store."""

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
    """A Payload that the extractors have not seen, and what the Links of its Pages said of them. With a `coding` its body is
    still packed: whoever extracts it unpacks it, in a process of its own."""

    raw_page: RawPage
    pages: tuple[tuple[int, AnnouncedMetadata], ...]
    codec: str = ""


@dataclass(frozen=True, slots=True)
class StoredExtraction:
    """A Draft as it is stored, and what has to be known of it without unpacking it."""

    extractors: str
    reason: Reason
    detail: str
    cost_ms: int
    block_count: int
    codec: str
    body: bytes


@dataclass(frozen=True, slots=True)
class PageSignals:
    """What a Draft teaches the memory: keys of its lines, keys of the headlines of each of its Pages, and its containers, each
    with whether most of it is story and whether most of the story is in it."""

    lines: tuple[int, ...] = ()
    headlines: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    containers: tuple[tuple[str, bool, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class UnprofiledPage:
    """A Draft of which the memory was not told, and what the Links of its Pages said of them."""

    extracted_page_id: int
    payload_id: int
    extracted: ExtractedPage
    pages: tuple[tuple[int, AnnouncedMetadata], ...]


@dataclass(frozen=True, slots=True)
class PayloadPeriod:
    """One stretch in which visits met one Payload, with its Draft."""

    payload_id: int
    extracted_page_id: int
    extracted: ExtractedPage
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class CleanScope:
    """Which Pages a clean is about. Without `everything` the stale ones; the rest narrows that down."""

    everything: bool = False
    since: datetime | None = None  # published or first seen
    rule: str = ""  # struck something of the text that stands

    def __str__(self) -> str:
        since = f"since {self.since.isoformat()}" if self.since else ""
        parts = ("all" if self.everything else "", since, f"rule {self.rule}" if self.rule else "")
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class StoredResult:
    """An Extraction of the past, with the Blocks that it was struck from."""

    id: int
    payload_id: int
    extracted_page_id: int
    run_id: int | None
    status: ResultStatus
    result: CleanResult
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time in which visits met one Payload."""

    payload_id: int
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class CleanInput:
    """All that is needed to clean one Page: its Payloads in order of time, as Drafts, what its Links said, what its Article was
    made of until now, and the results for these Payloads that stand or were rejected."""

    page_id: int
    url: str
    announced: AnnouncedMetadata
    periods: tuple[PayloadPeriod, ...]
    previous: PreviousArticle | None
    results: tuple[StoredResult, ...] = ()


@dataclass(frozen=True, slots=True)
class ReviewInput:
    """A Page with all its results, for whoever chooses among them: nothing is cleaned for it."""

    page_id: int
    url: str
    periods: tuple[Period, ...]
    results: tuple[StoredResult, ...]  # oldest first
    previous: PreviousArticle | None


@dataclass(frozen=True, slots=True)
class UnchangedResult:
    """A result that stands and was come to once more: it makes the same Article, by another Recipe. `is_as_it_was` where also
    the Draft, what was struck of it and the memory are the same."""

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
    """What cleaning a Page came to: Extractions that from now on stand for its Payloads, its Revisions, its outcome. Of a
    Payload that has none here, the one goes on that stands."""

    page_id: int
    payload_id: int  # the newest
    results: tuple[NewResult, ...]
    revisions: tuple[Revision, ...]
    outcome: Outcome
    reason: Reason
    unchanged: tuple[UnchangedResult, ...] = ()
    held: tuple[NewResult, ...] = ()  # kept for a review
    is_article_unchanged: bool = False  # the Article and its Revisions are already what they would be written as


@dataclass(frozen=True, slots=True)
class ReviewOutcome:
    """What choosing among a Page's results came to: results that change their standing, and what follows from that."""

    page_id: int
    moves: tuple[tuple[int, ResultStatus], ...]  # by a result's id
    revisions: tuple[Revision, ...]
    outcome: Outcome
    reason: Reason
