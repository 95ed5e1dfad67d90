"""Attention over time: exact counts of several queries side by side, as a page, files and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated, Literal, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from pipeline.formats.count_table import count_csv
from pipeline.store import read
from pipeline.store.search.time_units import TIME_UNITS
from pipeline.web.api_schemas import field_values
from pipeline.web.count_schemas import CountRowOut, CountsOut, TopWordsOut
from pipeline.web.dependencies import Context, WebContext, etag_response
from pipeline.web.errors import JSON, InvalidRequest, NotInArchive
from pipeline.web.line_chart import AxisChart, ChartData, line_chart, name_chart
from pipeline.web.routes.search import SearchText

router = APIRouter()
api_router = APIRouter()
MAX_COMPARED = 6
MAX_ROWS = 750  # of a chart over time; more are counted by a larger unit
MAX_NAMES = 25  # of a chart by site, group or country
WORDS_PER_QUERY = 12
PNG_ZOOM = 2  # pixels for each unit of the chart
HAS_PNG = find_spec("resvg_py") is not None
SVG = "image/svg+xml; charset=utf-8"
CSV = "text/csv; charset=utf-8"
OneQuery = Annotated[str, Query(max_length=2000)]
Queries = Annotated[
    list[Annotated[str, Query(max_length=2000)]],
    Query(
        default_factory=list,
        max_length=MAX_COMPARED,
        description="A query; repeat it for more, at most six",
    ),
]
Unit = Literal["day", "week", "month", "year", "site", "group", "country"]
UnitOrNone = Annotated[
    Literal["", "day", "week", "month", "year", "site", "group", "country"],
    Query(description="What a row stands for; without it there are only totals"),
]
Within = Annotated[
    str, Query(max_length=2000, description="Count only articles that this query finds, too")
]
Flag = Literal["", "1"]


@dataclass(frozen=True, slots=True)
class CompareForm:
    """What the reader asks for."""

    queries: tuple[str, ...]
    by: str
    within: str
    share: bool
    unique: bool
    words: bool

    @property
    def address(self) -> str:
        """The query string of the page's address."""
        parameters = [("q", query) for query in self.queries]
        parameters += [("by", self.by), ("within", self.within)]
        for name in ("share", "unique", "words"):
            if getattr(self, name):
                parameters.append((name, "1"))
        return urlencode([(name, value) for name, value in parameters if value])


@dataclass(frozen=True, slots=True)
class Comparison:
    """The counts, the unit that they are shown by, and their chart."""

    table: read.CountTable
    chart: AxisChart | None
    title: str
    notice: str


def compare_form(
    q: Queries,
    by: Unit = "month",
    within: OneQuery = "",
    share: Flag = "",
    unique: Flag = "",
    words: Flag = "",
) -> CompareForm:
    """Read the form from the parameters of the address."""
    queries = tuple(query.strip() for query in q if query.strip())
    return CompareForm(queries, by, within.strip(), bool(share), bool(unique), bool(words))


Form = Annotated[CompareForm, Depends(compare_form)]


@router.get("/compare")
def compare(request: Request, context: Context, form: Form) -> Response:
    """Show the form, and the chart and the table if there is a query."""
    comparison = compare_queries(context, form) if form.queries else None
    words: list[tuple[str, Sequence[read.TopWord]]] = []
    if form.words:
        words = [(query, _top_words(context, form, query)) for query in form.queries]
    return context.render(
        request,
        "compare.html",
        form=form,
        inputs=[*form.queries, ""][:MAX_COMPARED],
        units=get_args(Unit),
        comparison=comparison,
        words=words,
        has_png=HAS_PNG,
    )


@router.get("/compare.svg")
def compare_svg(request: Request, context: Context, form: Form) -> Response:
    """Return the chart as a file."""
    return _file(request, _chart_svg(context, form).encode(), SVG, "compare.svg")


@router.get("/compare.png")
def compare_png(request: Request, context: Context, form: Form) -> Response:
    """Return the chart as a picture, if the extra 'charts' is installed."""
    if not HAS_PNG:
        raise NotInArchive("Pictures need the extra 'charts': pip install 'nightdesk[charts]'.")
    import resvg_py

    png = resvg_py.svg_to_bytes(svg_string=_chart_svg(context, form), zoom=PNG_ZOOM)
    return _file(request, bytes(png), "image/png", "compare.png")


@router.get("/compare.csv")
def compare_csv(request: Request, context: Context, form: Form) -> Response:
    """Return the table as a file."""
    comparison = _comparison_or_error(context, form)
    csv = count_csv(comparison.table, share=form.share)
    return _file(request, csv.encode("utf8", "replace"), CSV, "compare.csv")


