"""Reads what is needed to clean some Pages, in few queries whatever their number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from pipeline.core.models import (
    AnnouncedMetadata,
    CleanResult,
    ExtractedPage,
    Outcome,
    PreviousArticle,
    Reason,
    Recipe,
    RemovedBlock,
    ResultStatus,
)
from pipeline.store.clean.types import CleanInput, PayloadPeriod, StoredResult, ReviewInput, Period
from pipeline.store.codec.serialization import metadata_from_json, decode_extracted
from pipeline.store.db.schema import (
    ArticleRow,
    CaptureRow,
    CleanResultRow,
    ExtractedPageRow,
    PageRow,
    RevisionRow,
)
from pipeline.store.db.sql import chunks

AnyRow = Row[*tuple[Any, ...]]
ANNOUNCED_COLUMNS = (
    PageRow.announced_title,
    PageRow.announced_published_at,
    PageRow.announced_modified_at,
    PageRow.announced_source,
    PageRow.announced_tags,
)


def pages_by_payload(
    db: Connection, site: str, payloads: Sequence[int]
) -> dict[int, list[tuple[int, AnnouncedMetadata]]]:
    """The Pages of a Site that had these Payloads, and what their Links said: payload → pages."""
    found: dict[int, dict[int, AnnouncedMetadata]] = defaultdict(dict)
    query = (
        select(CaptureRow.payload_id, PageRow.id, *ANNOUNCED_COLUMNS)
        .join(PageRow, PageRow.id == CaptureRow.page_id)
        .where(PageRow.site == site)
    )
    for chunk in chunks(payloads):
        for row in db.execute(query.where(CaptureRow.payload_id.in_(chunk))):
            found[row.payload_id][row.id] = _announced(row)
    return {payload: list(pages.items()) for payload, pages in found.items()}


def clean_inputs(db: Connection, pages: Sequence[int], extractors: str) -> tuple[CleanInput, ...]:
    """Material for these Pages, in their order."""
    return tuple(material for chunk in chunks(pages) for material in _clean_inputs(db, chunk, extractors))


def _clean_inputs(db: Connection, pages: Sequence[int], extractors: str) -> list[CleanInput]:
    rows = _pages(db, pages)
    visits = _captures(db, pages)
    payloads = sorted({visit.payload_id for each in visits.values() for visit in each})
    drafts = _extracted_by_payload(db, payloads, extractors)
    before = _previous_articles(db, pages)
    results = _results(
        db, pages, (ResultStatus.ACCEPTED, ResultStatus.REJECTED), dict(drafts.values())
    )
    return [
        CleanInput(
            row.id, row.url, _announced(row), _payload_periods(_periods(visits[row.id]), drafts),
            before.get(row.id), tuple(results[row.id]),
        )
        for row in rows
    ]  # fmt: skip


def review_inputs(db: Connection, pages: Sequence[int]) -> tuple[ReviewInput, ...]:
    """These Pages with all their results, in their order."""
    return tuple(page for chunk in chunks(pages) for page in _review_inputs(db, chunk))


def _review_inputs(db: Connection, pages: Sequence[int]) -> list[ReviewInput]:
    visits, before = _captures(db, pages), _previous_articles(db, pages)
    results = _results(db, pages, tuple(ResultStatus), {})
    return [
        ReviewInput(
            row.id, row.url, _periods(visits[row.id]), tuple(results[row.id]), before.get(row.id)
        )
        for row in _pages(db, pages)
    ]


def _pages(db: Connection, pages: Sequence[int]) -> Sequence[AnyRow]:
    return db.execute(
        select(PageRow.id, PageRow.url, *ANNOUNCED_COLUMNS).where(PageRow.id.in_(pages)).order_by(PageRow.id)
    ).all()


def _announced(row: AnyRow) -> AnnouncedMetadata:
    tags = tuple(row.announced_tags.split("\n")) if row.announced_tags else ()
    return AnnouncedMetadata(
        row.announced_title,
        row.announced_published_at,
        row.announced_modified_at,
        row.announced_source,
        tags,
    )


def _captures(db: Connection, pages: Sequence[int]) -> dict[int, list[AnyRow]]:
    """Captures that brought bytes, oldest first: page → captures."""
    query = select(
        CaptureRow.page_id, CaptureRow.payload_id, CaptureRow.fetched_at, CaptureRow.prior_seen_at
    )
    query = query.where(CaptureRow.page_id.in_(pages), CaptureRow.payload_id.is_not(None))
    visits: dict[int, list[AnyRow]] = defaultdict(list)
    for row in db.execute(
        query.order_by(CaptureRow.page_id, CaptureRow.fetched_at, CaptureRow.id)
    ).all():
        visits[row.page_id].append(row)
    return visits


def _extracted_by_payload(
    db: Connection, payloads: Sequence[int], extractors: str
) -> dict[int, tuple[int, ExtractedPage]]:
    drafts: dict[int, tuple[int, ExtractedPage]] = {}
    query = select(
        ExtractedPageRow.payload_id,
        ExtractedPageRow.id,
        ExtractedPageRow.codec,
        ExtractedPageRow.body,
    ).where(ExtractedPageRow.extractors == extractors)
    for chunk in chunks(payloads):
        for row in db.execute(query.where(ExtractedPageRow.payload_id.in_(chunk))).all():
            drafts[row.payload_id] = (row.id, decode_extracted(row.codec, row.body))
    return drafts


def _results(
    db: Connection,
    pages: Sequence[int],
    standings: Sequence[ResultStatus],
    drafts: dict[int, ExtractedPage],
) -> dict[int, list[StoredResult]]:
    """Results of the past, oldest first: page → results. `drafts` by id are those that are read already."""
    columns = (
        CleanResultRow.id, CleanResultRow.page_id, CleanResultRow.payload_id, CleanResultRow.run_id, CleanResultRow.extracted_page_id,
        CleanResultRow.status, CleanResultRow.recipe, CleanResultRow.profile_digest, CleanResultRow.removed, CleanResultRow.chosen_metadata,
        CleanResultRow.outcome, CleanResultRow.reason,
    )  # fmt: skip
    query = select(*columns).where(
        CleanResultRow.page_id.in_(pages), CleanResultRow.status.in_(standings)
    )
    rows = db.execute(query.order_by(CleanResultRow.id)).all()
    drafts = drafts | _extracted_by_id(
        db, sorted({row.extracted_page_id for row in rows} - drafts.keys())
    )
    results: dict[int, list[StoredResult]] = defaultdict(list)
    for row in rows:
        results[row.page_id].append(_result(row, drafts[row.extracted_page_id]))
    return results


def _extracted_by_id(db: Connection, ids: Sequence[int]) -> dict[int, ExtractedPage]:
    query = select(ExtractedPageRow.id, ExtractedPageRow.codec, ExtractedPageRow.body)
    found: dict[int, ExtractedPage] = {}
    for chunk in chunks(ids):
        for row in db.execute(query.where(ExtractedPageRow.id.in_(chunk))):
            found[row.id] = decode_extracted(row.codec, row.body)
    return found


def _result(row: AnyRow, draft: ExtractedPage) -> StoredResult:
    struck = tuple(RemovedBlock(*each) for each in row.removed)
    gone = {strike.index for strike in struck}
    extraction = CleanResult(
        recipe=Recipe(*row.recipe.partition(".")[::2]),
        profile_digest=row.profile_digest,
        removed=struck,
        metadata=metadata_from_json(row.chosen_metadata),
        text="\n".join(block.text for index, block in enumerate(draft.blocks) if index not in gone),
        outcome=Outcome(row.outcome),
        reason=Reason(row.reason),
    )
    return StoredResult(
        row.id,
        row.payload_id,
        row.extracted_page_id,
        row.run_id,
        ResultStatus(row.status),
        extraction,
        draft.blocks,
    )


def _previous_articles(db: Connection, pages: Sequence[int]) -> dict[int, PreviousArticle]:
    columns = (
        ArticleRow.page_id,
        CleanResultRow.payload_id,
        CleanResultRow.text_digest,
        RevisionRow.number,
    )
    query = select(*columns).join(CleanResultRow, CleanResultRow.id == ArticleRow.clean_result_id)
    query = query.join(RevisionRow, RevisionRow.id == ArticleRow.revision_id).where(
        ArticleRow.page_id.in_(pages)
    )
    return {
        row.page_id: PreviousArticle(row.payload_id, row.text_digest, row.number)
        for row in db.execute(query).all()
    }


def _periods(visits: list[AnyRow]) -> tuple[Period, ...]:
    """Stretches in order of time. A payload was last met when the one after it says so. The newest still lasts, and how long
    only its Page knows: a Revision that is folded anew from the same visits is the same, whenever that is done."""
    ends = [*(visit.prior_seen_at for visit in visits[1:]), None]
    return tuple(
        Period(visit.payload_id, visit.fetched_at, max(visit.fetched_at, end or visit.fetched_at))
        for visit, end in zip(visits, ends, strict=True)
    )


def _payload_periods(
    stretches: tuple[Period, ...], drafts: dict[int, tuple[int, ExtractedPage]]
) -> tuple[PayloadPeriod, ...]:
    """Nothing where a Draft is missing: the Page waits for it."""
    if any(each.payload_id not in drafts for each in stretches):
        return ()
    return tuple(
        PayloadPeriod(each.payload_id, *drafts[each.payload_id], each.first_seen_at, each.last_seen_at)
        for each in stretches
    )
