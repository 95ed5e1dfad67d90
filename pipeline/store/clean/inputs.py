"""Read what is needed to clean pages, in a few queries however many pages there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select

from pipeline.core.clean_values import CleanInput, PayloadPeriod, StoredResult
from pipeline.core.models import (
    AnnouncedMetadata,
    CleanResult,
    ExtractedPage,
    Outcome,
    PreviousArticle,
    RawPage,
    Reason,
    RemovedBlock,
    ResultStatus,
)
from pipeline.store.clean import joined_stories
from pipeline.store.clean.types import PendingPayload, Period, ReviewInput
from pipeline.store.codec.dictionaries import decompress_payload
from pipeline.store.codec.serialization import (
    decode_extracted,
    metadata_from_json,
    recipe_from_text,
)
from pipeline.store.db.schema import (
    ArticleRow,
    CaptureRow,
    CleanResultRow,
    ExtractedPageRow,
    PageRow,
    PayloadRow,
    RevisionRow,
)
from pipeline.store.db.sql import batches_by_size, chunks

AnyRow = Row[*tuple[Any, ...]]
ANNOUNCED_COLUMNS: Final = (
    PageRow.announced_title,
    PageRow.announced_published_at,
    PageRow.announced_modified_at,
    PageRow.announced_source,
    PageRow.announced_tags,
    PageRow.announced_published_precision,
    PageRow.announced_modified_precision,
)
# what a further part of a story shows belongs to its story
STORY_ID: Final = func.coalesce(PageRow.part_of, PageRow.id).label("story_id")
RESULT_COLUMNS: Final = (
    CleanResultRow.id,
    CleanResultRow.page_id,
    CleanResultRow.payload_id,
    CleanResultRow.run_id,
    CleanResultRow.extracted_page_id,
    CleanResultRow.status,
    CleanResultRow.recipe,
    CleanResultRow.profile_digest,
    CleanResultRow.removed,
    CleanResultRow.chosen_metadata,
    CleanResultRow.outcome,
    CleanResultRow.reason,
)


def first_batch(db: Connection, ids: Sequence[int | None], max_bytes: int) -> list[int]:
    """Return the first of these payloads, as many as fit into memory together.

    Args:
        db: A connection that reads.
        ids: Ids of payloads in the order in which they are wanted; None counts nothing.
        max_bytes: The most bytes together, before compression.

    Returns:
        At least one id, if there is any: a payload that is larger than the limit comes alone.
    """
    payload_ids = [payload_id for payload_id in ids if payload_id is not None]
    query = select(PayloadRow.id, PayloadRow.size).where(PayloadRow.id.in_(payload_ids))
    sizes = {row.id: row.size for row in db.execute(query)}
    return next(batches_by_size(payload_ids, sizes.__getitem__, max_bytes), [])


def pending_payload(
    db: Connection, row: Row[*tuple[Any, ...]], pages: Sequence[tuple[int, AnnouncedMetadata]]
) -> PendingPayload:
    """Return a payload to extract.

    With a dictionary it is decompressed here, which is cheap, else by the process that extracts
    it. What is damaged is left to that process, too, which reports it.
    """
    body, codec = row.body, row.codec
    if row.dictionary_id is not None:
        with suppress(ValueError):
            body, codec = decompress_payload(db, row.codec, row.body, row.dictionary_id), ""
    return PendingPayload(RawPage(row.id, body, row.charset, row.media_type), tuple(pages), codec)


def pages_by_payload(
    db: Connection, site: str, payloads: Sequence[int]
) -> dict[int, list[tuple[int, AnnouncedMetadata]]]:
    """Return the pages of a site that had these payloads, and what links said of the pages.

    Args:
        db: A transaction.
        site: The site's id.
        payloads: Ids of payloads.

    Returns:
        Page ids with announced metadata, by payload id.
    """
    pages: dict[int, dict[int, AnnouncedMetadata]] = defaultdict(dict)
    query = (
        select(CaptureRow.payload_id, STORY_ID, *ANNOUNCED_COLUMNS)
        .join(PageRow, PageRow.id == CaptureRow.page_id)
        .where(PageRow.site == site)
    )
    for chunk in chunks(payloads):
        for row in db.execute(query.where(CaptureRow.payload_id.in_(chunk))):
            pages[row.payload_id][row.story_id] = _announced(row)
    return {payload: list(announced.items()) for payload, announced in pages.items()}


def clean_inputs(
    db: Connection,
    pages: Sequence[int],
    extractors: str,
    pages_per_read: int,
    provisional: Collection[int] = (),
) -> Iterator[list[CleanInput]]:
    """Yield the inputs to clean pages, in the order of the pages.

    Args:
        db: A transaction.
        pages: Ids of pages.
        extractors: The version of the extractors whose extracted pages are used.
        pages_per_read: Pages whose extracted pages are in memory together at each step. All else
            is read at once, since a query costs as much as some pages.
        provisional: Ids of the runs whose results are provisional.
    """
    for chunk in chunks(pages):
        rows = _pages(db, chunk)
        periods = _page_periods(db, chunk)
        previous = _previous_articles(db, chunk)
        results = _result_rows(db, chunk, (ResultStatus.ACCEPTED, ResultStatus.REJECTED))
        for step in chunks(rows, pages_per_read):
            step_periods = {row.id: periods[row.id] for row in step}
            step_results = {row.id: results.get(row.id, ()) for row in step}
            extracted = _extracted_by_payload(db, _payload_ids(step_periods), extractors)
            stored = _stored_results(db, step_results, dict(extracted.values()))
            clean_inputs: list[CleanInput] = []
            for row in step:
                clean_inputs.append(
                    CleanInput(
                        page_id=row.id,
                        url=row.url,
                        announced=_announced(row),
                        periods=_payload_periods(periods[row.id], extracted),
                        previous=previous.get(row.id),
                        results=stored[row.id],
                        provisional=_provisional_payloads(stored[row.id], provisional),
                    )
                )
            yield clean_inputs


def _provisional_payloads(
    results: Sequence[StoredResult], provisional: Collection[int]
) -> frozenset[int]:
    if not provisional:
        return frozenset()
    return frozenset(row.payload_id for row in results if row.run_id in provisional)


def review_inputs(db: Connection, pages: Sequence[int]) -> tuple[ReviewInput, ...]:
    """Return pages with all their results, in the order of the pages."""
    review_inputs: list[ReviewInput] = []
    for chunk in chunks(pages):
        review_inputs += _review_inputs(db, chunk)
    return tuple(review_inputs)


def _review_inputs(db: Connection, pages: Sequence[int]) -> list[ReviewInput]:
    periods = _page_periods(db, pages)
    previous = _previous_articles(db, pages)
    results = _stored_results(db, _result_rows(db, pages, tuple(ResultStatus)), {})
    review_inputs: list[ReviewInput] = []
    for row in _pages(db, pages):
        review_inputs.append(
            ReviewInput(
                page_id=row.id,
                url=row.url,
                periods=periods[row.id],
                results=results.get(row.id, ()),
                previous=previous.get(row.id),
            )
        )
    return review_inputs


def _pages(db: Connection, pages: Sequence[int]) -> Sequence[AnyRow]:
    query = select(PageRow.id, PageRow.url, *ANNOUNCED_COLUMNS)
    return db.execute(query.where(PageRow.id.in_(pages)).order_by(PageRow.id)).all()


def _announced(row: AnyRow) -> AnnouncedMetadata:
    tags = tuple(row.announced_tags.split("\n")) if row.announced_tags else ()
    return AnnouncedMetadata(
        row.announced_title,
        row.announced_published_at,
        row.announced_modified_at,
        row.announced_source,
        tags,
        row.announced_published_precision,
        row.announced_modified_precision,
    )


def _captures(db: Connection, pages: Sequence[int]) -> dict[int, list[AnyRow]]:
    """Return the captures with bytes by page, oldest first."""
    query = (
        select(
            CaptureRow.page_id,
            CaptureRow.payload_id,
            CaptureRow.fetched_at,
            CaptureRow.prior_seen_at,
        )
        .where(CaptureRow.page_id.in_(pages), CaptureRow.payload_id.is_not(None))
        .order_by(CaptureRow.page_id, CaptureRow.fetched_at, CaptureRow.id)
    )
    captures: dict[int, list[AnyRow]] = defaultdict(list)
    for row in db.execute(query).all():
        captures[row.page_id].append(row)
    return captures


def _page_periods(db: Connection, pages: Sequence[int]) -> dict[int, tuple[Period, ...]]:
    """Return the periods of pages, oldest first, with all parts of a story together."""
    captures = _captures(db, pages)
    periods = {page: _periods(captures[page]) for page in pages}
    return periods | joined_stories.periods(db, pages)


def _payload_ids(periods: Mapping[int, Sequence[Period]]) -> list[int]:
    payload_ids: set[int] = set()
    for page_periods in periods.values():
        payload_ids.update(period.payload_id for period in page_periods)
    return sorted(payload_ids)


def _extracted_by_payload(
    db: Connection, payloads: Sequence[int], extractors: str
) -> dict[int, tuple[int, ExtractedPage]]:
    """Return extracted pages with their ids, by payload id."""
    query = select(
        ExtractedPageRow.payload_id,
        ExtractedPageRow.id,
        ExtractedPageRow.codec,
        ExtractedPageRow.body,
    ).where(ExtractedPageRow.extractors == extractors)
    extracted: dict[int, tuple[int, ExtractedPage]] = {}
    for chunk in chunks(payloads):
        for row in db.execute(query.where(ExtractedPageRow.payload_id.in_(chunk))).all():
            extracted[row.payload_id] = (row.id, decode_extracted(row.codec, row.body))
    return extracted


def _result_rows(
    db: Connection, pages: Sequence[int], statuses: Sequence[ResultStatus]
) -> dict[int, list[AnyRow]]:
    """Return the rows of results with some statuses by page, oldest first."""
    query = select(*RESULT_COLUMNS).where(
        CleanResultRow.page_id.in_(pages), CleanResultRow.status.in_(statuses)
    )
    rows: dict[int, list[AnyRow]] = defaultdict(list)
    for row in db.execute(query.order_by(CleanResultRow.id)):
        rows[row.page_id].append(row)
    return rows


def _stored_results(
    db: Connection,
    rows: Mapping[int, Sequence[AnyRow]],
    decoded: Mapping[int, ExtractedPage],
) -> dict[int, tuple[StoredResult, ...]]:
    """Return results by page.

    Args:
        db: A transaction.
        rows: The rows of the results by page.
        decoded: Extracted pages by id that are decoded already.
    """
    missing: set[int] = set()
    for page_rows in rows.values():
        missing.update(row.extracted_page_id for row in page_rows)
    missing -= decoded.keys()
    extracted = {**decoded, **_extracted_by_id(db, sorted(missing))}
    results: dict[int, tuple[StoredResult, ...]] = {}
    for page, page_rows in rows.items():
        stored = [_stored_result(row, extracted[row.extracted_page_id]) for row in page_rows]
        results[page] = tuple(stored)
    return results


def _extracted_by_id(db: Connection, ids: Sequence[int]) -> dict[int, ExtractedPage]:
    query = select(ExtractedPageRow.id, ExtractedPageRow.codec, ExtractedPageRow.body)
    extracted: dict[int, ExtractedPage] = {}
    for chunk in chunks(ids):
        for row in db.execute(query.where(ExtractedPageRow.id.in_(chunk))):
            extracted[row.id] = decode_extracted(row.codec, row.body)
    return extracted


def _stored_result(row: AnyRow, page: ExtractedPage) -> StoredResult:
    removed = tuple(RemovedBlock(*values) for values in row.removed)
    removed_indexes = {block.index for block in removed}
    kept = [block.text for index, block in enumerate(page.blocks) if index not in removed_indexes]
    result = CleanResult(
        recipe=recipe_from_text(row.recipe),
        profile_digest=row.profile_digest,
        removed=removed,
        metadata=metadata_from_json(row.chosen_metadata),
        text="\n".join(kept),
        outcome=Outcome(row.outcome),
        reason=Reason(row.reason),
    )
    return StoredResult(
        row.id,
        row.payload_id,
        row.extracted_page_id,
        row.run_id,
        ResultStatus(row.status),
        result,
        page.blocks,
        page.base,
    )


def _previous_articles(db: Connection, pages: Sequence[int]) -> dict[int, PreviousArticle]:
    query = (
        select(
            ArticleRow.page_id,
            CleanResultRow.payload_id,
            CleanResultRow.text_digest,
            RevisionRow.number,
            ArticleRow.title,
        )
        .join(CleanResultRow, CleanResultRow.id == ArticleRow.clean_result_id)
        .join(RevisionRow, RevisionRow.id == ArticleRow.revision_id)
        .where(ArticleRow.page_id.in_(pages))
    )
    articles: dict[int, PreviousArticle] = {}
    for row in db.execute(query).all():
        values = (row.payload_id, row.text_digest, row.number, row.title)
        articles[row.page_id] = PreviousArticle(*values)
    return articles


def _periods(captures: Sequence[AnyRow]) -> tuple[Period, ...]:
    """Return the periods of a page, oldest first.

    The capture after a period says when its payload was last returned. The newest period still
    lasts, and only the page knows its end: a revision that is built again from the same captures
    is the same, whenever that is done.
    """
    periods: list[Period] = []
    for index, capture in enumerate(captures):
        first_seen_at = last_seen_at = capture.fetched_at
        if index + 1 < len(captures):
            last_seen_at = max(first_seen_at, captures[index + 1].prior_seen_at or first_seen_at)
        periods.append(Period(capture.payload_id, first_seen_at, last_seen_at))
    return tuple(periods)


def _payload_periods(
    periods: Sequence[Period], extracted: Mapping[int, tuple[int, ExtractedPage]]
) -> tuple[PayloadPeriod, ...]:
    """Add the extracted pages. Where one is missing, return nothing: the page has to wait."""
    payload_periods: list[PayloadPeriod] = []
    for period in periods:
        if period.payload_id not in extracted:
            return ()
        extracted_page_id, page = extracted[period.payload_id]
        payload_periods.append(
            PayloadPeriod(
                period.payload_id,
                extracted_page_id,
                page,
                period.first_seen_at,
                period.last_seen_at,
            )
        )
    return tuple(payload_periods)
