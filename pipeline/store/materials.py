"""Reads what is needed to clean some Pages, in few queries whatever their number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from pipeline.model import Before, Draft, Extraction, Outcome, Reason, Recipe, Standing, Strike, Told
from pipeline.store.packing import metadata_from_json, unpack_draft
from pipeline.store.schema import Article, Capture, Page, Revision
from pipeline.store.schema import Draft as DraftRow
from pipeline.store.schema import Extraction as ExtractionRow
from pipeline.store.sql import chunks
from pipeline.store.values import Material, Met, Result, Shelved, Stretch

AnyRow = Row[*tuple[Any, ...]]
TOLD = (Page.told_title, Page.told_published_at, Page.told_modified_at, Page.told_source, Page.told_tags)


def pages_of(db: Connection, site: str, payloads: Sequence[int]) -> dict[int, list[tuple[int, Told]]]:
    """The Pages of a Site that had these Payloads, and what their Links said: payload → pages."""
    found: dict[int, dict[int, Told]] = defaultdict(dict)
    query = select(Capture.payload_id, Page.id, *TOLD).join(Page, Page.id == Capture.page_id).where(Page.site == site)
    for chunk in chunks(payloads):
        for row in db.execute(query.where(Capture.payload_id.in_(chunk))):
            found[row.payload_id][row.id] = _told(row)
    return {payload: list(pages.items()) for payload, pages in found.items()}


def gather(db: Connection, pages: Sequence[int], extractors: str) -> tuple[Material, ...]:
    """Material for these Pages, in their order."""
    return tuple(material for chunk in chunks(pages) for material in _gather(db, chunk, extractors))


def _gather(db: Connection, pages: Sequence[int], extractors: str) -> list[Material]:
    rows = _pages(db, pages)
    visits = _visits(db, pages)
    payloads = sorted({visit.payload_id for each in visits.values() for visit in each})
    drafts = _drafts(db, payloads, extractors)
    before = _before(db, pages)
    results = _results(db, pages, (Standing.ACCEPTED, Standing.REJECTED), dict(drafts.values()))
    return [
        Material(
            row.id, row.url, _told(row), _met(_stretches(visits[row.id]), drafts),
            before.get(row.id), tuple(results[row.id]),
        )
        for row in rows
    ]  # fmt: skip


def shelved(db: Connection, pages: Sequence[int]) -> tuple[Shelved, ...]:
    """These Pages with all their results, in their order."""
    return tuple(page for chunk in chunks(pages) for page in _shelved(db, chunk))


def _shelved(db: Connection, pages: Sequence[int]) -> list[Shelved]:
    visits, before = _visits(db, pages), _before(db, pages)
    results = _results(db, pages, tuple(Standing), {})
    return [
        Shelved(row.id, row.url, _stretches(visits[row.id]), tuple(results[row.id]), before.get(row.id))
        for row in _pages(db, pages)
    ]


def _pages(db: Connection, pages: Sequence[int]) -> Sequence[AnyRow]:
    return db.execute(select(Page.id, Page.url, *TOLD).where(Page.id.in_(pages)).order_by(Page.id)).all()


def _told(row: AnyRow) -> Told:
    tags = tuple(row.told_tags.split("\n")) if row.told_tags else ()
    return Told(row.told_title, row.told_published_at, row.told_modified_at, row.told_source, tags)


def _visits(db: Connection, pages: Sequence[int]) -> dict[int, list[AnyRow]]:
    """Captures that brought bytes, oldest first: page → captures."""
    query = select(Capture.page_id, Capture.payload_id, Capture.fetched_at, Capture.prior_seen_at)
    query = query.where(Capture.page_id.in_(pages), Capture.payload_id.is_not(None))
    visits: dict[int, list[AnyRow]] = defaultdict(list)
    for row in db.execute(query.order_by(Capture.page_id, Capture.fetched_at, Capture.id)).all():
        visits[row.page_id].append(row)
    return visits


def _drafts(db: Connection, payloads: Sequence[int], extractors: str) -> dict[int, tuple[int, Draft]]:
    drafts: dict[int, tuple[int, Draft]] = {}
    query = select(DraftRow.payload_id, DraftRow.id, DraftRow.coding, DraftRow.body).where(DraftRow.extractors == extractors)
    for chunk in chunks(payloads):
        for row in db.execute(query.where(DraftRow.payload_id.in_(chunk))).all():
            drafts[row.payload_id] = (row.id, unpack_draft(row.coding, row.body))
    return drafts


def _results(
    db: Connection, pages: Sequence[int], standings: Sequence[Standing], drafts: dict[int, Draft]
) -> dict[int, list[Result]]:
    """Results of the past, oldest first: page → results. `drafts` by id are those that are read already."""
    columns = (
        ExtractionRow.id, ExtractionRow.page_id, ExtractionRow.payload_id, ExtractionRow.run_id, ExtractionRow.draft_id,
        ExtractionRow.verdict, ExtractionRow.recipe, ExtractionRow.memory, ExtractionRow.struck, ExtractionRow.chosen,
        ExtractionRow.outcome, ExtractionRow.reason,
    )  # fmt: skip
    query = select(*columns).where(ExtractionRow.page_id.in_(pages), ExtractionRow.verdict.in_(standings))
    rows = db.execute(query.order_by(ExtractionRow.id)).all()
    drafts = drafts | _drafts_by_id(db, sorted({row.draft_id for row in rows} - drafts.keys()))
    results: dict[int, list[Result]] = defaultdict(list)
    for row in rows:
        results[row.page_id].append(_result(row, drafts[row.draft_id]))
    return results


def _drafts_by_id(db: Connection, ids: Sequence[int]) -> dict[int, Draft]:
    query = select(DraftRow.id, DraftRow.coding, DraftRow.body)
    found: dict[int, Draft] = {}
    for chunk in chunks(ids):
        for row in db.execute(query.where(DraftRow.id.in_(chunk))):
            found[row.id] = unpack_draft(row.coding, row.body)
    return found


def _result(row: AnyRow, draft: Draft) -> Result:
    struck = tuple(Strike(*each) for each in row.struck)
    gone = {strike.index for strike in struck}
    extraction = Extraction(
        recipe=Recipe(*row.recipe.partition(".")[::2]),
        memory=row.memory,
        struck=struck,
        metadata=metadata_from_json(row.chosen),
        text="\n".join(block.text for index, block in enumerate(draft.blocks) if index not in gone),
        outcome=Outcome(row.outcome),
        reason=Reason(row.reason),
    )
    return Result(row.id, row.payload_id, row.draft_id, row.run_id, Standing(row.verdict), extraction, draft.blocks)


def _before(db: Connection, pages: Sequence[int]) -> dict[int, Before]:
    columns = (Article.page_id, ExtractionRow.payload_id, ExtractionRow.text_digest, Revision.number)
    query = select(*columns).join(ExtractionRow, ExtractionRow.id == Article.extraction_id)
    query = query.join(Revision, Revision.id == Article.revision_id).where(Article.page_id.in_(pages))
    return {row.page_id: Before(row.payload_id, row.text_digest, row.number) for row in db.execute(query).all()}


def _stretches(visits: list[AnyRow]) -> tuple[Stretch, ...]:
    """Stretches in order of time. A payload was last met when the one after it says so. The newest still lasts, and how long
    only its Page knows: a Revision that is folded anew from the same visits is the same, whenever that is done."""
    ends = [*(visit.prior_seen_at for visit in visits[1:]), None]
    return tuple(
        Stretch(visit.payload_id, visit.fetched_at, max(visit.fetched_at, end or visit.fetched_at))
        for visit, end in zip(visits, ends, strict=True)
    )


def _met(stretches: tuple[Stretch, ...], drafts: dict[int, tuple[int, Draft]]) -> tuple[Met, ...]:
    """Nothing where a Draft is missing: the Page waits for it."""
    if any(each.payload_id not in drafts for each in stretches):
        return ()
    return tuple(Met(each.payload_id, *drafts[each.payload_id], each.first_seen_at, each.last_seen_at) for each in stretches)
