"""Search: a form, what was found with what was asked for marked in it, and what it is about in numbers.

Promises that every address can be kept and shared: what is asked for stands in it, and going on names a place and not a number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from pipeline.store.read import pages
from pipeline.store.search import facets, index
from pipeline.store.search import search as results
from pipeline.store.search.facets import Count, Counts
from pipeline.web.charts import Column, Plot, plotted
from pipeline.web.dependencies import AtDesk, Desk

router = APIRouter()
HITS = 20
SHOWN = 8  # values of each facet
Asked = Annotated[str, Query(max_length=2000)]
Cursor = Annotated[str, Query(max_length=200, pattern=r"^[A-Za-z0-9_=-]*$")]


@dataclass(frozen=True, slots=True)
class Facet:
    """One property of what was found: its values, each with the query that asks for it alone."""

    title: str
    values: tuple[tuple[str, int, str], ...]  # (as shown, articles, query)


@dataclass(frozen=True, slots=True)
class About:
    """What a search is about, in numbers."""

    total: int
    exact: bool
    facets: tuple[Facet, ...]
    unit: str
    plot: Plot
    times: tuple[tuple[str, int, str], ...]  # (day, month or year, articles, query)


@router.get("/search")
def searching(
    request: Request,
    desk: AtDesk,
    q: Asked = "",
    sort: Literal["newest", "rank"] = "newest",
    after: Cursor = "",
    once: Literal["", "1"] = "",
) -> Response:
    """What was found; nothing is looked for before something was asked for."""
    if not q.strip():
        return desk.page(request, "search.html", q="", found=None, sort=sort, once=once)
    found = results.search(desk.store, q, HITS, after=after, order=sort, once=bool(once))
    about = None if after else _about(desk, q, facets.count(desk.store, q))
    waiting = index.waiting(desk.store) if not found.hits else 0
    return desk.page(
        request, "search.html", q=q, found=found, sort=sort, once=once, after=after, about=about, waiting=waiting,
        page=_page_at(desk, q.strip()),
    )  # fmt: skip


def _page_at(desk: Desk, asked: str) -> pages.PageView | None:
    """The Page, where it is an address that was asked for."""
    is_address = asked.lower().startswith(("http://", "https://")) and not any(
        letter.isspace() for letter in asked
    )
    try:
        return pages.find_page(desk.store, asked) if is_address else None
    except ValueError:  # it only looks like one
        return None


def _about(desk: Desk, q: str, counts: Counts) -> About:
    fields = (
        ("Site", "site", counts.sites), ("Language", "lang", counts.languages), ("Author", "author", counts.authors),
        ("Tag", "tag", counts.tags),
    )  # fmt: skip
    found = (
        Facet(title, tuple(_narrowing(desk, q, field, values, counts.total)))
        for title, field, values in fields
    )
    times = tuple(_times(q, counts))
    columns = [Column(shown, (("came", number),)) for shown, number, _ in times]
    return About(
        counts.total,
        counts.exact,
        tuple(each for each in found if each.values),
        counts.unit,
        plotted(columns),
        times,
    )


def _narrowing(
    desk: Desk, q: str, field: str, values: Sequence[Count], total: int
) -> Iterator[tuple[str, int, str]]:
    """Values that not all of what was found has: asking for the others would change nothing."""
    for value, number in values[:SHOWN]:
        bare = " ".join(value.replace('"', " ").split())
        if bare and number < total:
            yield (desk.name(value) if field == "site" else value), number, f'{q} {field}:"{bare}"'


def _times(q: str, counts: Counts) -> Iterator[tuple[str, int, str]]:
    for start, number in counts.over_time:
        shown = start.isoformat()[: {"day": 10, "month": 7, "year": 4}[counts.unit]]
        yield shown, number, f"{q} after:{start} before:{_next(start, counts.unit)}"


def _next(start: date, unit: str) -> date:
    if unit == "day":
        return start + timedelta(days=1)
    return (
        date(start.year + 1, 1, 1)
        if unit == "year"
        else date(start.year + start.month // 12, start.month % 12 + 1, 1)
    )
