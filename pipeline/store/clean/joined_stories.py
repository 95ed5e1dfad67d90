"""Stories in several pages: the periods of their parts together, and what there is to join.

Works inside a transaction of `CleanSession`. All follows from the captures of the parts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from pipeline.core.models import ExtractedPage, UrlKind
from pipeline.store.clean.part_states import FIRST, PartKey, PartState, StoryPart, part_states
from pipeline.store.clean.types import JoinablePage, Period
from pipeline.store.codec.compression import compress
from pipeline.store.codec.part_lists import MEDIA_TYPE, part_list
from pipeline.store.codec.serialization import decode_extracted
from pipeline.store.db.row_classes import aliased
from pipeline.store.db.schema import (
    ArticleRow,
    CaptureRow,
    ExtractedPageRow,
    JoinedPeriodRow,
    PageRow,
    PayloadRow,
)
from pipeline.store.db.sql import chunks, insert_or_ignore

PART: Final = aliased(PageRow)


def has_parts() -> ColumnElement[bool]:
    """Return the condition for stories of which a further part is stored."""
    return select(PART.id).where(PART.part_of == PageRow.id, PART.payload_id.is_not(None)).exists()


def parts_with_article(db: Connection, site: str) -> tuple[int, ...]:
    """Return the parts that an earlier clean took for stories of their own."""
    query = (
        select(ArticleRow.page_id)
        .join(PageRow, PageRow.id == ArticleRow.page_id)
        .where(PageRow.site == site, PageRow.part_of.is_not(None), PageRow.kind == UrlKind.PART)
    )
    return tuple(db.scalars(query))


def update_periods(db: Connection, stories: Sequence[int]) -> None:
    """Compute the periods of stories again from the captures of their parts."""
    for chunk in chunks(stories):
        parts = _load_parts(db, chunk)
        states = {story: part_states(story_parts) for story, story_parts in parts.items()}
        payload_ids = _save_part_lists(db, states.values())
        rows: list[dict[str, Any]] = []
        for story, story_states in states.items():
            for number, state in enumerate(story_states):
                rows.append(_period_row(story, number, state, payload_ids))
        newest_payloads = {row["page_id"]: row["payload_id"] for row in rows}
        db.execute(delete(JoinedPeriodRow).where(JoinedPeriodRow.page_id.in_(chunk)))
        if rows:
            db.execute(insert(JoinedPeriodRow), rows)
        for story, payload_id in newest_payloads.items():
            this_page = update(PageRow).where(PageRow.id == story)
            db.execute(this_page.values(joined_payload_id=payload_id))


def periods(db: Connection, pages: Sequence[int]) -> dict[int, tuple[Period, ...]]:
    """Return the periods of those pages that are stories in several parts.

    Args:
        db: A connection that reads.
        pages: Ids of stories.

    Returns:
        By the id of the story, its periods, oldest first. Stories in one part are absent.
    """
    query = (
        select(
            JoinedPeriodRow.page_id,
            JoinedPeriodRow.payload_id,
            JoinedPeriodRow.first_seen_at,
            JoinedPeriodRow.last_seen_at,
        )
        .where(JoinedPeriodRow.page_id.in_(pages))
        .order_by(JoinedPeriodRow.page_id, JoinedPeriodRow.number)
    )
    by_page: dict[int, list[Period]] = defaultdict(list)
    for row in db.execute(query):
        by_page[row.page_id].append(Period(row.payload_id, row.first_seen_at, row.last_seen_at))
    return {page: tuple(page_periods) for page, page_periods in by_page.items()}


def joinable_pages(
    db: Connection, stories: Sequence[int], extractors: str
) -> tuple[JoinablePage, ...]:
    """Return the lists of parts that are not joined yet, with the extracted pages of the parts.

    A list of which a part is not extracted yet is left out.

    Args:
        db: A connection that reads.
        stories: Ids of stories that have parts.
        extractors: The digest of the extractors that made the extracted pages.

    Returns:
        Each list of parts once, with the extracted page of each part in order.
    """
    is_joined = (
        select(ExtractedPageRow.id)
        .where(
            ExtractedPageRow.payload_id == JoinedPeriodRow.payload_id,
            ExtractedPageRow.extractors == extractors,
        )
        .exists()
    )
    query = select(JoinedPeriodRow.payload_id, JoinedPeriodRow.parts).where(~is_joined)
    parts_by_payload: dict[int, list[list[int]]] = {}
    for chunk in chunks(stories):
        for payload_id, parts in db.execute(query.where(JoinedPeriodRow.page_id.in_(chunk))):
            if len(parts) > 1:
                parts_by_payload[payload_id] = parts
    extracted = _extracted(db, parts_by_payload.values(), extractors)
    pages: list[JoinablePage] = []
    for payload_id, parts in parts_by_payload.items():
        if all(payload in extracted for _, _, payload in parts):
            numbered = tuple((number, extracted[payload]) for number, _, payload in parts)
            pages.append(JoinablePage(payload_id, numbered))
    return tuple(pages)


def _extracted(
    db: Connection, part_lists: Iterable[list[list[int]]], extractors: str
) -> dict[int, ExtractedPage]:
    payload_ids: set[int] = set()
    for parts in part_lists:
        payload_ids.update(payload for _, _, payload in parts)
    query = select(
        ExtractedPageRow.payload_id, ExtractedPageRow.codec, ExtractedPageRow.body
    ).where(ExtractedPageRow.extractors == extractors)
    extracted: dict[int, ExtractedPage] = {}
    for chunk in chunks(sorted(payload_ids)):
        for row in db.execute(query.where(ExtractedPageRow.payload_id.in_(chunk))):
            extracted[row.payload_id] = decode_extracted(row.codec, row.body)
    return extracted


def _load_parts(db: Connection, stories: Sequence[int]) -> dict[int, list[StoryPart]]:
    """Return the parts of stories, the first page included, with their captures."""
    parts = {story: [StoryPart(story, FIRST)] for story in stories}
    columns = (PageRow.id, PageRow.part_of, PageRow.part_number)
    query = (
        select(*columns, PageRow.gone_at, PageRow.last_matched_at)
        .where(PageRow.part_of.in_(stories), PageRow.payload_id.is_not(None))
        .order_by(PageRow.part_number, PageRow.id)
    )
    for row in db.execute(query):
        gone_after = row.last_matched_at if row.gone_at is not None else None
        parts[row.part_of].append(StoryPart(row.id, row.part_number, gone_after))
    part_by_page: dict[int, StoryPart] = {}
    for story_parts in parts.values():
        part_by_page |= {part.page_id: part for part in story_parts}
    captures = select(
        CaptureRow.id,
        CaptureRow.page_id,
        CaptureRow.run_id,
        CaptureRow.payload_id,
        CaptureRow.fetched_at,
        CaptureRow.prior_seen_at,
    ).where(CaptureRow.payload_id.is_not(None))
    for chunk in chunks(sorted(part_by_page)):
        for capture in db.execute(captures.where(CaptureRow.page_id.in_(chunk))):
            part_by_page[capture.page_id].captures.append(capture)
    return parts


def _save_part_lists(db: Connection, states: Iterable[Sequence[PartState]]) -> dict[PartKey, int]:
    """Store the lists of parts, and return their payloads by the payloads of the parts."""
    first_seen: dict[PartKey, datetime] = {}
    for story_states in states:
        for state in story_states:
            if len(state.payloads) > 1:
                first_seen.setdefault(state.key, state.first_seen_at)
    part_payloads: set[int] = set()
    for key in first_seen:
        part_payloads.update(payload for _, payload in key)
    digests = _digests(db, sorted(part_payloads))
    digest_by_key: dict[PartKey, str] = {}
    rows: list[dict[str, Any]] = []
    for key, at in first_seen.items():
        body = part_list([(number, digests[payload]) for number, payload in key])
        rows.append(_payload_row(body, at))
        digest_by_key[key] = rows[-1]["digest"]
    rows.sort(key=lambda row: str(row["digest"]))  # the same order everywhere
    if rows:
        db.execute(insert_or_ignore(db, PayloadRow, ["digest"]), rows)
    ids: dict[str, int] = {}
    query = select(PayloadRow.digest, PayloadRow.id)
    for chunk in chunks(sorted(digest_by_key.values())):
        for digest, payload_id in db.execute(query.where(PayloadRow.digest.in_(chunk))):
            ids[digest] = payload_id
    return {key: ids[digest] for key, digest in digest_by_key.items()}


def _digests(db: Connection, payloads: Sequence[int]) -> dict[int, str]:
    query = select(PayloadRow.id, PayloadRow.digest)
    digests: dict[int, str] = {}
    for chunk in chunks(payloads):
        for payload_id, digest in db.execute(query.where(PayloadRow.id.in_(chunk))):
            digests[payload_id] = digest
    return digests


def _payload_row(body: bytes, at: datetime) -> dict[str, Any]:
    codec, compressed = compress(body)
    return {
        "digest": sha256(body).hexdigest(),
        "size": len(body),
        "codec": codec,
        "body": compressed,
        "dictionary_id": None,
        "media_type": MEDIA_TYPE,
        "charset": "utf-8",
        "first_seen_at": at,
    }


def _period_row(
    story: int, number: int, state: PartState, payload_ids: Mapping[PartKey, int]
) -> dict[str, Any]:
    key = state.key
    return {
        "page_id": story,
        "number": number,
        "payload_id": payload_ids[key] if len(key) > 1 else key[0][1],
        "parts": [[part, state.pages[part], payload] for part, payload in key],
        "first_seen_at": state.first_seen_at,
        "last_seen_at": state.last_seen_at,
    }
