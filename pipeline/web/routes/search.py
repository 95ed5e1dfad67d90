"""Search: a form, the results with highlighted matches, and facets with numbers.

Each URL can be saved and shared: it has the whole query, and the next page starts after a cursor,
not at a number that changes with new articles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from pipeline.fulltext.excerpts import WORD
from pipeline.fulltext.query_language import query_filters, without_dates
from pipeline.store import read
from pipeline.store.search.time_units import next_start, unit_label
from pipeline.store.search.url_lookup import is_pasted_url
from pipeline.web.charts import WIDE, BarChart, ChartColumn, ChartStyle, bar_chart
from pipeline.web.dependencies import Context, WebContext, query_string

router = APIRouter()
HITS_PER_PAGE = 20
MAX_FACET_VALUES = 8
EXAMPLE_ARTICLES = 20  # newest articles of which the examples are made
MIN_EXAMPLE_LETTERS = 3
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
DayField = Annotated[str, Query(max_length=10, pattern=r"^(\d{4}-\d{2}-\d{2})?$")]


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
    since: DayField = "",
    until: DayField = "",
) -> Response:
    """Show the search form, and the results if there is a query.

    The two days of the form become filters of the query, in place of those that it has.
    """
    if since or until:
        query = _with_days(q, since, until)
        address = query_string(q=query, sort=sort, unique=unique)
        return RedirectResponse(f"/search?{address}", 302)
    if not q.strip():
        return context.render(
            request,
            "search.html",
            q="",
            results=None,
            sort=sort,
            unique=unique,
            examples=_examples(context),
        )
    results = read.search_articles(
        context.database, q, HITS_PER_PAGE, after=after, order=sort, unique=bool(unique)
    )
    page = _find_page_by_url(context, q)
    if page is not None and results.hits:
        return RedirectResponse(f"/articles/{results.hits[0].article.id}", 302)
    summary = None
    if not after:
        summary = _summarize(context, q, read.count_matches(context.database, q))
    unindexed_count = 0
    suggestion = ""
    if not results.hits and not after:
        suggestion = read.suggest_query(context.database, q)
    if not results.hits:
        unindexed_count = read.count_unindexed(context.database)
    return context.render(
        request,
        "search.html",
        q=q,
        results=results,
        pictures=read.lead_pictures(context.database, [hit.article.id for hit in results.hits]),
        sort=sort,
        unique=unique,
        after=after,
        summary=summary,
        unindexed_count=unindexed_count,
        page=page,
        filters=query_filters(q),
        suggestion=suggestion,
    )


def _find_page_by_url(context: WebContext, text: str) -> read.PageView | None:
    """Return the page if the query is the URL of one."""
    if not is_pasted_url(text):
        return None
    return read.find_page(context.database, text.strip())


def _with_days(q: str, since: str, until: str) -> str:
    parts = [without_dates(q)]
    if since:
        parts.append(f"since:{since}")
    if until:
        parts.append(f"until:{until}")
    return " ".join(filter(None, parts))


def _examples(context: WebContext) -> tuple[tuple[str, str], ...]:
    """Return queries with their meaning, made of the newest article that has most to show."""
    page = read.search_articles(context.database, "", EXAMPLE_ARTICLES)
    articles = [hit.article for hit in page.hits]
    if not articles:
        return ()
    article = max(articles, key=lambda each: (bool(each.authors), bool(each.tags), each.id))
    words = [word for word in WORD.findall(article.title) if len(word) > MIN_EXAMPLE_LETTERS]
    first, second = [*words, "ferry", "harbour"][:2]
    day = article.published_at or article.first_seen_at
    examples = [
        (f"{first} {second}", "both words, in any form that the language of the text is known for"),
        (f'"{first} {second}"', "exactly these words, next to each other"),
        (f"{first} OR {second}", "one of the words"),
        (f"{first} -{second}", "the first word without the second"),
        (f"{first[:4]}*", "words that begin with these letters"),
        (f"title:{first}", "the word in the title"),
        (f"site:{article.site}", "stories of this site"),
        (f"since:{day:%Y-%m} until:{day:%Y-%m-%d}", "dated in these days, the last one included"),
        ("changed:yes", "stories with several revisions"),
    ]
    if article.language:
        examples.append((f"lang:{article.language}", "stories in this language"))
    if article.authors:
        examples.append((quoted("author", article.authors[0]), "stories of this author"))
    if article.tags:
        examples.append((quoted("tag", article.tags[0]), "stories with this tag"))
    agencies = [each.agency for each in articles if each.agency]
    if agencies:
        examples.append((quoted("agency", agencies[0]), "stories of this news agency"))
    return tuple(examples)


def _bare(value: str) -> str:
    """Return a value that can stand in quotes."""
    return " ".join(value.replace('"', " ").split())


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
    chart = _chart_of(times)
    return SearchSummary(counts.total, counts.exact, tuple(facets), counts.unit, chart, times)


def time_chart(q: str, counts: read.FacetCounts) -> BarChart:
    """Return the chart of the articles of a query over time."""
    return _chart_of(tuple(_times(q, counts)))


def _chart_of(times: Sequence[FacetValue]) -> BarChart:
    columns = [ChartColumn(time.label, (("fetched", time.articles),)) for time in times]
    return bar_chart(columns, ChartStyle(kinds={"fetched": "articles"}, size=WIDE))


def quoted(field: str, value: str) -> str:
    """Return the filter of a query for a value of a field."""
    return f'{field}:"{_bare(value)}"'


def _narrowing_values(
    context: WebContext, q: str, field: str, values: Sequence[read.FacetCount], total: int
) -> Iterator[FacetValue]:
    """Yield the values that some results do not have; the others would not narrow the search."""
    for value, number in values[:MAX_FACET_VALUES]:
        if not _bare(value) or number >= total:
            continue
        label = context.site_name(value) if field == "site" else value
        yield FacetValue(label, number, f"{q} {quoted(field, value)}")


def _times(q: str, counts: read.FacetCounts) -> Iterator[FacetValue]:
    for start, number in counts.over_time:
        label = unit_label(start, counts.unit)
        end = next_start(start, counts.unit)
        yield FacetValue(label, number, f"{q} after:{start} before:{end}")
