"""Runs and their ledgers, down to one URL."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from pipeline.store import read
from pipeline.web.dependencies import CodeFilter, Context, PageKey, QueryText, RecordId
from pipeline.web.errors import NotInArchive

router = APIRouter()
RUNS_PER_PAGE = 50
ENTRIES_PER_PAGE = 100
NO_REASON = "none"  # the value of `reason` for entries that need no reason


def reason_filter(reason: str) -> str | None:
    """Turn the query parameter `reason` into a filter.

    Returns:
        None for all entries, "" for entries that need no reason, else the reason.
    """
    if not reason:
        return None
    if reason == NO_REASON:
        return ""
    return reason


@router.get("/runs")
def runs(
    request: Request, context: Context, site: CodeFilter = "", before: PageKey = None
) -> Response:
    """Show the newest runs, and the progress of the workers of a cluster."""
    rows = read.list_runs(context.database, RUNS_PER_PAGE + 1, site=site, before=before)
    shown_runs = rows[:RUNS_PER_PAGE]
    older_key = shown_runs[-1].id if len(rows) > RUNS_PER_PAGE else None
    queue = read.queue_status(context.database) if before is None else None
    return context.render(
        request,
        "runs.html",
        runs=shown_runs,
        older_key=older_key,
        unbalanced=read.unbalanced_runs(context.database, [run.id for run in shown_runs]),
        site=site,
        sites=read.site_ids(context.database),
        before=before,
        queue=queue,
    )


@router.get("/runs/{run_id}")
def run(
    request: Request,
    context: Context,
    run_id: RecordId,
    outcome: CodeFilter = "",
    reason: CodeFilter = "",
    url: QueryText = "",
    after: PageKey = None,
) -> Response:
    """Show one run with its ledger, filtered by outcome, reason and letters of the URL."""
    found = read.get_run(context.database, run_id)
    if found is None:
        raise NotInArchive(f"There is no run {run_id}.")
    rows = read.list_outcomes(
        context.database,
        run_id,
        ENTRIES_PER_PAGE + 1,
        outcome=outcome,
        reason=reason_filter(reason),
        url=url.strip(),
        after=after or 0,
    )
    entries = rows[:ENTRIES_PER_PAGE]
    next_key = entries[-1].page if len(rows) > ENTRIES_PER_PAGE else None
    counts = read.count_reasons(context.database, run_id)
    return context.render(
        request,
        "run.html",
        run=found,
        entries=entries,
        counts=sorted(counts.items(), key=lambda item: (-item[1], item[0])),
        next_key=next_key,
        outcome=outcome,
        reason=reason,
        url=url.strip(),
        after=after,
        no_reason=NO_REASON,
        is_unbalanced=run_id in read.unbalanced_runs(context.database, [run_id]),
        outcomes=sorted({outcome for outcome, _ in counts}),
        reasons=sorted({reason for _, reason in counts}),
    )
