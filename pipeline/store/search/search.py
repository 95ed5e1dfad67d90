"""What a search brings: a page of Articles with what was found in them, and the place to go on from.

Promises pages that stay right while articles come in: a cursor names an article, not a number of rows, so going on costs as
much as beginning. By rank, the best of the newest matches come (see `ranking`); both orders are the same on both databases.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Connection, func, or_, select

from pipeline.core.errors import ConfigError
from pipeline.fulltext import excerpts, query_language
from pipeline.fulltext.excerpts import Excerpt
from pipeline.fulltext.query_language import Query
from pipeline.store.db.article_view import ArticleView, articles_by_order_key
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import ArticleRow, SketchRow
from pipeline.store.search import executor, planner, ranking
from pipeline.store.search.planner import IndexQuery

ORDERS = ("newest", "rank")
MAX_HITS = 1000  # hits of one page


@dataclass(frozen=True, slots=True)
class SearchHit:
    """An Article with what was asked for: in its whole title, and in the best stretch of its text."""

    article: ArticleView
    title: Excerpt
    excerpt: Excerpt
    cursor: str  # the cursor of what comes behind it


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A page of hits. `next` is the cursor of the page after it, "" at the end."""

    query: Query
    hits: tuple[SearchHit, ...]
    next: str
    description: str  # the query in a person's words


@dataclass(frozen=True, slots=True)
class Cursor:
    """An order key, and where the order is by rank, its score and the end of what was ranked."""

    key: int
    score: int = 0
    end: int = 0


def search_articles(
    store: Database, query: str | Query, limit: int = 20, *, after: str = "", order: str = "newest", site: str | None = None,
    unique: bool = False,
) -> SearchPage:  # fmt: skip
    """One page of at most `limit` Articles that a query is about, from behind the cursor `after`; an empty query is about all.
    With `once` the newest match of each group of near-copies. Raises ConfigError for a cursor that is none of this order."""
    asked = query_language.restrict_to_site(
        query if isinstance(query, Query) else query_language.parse_query(query), site
    )
    place = _place(after, order) if after else None
    with store.read() as db:
        plan = planner.plan_query(db, asked)
        if plan is None:
            return SearchPage(asked, (), "", query_language.describe(asked))
        ranked = order == "rank" and ranking.has_terms(asked)
        walk = _ranked(db, asked, plan, place) if ranked else _newest(db, plan, limit, place)
        places = list(islice(_once(db, plan, walk) if unique else walk, limit + 1))
        found = articles_by_order_key(db, [each.key for each in places[:limit]])
    hits = tuple(
        _hit(each, asked, _cursor(place, order)) for place, each in zip(places, found, strict=False)
    )
    following = _cursor(places[limit - 1], order) if len(places) > limit else ""
    return SearchPage(asked, hits, following, query_language.describe(asked))


def _hit(article: ArticleView, query: Query, place: str) -> SearchHit:
    title = excerpts.highlight(article.title, query, "title", article.language)
    excerpt = excerpts.make_excerpt(article.text, query, language=article.language)
    return SearchHit(article, title, excerpt, place)


def _newest(db: Connection, plan: IndexQuery, size: int, place: Cursor | None) -> Iterator[Cursor]:
    """Matches, newest first, asked for as many at a time as a page needs."""
    plan = plan.within(0, place.key) if place else plan
    while found := executor.newest_keys(db, plan, size + 1):
        yield from map(Cursor, found)
        if len(found) <= size:
            return
        plan = plan.within(0, found[-1])


def _ranked(db: Connection, query: Query, plan: IndexQuery, place: Cursor | None) -> Iterator[Cursor]:
    """The best first; what was newer than all that was ranked for the first page is not among them on the next."""
    end = place.end if place else min(plan.end, next(iter(executor.newest_keys(db, plan, 1)), -1) + 1)
    scored = ranking.rank_matches(db, query, plan.within(0, end))
    yield from (
        Cursor(key, score, end)
        for score, key in scored
        if place is None or (-score, -key) > (-place.score, -place.key)
    )


def _once(db: Connection, plan: IndexQuery, walk: Iterator[Cursor]) -> Iterator[Cursor]:
    """Without those that a newer match of the same group stands for."""
    for place in walk:
        newer = [key for key in _group(db, place.key) if key > place.key]
        if not executor.matching_keys(db, plan, newer):
            yield place


def _group(db: Connection, key: int) -> Sequence[int]:
    """Order keys of the near-copies of an Article, itself included."""
    own = select(func.coalesce(SketchRow.leader_id, SketchRow.page_id)).join(
        ArticleRow, ArticleRow.page_id == SketchRow.page_id
    )
    head = db.scalar(own.where(ArticleRow.order_key == key))
    if head is None:
        return ()
    group = select(ArticleRow.order_key).join(SketchRow, SketchRow.page_id == ArticleRow.page_id)
    return db.scalars(
        group.where(or_(SketchRow.leader_id == head, SketchRow.page_id == head))
    ).all()


def _cursor(place: Cursor, order: str) -> str:
    numbers = (place.key, place.score, place.end) if order == "rank" and place.end else (place.key,)
    return (
        base64.urlsafe_b64encode(".".join(map(str, (order[0], *numbers))).encode())
        .decode()
        .rstrip("=")
    )


def _place(cursor: str, order: str) -> Cursor:
    try:
        kind, *numbers = (
            base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            .decode("ascii")
            .split(".")
        )
        place = Cursor(*(int(number) for number in numbers if number.isdecimal()))
    except (ValueError, TypeError, binascii.Error):
        kind, place = "", Cursor(0)
    if kind != order[0] or max(place.key, place.end) > planner.MAX_KEY:
        raise ConfigError(
            f"'{cursor[:60]}' is no place to go on from: take the one that the page before shows, with the same --sort"
        )
    return place
