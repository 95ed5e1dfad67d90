"""Runs and their ledgers, down to one URL."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from pipeline.cluster import monitor as queues
from pipeline.store.read import ledgers
from pipeline.store.read import runs as history
from pipeline.web.dependencies import AtDesk, Code, Missing, Number, Place, Text

router = APIRouter()
RUNS = 50
LINES = 100
NONE = "none"  # how the empty reason is asked for


@router.get("/runs")
def runs(request: Request, desk: AtDesk, site: Code = "", before: Place = None) -> Response:
    """The newest runs, and how far the workers of a cluster are."""
    found = ledgers.runs(desk.store, RUNS + 1, site=site, before=before)
    older = found[RUNS - 1].id if len(found) > RUNS else None
    wrong = history.unbalanced(desk.store, [each.id for each in found[:RUNS]])
    return desk.page(
        request,
        "runs.html",
        runs=found[:RUNS],
        older=older,
        wrong=wrong,
        site=site,
        sites=history.sites(desk.store),
        before=before,
        queue=queues.queue(desk.store) if before is None else None,
    )


@router.get("/runs/{number}")
def run(
    request: Request,
    desk: AtDesk,
    number: Number,
    outcome: Code = "",
    reason: Code = "",
    url: Text = "",
    after: Place = None,
) -> Response:
    """One run and its ledger, as far as it is asked for."""
    found = history.run(desk.store, number)
    if found is None:
        raise Missing(f"There is no run {number}.")
    wanted = None if not reason else "" if reason == NONE else reason
    lines = ledgers.lines(
        desk.store,
        number,
        LINES + 1,
        outcome=outcome,
        reason=wanted,
        url=url.strip(),
        after=after or 0,
    )
    following = lines[LINES - 1].page if len(lines) > LINES else None
    counts = history.reasons(desk.store, number)
    return desk.page(
        request, "run.html", run=found, lines=lines[:LINES],
        counts=sorted(counts.items(), key=lambda each: (-each[1], each[0])), following=following, outcome=outcome,
        reason=reason, url=url.strip(), after=after, none=NONE,
        wrong=number in history.unbalanced(desk.store, [number]),
        outcomes=sorted({each for each, _ in counts}), reasons=sorted({each for _, each in counts}),
    )  # fmt: skip
