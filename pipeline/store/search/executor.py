"""Order keys of the articles that match an index query, newest first, the same on both databases.

A page of results costs little, however common the words are. SQLite walks its lists from the newest
match on. PostgreSQL knows no order in its index, so it searches ever longer windows of time until
there are enough matches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Connection, bindparam, text

from pipeline.fulltext import matcher
from pipeline.fulltext.matcher import SearchableTokens
from pipeline.fulltext.query_language import And
from pipeline.fulltext.tokenizer import day_token, month_token, year_token
from pipeline.store.db.sql import chunks
from pipeline.store.search.dialects import PG_TSQUERY
from pipeline.store.search.index import timestamp_of
from pipeline.store.search.planner import MAX_KEY, IndexQuery

MAX_DAYS = 40  # a longer window is named by its months, and one of more months by its years
MAX_MONTHS = 40
SQLITE_MATCHES = (
    "FROM article_index"
    " WHERE article_index MATCH :match AND rowid >= :start AND rowid < :end ORDER BY rowid"
)


def newest_keys(db: Connection, query: IndexQuery, limit: int) -> list[int]:
    """Return the newest order keys that match, at most `limit`, newest first.

    Args:
        db: A connection that reads.
        query: The query as the dialect of the database writes it.
        limit: The most keys.

    Returns:
        Order keys of articles.
    """
    if not query.match:
        return _newest_of_all(db, query, limit)
    if not query.postfilter:
        return _scan_index(db, query, limit)
    keys, remaining = _filter_candidates(db, query, limit)
    if remaining is not None and len(keys) < limit:
        keys += _scan_index(db, remaining, limit - len(keys))
    return keys


def all_keys(db: Connection, query: IndexQuery) -> list[int]:
    """Return all order keys that match, newest first. Use it only where they cannot be too many."""
    if query.match and db.dialect.name != "sqlite":
        return _scan_postgres_window(db, query, MAX_KEY)
    return newest_keys(db, query, MAX_KEY)


def matching_keys(db: Connection, query: IndexQuery, candidates: Sequence[int]) -> set[int]:
    """Return those of a few order keys that match.

    Args:
        db: A connection that reads.
        query: The query as the dialect of the database writes it.
        candidates: Order keys of articles.

    Returns:
        The order keys that match.
    """
    keys = [key for key in candidates if query.start <= key < query.end]
    if not query.match or not keys:
        return set(keys)
    if db.dialect.name != "sqlite":
        return _match_postgres(db, query, keys)
    if query.postfilter:
        return _match_by_tokens(db, query, keys)
    return _match_sqlite(db, query, keys)


def _newest_of_all(db: Connection, query: IndexQuery, limit: int) -> list[int]:
    statement = text(
        "SELECT order_key FROM article WHERE order_key >= :start AND order_key < :end"
        " ORDER BY order_key DESC LIMIT :limit"
    )
    return list(db.scalars(statement, _parameters(query, limit)))


def _scan_index(db: Connection, query: IndexQuery, limit: int) -> list[int]:
    if db.dialect.name == "sqlite":
        return _scan_sqlite(db, query, limit)
    if query.postfilter:
        return _scan_postgres_window(db, query, limit)
    return _scan_postgres(db, query, limit)


def _scan_sqlite(db: Connection, query: IndexQuery, limit: int) -> list[int]:
    """Walk SQLite's lists.

    SQLite walks its lists forwards twice as fast as backwards. So it first looks forwards whether
    several words hardly ever occur together: then it has to walk the lists to their end anyway.
    """
    forward_limit = query.limits.forward_scan
    if " " in query.match and limit <= forward_limit:
        forwards = text(f"SELECT rowid {SQLITE_MATCHES} LIMIT :limit")
        oldest = list(db.scalars(forwards, _parameters(query, forward_limit + 1)))
        if len(oldest) <= forward_limit:
            return oldest[::-1][:limit]
    backwards = text(f"SELECT rowid {SQLITE_MATCHES} DESC LIMIT :limit")
    return list(db.scalars(backwards, _parameters(query, limit)))


def _scan_postgres(db: Connection, query: IndexQuery, limit: int) -> list[int]:
    keys: list[int] = []
    for window in _time_windows(db, query, keys):
        keys += _scan_postgres_window(db, window, limit - len(keys))
        if len(keys) >= limit:
            break
    return keys


def _scan_postgres_window(db: Connection, query: IndexQuery, limit: int) -> list[int]:
    """Ask the index of tokens alone. The sum keeps PostgreSQL from walking the keys instead."""
    statement = text(
        "WITH found AS MATERIALIZED (SELECT rowid FROM article_index"
        " WHERE words @@ CAST(:match AS tsquery) AND rowid + 0 >= :start AND rowid + 0 < :end)"
        " SELECT rowid FROM found ORDER BY rowid DESC LIMIT :limit"
    )
    return list(db.scalars(statement, _parameters(query, limit)))


def _time_windows(db: Connection, query: IndexQuery, found: Sequence[int]) -> Iterator[IndexQuery]:
    """The query for the newest articles, then for more before them, and so on.

    The last window has everything that is left. It comes as soon as the matches so far show that
    this is little.

    Args:
        found: The matches so far. The caller adds to it between two windows.
    """
    newest = _key_below(db, query, 0)
    if newest is None:
        return
    limits = query.limits
    query = query.within(0, newest + 1)
    size = limits.first_window
    searched = 0
    second = limits.first_window * limits.window_growth
    while len(found) * limits.rare_share >= searched or size == second:
        border = _key_below(db, query, size)
        if border is None:
            break
        window = query.within(border, MAX_KEY)
        yield replace(window, match=f"{query.match} & {_date_tokens(window)}")
        query = query.within(0, border)
        searched += size
        size *= limits.window_growth
    yield query


def _key_below(db: Connection, query: IndexQuery, count: int) -> int | None:
    """The order key that has exactly `count` others between it and the end of the query."""
    statement = text(
        "SELECT rowid FROM article_index WHERE rowid >= :start AND rowid < :end"
        " ORDER BY rowid DESC OFFSET :limit LIMIT 1"
    )
    key: int | None = db.scalar(statement, _parameters(query, count))
    return key


def _date_tokens(query: IndexQuery) -> str:
    """The tokens of all days, months or years that the query reaches into."""
    first = timestamp_of(query.start).date()
    last = timestamp_of(query.end - 1).date()
    days = (last - first).days + 1
    if days <= MAX_DAYS:
        date_token, step = day_token, 1
    elif days <= MAX_MONTHS * 28:
        date_token, step = month_token, 28
    else:
        date_token, step = year_token, 365
    tokens = {date_token(first + timedelta(days=offset)) for offset in range(0, days, step)}
    tokens.add(date_token(last))
    return PG_TSQUERY.any_of(sorted(tokens))


def _filter_candidates(
    db: Connection, query: IndexQuery, limit: int
) -> tuple[list[int], IndexQuery | None]:
    """Test the newest candidates of the superset one by one.

    Returns:
        The newest keys that match, and what is left to search, or None if nothing is left. Where
        many candidates had too few matches, a beginning of words is rare, so that the index has
        little to gather.
    """
    fast = query.of_superset()
    checked = replace(query, superset="")
    keys: list[int] = []
    tested = 0
    size = _first_test_size(limit) if query.is_superset_tight else query.limits.first_candidates
    while tested < query.max_candidates and len(keys) < limit:
        size = min(size, query.max_candidates - tested)
        candidates = newest_keys(db, fast, size)
        keys += _take_matching(db, checked, candidates, limit - len(keys))
        if len(candidates) < size:
            return keys, None
        fast = fast.within(0, candidates[-1])
        tested += size
        size *= 4
    return keys, query.within(0, fast.end)


def _take_matching(
    db: Connection, query: IndexQuery, candidates: Sequence[int], limit: int
) -> list[int]:
    """The first candidates that match. It tests no more of them than it has to."""
    keys: list[int] = []
    start, size = 0, _first_test_size(limit)
    while start < len(candidates) and len(keys) < limit:
        batch = candidates[start : start + size]
        matching = matching_keys(db, query, batch)
        keys += [key for key in batch if key in matching]
        start += size
        size = min(size * 2, 1000)
    return keys[:limit]


def _first_test_size(limit: int) -> int:
    return max(4 * limit, 40)


def _match_sqlite(db: Connection, query: IndexQuery, keys: Sequence[int]) -> set[int]:
    statement = text(
        "SELECT rowid FROM article_index WHERE article_index MATCH :match AND rowid = :key"
    )
    matching: set[int] = set()
    for key in keys:
        if db.scalar(statement, {"match": query.match, "key": key}) is not None:
            matching.add(key)
    return matching


def _match_postgres(db: Connection, query: IndexQuery, keys: Sequence[int]) -> set[int]:
    statement = text(
        "WITH few AS MATERIALIZED"
        " (SELECT rowid, words FROM article_index WHERE rowid = ANY(:keys))"
        " SELECT rowid FROM few WHERE words @@ CAST(:match AS tsquery)"
    )
    return set(db.scalars(statement, {"match": query.match, "keys": keys}))


def _match_by_tokens(db: Connection, query: IndexQuery, keys: Sequence[int]) -> set[int]:
    """Test the stored tokens in Python, after the fast part of the query."""
    if query.superset:
        keys = sorted(matching_keys(db, query.of_superset(), keys))
    statement = text(
        "SELECT rowid, title, body, names, marks FROM article_index WHERE rowid IN :keys"
    ).bindparams(bindparam("keys", expanding=True))
    condition = And(query.postfilter)
    matching: set[int] = set()
    for chunk in chunks(keys):
        for key, *columns in db.execute(statement, {"keys": chunk}):
            title, body, names, marks = map(str.split, columns)
            tokens = frozenset((*title, *body, *names, *marks))
            if matcher.matches(condition, SearchableTokens((title, body, names), tokens)):
                matching.add(key)
    return matching


def _parameters(query: IndexQuery, limit: int) -> dict[str, object]:
    return {"match": query.match, "start": query.start, "end": query.end, "limit": limit}