def _chart_svg(context: WebContext, form: CompareForm) -> str:
    comparison = _comparison_or_error(context, form)
    if comparison.chart is None:
        raise NotInArchive("No article matches, so there is no chart.")
    template = context.templates.get_template("compare.svg")
    svg = template.render(chart=comparison.chart, title=comparison.title)
    return svg.encode("utf8", "replace").decode()


def _comparison_or_error(context: WebContext, form: CompareForm) -> Comparison:
    if not form.queries:
        raise InvalidRequest("There is no query: add q=WORDS to the address.")
    return compare_queries(context, form)


def _file(request: Request, body: bytes, media_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="nightdesk-{name}"'}
    return etag_response(request, body, media_type, headers=headers)


def compare_queries(context: WebContext, form: CompareForm) -> Comparison:
    """Count the queries of a form, and draw them.

    A time with more rows than a chart can show is counted by the next larger unit.
    """
    table = _count(context, form, form.by)
    notice = ""
    while table.by in TIME_UNITS and len(table.rows) > MAX_ROWS and table.by != TIME_UNITS[-1]:
        larger = TIME_UNITS[TIME_UNITS.index(table.by) + 1]
        notice = f"{len(table.rows):,} rows by {table.by} are too many for a page, so it is by"
        notice = f"{notice} {larger}."
        table = _count(context, form, larger)
    title = f"{_noun(form)} by {table.by}: {', '.join(form.queries)}"
    return Comparison(table, _chart(context, form, table), title, notice)


def _count(context: WebContext, form: CompareForm, by: str) -> read.CountTable:
    return read.count_queries(
        context.database, form.queries, by=by, within=form.within, unique=form.unique
    )


def _noun(form: CompareForm) -> str:
    if form.share:
        return "Share of all stories" if form.unique else "Share of all articles"
    return "Stories" if form.unique else "Articles"


def _chart(context: WebContext, form: CompareForm, table: read.CountTable) -> AxisChart | None:
    if not table.rows:
        return None
    is_time = table.by in TIME_UNITS
    rows = table.rows if is_time else table.rows[:MAX_NAMES]
    labels = [row.label for row in rows]
    if table.by == "site":
        labels = [context.site_name(label) for label in labels]
    series: list[tuple[str, list[float]]] = []
    for number, query in enumerate(form.queries):
        values: list[float] = []
        for row in rows:
            value = float(row.counts[number])
            if form.share:
                value = value / row.stories if row.stories else 0.0
            values.append(value)
        series.append((query, values))
    data = ChartData(
        labels=labels,
        series=series,
        value_title=f"{_noun(form)} per {table.by}",
        label_title=f"{table.by.capitalize()}, UTC" if is_time else table.by.capitalize(),
        show_value=_show_share if form.share else _show_count,
        is_whole=not form.share,
    )
    return line_chart(data) if is_time else name_chart(data)


def _show_share(value: float) -> str:
    return f"{100 * value:.3g} %"


def _show_count(value: float) -> str:
    return f"{value:,.0f}"


def _top_words(context: WebContext, form: CompareForm, query: str) -> Sequence[read.TopWord]:
    limited = f"({query}) {form.within}" if form.within else query
    return read.top_words(context.database, limited, WORDS_PER_QUERY)


@api_router.get("/count", response_model=CountsOut)
def count(
    request: Request,
    context: Context,
    q: Queries,
    by: UnitOrNone = "",
    within: Within = "",
    unique: bool = False,
) -> Response:
    """Count the articles of several queries side by side; the numbers are exact."""
    if not q:
        raise InvalidRequest("There is no query: add q=WORDS to the address.")
    table = read.count_queries(context.database, q, by=by, within=within, unique=unique)
    rows: list[CountRowOut] = []
    for row in table.rows:
        shares = tuple(number / row.stories if row.stories else 0.0 for number in row.counts)
        rows.append(
            CountRowOut(label=row.label, counts=row.counts, shares=shares, stories=row.stories)
        )
    counts = CountsOut.model_validate(field_values(table, rows=tuple(rows)))
    return etag_response(request, counts.model_dump_json().encode(), JSON)


@api_router.get("/words", response_model=TopWordsOut)
def words(request: Request, context: Context, q: SearchText) -> Response:
    """List the words that set the articles of a query apart from all others."""
    values = {"query": q, "words": read.top_words(context.database, q)}
    found = TopWordsOut.model_validate(values)
    return etag_response(request, found.model_dump_json().encode(), JSON)
