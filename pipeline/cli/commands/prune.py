"""`nightdesk prune`: deletes old results and ledgers by the rules of the site files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.cli.checkpoint_line import finish_log
from pipeline.cli.console import (
    Cell,
    exit_on_interrupt,
    print_error,
    print_json,
    print_line,
    print_table,
)
from pipeline.cli.context import AllSiteNames, AppContext, AsJson, get_context
from pipeline.cli.progress import stage_progress
from pipeline.cli.views.disk_usage import print_unused_space
from pipeline.config.site import MIN_LEDGER_DAYS, RetentionOptions, Site
from pipeline.core.errors import AlreadyRunning, ExitCode
from pipeline.core.formatting import format_size
from pipeline.jobs import retention
from pipeline.jobs.evidence.checkpoints import load_signer
from pipeline.store import maintenance

if TYPE_CHECKING:
    from pipeline.store.db.engine import Database
    from pipeline.store.maintenance import Prunable

EXAMPLES: Final = (
    "nightdesk prune --dry-run",
    "nightdesk prune gazette --ledger-days 90",
)


def prune(
    context: typer.Context,
    sites: AllSiteNames = None,
    result_days: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="DAYS",
            help="Delete results that were replaced longer ago. Default: the site's file.",
        ),
    ] = None,
    ledger_days: Annotated[
        int | None,
        typer.Option(
            min=MIN_LEDGER_DAYS,
            metavar="DAYS",
            help="Delete ledgers of runs that ended longer ago. Default: the site's file.",
        ),
    ] = None,
    source_days: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="DAYS",
            help="Delete versions of sources that were replaced longer ago. Default: the site's"
            " file.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be deleted, and change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Delete old results, ledgers and versions of sources, by the site files. Articles stay."""
    app = get_context(context)
    selected = app.sites(sites or (), also_disabled=True)
    database = app.open_archive()
    now = datetime.now(UTC)
    signer = load_signer(app.settings)
    deleted: list[Prunable] = []
    try:
        with (
            exit_on_interrupt("the same command goes on from here"),
            stage_progress(quiet=as_json) as progress,
        ):
            for site in selected:
                options = _options(site, result_days, ledger_days, source_days)
                rule = retention.retention_rule(site.id, options, now)
                if dry_run:
                    deleted.append(retention.estimate(database, rule))
                    continue
                try:
                    tell = partial(progress, site.id)
                    deleted.append(retention.prune_site(database, rule, tell, signer))
                except AlreadyRunning as error:
                    _report_running(app, error)
        _print_result(database, deleted, dry_run=dry_run, as_json=as_json)
        if not dry_run:
            finish_log(app, database, quiet=as_json)
    finally:
        database.close()
    raise typer.Exit(app.exit_code)


def _options(
    site: Site, result_days: int | None, ledger_days: int | None, source_days: int | None
) -> RetentionOptions:
    return RetentionOptions(
        source_days=source_days or site.retention.source_days,
        result_days=result_days or site.retention.result_days,
        ledger_days=ledger_days or site.retention.ledger_days,
    )


def _report_running(app: AppContext, error: AlreadyRunning) -> None:
    print_error(str(error))
    app.exit_code = app.exit_code or ExitCode.RUNNING


def _print_result(
    database: Database, deleted: Sequence[Prunable], *, dry_run: bool, as_json: bool
) -> None:
    if as_json:
        print_json(
            {
                "dry_run": dry_run,
                "sites": deleted,
                "unused_bytes": maintenance.unused_bytes(database),
            }
        )
        return
    _print_table(deleted, dry_run=dry_run)
    print_unused_space(database)


def _print_table(deleted: Sequence[Prunable], *, dry_run: bool) -> None:
    rows: list[list[Cell]] = []
    total = 0
    for site in deleted:
        if site.rows:
            counts: list[Cell] = [
                site.results,
                site.extracted_pages,
                site.runs,
                site.entries,
                site.versions,
            ]
            rows.append([site.site, *counts, format_size(site.bytes)])
            total += site.bytes
    if not rows:
        print_line("Nothing can be deleted by [retention] of the site files.")
        return
    columns = [
        "Site",
        "Old results",
        "extracted pages",
        "ledgers",
        "their URLs",
        "versions",
        "about",
    ]
    print_table(columns, rows)
    print_line()
    if dry_run:
        print_line(f"Dry run: about {format_size(total)} would go, and nothing was changed.")
    else:
        print_line(f"About {format_size(total)} were deleted.")
