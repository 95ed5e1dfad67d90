"""What the shelf hands out and takes back, as frozen values: rows stay in the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipeline.model import Before, Draft, Extraction, Outcome, Reason, Revision, Source, Told


@dataclass(frozen=True, slots=True)
class Undrafted:
    """A Payload that the extractors have not seen, and what the Links of its Pages said of them."""

    source: Source
    pages: tuple[tuple[int, Told], ...]


@dataclass(frozen=True, slots=True)
class Met:
    """One stretch in which visits met one Payload, with its Draft."""

    payload_id: int
    draft_id: int
    draft: Draft
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Material:
    """All that is needed to clean one Page: its Payloads in order of time, as Drafts, what its Links said, and what its
    Article was made of until now."""

    page_id: int
    url: str
    told: Told
    met: tuple[Met, ...]
    before: Before | None


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What cleaning a Page came to: an Extraction for each of its Payloads, its Revisions, its outcome."""

    page_id: int
    payload_id: int  # the newest
    extractions: tuple[tuple[int, int, Extraction], ...]  # (payload, draft, extraction)
    revisions: tuple[Revision, ...]
    outcome: Outcome
    reason: Reason
