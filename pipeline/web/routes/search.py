"""Search: a form, the results with highlighted matches, and facets with numbers.

Each URL can be saved and shared: it has the whole query, and the next page starts after a cursor,
not at a number that changes with new articles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from pipeline.store import read
from pipeline.store.search.time_units import next_start, unit_label
from pipeline.web.charts import BarChart, ChartColumn, bar_chart
from pipeline.web.dependencies import Context, WebContext

router = APIRouter()
HITS_PER_PAGE = 20
MAX_FACET_VALUES = 8
SearchText = Annotated[
    str, Query(max_length=2000, description="A query in the query language of Nightdesk")
]
SearchCursor = Annotated[
    str,
    Query(
        max_length=200,
        pattern=r"^[A-Za-z0-9_=-]*$",
        description="The `next` of the page before",
    ),
]


@dataclass(frozen=True, slots=True)
class FacetValue:
    """One value of a facet: how it is shown, its articles, and the query that selects it."""

    label: str
    articles: int
    query: str


@dataclass(frozen=True, slots=True)
class FacetView:
    """One property of the results and its most frequent values."""

    title: str
    values: tuple[FacetValue, ...]


@dataclass(frozen=True, slots=True)
class SearchSummary:
    """The results of a search in numbers; `times` are the days, months or years."""

    total: int
    exact: bool
    facets: tuple[FacetView, ...]
    unit: str
    chart: BarChart
    times: tuple[FacetValue, ...]


@router.get("/search")
def search_page(
    request: Request,
    context: Context,
    q: SearchText = "",
    sort: Literal["newest", "rank"] = "newest",
    after: SearchCursor = "",
    unique: Literal["", "1"] = "",
) -> Response:
    """Show the search form, and the results if there is a query."""
    if not q.strip():
        return context.render(request, "search.html", q="", results=None, sort=sort, unique=unique)
    results = read.search_articles(
        context.database, q, HITS_PER_PAGE, after=after, order=sort, unique=bool(unique)
    )
    summary = None
    if not after:
        summary = _summarize(context, q, read.count_matches(context.database, q))
    unindexed_count = 0
    if not results.hits:
        unindexed_count = read.count_unindexed(context.database)
    return context.render(
        request,
        "search.html",
        q=q,
        results=results,
        sort=sort,
        unique=unique,
        after=after,
        summary=summary,
        unindexed_count=unindexed_count,
        page=_find_page_by_url(context, q.strip()),
    )


def _find_page_by_url(context: WebContext, text: str) -> read.PageView | None:
    """Return the page if the query is the URL of one."""
    if not text.lower().startswith(("http://", "https://")) or len(text.split()) != 1:
        return None
    try:
        return read.find_page(context.database, text)
    except ValueError:  # not a valid URL
        return None


def _summarize(context: WebContext, q: str, counts: read.FacetCounts) -> SearchSummary:
    properties = (
        ("Site", "site", counts.sites),
        ("Language", "lang", counts.languages),
        ("Author", "author", counts.authors),
        ("Agency", "agency", counts.agencies),
        ("Tag", "tag", counts.tags),
    )
    facets = []
    for title, field, values in properties:
        narrowing = tuple(_narrowing_values(context, q, field, values, counts.total))
        if narrowing:
            facets.append(FacetView(title, narrowing))
    times = tuple(_times(q, counts))
    columns = [ChartColumn(time.label, (("fetched", time.articles),)) for time in times]
    return SearchSummary(
        counts.total, counts.exact, tuple(facets), counts.unit, bar_chart(columns), times
    )


def _narrowing_values(
    context: WebContext, q: str, field: str, values: Sequence[read.FacetCount], total: int
) -> Iterator[FacetValue]:
    """Yield the values that some results do not have; the others would not narrow the search."""
    for value, number in values[:MAX_FACET_VALUES]:
        bare_value = " ".join(value.replace('"', " ").split())
        if not bare_value or number >= total:
            continue
        label = context.site_name(value) if field == "site" else value
        yield FacetValue(label, number, f'{q} {field}:"{bare_value}"')


def _times(q: str, counts: read.FacetCounts) -> Iterator[FacetValue]:
    for start, number in counts.over_time:
        label = unit_label(start, counts.unit)
        end = next_start(start, counts.unit)
        yield FacetValue(label, number, f"{q} after:{start} before:{end}")
