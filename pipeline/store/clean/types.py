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
class Undrafted:
    """A Payload that the extractors have not seen, and what the Links of its Pages said of them. With a `coding` its body is
    still packed: whoever extracts it unpacks it, in a process of its own."""

    source: RawPage
    pages: tuple[tuple[int, AnnouncedMetadata], ...]
    coding: str = ""


@dataclass(frozen=True, slots=True)
class Packed:
    """A Draft as it is stored, and what has to be known of it without unpacking it."""

    extractors: str
    reason: Reason
    detail: str
    cost_ms: int
    blocks: int
    coding: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Shown:
    """What a Draft teaches the memory: keys of its lines, keys of the headlines of each of its Pages, and its containers, each
    with whether most of it is story and whether most of the story is in it."""

    lines: tuple[int, ...] = ()
    headlines: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    containers: tuple[tuple[str, bool, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class Unlearnt:
    """A Draft of which the memory was not told, and what the Links of its Pages said of them."""

    extracted_page_id: int
    payload_id: int
    draft: ExtractedPage
    pages: tuple[tuple[int, AnnouncedMetadata], ...]


@dataclass(frozen=True, slots=True)
class Met:
    """One stretch in which visits met one Payload, with its Draft."""

    payload_id: int
    extracted_page_id: int
    draft: ExtractedPage
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Scope:
    """Which Pages a clean is about. Without `everything` the stale ones; the rest narrows that down."""

    everything: bool = False
    since: datetime | None = None  # published or first seen
    rule: str = ""  # struck something of the text that stands

    def __str__(self) -> str:
        since = f"since {self.since.isoformat()}" if self.since else ""
        parts = ("all" if self.everything else "", since, f"rule {self.rule}" if self.rule else "")
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Result:
    """An Extraction of the past, with the Blocks that it was struck from."""

    id: int
    payload_id: int
    extracted_page_id: int
    run_id: int | None
    standing: ResultStatus
    extraction: CleanResult
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time in which visits met one Payload."""

    payload_id: int
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Material:
    """All that is needed to clean one Page: its Payloads in order of time, as Drafts, what its Links said, what its Article was
    made of until now, and the results for these Payloads that stand or were rejected."""

    page_id: int
    url: str
    told: AnnouncedMetadata
    met: tuple[Met, ...]
    before: PreviousArticle | None
    results: tuple[Result, ...] = ()


@dataclass(frozen=True, slots=True)
class Shelved:
    """A Page with all its results, for whoever chooses among them: nothing is cleaned for it."""

    page_id: int
    url: str
    stretches: tuple[Stretch, ...]
    results: tuple[Result, ...]  # oldest first
    before: PreviousArticle | None


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A result that stands and was come to once more: it makes the same Article, by another Recipe. `is_as_it_was` where also
    the Draft, what was struck of it and the memory are the same."""

    result_id: int
    extracted_page_id: int
    extraction: CleanResult
    is_as_it_was: bool


@dataclass(frozen=True, slots=True)
class CleanOutcome:
    """What cleaning a Page came to: Extractions that from now on stand for its Payloads, its Revisions, its outcome. Of a
    Payload that has none here, the one goes on that stands."""

    page_id: int
    payload_id: int  # the newest
    results: tuple[tuple[int, int, CleanResult], ...]  # (payload, draft, extraction)
    revisions: tuple[Revision, ...]
    outcome: Outcome
    reason: Reason
    confirmed: tuple[Confirmed, ...] = ()
    held: tuple[tuple[int, int, CleanResult], ...] = ()  # kept for a review
    settled: bool = False  # the Article and its Revisions are already what they would be written as


@dataclass(frozen=True, slots=True)
class Chosen:
    """What choosing among a Page's results came to: results that change their standing, and what follows from that."""

    page_id: int
    moves: tuple[tuple[int, ResultStatus], ...]  # by a result's id
    revisions: tuple[Revision, ...]
    outcome: Outcome
    reason: Reason
