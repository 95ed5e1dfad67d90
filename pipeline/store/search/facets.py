"""How many articles a query is about: in all, by site, language, author and tag, and over time.

Promises a bounded cost. Up to EXACT matches all are counted. Of more, those of one slice of the archive are (one of 64, by
the pages' numbers, so that both databases take the same) and multiplied: then `exact` is False and every number is an estimate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import Connection, select

from pipeline.fulltext import query_language
from pipeline.fulltext.query_language import And, Query, Term
from pipeline.fulltext.tokenizer import SLICE, SLICES
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import ArticleRow, PageRow
from pipeline.store.db.sql import chunks
from pipeline.store.search import executor, planner
from pipeline.store.search.index import PAGE_BITS, timestamp_of

EXACT_LIMIT = 1000
SAMPLE_SIZE = 1000  # matches of a slice whose sites, authors and so on are read
VALUES_PER_FACET = 20  # values of each facet
MAX_DAYS = 62  # that are counted one by one
MAX_MONTHS = 60

FacetCount = tuple[str, int]


@dataclass(frozen=True, slots=True)
class FacetCounts:
    """Of the matches of a query. `over_time` has every day, month or year (`unit`) from the first match to the last, by its
    first day; the others have their most frequent values."""

    total: int
    exact: bool
    sites: tuple[FacetCount, ...] = ()
    languages: tuple[FacetCount, ...] = ()
    authors: tuple[FacetCount, ...] = ()
    tags: tuple[FacetCount, ...] = ()
    unit: str = "day"
    over_time: tuple[tuple[date, int], ...] = ()


def count_matches(store: Database, query: str | Query, *, site: str | None = None) -> FacetCounts:
    """Counts of what a query is about."""
    asked = query_language.restrict_to_site(
        query if isinstance(query, Query) else query_language.parse_query(query), site
    )
    with store.read() as db:
        plan = planner.plan_query(db, asked)
        found = executor.newest_keys(db, plan, EXACT_LIMIT + 1) if plan else []
        if len(found) <= EXACT_LIMIT:
            return _counts(db, found, found, 1, 1)
        sliced = planner.plan_query(db, Query("", And(_sliced(asked))))
        assert sliced is not None
        sample = executor.all_keys(db, sliced)
        part = -(-len(sample) // SAMPLE_SIZE) or 1
        few = [key for key in sample if (key & ((1 << PAGE_BITS) - 1)) // SLICES % part == 0]
        if not few:  # by a chance that hardly happens; there are these at the least
            return replace(_counts(db, found, found, 1, 1), exact=False)
        return _counts(db, sample, few, SLICES, SLICES * part)


def _sliced(query: Query) -> tuple[query_language.Node, ...]:
    nodes = query.tree.nodes if isinstance(query.tree, And) else (query.tree,) if query.tree else ()
    return (*nodes, Term(("0",), SLICE))


def _counts(
    db: Connection, keys: Sequence[int], few: Sequence[int], times: int, few_times: int
) -> FacetCounts:
    columns = (PageRow.site, ArticleRow.language, ArticleRow.authors, ArticleRow.tags)
    query = select(*columns).join(PageRow, PageRow.id == ArticleRow.page_id)
    rows = [
        row
        for chunk in chunks(few)
        for row in db.execute(query.where(ArticleRow.order_key.in_(chunk)))
    ]
    unit, over_time = _over_time(keys, times)
    return FacetCounts(
        len(keys) * times,
        times == 1,
        _most((row.site for row in rows), few_times),
        _most((row.language for row in rows if row.language), few_times),
        _most((author for row in rows for author in row.authors), few_times),
        _most((tag for row in rows for tag in row.tags), few_times),
        unit,
        over_time,
    )


def _most(values: Iterator[str], times: int) -> tuple[FacetCount, ...]:
    """The most frequent values; of equally frequent ones the first by their letters."""
    found = sorted(Counter(values).items(), key=lambda each: (-each[1], each[0]))
    return tuple((value, number * times) for value, number in found[:VALUES_PER_FACET])


def _over_time(keys: Sequence[int], times: int) -> tuple[str, tuple[tuple[date, int], ...]]:
    if not keys:
        return "day", ()
    first, last = timestamp_of(min(keys)).date(), timestamp_of(max(keys)).date()
    days = (last - first).days
    unit = "day" if days < MAX_DAYS else "month" if days < MAX_MONTHS * 31 else "year"
    found = Counter(_start(timestamp_of(key).date(), unit) for key in keys)
    return unit, tuple(
        (each, found[each] * times) for each in _every(_start(first, unit), last, unit)
    )


def _start(day: date, unit: str) -> date:
    return (
        day
        if unit == "day"
        else day.replace(day=1)
        if unit == "month"
        else day.replace(month=1, day=1)
    )


def _every(day: date, last: date, unit: str) -> Iterator[date]:
    while day <= last:
        yield day
        if unit == "day":
            day = date.fromordinal(day.toordinal() + 1)
        elif unit == "month":
            day = date(day.year + day.month // 12, day.month % 12 + 1, 1)
        else:
            day = date(day.year + 1, 1, 1)
