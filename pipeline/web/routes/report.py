"""The morning page: what is wrong and since when, what is well again, and the last night of each site in numbers."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from pipeline.jobs.night_report import morning
from pipeline.store.read import runs
from pipeline.web.dependencies import AtDesk

router = APIRouter()


@router.get("/morning")
def page(request: Request, desk: AtDesk) -> Response:
    """As it was judged at the end of the last nights; nothing is judged anew, since nothing is written here."""
    known = [
        site
        for site in runs.sites(desk.store)
        if site not in desk.sites or desk.sites[site].enabled
    ]
    told = morning(desk.store, known)
    return desk.page(request, "morning.html", told=told)
