"""Articles that were archived since a time and match a query, for watches."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import select

from pipeline.fulltext import query_language
from pipeline.store.db.article_view import ArticleView, articles_by_order_key
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import ArticleRow
from pipeline.store.db.sql import chunks
from pipeline.store.search import executor, planner

MAX_MATCHES: Final = 1000  # of one look


def new_matches(database: Database, query: str, since: datetime) -> tuple[ArticleView, ...]:
    """Return the articles that were archived since a time and match a query, newest first.

    Args:
        database: The archive.
        query: The query.
        since: When the oldest of them was archived.
    """
    candidates = select(ArticleRow.order_key).where(ArticleRow.archived_at >= since)
    candidates = candidates.order_by(ArticleRow.order_key.desc())
    keys: list[int] = []
    with database.read() as db:
        plan = planner.plan_query(db, query_language.parse_query(query))
        if plan is None:
            return ()
        for chunk in chunks(list(db.scalars(candidates))):
            matching = executor.matching_keys(db, plan, chunk)
            keys += [key for key in chunk if key in matching]
            if len(keys) >= MAX_MATCHES:
                break
        return tuple(articles_by_order_key(db, keys[:MAX_MATCHES]))
