"""`nightdesk runs`: the newest runs, or the ledger of one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.cli.console import Cell, format_time, print_json, print_line, print_table
from pipeline.cli.context import AsJson, get_context
from pipeline.core.errors import ConfigError
from pipeline.core.formatting import plain_words
from pipeline.core.models import Outcome
from pipeline.store import read

if TYPE_CHECKING:
    from pipeline.store.db.engine import Database
    from pipeline.store.read import RunView

EXAMPLES: Final = (
    "nightdesk runs",
    "nightdesk runs 12 --outcome failed",
)
DEFAULT_RUNS: Final = 20
DEFAULT_LINES: Final = 1000


def runs(
    context: typer.Context,
    run: Annotated[
        int | None,
        typer.Argument(metavar="RUN", help="The number of a run: shows its ledger, URL by URL."),
    ] = None,
    outcome: Annotated[
        Outcome | None,
        typer.Option(
            metavar="OUTCOME", show_choices=False, help="Only this outcome of a run's ledger."
        ),
    ] = None,
    site: Annotated[
        str | None, typer.Option(metavar="SITE", help="Only runs of this site.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="How many lines to show."
            f" Default: {DEFAULT_RUNS} runs, or {DEFAULT_LINES} lines of a ledger.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the newest runs, or the ledger of one of them, URL by URL."""
    app = get_context(context)
    database = app.open_archive()
    if run is not None:
        _print_ledger(database, run, outcome, limit or DEFAULT_LINES, as_json=as_json)
        return
    if outcome:
        raise ConfigError(
            "--outcome needs the number of a run before it,"
            " as in 'nightdesk runs 12 --outcome failed'"
        )
    if site is not None:
        app.check_site_name(database, site)
    _print_runs(database, site, limit or DEFAULT_RUNS, as_json=as_json)


def _print_ledger(
    database: Database, run_id: int, outcome: Outcome | None, limit: int, *, as_json: bool
) -> None:
    run = read.get_run(database, run_id)
    if run is None:
        raise ConfigError(f"run {run_id}: there is no such run; 'nightdesk runs' lists them")
    entries = read.run_log(database, run_id, outcome, limit)
    if as_json:
        print_json(entries)
        return
    rows: list[list[Cell]] = []
    for entry in entries:
        status = str(entry.status or "")
        rows.append([entry.outcome, entry.reason, status, entry.bytes, entry.url, entry.detail])
    print_table(["Outcome", "Reason", "Status", "Bytes", "URL", ""], rows)
    pruned_at = read.ledger_pruned_at(database, run_id)
    if pruned_at:
        print_line(
            f"The ledger of run {run_id} was pruned on {pruned_at:%Y-%m-%d}; its sums are kept,"
            " and 'nightdesk runs' shows them."
        )
        return
    total = sum(run.counts.values())
    if outcome:
        total = run.counts.get(outcome, 0)
    if total > len(entries):
        print_line(f"{len(entries):,} of {total:,} lines; --limit shows more.")


def _print_runs(database: Database, site: str | None, limit: int, *, as_json: bool) -> None:
    newest = read.list_runs(database, limit, site)
    if as_json:
        print_json(newest)
        return
    columns = ["Run", "Site", "Kind", "Started (UTC)", "Seconds", "Status", "Outcomes"]
    print_table(columns, [_run_row(run) for run in newest])


def _run_row(run: RunView) -> list[Cell]:
    seconds = ""
    if run.finished_at:
        seconds = f"{(run.finished_at - run.started_at).total_seconds():.1f}"
    counts = []
    for name, number in sorted(run.counts.items()):
        counts.append(f"{number} {plain_words(name)}")
    started = format_time(run.started_at)
    return [run.id, run.site, run.kind, started, seconds, run.status, ", ".join(counts)]
