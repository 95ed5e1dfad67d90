"""`nightdesk rollback`: takes back what a clean changed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.cli.checkpoint_line import finish_log
from pipeline.cli.console import print_json, print_line
from pipeline.cli.context import AsJson, get_context
from pipeline.cli.views import clean_changes
from pipeline.cli.views.review_run import load_pages, outcome_counts, run_with_progress
from pipeline.jobs import review as reviews
from pipeline.jobs.change_report import ChangeReport
from pipeline.store import read

if TYPE_CHECKING:
    from pipeline.store.db.engine import Database

EXAMPLES: Final = (
    "nightdesk rollback 12 --dry-run",
    "nightdesk rollback 12",
)
SAMPLES: Final = 3  # pages that a dry run shows


def rollback(
    context: typer.Context,
    run: Annotated[
        int,
        typer.Argument(metavar="RUN", help="The number of a clean, as 'nightdesk runs' shows it."),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would go back, and change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take a clean back: each article is again as it was before, until its recipe changes."""
    database = get_context(context).open_archive()
    site = reviews.site_of_clean_run(database, run)
    if dry_run:
        _preview(database, run, site, as_json=as_json)
        return
    result = run_with_progress(site, partial(reviews.rollback, database, run), quiet=as_json)
    finish_log(get_context(context), database, quiet=True)
    if as_json:
        values = {"site": result.site, "run": result.run_id, "rolled_back": run}
        print_json(values | {"counts": result.counts})
    elif result.run_id:
        print_line(
            f"{site}: run {run} is taken back: {outcome_counts(result)} (run {result.run_id})"
        )
    else:
        _print_nothing_left(site, run)


def _print_nothing_left(site: str, run: int) -> None:
    print_line(f"{site}: nothing of run {run} is left to take back.")


def _preview(database: Database, run: int, site: str, *, as_json: bool) -> None:
    report = ChangeReport(site, SAMPLES)
    for page in load_pages(database, read.revertible_pages(database, run)):
        report.add(reviews.preview_rollback(page, run))
    if as_json:
        print_json(clean_changes.report_json(report))
    elif not report.pages:
        _print_nothing_left(site, run)
    else:
        clean_changes.print_reports([report], dry_run=True)
        clean_changes.print_samples([report])
        print_line()
        print_line("Nothing was changed.")
