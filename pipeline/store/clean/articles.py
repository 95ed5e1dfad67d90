"""Writes what follows from the results that stand on a Page: Revisions, the Article and its place in the full-text index.

Works inside a transaction of the shelf. Promises that the rows of a Page always belong together, and that writing the same
result twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, update

from pipeline.core.models import Metadata, Outcome, Recipe, Revision, count_words
from pipeline.fulltext import tokenizer
from pipeline.fulltext.index_rows import NO_PREPARED_ROWS, PreparedRows
from pipeline.store.clean import near_duplicates
from pipeline.store.clean import results as extractions
from pipeline.store.clean.results import CurrentResult, CurrentResults
from pipeline.store.clean.types import ReviewOutcome, CleanOutcome
from pipeline.store.codec.serialization import metadata_from_json
from pipeline.store.db.schema import (
    ArticleRow,
    CleanResultRow,
    LedgerEntryRow,
    PageRow,
    RevisionRow,
)
from pipeline.store.db.sql import chunks, storable, storable_all, upsert, upsert_ids
from pipeline.store.search import index
from pipeline.store.search.index import timestamp_of, order_key

DELETE_LATER_REVISIONS = delete(RevisionRow).where(
    RevisionRow.page_id == bindparam("page"), RevisionRow.number > bindparam("last")
)


def save_outcomes(
    db: Connection,
    run: int,
    recipe: Recipe,
    results: Sequence[CleanOutcome],
    now: datetime,
    made: PreparedRows = NO_PREPARED_ROWS,
) -> None:
    """All rows of Pages that were cleaned. Rows of the full-text index that were `made` ahead are taken."""
    extractions.discard_held(db, [cleaned.page_id for cleaned in results])
    extractions.update_recipes(db, [each for cleaned in results for each in cleaned.unchanged])
    others = [
        cleaned for cleaned in results if cleaned.results or cleaned.held or not cleaned.is_article_unchanged
    ]
    stands = extractions.save(
        db, run, others, extractions.current_results(db, [cleaned.page_id for cleaned in others]), now
    )
    _save_revisions(
        db,
        {cleaned.page_id: cleaned.revisions for cleaned in others if not cleaned.is_article_unchanged},
        stands,
        now,
        made,
    )
    _mark_clean(db, recipe, results)
    _record_outcomes(db, run, results, now)


def save_reviews(db: Connection, run: int, results: Sequence[ReviewOutcome], now: datetime) -> None:
    """All rows of Pages among whose results somebody chose."""
    extractions.set_statuses(db, [move for chosen in results for move in chosen.moves])
    stands = extractions.current_results(db, [chosen.page_id for chosen in results])
    _save_revisions(db, {chosen.page_id: chosen.revisions for chosen in results}, stands, now)
    _record_outcomes(db, run, results, now)


def _mark_clean(db: Connection, recipe: Recipe, results: Sequence[CleanOutcome]) -> None:
    values = {
        "clean_payload_id": bindparam("payload"),
        "clean_recipe": str(recipe),
        "needs_clean": False,
    }
    rows = [{"page": cleaned.page_id, "payload": cleaned.payload_id} for cleaned in results]
    if rows:
        db.execute(update(PageRow).where(PageRow.id == bindparam("page")).values(values), rows)


def _record_outcomes(
    db: Connection, run: int, results: Sequence[CleanOutcome | ReviewOutcome], now: datetime
) -> None:
    rows = [
        {
            "run_id": run,
            "page_id": each.page_id,
            "outcome": each.outcome,
            "reason": each.reason,
            "at": now,
        }
        for each in results
    ]
    if rows:
        db.execute(
            upsert(db, LedgerEntryRow, ["run_id", "page_id"], ["outcome", "reason", "at"]), rows
        )


def _save_revisions(
    db: Connection,
    folded: Mapping[int, Sequence[Revision]],
    stands: Mapping[int, CurrentResults],
    now: datetime,
    made: PreparedRows = NO_PREPARED_ROWS,
) -> None:
    """Revisions and Article of each Page. One without Revisions is no Article any more."""
    rows = [
        _revision_row(page, revision, stands[page][revision.payload_id].id)
        for page, revisions in folded.items()
        for revision in revisions
    ]
    ids = upsert_ids(db, RevisionRow, ("page_id", "number"), rows)
    beyond = [{"page": page, "last": len(revisions)} for page, revisions in folded.items()]
    _save_articles(
        db,
        {page: revisions for page, revisions in folded.items() if revisions},
        stands,
        ids,
        now,
        made,
    )
    for page in (page for page, revisions in folded.items() if not revisions):
        _unpublish(db, page)
    if beyond:
        db.execute(DELETE_LATER_REVISIONS, beyond)


def _revision_row(page: int, revision: Revision, extraction: int) -> dict[str, Any]:
    return {
        "page_id": page,
        "number": revision.number,
        "clean_result_id": extraction,
        "title": storable(revision.title),
        "text": storable(revision.text),
        "first_seen_at": revision.first_seen_at,
        "last_seen_at": revision.last_seen_at,
    }


def _save_articles(
    db: Connection,
    folded: Mapping[int, Sequence[Revision]],
    stands: Mapping[int, CurrentResults],
    ids: Mapping[tuple[int, int], int],
    now: datetime,
    made: PreparedRows,
) -> None:
    before = _order_keys(db, list(folded))
    first = _first_archived_at(db, [page for page in folded if page not in before])
    rows = []
    for page, revisions in folded.items():
        values = _article_values(page, revisions, stands[page][revisions[-1].payload_id], ids)
        rows.append(values | {"archived_at": first.get(page) or now})
    if not rows:
        return
    changed = [name for name in rows[0] if name not in ("page_id", "archived_at")]
    db.execute(upsert(db, ArticleRow, ["page_id"], changed), rows)
    index.remove_articles(db, list(before.values()))
    sites = _sites(db, list(folded))
    index.add_articles(
        db,
        [
            (row["order_key"], _source(row, sites[row["page_id"]], folded[row["page_id"]]))
            for row in rows
        ],
        made,
    )
    near_duplicates.mark_pending(db, list(folded))


def _article_values(
    page: int, revisions: Sequence[Revision], stand: CurrentResult, ids: Mapping[tuple[int, int], int]
) -> dict[str, Any]:
    return _values_before_ids(page, revisions, stand.chosen_metadata) | {
        "revision_id": ids[page, revisions[-1].number],
        "clean_result_id": stand.id,
        "word_count": count_words(revisions[-1].text),
        "index_version": tokenizer.VERSION,
    }


def _values_before_ids(
    page: int, revisions: Sequence[Revision], chosen: Mapping[str, Any]
) -> dict[str, Any]:
    metadata = metadata_from_json(dict(chosen))  # as stored, so that what comes back is what it was
    key = order_key(metadata.published_at or revisions[0].first_seen_at, page)
    return metadata_columns(metadata) | {"page_id": page, "order_key": key}


def index_source_ahead(site: str, cleaned: CleanOutcome) -> tokenizer.IndexableArticle | None:
    """What of a Page's Article will be made findable once it is put; None where no new Article comes of it."""
    if cleaned.is_article_unchanged or not cleaned.revisions:
        return None
    newest = cleaned.revisions[-1].payload_id
    chosen = next(
        (extractions.stored_metadata(new.result) for new in cleaned.results if new.payload_id == newest),
        None,
    )
    if chosen is None:  # a result of the past, which only the archive knows
        return None
    return _source(
        _values_before_ids(cleaned.page_id, cleaned.revisions, chosen), site, cleaned.revisions
    )


