"""The full-text index: FTS5 on SQLite, a tsvector on PostgreSQL, both with the same tokens.

An article and its index row are written in one transaction. `article.index_version` names the
version of the tokens. Articles without a current row have "" there, and are indexed in small steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select, text, update

from pipeline.core.rights.statements import flags_of, from_json
from pipeline.fulltext import tokenizer
from pipeline.fulltext.index_rows import NO_PREPARED_ROWS, PreparedRows, index_row, with_rights
from pipeline.fulltext.tokenizer import IndexableArticle
from pipeline.store.db import story_changes
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import ArticleRow, PageRow, RevisionRow

PAGE_BITS = 29  # of an order key, so half a billion pages can share one second
BATCH_SIZE = 100  # articles that are indexed in one transaction
INSERT_SQL = {
    "sqlite": (
        "INSERT INTO article_index (rowid, title, body, names, marks)"
        " VALUES (:key, :title, :body, :names, :marks)"
    ),
    "postgresql": (
        "INSERT INTO article_index (rowid, words) VALUES (:key, CAST(:words AS tsvector))"
    ),
}


def order_key(at: datetime, page: int) -> int:
    """Return the order key of an article: 33 bits of seconds, then the page id.

    It is unique. Sorted by this key from high to low, the newest article comes first.
    """
    return first_key(at) | page & ((1 << PAGE_BITS) - 1)


def first_key(at: datetime) -> int:
    """Return the lowest order key of a time."""
    return min(max(int(at.timestamp()), 0), (1 << 33) - 1) << PAGE_BITS


def timestamp_of(key: int) -> datetime:
    """Return the time that an order key stands for."""
    return datetime.fromtimestamp(key >> PAGE_BITS, UTC)


def add_articles(
    db: Connection,
    articles: Iterable[tuple[int, IndexableArticle]],
    prepared: PreparedRows = NO_PREPARED_ROWS,
) -> None:
    """Add articles that are not in the index.

    They are added by ascending key: FTS5 writes out what it holds each time that a key is lower
    than the one before.

    Args:
        articles: Order keys and articles.
        prepared: Rows that are made already. The others are made here.
    """
    dialect = db.dialect.name
    rows: list[dict[str, Any]] = []
    for key, article in sorted(articles, key=lambda item: item[0]):
        plain = replace(article, rights=())  # rights are not known yet where rows are prepared
        row = prepared.get(plain) or index_row(dialect, plain)
        rows.append({"key": key, **with_rights(dialect, row, article.rights)})
    if rows:
        db.execute(text(INSERT_SQL[dialect]), rows)


def remove_articles(db: Connection, order_keys: Sequence[int]) -> None:
    """Remove articles from the index. Keys that are not there are ignored."""
    if order_keys:
        statement = text("DELETE FROM article_index WHERE rowid = :key")
        db.execute(statement, [{"key": key} for key in order_keys])


def count_unindexed(database: Database, site: str | None = None) -> int:
    """Count the articles that the index does not have, or not with today's tokens."""
    with database.read() as db:
        pending = select(func.count()).select_from(select_unindexed(site).subquery())
        return db.scalar(pending) or 0


def has_articles(database: Database) -> bool:
    """Return whether the archive holds any article."""
    with database.read() as db:
        return db.scalar(select(ArticleRow.page_id).limit(1)) is not None


def index_pending(
    database: Database, site: str | None = None, *, batch_size: int = BATCH_SIZE
) -> int:
    """Index some of the articles that wait for it, in one transaction.

    The caller holds the clean lock of the site. If the process is killed, the next call goes on.

    Returns:
        The number of articles that were indexed. 0 means that none is left.
    """
    set_version = (
        update(ArticleRow)
        .where(ArticleRow.page_id == bindparam("page"))
        .values(index_version=tokenizer.VERSION)
    )
    with database.write() as db:
        pages = list(db.scalars(select_unindexed(site).limit(batch_size)))
        rows = db.execute(_select_indexable().where(ArticleRow.page_id.in_(pages))).all()
        edited = story_changes.edited_kinds(db, pages)
        articles: dict[int, IndexableArticle] = {}
        for row in rows:
            articles[row.order_key] = _indexable_article(row, edited.get(row.page_id, ()))
        remove_articles(db, list(articles))
        add_articles(db, articles.items())
        if pages:
            db.execute(set_version, [{"page": page} for page in pages])
    return len(pages)


def select_unindexed(site: str | None) -> Select[int]:
    """Select the articles that the index does not have, or not with today's tokens.

    Args:
        site: The id of a site; None for all.

    Returns:
        A query for ids of articles.
    """
    query = select(ArticleRow.page_id).where(ArticleRow.index_version == "")
    query = query.order_by(ArticleRow.page_id)
    if site:
        query = query.join(PageRow, PageRow.id == ArticleRow.page_id).where(PageRow.site == site)
    return query


def _select_indexable() -> Select[*tuple[Any, ...]]:
    query: Select[*tuple[Any, ...]] = select(
        ArticleRow.page_id,
        ArticleRow.order_key,
        PageRow.site,
        PageRow.gone_at,
        ArticleRow.language,
        ArticleRow.title,
        ArticleRow.authors,
        ArticleRow.agency,
        ArticleRow.tags,
        ArticleRow.rights,
        RevisionRow.text,
        RevisionRow.number,
    )
    query = query.join(PageRow, PageRow.id == ArticleRow.page_id)
    return query.join(RevisionRow, RevisionRow.id == ArticleRow.revision_id)


def _indexable_article(row: Any, edited: tuple[str, ...]) -> IndexableArticle:
    return IndexableArticle(
        page_id=row.page_id,
        site=row.site,
        language=row.language,
        title=row.title,
        body=row.text,
        authors=tuple(row.authors),
        agencies=tokenizer.agency_names(row.agency),
        tags=tuple(row.tags),
        rights=flags_of(from_json(row.rights)),
        revision_count=row.number,
        sort_time=timestamp_of(row.order_key),
        edited=edited,
        is_gone=row.gone_at is not None,
    )
