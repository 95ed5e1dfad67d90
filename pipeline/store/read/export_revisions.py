"""All texts that articles had, as an export of the revisions reads them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from pipeline.core.models import count_words
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import CleanResultRow, PayloadRow, RevisionRow
from pipeline.store.db.sql import chunks
from pipeline.store.read.export_articles import (
    STORIES_PER_READ,
    ExportedArticle,
    ExportQuery,
    LeftOut,
    iter_articles,
)


def iter_revisions(
    database: Database, wanted: ExportQuery, left_out: LeftOut | None = None
) -> Iterator[ExportedArticle]:
    """Iterate over the revisions of the articles, newest article first, oldest revision first.

    Each is the article with the title and the text of that revision. Its number is in `revisions`,
    its times are those of the revision, and the other metadata are those of the newest one.
    """
    batch: list[ExportedArticle] = []
    for exported in iter_articles(database, wanted, left_out):
        batch.append(exported)
        if len(batch) == STORIES_PER_READ:
            yield from _revisions(database, batch)
            batch = []
    yield from _revisions(database, batch)


def _revisions(database: Database, batch: Sequence[ExportedArticle]) -> Iterator[ExportedArticle]:
    with database.read() as db:
        rows = _load(db, [exported.article.id for exported in batch])
    for exported in batch:
        for row in rows[exported.article.id]:
            yield _as_of(exported, row)


def _load(db: Connection, articles: Sequence[int]) -> dict[int, list[Row[*tuple[Any, ...]]]]:
    query: Select[*tuple[Any, ...]] = select(
        RevisionRow.page_id,
        RevisionRow.number,
        RevisionRow.title,
        RevisionRow.text,
        RevisionRow.first_seen_at,
        RevisionRow.last_seen_at,
        CleanResultRow.recipe,
        PayloadRow.digest,
        PayloadRow.size,
    )
    query = (
        query.join(CleanResultRow, CleanResultRow.id == RevisionRow.clean_result_id)
        .join(PayloadRow, PayloadRow.id == CleanResultRow.payload_id)
        .order_by(RevisionRow.page_id, RevisionRow.number)
    )
    rows: dict[int, list[Row[*tuple[Any, ...]]]] = defaultdict(list)
    for chunk in chunks(articles):
        for row in db.execute(query.where(RevisionRow.page_id.in_(chunk))):
            rows[row.page_id].append(row)
    return rows


def _as_of(exported: ExportedArticle, row: Row[*tuple[Any, ...]]) -> ExportedArticle:
    article = exported.article
    is_newest = row.number == article.revisions
    article = replace(
        article,
        title=row.title,
        text=row.text,
        word_count=count_words(row.text),
        first_seen_at=row.first_seen_at,
        last_seen_at=article.last_seen_at if is_newest else row.last_seen_at,
        revisions=row.number,
    )
    origin = exported.origin
    if not is_newest:
        origin = replace(origin, digest=row.digest, size=row.size, parts=(), missing_parts=0)
    return replace(exported, article=article, payload=row.digest, recipe=row.recipe, origin=origin)