def _source(row: Mapping[str, Any], site: str, revisions: Sequence[Revision]) -> tokenizer.IndexableArticle:
    """What of an Article is made findable."""
    page, newest = row["page_id"], revisions[-1]
    return tokenizer.IndexableArticle(
        page, site, row["language"], newest.title, newest.text, tuple(row["authors"]), tuple(row["tags"]), newest.number,
        timestamp_of(row["order_key"]),
    )  # fmt: skip


def _sites(db: Connection, pages: Sequence[int]) -> dict[int, str]:
    query = select(PageRow.id, PageRow.site)
    return {
        page: site
        for chunk in chunks(pages)
        for page, site in db.execute(query.where(PageRow.id.in_(chunk)))
    }


def _order_keys(db: Connection, pages: Sequence[int]) -> dict[int, int]:
    """Of the Pages that are Articles already."""
    query = select(ArticleRow.page_id, ArticleRow.order_key)
    return {
        page: key
        for chunk in chunks(pages)
        for page, key in db.execute(query.where(ArticleRow.page_id.in_(chunk)))
    }


def _first_archived_at(db: Connection, pages: Sequence[int]) -> dict[int, datetime]:
    """When Pages were first Articles: one that was withdrawn and comes back is as old as it was."""
    query = select(CleanResultRow.page_id, func.min(CleanResultRow.created_at)).group_by(
        CleanResultRow.page_id
    )
    query = query.where(CleanResultRow.outcome == Outcome.ARCHIVED)
    return {
        page: at
        for chunk in chunks(pages)
        for page, at in db.execute(query.where(CleanResultRow.page_id.in_(chunk)))
    }


def metadata_columns(metadata: Metadata) -> dict[str, Any]:
    """What of an Article is metadata: column → value."""
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


def _unpublish(db: Connection, page: int) -> None:
    """A Page that no Payload of it makes an article any more. Its Extractions stay and say why."""
    before = _order_keys(db, [page])
    if before:
        index.remove_articles(db, list(before.values()))
        db.execute(delete(ArticleRow).where(ArticleRow.page_id == page))
        near_duplicates.mark_pending(db, [page])
