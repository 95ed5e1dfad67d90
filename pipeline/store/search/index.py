"""The full-text index: FTS5 on SQLite, a tsvector on PostgreSQL, both fed with the same tokens.

Promises that an Article and its entry are written in one transaction, and that Articles whose entry is missing or of an older
kind of tokens are known (`Article.indexed`) and can be indexed in small steps. Looking things up is left to `finding`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select, text, update

from pipeline.fulltext import tokenizer
from pipeline.fulltext.index_rows import NO_PREPARED_ROWS, PreparedRows, index_row
from pipeline.fulltext.tokenizer import IndexableArticle
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import ArticleRow, PageRow, RevisionRow

PAGE_BITS = 29  # of an order key: half a billion Pages share one second at the most
BATCH_SIZE = 100  # Articles that are indexed in one transaction
INSERT_SQL = {
    "sqlite": "INSERT INTO article_index (rowid, title, body, names, marks) VALUES (:key, :title, :body, :names, :marks)",
    "postgresql": "INSERT INTO article_index (rowid, words) VALUES (:key, CAST(:words AS tsvector))",
}


def order_key(at: datetime, page: int) -> int:
    """Newest first is this key descending, and it is unique: 33 bits of seconds, then the Page."""
    return first_key(at) | page & ((1 << PAGE_BITS) - 1)


def first_key(at: datetime) -> int:
    """The lowest order key of a moment."""
    return min(max(int(at.timestamp()), 0), (1 << 33) - 1) << PAGE_BITS


def timestamp_of(key: int) -> datetime:
    """The time that an order key stands for."""
    return datetime.fromtimestamp(key >> PAGE_BITS, UTC)


def add_articles(db: Connection, sources: Iterable[tuple[int, IndexableArticle]], made: PreparedRows = NO_PREPARED_ROWS) -> None:
    """Adds Articles that are not there, by their order keys; in their order, since FTS5 writes out what it holds whenever a
    key is lower than the one before. Rows that were `made` ahead are taken."""
    dialect = db.dialect.name
    ordered = sorted(sources, key=lambda each: each[0])
    rows = [{"key": key, **(made.get(source) or index_row(dialect, source))} for key, source in ordered]
    if rows:
        db.execute(text(INSERT_SQL[db.dialect.name]), rows)


def remove_articles(db: Connection, order_keys: Sequence[int]) -> None:
    """Takes articles out, as far as they are there."""
    if order_keys:
        db.execute(
            text("DELETE FROM article_index WHERE rowid = :key"),
            [{"key": key} for key in order_keys],
        )


def count_unindexed(store: Database, site: str | None = None) -> int:
    """Articles that are not in the index as it is made today."""
    with store.read() as db:
        return db.scalar(select(func.count()).select_from(_waiting(site).subquery())) or 0


def index_pending(store: Database, site: str | None = None) -> int:
    """Indexes some of the Articles that wait, in one transaction; returns how many. Whoever calls it holds the lock of the
    Site's cleaning. Killed at any moment, it goes on where it was."""
    told = (
        update(ArticleRow)
        .where(ArticleRow.page_id == bindparam("page"))
        .values(index_version=tokenizer.VERSION)
    )
    with store.write() as db:
        pages = list(db.scalars(_waiting(site).limit(BATCH_SIZE)))
        rows = db.execute(_sources().where(ArticleRow.page_id.in_(pages))).all()
        remove_articles(db, [row.order_key for row in rows])
        add_articles(db, [(row.order_key, _source(row)) for row in rows])
        if pages:
            db.execute(told, [{"page": page} for page in pages])
    return len(pages)


def _waiting(site: str | None) -> Select[int]:
    query = select(ArticleRow.page_id).where(ArticleRow.index_version == "").order_by(ArticleRow.page_id)
    return (
        query.join(PageRow, PageRow.id == ArticleRow.page_id).where(PageRow.site == site)
        if site
        else query
    )


def _sources() -> Select[*tuple[Any, ...]]:
    columns = (
        ArticleRow.page_id,
        ArticleRow.order_key,
        PageRow.site,
        ArticleRow.language,
        ArticleRow.title,
        ArticleRow.authors,
        ArticleRow.tags,
    )
    query = select(*columns, RevisionRow.text, RevisionRow.number).join(
        PageRow, PageRow.id == ArticleRow.page_id
    )
    return query.join(RevisionRow, RevisionRow.id == ArticleRow.revision_id)


def _source(row: Any) -> IndexableArticle:
    return IndexableArticle(
        row.page_id, row.site, row.language, row.title, row.text, tuple(row.authors), tuple(row.tags), row.number,
        timestamp_of(row.order_key),
    )  # fmt: skip
