"""Search: a form, and what was found."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from pipeline.store import query
from pipeline.web.desk import AtDesk

router = APIRouter()
HITS = 20


@router.get("/search")
def search(request: Request, desk: AtDesk, q: Annotated[str, Query(max_length=2000)] = "") -> Response:
    """The newest articles that have what was asked for."""
    found = query.find_articles(desk.store, q, HITS) if q.strip() else ()
    return desk.page(request, "search.html", q=q, hits=found)
