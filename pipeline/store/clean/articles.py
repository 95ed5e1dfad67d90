"""Store what follows from the current results of a page: revisions, article, full-text index.

Works inside a transaction of `CleanSession`. The rows of a page always belong together, and
writing the same result twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, delete, func, select, update

from pipeline.core.clean_values import CleanOutcome, UnchangedResult
from pipeline.core.models import (
    Metadata,
    Outcome,
    Recipe,
    ResultStatus,
    Revision,
    count_words,
)
from pipeline.core.story import StoryLink
from pipeline.fulltext import tokenizer
from pipeline.fulltext.index_rows import NO_PREPARED_ROWS, PreparedRows
from pipeline.fulltext.tokenizer import IndexableArticle, agency_names
from pipeline.store.clean import links, near_duplicates, rights
from pipeline.store.clean import results as clean_results
from pipeline.store.clean.results import CurrentResult, CurrentResults
from pipeline.store.clean.story_changes import EditsByPage
from pipeline.store.clean.types import ReviewOutcome
from pipeline.store.codec.serialization import metadata_from_json
from pipeline.store.db import story_changes
from pipeline.store.db.schema import (
    ArticleRow,
    CleanResultRow,
    LedgerEntryRow,
    PageRow,
    RevisionRow,
)
from pipeline.store.db.sql import chunks, storable, storable_all, upsert, upsert_ids
from pipeline.store.search import index
from pipeline.store.search.index import order_key, timestamp_of

RevisionsByPage = Mapping[int, Sequence[Revision]]

DELETE_LATER_REVISIONS: Final = delete(RevisionRow).where(
    RevisionRow.page_id == bindparam("page"), RevisionRow.number > bindparam("last")
)


def save_outcomes(
    db: Connection,
    run: int,
    recipe: Recipe,
    outcomes: Sequence[CleanOutcome],
    now: datetime,
    edits: EditsByPage,
    prepared: PreparedRows = NO_PREPARED_ROWS,
) -> None:
    """Save all rows of pages that were cleaned.

    Args:
        db: A write transaction.
        run: The run's id.
        recipe: The recipe of the clean.
        outcomes: What the clean made of the pages.
        now: The time of the new results.
        edits: The edits of the pages of `changed_revisions`.
        prepared: Rows of the full-text index that were made ahead.
    """
    clean_results.discard_held(db, [outcome.page_id for outcome in outcomes])
    unchanged: list[UnchangedResult] = []
    changed: list[CleanOutcome] = []
    for outcome in outcomes:
        unchanged += outcome.unchanged
        if outcome.results or outcome.held or not outcome.is_article_unchanged:
            changed.append(outcome)
    clean_results.update_recipes(db, unchanged)
    before = clean_results.current_results(db, [outcome.page_id for outcome in changed])
    current = clean_results.save(db, run, changed, before, now)
    _save_revisions(db, changed_revisions(outcomes), current, now, edits, prepared)
    new_links: dict[int, Sequence[StoryLink]] = {}
    hidden = _hidden_pages(db, [outcome.page_id for outcome in outcomes])
    for outcome in outcomes:
        is_shown = outcome.revisions and outcome.page_id not in hidden
        if is_shown and outcome.links is not None:
            new_links[outcome.page_id] = outcome.links
    links.save(db, new_links)
    _update_rights(db, [outcome for outcome in outcomes if outcome.is_article_unchanged])
    _mark_clean(db, recipe, outcomes)
    _record_outcomes(db, run, outcomes, now)


def changed_revisions(outcomes: Sequence[CleanOutcome]) -> dict[int, Sequence[Revision]]:
    """Return the revisions of the pages whose revisions are to be written."""
    revisions: dict[int, Sequence[Revision]] = {}
    for outcome in outcomes:
        if not outcome.is_article_unchanged:
            revisions[outcome.page_id] = outcome.revisions
    return revisions


def _update_rights(db: Connection, outcomes: Sequence[CleanOutcome]) -> None:
    """Take over what newer bytes with the same text declare."""
    pages = [outcome.page_id for outcome in outcomes]
    story_changes.mark_unindexed(db, list(rights.update_rights(db, pages)))


def save_reviews(
    db: Connection,
    run: int,
    outcomes: Sequence[ReviewOutcome],
    now: datetime,
    edits: EditsByPage,
) -> None:
    """Save all rows of pages among whose results a person has chosen.

    Args:
        db: A write transaction.
        run: The run's id.
        outcomes: What the choices came to.
        now: The time of the choices.
        edits: The edits of these pages.
    """
    statuses: list[tuple[int, ResultStatus]] = []
    for outcome in outcomes:
        statuses += outcome.moves
    clean_results.set_statuses(db, statuses)
    current = clean_results.current_results(db, [outcome.page_id for outcome in outcomes])
    revisions = {outcome.page_id: outcome.revisions for outcome in outcomes}
    _save_revisions(db, revisions, current, now, edits)
    links.save(db, {outcome.page_id: outcome.links for outcome in outcomes if outcome.revisions})
    _record_outcomes(db, run, outcomes, now)


def _mark_clean(db: Connection, recipe: Recipe, outcomes: Sequence[CleanOutcome]) -> None:
    values = {
        "clean_payload_id": bindparam("payload"),
        "clean_recipe": str(recipe),
        "needs_clean": False,
    }
    rows = [{"page": outcome.page_id, "payload": outcome.payload_id} for outcome in outcomes]
    if rows:
        db.execute(update(PageRow).where(PageRow.id == bindparam("page")).values(values), rows)


def _record_outcomes(
    db: Connection, run: int, outcomes: Sequence[CleanOutcome | ReviewOutcome], now: datetime
) -> None:
    rows: list[dict[str, Any]] = []
    for outcome in outcomes:
        rows.append(
            {
                "run_id": run,
                "page_id": outcome.page_id,
                "outcome": outcome.outcome,
                "reason": outcome.reason,
                "at": now,
            }
        )
    if rows:
        changed = ["outcome", "reason", "at"]
        db.execute(upsert(db, LedgerEntryRow, ["run_id", "page_id"], changed), rows)


def _save_revisions(
    db: Connection,
    revisions: RevisionsByPage,
    current: Mapping[int, CurrentResults],
    now: datetime,
    edits: EditsByPage,
    prepared: PreparedRows = NO_PREPARED_ROWS,
) -> None:
    """Save revisions, changes and articles. A page without revisions loses its article."""
    rows: list[dict[str, Any]] = []
    last_numbers: list[dict[str, int]] = []
    articles: dict[int, Sequence[Revision]] = {}
    hidden = _hidden_pages(db, list(revisions))
    for page, page_revisions in revisions.items():
        last_numbers.append({"page": page, "last": len(page_revisions)})
        if page_revisions and page not in hidden:
            articles[page] = page_revisions
        for revision in page_revisions:
            result_id = current[page][revision.payload_id].id
            rows.append(_revision_row(page, revision, result_id))
    revision_ids = upsert_ids(db, RevisionRow, ("page_id", "number"), rows)
    first_seen = {page: saved[0].first_seen_at for page, saved in articles.items()}
    page_edits = {page: edits[page] for page in revisions}
    story_changes.replace_changes(db, page_edits, first_seen)
    _save_articles(db, articles, current, revision_ids, now, prepared)
    for page in sorted(revisions.keys() - articles.keys()):
        _unpublish(db, page)
    if last_numbers:
        db.execute(DELETE_LATER_REVISIONS, last_numbers)


def _hidden_pages(db: Connection, pages: Sequence[int]) -> set[int]:
    hidden = set[int]()
    for chunk in chunks(pages):
        query = select(PageRow.id).where(PageRow.id.in_(chunk), PageRow.hidden_at.is_not(None))
        hidden.update(db.scalars(query))
    return hidden


def _revision_row(page: int, revision: Revision, result_id: int) -> dict[str, Any]:
    return {
        "page_id": page,
        "number": revision.number,
        "clean_result_id": result_id,
        "title": storable(revision.title),
        "text": storable(revision.text),
        "first_seen_at": revision.first_seen_at,
        "last_seen_at": revision.last_seen_at,
    }


def _save_articles(
    db: Connection,
    revisions: RevisionsByPage,
    current: Mapping[int, CurrentResults],
    revision_ids: Mapping[tuple[int, int], int],
    now: datetime,
    prepared: PreparedRows,
) -> None:
    pages = list(revisions)
    old_keys = _order_keys(db, pages)
    archived_at = _first_archived_at(db, [page for page in pages if page not in old_keys])
    rows: list[dict[str, Any]] = []
    for page, page_revisions in revisions.items():
        newest = page_revisions[-1]
        result = current[page][newest.payload_id]
        row = _article_row(page, page_revisions, result, revision_ids[page, newest.number])
        rows.append(row | {"archived_at": archived_at.get(page) or now})
    if not rows:
        return
    changed = [name for name in rows[0] if name not in ("page_id", "archived_at")]
    db.execute(upsert(db, ArticleRow, ["page_id"], changed), rows)
    index.remove_articles(db, list(old_keys.values()))
    rights.update_rights(db, pages)
    flags = rights.flags_by_page(db, pages)
    states = _page_states(db, pages)
    edited = story_changes.edited_kinds(db, pages)
    articles: list[tuple[int, IndexableArticle]] = []
    for row in rows:
        page = row["page_id"]
        article = replace(
            _indexable_article(row, states[page].site, revisions[page]),
            edited=edited.get(page, ()),
            is_gone=states[page].gone_at is not None,
            rights=flags[page],
        )
        articles.append((row["order_key"], article))
    index.add_articles(db, articles, prepared)
    near_duplicates.mark_pending(db, pages)


def _article_row(
    page: int, revisions: Sequence[Revision], result: CurrentResult, revision_id: int
) -> dict[str, Any]:
    return _values_before_ids(page, revisions, result.chosen_metadata) | {
        "revision_id": revision_id,
        "clean_result_id": result.id,
        "word_count": count_words(revisions[-1].text),
        "index_version": tokenizer.VERSION,
        "changes_pending": False,
    }


def _values_before_ids(
    page: int, revisions: Sequence[Revision], chosen_metadata: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the values of an article's row that are known before its results have ids."""
    # from the stored form, so that the row is the same when it is made again from the archive
    metadata = metadata_from_json(dict(chosen_metadata))
    key = order_key(metadata.published_at or revisions[0].first_seen_at, page)
    return metadata_columns(metadata) | {"page_id": page, "order_key": key}


