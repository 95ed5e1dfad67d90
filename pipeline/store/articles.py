"""Writes what follows from the results that stand on a Page: Revisions, the Article and its place in the full-text index.

Works inside a transaction of the shelf. Promises that the rows of a Page always belong together, and that writing the same
result twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, update

from pipeline.model import Metadata, Outcome, Recipe, Revision, count_words
from pipeline.store import extractions, search, sketches
from pipeline.store.extractions import Stand, Stands
from pipeline.store.packing import metadata_from_json
from pipeline.store.schema import Article, LedgerEntry, Page
from pipeline.store.schema import Extraction as ExtractionRow
from pipeline.store.schema import Revision as RevisionRow
from pipeline.store.sql import storable, storable_all, upsert, upsert_id
from pipeline.store.values import Chosen, Cleaned

PAGE_BITS = 29  # of an order key: half a billion Pages share one second at the most


def put(db: Connection, run: int, recipe: Recipe, results: Sequence[Cleaned], now: datetime) -> None:
    """All rows of Pages that were cleaned."""
    extractions.drop_held(db, [cleaned.page_id for cleaned in results])
    extractions.confirm(db, [each for cleaned in results for each in cleaned.confirmed])
    others = [cleaned for cleaned in results if cleaned.extractions or cleaned.held or not cleaned.settled]
    stands = extractions.standing(db, [cleaned.page_id for cleaned in others])
    for cleaned in others:
        after = extractions.put(db, run, cleaned, stands[cleaned.page_id], now)
        if not cleaned.settled:
            _put_folded(db, cleaned.page_id, cleaned.revisions, after, now)
    _mark_clean(db, recipe, results)
    _enter(db, run, results, now)


def put_chosen(db: Connection, run: int, results: Sequence[Chosen], now: datetime) -> None:
    """All rows of Pages among whose results somebody chose."""
    extractions.move(db, [move for chosen in results for move in chosen.moves])
    stands = extractions.standing(db, [chosen.page_id for chosen in results])
    for chosen in results:
        _put_folded(db, chosen.page_id, chosen.revisions, stands[chosen.page_id], now)
    _enter(db, run, results, now)


def _mark_clean(db: Connection, recipe: Recipe, results: Sequence[Cleaned]) -> None:
    values = {"clean_payload_id": bindparam("payload"), "clean_recipe": str(recipe), "touched": False}
    rows = [{"page": cleaned.page_id, "payload": cleaned.payload_id} for cleaned in results]
    if rows:
        db.execute(update(Page).where(Page.id == bindparam("page")).values(values), rows)


def _enter(db: Connection, run: int, results: Sequence[Cleaned | Chosen], now: datetime) -> None:
    rows = [
        {"run_id": run, "page_id": each.page_id, "outcome": each.outcome, "reason": each.reason, "at": now} for each in results
    ]
    if rows:
        db.execute(upsert(db, LedgerEntry, ["run_id", "page_id"], ["outcome", "reason", "at"]), rows)


def _put_folded(db: Connection, page: int, revisions: Sequence[Revision], stands: Stands, now: datetime) -> None:
    ids = _put_revisions(db, page, revisions, stands)
    if revisions:
        _put_article(db, page, revisions, ids, stands[revisions[-1].payload_id], now)
    else:
        _withdraw(db, page)
    db.execute(delete(RevisionRow).where(RevisionRow.page_id == page, RevisionRow.number > len(revisions)))


def _put_revisions(db: Connection, page: int, revisions: Sequence[Revision], stands: Stands) -> dict[int, int]:
    """Revision ids by number."""
    rows = {revision.number: _revision_row(page, revision, stands[revision.payload_id].id) for revision in revisions}
    return {number: upsert_id(db, RevisionRow, ["page_id", "number"], row) for number, row in rows.items()}


def _revision_row(page: int, revision: Revision, extraction: int) -> dict[str, Any]:
    return {
        "page_id": page,
        "number": revision.number,
        "extraction_id": extraction,
        "title": storable(revision.title),
        "text": storable(revision.text),
        "first_seen_at": revision.first_seen_at,
        "last_seen_at": revision.last_seen_at,
    }


def _put_article(
    db: Connection, page: int, revisions: Sequence[Revision], ids: Mapping[int, int], stand: Stand, now: datetime
) -> None:
    current = revisions[-1]
    metadata = metadata_from_json(dict(stand.chosen))  # as stored, so that what comes back is what it was
    values = _article_row(metadata) | {
        "page_id": page,
        "revision_id": ids[current.number],
        "extraction_id": stand.id,
        "order_key": order_key(metadata.published_at or revisions[0].first_seen_at, page),
        "word_count": count_words(current.text),
    }
    before = db.scalar(select(Article.order_key).where(Article.page_id == page))
    archived_at = now if before is not None else _first_made(db, page) or now
    db.execute(upsert(db, Article, ["page_id"], [*values][1:]), [values | {"archived_at": archived_at}])
    search.unindex(db, before)
    search.index(db, values["order_key"], current.title, current.text)
    sketches.mark(db, page)


def _first_made(db: Connection, page: int) -> datetime | None:
    """When this Page was first an Article: one that was withdrawn and comes back is as old as it was."""
    query = select(func.min(ExtractionRow.made_at)).where(ExtractionRow.page_id == page)
    return db.scalar(query.where(ExtractionRow.outcome == Outcome.ARCHIVED))


def _article_row(metadata: Metadata) -> dict[str, Any]:
    return {
        "title": storable(metadata.title),
        "authors": storable_all(metadata.authors),
        "published_at": metadata.published_at,
        "published_source": metadata.published_source,
        "published_precision": metadata.published_precision,
        "modified_at": metadata.modified_at,
        "language": storable(metadata.language)[:16],
        "section": storable(metadata.section),
        "tags": storable_all(metadata.tags),
        "image": storable(metadata.image),
        "canonical_url": storable(metadata.canonical_url),
        "description": storable(metadata.description),
    }


def order_key(at: datetime, page: int) -> int:
    """Newest first is this key descending, and it is unique: 33 bits of seconds, then the Page."""
    seconds = min(max(int(at.timestamp()), 0), (1 << 33) - 1)
    return seconds << PAGE_BITS | page & ((1 << PAGE_BITS) - 1)


def _withdraw(db: Connection, page: int) -> None:
    """A Page that no Payload of it makes an article any more. Its Extractions stay and say why."""
    before = db.scalar(select(Article.order_key).where(Article.page_id == page))
    if before is not None:
        search.unindex(db, before)
        db.execute(delete(Article).where(Article.page_id == page))
        sketches.mark(db, page)
