"""How many articles match a query: in all, by their properties, and over time.

The cost is bounded. Above a limit only the matches in one slice of the archive are counted, and the
numbers multiplied. A slice is one of 64, chosen by page id, so that both databases use the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import Connection, select

from pipeline.fulltext import query_language
from pipeline.fulltext.query_language import And, Node, Query, Term
from pipeline.fulltext.tokenizer import SLICE, SLICES, agency_names
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import ArticleRow, PageRow
from pipeline.store.db.sql import chunks
from pipeline.store.search import executor, planner
from pipeline.store.search.exact_names import ExactName, keys_with_name
from pipeline.store.search.index import PAGE_BITS, timestamp_of
from pipeline.store.search.time_units import start_of, starts_between

EXACT_LIMIT = 1000  # up to so many matches are counted exactly
SAMPLE_SIZE = 1000  # matches of a slice whose sites, authors and so on are read
VALUES_PER_FACET = 20
MAX_DAYS = 62  # a longer time is counted by month
MAX_MONTHS = 60  # and a time longer than this by year

FacetCount = tuple[str, int]
"""A value, and how many articles have it."""


@dataclass(frozen=True, slots=True)
class FacetCounts:
    """The matches of a query in numbers.

    Attributes:
        total: All matches.
        exact: Whether the numbers are exact. Otherwise each of them is an estimate.
        sites, languages, authors, agencies, tags: The most frequent values.
        unit: "day", "month" or "year".
        over_time: Each day, month or year from the first match to the last, by its first day.
    """

    total: int
    exact: bool
    sites: tuple[FacetCount, ...] = ()
    languages: tuple[FacetCount, ...] = ()
    authors: tuple[FacetCount, ...] = ()
    agencies: tuple[FacetCount, ...] = ()
    tags: tuple[FacetCount, ...] = ()
    unit: str = "day"
    over_time: tuple[tuple[date, int], ...] = ()


def count_matches(
    database: Database,
    query: str | Query,
    *,
    site: str | None = None,
    exact_limit: int = EXACT_LIMIT,
    exact: ExactName | None = None,
) -> FacetCounts:
    """Count the articles that match a query.

    Args:
        site: Only articles of this site.
        exact_limit: With more matches than this, the numbers are estimates.
        exact: Count only articles that have this whole name in a field.
    """
    if isinstance(query, str):
        query = query_language.parse_query(query)
    query = query_language.restrict_to_site(query, site)
    with database.read() as db:
        plan = planner.plan_query(db, query)
        keys = executor.newest_keys(db, plan, exact_limit + 1) if plan else []
        is_complete = len(keys) <= exact_limit
        if exact:
            keys = list(keys_with_name(db, keys, exact))
        if is_complete:
            return _count(db, keys, keys)
        slice_plan = planner.plan_query(db, Query("", And(_in_first_slice(query))))
        assert slice_plan is not None
        slice_keys = executor.all_keys(db, slice_plan)
        if exact:
            slice_keys = list(keys_with_name(db, slice_keys, exact))
        parts = -(-len(slice_keys) // SAMPLE_SIZE) or 1
        sample = [key for key in slice_keys if _slice_part(key, parts) == 0]
        if not sample:  # this hardly ever happens; these are at least as many as there are
            return replace(_count(db, keys, keys), exact=False)
        return _count(db, slice_keys, sample, SLICES, SLICES * parts)


def _in_first_slice(query: Query) -> tuple[Node, ...]:
    in_slice = Term(("0",), SLICE)
    if query.tree is None:
        return (in_slice,)
    if isinstance(query.tree, And):
        return (*query.tree.nodes, in_slice)
    return (query.tree, in_slice)


def _slice_part(key: int, parts: int) -> int:
    page = key & ((1 << PAGE_BITS) - 1)
    return page // SLICES % parts


def _count(
    db: Connection,
    keys: Sequence[int],
    sample: Sequence[int],
    factor: int = 1,
    sample_factor: int = 1,
) -> FacetCounts:
    """Count all keys, and the values of a sample, and multiply each by its factor."""
    article = (ArticleRow.language, ArticleRow.authors, ArticleRow.agency, ArticleRow.tags)
    query = select(PageRow.site, *article).join(PageRow, PageRow.id == ArticleRow.page_id)
    sites: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    authors: Counter[str] = Counter()
    agencies: Counter[str] = Counter()
    tags: Counter[str] = Counter()
    for chunk in chunks(sample):
        for row in db.execute(query.where(ArticleRow.order_key.in_(chunk))):
            sites[row.site] += 1
            if row.language:
                languages[row.language] += 1
            authors.update(row.authors)
            agencies.update(agency_names(row.agency))
            tags.update(row.tags)
    unit, over_time = _count_over_time(keys, factor)
    return FacetCounts(
        total=len(keys) * factor,
        exact=factor == 1,
        sites=_most_frequent(sites, sample_factor),
        languages=_most_frequent(languages, sample_factor),
        authors=_most_frequent(authors, sample_factor),
        agencies=_most_frequent(agencies, sample_factor),
        tags=_most_frequent(tags, sample_factor),
        unit=unit,
        over_time=over_time,
    )


def _most_frequent(counts: Counter[str], factor: int) -> tuple[FacetCount, ...]:
    """The most frequent values. Equally frequent ones come in alphabetical order."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple((value, number * factor) for value, number in ordered[:VALUES_PER_FACET])


def _count_over_time(keys: Sequence[int], factor: int) -> tuple[str, tuple[tuple[date, int], ...]]:
    if not keys:
        return "day", ()
    first = timestamp_of(min(keys)).date()
    last = timestamp_of(max(keys)).date()
    unit = _unit((last - first).days)
    counts = Counter(start_of(timestamp_of(key).date(), unit) for key in keys)
    starts = starts_between(start_of(first, unit), last, unit)
    return unit, tuple((start, counts[start] * factor) for start in starts)


def _unit(days: int) -> str:
    if days < MAX_DAYS:
        return "day"
    if days < MAX_MONTHS * 31:
        return "month"
    return "year"