def index_source_ahead(site: str, outcome: CleanOutcome) -> IndexableArticle | None:
    """Return what the full-text index will take of an article that is not saved yet.

    Returns:
        None where the outcome changes no article, or its text is a result of the past, which only
        the archive knows.
    """
    if outcome.is_article_unchanged or not outcome.revisions:
        return None
    newest_payload_id = outcome.revisions[-1].payload_id
    for new in outcome.results:
        if new.payload_id == newest_payload_id:
            chosen_metadata = clean_results.stored_metadata(new.result)
            values = _values_before_ids(outcome.page_id, outcome.revisions, chosen_metadata)
            return _indexable_article(values, site, outcome.revisions)
    return None


def _indexable_article(
    row: Mapping[str, Any], site: str, revisions: Sequence[Revision]
) -> IndexableArticle:
    newest = revisions[-1]
    return IndexableArticle(
        page_id=row["page_id"],
        site=site,
        language=row["language"],
        title=newest.title,
        body=newest.text,
        authors=tuple(row["authors"]),
        agencies=agency_names(row["agency"]),
        tags=tuple(row["tags"]),
        revision_count=newest.number,
        sort_time=timestamp_of(row["order_key"]),
    )


def _page_states(db: Connection, pages: Sequence[int]) -> dict[int, Row[*tuple[Any, ...]]]:
    """Return the site of pages, and since when they are gone."""
    query = select(PageRow.id, PageRow.site, PageRow.gone_at)
    states: dict[int, Row[*tuple[Any, ...]]] = {}
    for chunk in chunks(pages):
        for row in db.execute(query.where(PageRow.id.in_(chunk))):
            states[row.id] = row
    return states


