"""The archive for programs: JSON under `/api`, described by `/api/openapi.json`.

Promises the same answers as the pages, values as the store gives them (times are UTC), a tag on each answer, and bounded lists
that name the place to go on from. It is read-only, and no other site's page may read it: there are no CORS headers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from pydantic import TypeAdapter
from starlette.responses import Response

from pipeline.store import history, ledgers, query, results, trails
from pipeline.store.history import RunView, SiteState
from pipeline.store.ledgers import Line
from pipeline.store.query import RevisionView
from pipeline.store.results import Hit
from pipeline.store.trails import Making, Visit
from pipeline.store.views import ArticleView
from pipeline.web.articles import page_of
from pipeline.web.desk import AtDesk, Code, Missing, Number, Place, Text, tagged
from pipeline.web.searching import Asked, Cursor


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no answer, in one sentence."""

    error: str


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a search. `next` is the `after` of the one behind it, "" at the end."""

    understood: str
    notes: tuple[str, ...]
    hits: tuple[Hit, ...]
    next: str


WRONG: Final[dict[int | str, dict[str, Any]]] = {  # also in place of 422, which FastAPI would declare and which is never told
    "4XX": {
        "model": Trouble,
        "description": "A value that cannot be one here (400), or nothing of that kind in the archive (404)",
    },
}
Limit = Annotated[int, Query(ge=1, le=1000)]
router = APIRouter(prefix="/api", responses=WRONG, tags=["archive"])


def told(request: Request, kind: Any, value: Any) -> Response:
    """A value as JSON with its tag."""
    return tagged(request, TypeAdapter(kind).dump_json(value), "application/json")


@router.get("/search", response_model=Found)
def search(
    request: Request,
    desk: AtDesk,
    q: Asked = "",
    sort: Literal["newest", "rank"] = "newest",
    after: Cursor = "",
    once: bool = False,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Response:
    """Articles that a query is about; an empty query is about all."""
    found = results.search(desk.store, q, limit, after=after, order=sort, once=once)
    return told(request, Found, Found(found.understood, found.query.notes, found.hits, found.next))


@router.get("/articles/{number}", response_model=ArticleView)
def article(request: Request, desk: AtDesk, number: Number) -> Response:
    """One article as it stands."""
    page_of(desk, number)
    found = query.article(desk.store, number)
    if found is None:
        raise Missing(f"Page {number} is no article.")
    return told(request, ArticleView, found)


@router.get("/articles/{number}/revisions", response_model=tuple[RevisionView, ...])
def revisions(request: Request, desk: AtDesk, number: Number) -> Response:
    """The revisions of an article, oldest first."""
    page_of(desk, number)
    return told(request, tuple[RevisionView, ...], query.revisions(desk.store, number))


@router.get("/articles/{number}/making", response_model=Making)
def making(request: Request, desk: AtDesk, number: Number) -> Response:
    """What an article is made of: the digest of its bytes, its Recipe, and all metadata with their sources."""
    page_of(desk, number)
    found = trails.making(desk.store, number)
    if found is None:
        raise Missing(f"Page {number} is no article.")
    return told(request, Making, found)


@router.get("/pages/{number}/captures", response_model=tuple[Visit, ...])
def captures(request: Request, desk: AtDesk, number: Number, limit: Limit = 100) -> Response:
    """The newest visits to a page; the bytes of each lie at `/pages/{number}/bytes/{digest}`."""
    page_of(desk, number)
    return told(request, tuple[Visit, ...], trails.visits(desk.store, number, limit))


@router.get("/sites", response_model=tuple[SiteState, ...])
def sites(request: Request, desk: AtDesk) -> Response:
    """All sites at a glance."""
    return told(request, tuple[SiteState, ...], history.states(desk.store, datetime.now(UTC)))


@router.get("/runs", response_model=tuple[RunView, ...])
def runs(request: Request, desk: AtDesk, site: Code = "", before: Place = None, limit: Limit = 100) -> Response:
    """The newest runs; go on with `before`, the last one's number."""
    return told(request, tuple[RunView, ...], ledgers.runs(desk.store, limit, site=site, before=before))


@router.get("/runs/{number}", response_model=RunView)
def run(request: Request, desk: AtDesk, number: Number) -> Response:
    """One run."""
    found = history.run(desk.store, number)
    if found is None:
        raise Missing(f"There is no run {number}.")
    return told(request, RunView, found)


@router.get("/runs/{number}/ledger", response_model=tuple[Line, ...])
def ledger(
    request: Request,
    desk: AtDesk,
    number: Number,
    outcome: Code = "",
    url: Text = "",
    after: Place = None,
    limit: Limit = 100,
) -> Response:
    """Lines of a run's ledger by the number of their page; go on with `after`, the last one's page."""
    if history.run(desk.store, number) is None:
        raise Missing(f"There is no run {number}.")
    found = ledgers.lines(desk.store, number, limit, outcome=outcome, url=url.strip(), after=after or 0)
    return told(request, tuple[Line, ...], found)
