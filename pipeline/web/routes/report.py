"""The night report: open issues, recovered sites, and the last night of each site in numbers."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from pipeline.jobs.night_report import build_night_report
from pipeline.store import read
from pipeline.web.dependencies import Context

router = APIRouter()


@router.get("/report")
def report(request: Request, context: Context) -> Response:
    """Show the report as of the end of the last nights.

    It evaluates nothing again, because the web app writes nothing.
    """
    site_ids = []
    for site in read.site_ids(context.database):
        if site not in context.sites or context.sites[site].enabled:
            site_ids.append(site)
    night_report = build_night_report(context.database, site_ids)
    return context.render(request, "report.html", report=night_report)
