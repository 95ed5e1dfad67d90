"""Search results: a page of articles with the matching words marked, and where the next one starts.

Pages stay right while articles come in: a cursor names an article and not a number of rows, so a
later page costs no more than the first. Both orders are the same on both databases.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from sqlalchemy import Connection, func, or_, select

from pipeline.core.errors import ConfigError
from pipeline.fulltext import excerpts, query_language
from pipeline.fulltext.excerpts import Excerpt
from pipeline.fulltext.query_language import Query
from pipeline.store.db.article_view import ArticleView, articles_by_order_key
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import ArticleRow, PageRow, SketchRow
from pipeline.store.search import executor, hints, planner, ranking
from pipeline.store.search.exact_names import ExactName, keys_with_name
from pipeline.store.search.planner import IndexQuery
from pipeline.store.search.url_lookup import is_pasted_url, page_id_of_url

ORDERS = ("newest", "rank")
MAX_HITS = 1000  # of one page


@dataclass(frozen=True, slots=True)
class SearchHit:
    """An article with the matching words: in its whole title, and in the best part of its text."""

    article: ArticleView
    title: Excerpt
    excerpt: Excerpt
    cursor: str  # where the hits after this one start


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A page of hits.

    Attributes:
        query: The parsed query.
        hits: The hits.
        next: The cursor of the next page, or "" at the end.
        description: The query in plain words.
    """

    query: Query
    hits: tuple[SearchHit, ...]
    next: str
    description: str


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position in the results.

    Attributes:
        key: The order key of an article.
        score: Its score, if the order is by rank.
        end: The end of the order keys that were ranked, if the order is by rank.
    """

    key: int
    score: int = 0
    end: int = 0


def search_articles(
    database: Database,
    query: str | Query,
    limit: int = 20,
    *,
    after: str = "",
    order: str = "newest",
    site: str | None = None,
    unique: bool = False,
    exact: ExactName | None = None,
) -> SearchPage:
    """Find one page of the articles that match a query. An empty query matches all.

    A query that is the URL of an article, in any spelling, finds this article alone.

    Args:
        limit: The largest number of hits.
        after: The cursor from which to go on. "" starts with the first hit.
        order: One of `ORDERS`. "rank" puts the best of the newest matches first.
        site: Only articles of this site.
        unique: Return only the newest match of each group of near-duplicates.
        exact: Return only articles that have this whole name in a field.

    Raises:
        ConfigError: `after` is no cursor of this order.
    """
    if isinstance(query, str):
        query = query_language.parse_query(query)
    query = query_language.restrict_to_site(query, site)
    description = query_language.describe(query)
    start = _decode(after, order) if after else None
    with database.read() as db:
        pasted = _article_of_url(db, query) if is_pasted_url(query.text) else None
        if pasted is not None and not after:
            title = Excerpt(pasted.title)
            excerpt = excerpts.make_excerpt(pasted.text, Query())
            return SearchPage(query, (SearchHit(pasted, title, excerpt, ""),), "", description)
        query = replace(query, notes=(*query.notes, *hints.unknown_names(db, query)))
        plan = planner.plan_query(db, query)
        if plan is None:
            return SearchPage(query, (), "", description)
        if order == "rank" and ranking.has_terms(query):
            matches = _iter_ranked(db, query, plan, start)
        else:
            matches = _iter_newest(db, plan, limit, start)
        if exact:
            matches = _iter_exact(db, matches, exact, limit + 1)
        if unique:
            matches = _iter_unique(db, plan, matches)
        cursors = list(islice(matches, limit + 1))
        articles = articles_by_order_key(db, [cursor.key for cursor in cursors[:limit]])
    hits: list[SearchHit] = []
    for cursor, article in zip(cursors, articles, strict=False):
        hits.append(_hit(article, query, _encode(cursor, order)))
    next_cursor = _encode(cursors[limit - 1], order) if len(cursors) > limit else ""
    return SearchPage(query, tuple(hits), next_cursor, description)


def _article_of_url(db: Connection, query: Query) -> ArticleView | None:
    """Return the article of a pasted URL, also where the URL redirects or is a part of a story."""
    page_id = page_id_of_url(db, query.text)
    if page_id is None:
        return None
    target = select(func.coalesce(PageRow.part_of, PageRow.redirect_to, PageRow.id))
    story = db.scalar(target.where(PageRow.id == page_id))
    for article_id in (page_id, story):
        key = db.scalar(select(ArticleRow.order_key).where(ArticleRow.page_id == article_id))
        if key is not None:
            return articles_by_order_key(db, [key])[0]
    return None


def _hit(article: ArticleView, query: Query, cursor: str) -> SearchHit:
    title = excerpts.highlight(article.title, query, "title", article.language)
    excerpt = excerpts.make_excerpt(article.text, query, language=article.language)
    return SearchHit(article, title, excerpt, cursor)


def _iter_newest(
    db: Connection, plan: IndexQuery, size: int, start: Cursor | None
) -> Iterator[Cursor]:
    """Matches, newest first. It reads as many at a time as a page needs."""
    if start:
        plan = plan.within(0, start.key)
    while keys := executor.newest_keys(db, plan, size + 1):
        yield from map(Cursor, keys)
        if len(keys) <= size:
            return
        plan = plan.within(0, keys[-1])


def _iter_ranked(
    db: Connection, query: Query, plan: IndexQuery, start: Cursor | None
) -> Iterator[Cursor]:
    """Matches, best first. Later pages leave out articles newer than the first ranking."""
    if start:
        end = start.end
    else:
        newest = executor.newest_keys(db, plan, 1)
        end = min(plan.end, newest[0] + 1 if newest else 0)
    for score, key in ranking.rank_matches(db, query, plan.within(0, end)):
        if start is None or (score, key) < (start.score, start.key):
            yield Cursor(key, score, end)


def _iter_unique(db: Connection, plan: IndexQuery, matches: Iterator[Cursor]) -> Iterator[Cursor]:
    """Leave out a match if a newer article of its group matches, too."""
    for match in matches:
        if is_newest_of_group(db, plan, match.key):
            yield match


def _iter_exact(
    db: Connection, matches: Iterator[Cursor], exact: ExactName, size: int
) -> Iterator[Cursor]:
    """Leave out a match that only holds the words of the name. It looks at `size` at a time."""
    while batch := {match.key: match for match in islice(matches, size)}:
        yield from map(batch.__getitem__, keys_with_name(db, batch, exact))


def is_newest_of_group(db: Connection, plan: IndexQuery, key: int) -> bool:
    """Return whether no newer article of the same group of near-duplicates matches."""
    newer = [other for other in _keys_of_group(db, key) if other > key]
    return not executor.matching_keys(db, plan, newer)


def _keys_of_group(db: Connection, key: int) -> Sequence[int]:
    """Order keys of an article's group of near-duplicates, its own included."""
    leader = db.scalar(
        select(func.coalesce(SketchRow.leader_id, SketchRow.page_id))
        .join(ArticleRow, ArticleRow.page_id == SketchRow.page_id)
        .where(ArticleRow.order_key == key)
    )
    if leader is None:
        return ()
    members = (
        select(ArticleRow.order_key)
        .join(SketchRow, SketchRow.page_id == ArticleRow.page_id)
        .where(or_(SketchRow.leader_id == leader, SketchRow.page_id == leader))
    )
    return db.scalars(members).all()


def _encode(cursor: Cursor, order: str) -> str:
    numbers = [cursor.key]
    if order == "rank" and cursor.end:
        numbers += [cursor.score, cursor.end]
    plain = ".".join(map(str, (order[0], *numbers)))
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def _decode(encoded: str, order: str) -> Cursor:
    padding = "=" * (-len(encoded) % 4)
    try:
        plain = base64.b64decode(encoded + padding, altchars=b"-_", validate=True)
        kind, *numbers = plain.decode("ascii").split(".")
        cursor = Cursor(*(int(number) for number in numbers if number.isdecimal()))
    except (ValueError, TypeError, binascii.Error):
        kind, cursor = "", Cursor(0)
    if kind != order[0] or max(cursor.key, cursor.end) > planner.MAX_KEY:
        raise ConfigError(
            f"'{encoded[:60]}' is not a cursor of this search: take the one that the page before"
            " shows, with the same --sort"
        )
    return cursor