def _order_keys(db: Connection, pages: Sequence[int]) -> dict[int, int]:
    """Return the order keys of the pages that are articles already."""
    query = select(ArticleRow.page_id, ArticleRow.order_key)
    keys: dict[int, int] = {}
    for chunk in chunks(pages):
        for page, key in db.execute(query.where(ArticleRow.page_id.in_(chunk))):
            keys[page] = key
    return keys


def _first_archived_at(db: Connection, pages: Sequence[int]) -> dict[int, datetime]:
    """Return when pages first were articles. One that comes back keeps its age."""
    query = (
        select(CleanResultRow.page_id, func.min(CleanResultRow.created_at))
        .where(CleanResultRow.outcome == Outcome.ARCHIVED)
        .group_by(CleanResultRow.page_id)
    )
    times: dict[int, datetime] = {}
    for chunk in chunks(pages):
        for page, at in db.execute(query.where(CleanResultRow.page_id.in_(chunk))):
            times[page] = at
    return times


def metadata_columns(metadata: Metadata) -> dict[str, Any]:
    """Return the columns of an article that are metadata."""
    return {
        "title": storable(metadata.title),
        "authors": storable_all(metadata.authors),
        "agency": storable(metadata.agency),
        "published_at": metadata.published_at,
        "published_source": metadata.published_source,
        "published_precision": metadata.published_precision,
        "published_day": metadata.publication_day,
        "modified_at": metadata.modified_at,
        "modified_precision": metadata.modified_precision,
        "language": storable(metadata.language)[:16],
        "section": storable(metadata.section),
        "tags": storable_all(metadata.tags),
        "image": storable(metadata.image),
        "canonical_url": storable(metadata.canonical_url),
        "description": storable(metadata.description),
    }


def unpublish(db: Connection, pages: Sequence[int]) -> None:
    """Delete the articles and revisions of pages that are no stories of their own."""
    for page in pages:
        _unpublish(db, page)
        db.execute(delete(RevisionRow).where(RevisionRow.page_id == page))
    story_changes.replace_changes(db, dict.fromkeys(pages, ()), {})


def _unpublish(db: Connection, page: int) -> None:
    """Delete the article of a page of which no payload is an article. Its results say why."""
    keys = _order_keys(db, [page])
    if keys:
        index.remove_articles(db, list(keys.values()))
        db.execute(delete(ArticleRow).where(ArticleRow.page_id == page))
        near_duplicates.mark_pending(db, [page])
