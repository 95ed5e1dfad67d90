"""Crawling and cleaning with progress, and what a crawl prints and sends at its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NoReturn

import typer

from pipeline.cli.alerts import send_alerts, tell_watches
from pipeline.cli.checkpoint_line import finish_log
from pipeline.cli.console import console, exit_on_interrupt, print_error, print_line
from pipeline.cli.context import AppContext
from pipeline.cli.views.night_progress import night_progress
from pipeline.cli.views.night_report import issue_sentence, print_next_step
from pipeline.config.site import Site
from pipeline.core.errors import ExitCode
from pipeline.jobs import notify
from pipeline.jobs.clean import DEFAULT_CLEAN, CleanRequest
from pipeline.jobs.crawl import ORDINARY_NIGHT, CrawlRequest
from pipeline.jobs.night_report import evaluate_nights
from pipeline.jobs.nightly import clean_sites, run_nightly
from pipeline.jobs.results import SiteResult, worst_exit_code
from pipeline.store import read
from pipeline.store.db.engine import retry_while_unavailable

if TYPE_CHECKING:
    from pipeline.store.db.engine import Database

INTERRUPTED: Final = "what was done is kept, and the same command goes on from here"


def crawl_with_progress(
    app: AppContext,
    database: Database,
    sites: Sequence[Site],
    *,
    request: CrawlRequest = ORDINARY_NIGHT,
    quiet: bool,
) -> tuple[SiteResult, ...]:
    """Crawl and clean sites.

    Args:
        app: The context of the command.
        database: The archive.
        sites: The sites to crawl.
        request: What to crawl of the sites.
        quiet: Show no progress.

    Raises:
        typer.Exit: The user pressed Ctrl-C.
    """
    with exit_on_interrupt(INTERRUPTED), night_progress(quiet=quiet) as listener:
        return run_nightly(app.settings, database, sites, listener, crawl_request=request)


def clean_with_progress(
    app: AppContext,
    database: Database,
    sites: Sequence[Site],
    request: CleanRequest = DEFAULT_CLEAN,
    *,
    quiet: bool,
) -> tuple[SiteResult, ...]:
    """Clean sites without a crawl.

    Args:
        app: The context of the command.
        database: The archive.
        sites: The sites to clean.
        request: Which pages to clean, and how.
        quiet: Show no progress.

    Raises:
        typer.Exit: The user pressed Ctrl-C.
    """
    with exit_on_interrupt(INTERRUPTED), night_progress(quiet=quiet) as listener:
        return clean_sites(app.settings, database, sites, listener, request=request)


def report_issues(
    app: AppContext, database: Database, sites: Sequence[Site], *, quiet: bool, failed: bool
) -> None:
    """Evaluate the nights of sites, send their issues, the matches of watches and the heartbeat.

    Waits while the database is unavailable.

    Args:
        app: The context of the command.
        database: The archive.
        sites: The sites of the night.
        quiet: Print no issues.
        failed: Whether the night as a whole failed; the heartbeat says so.
    """
    retry_while_unavailable(lambda: evaluate_nights(database, sites))
    if not quiet:
        ids = [site.id for site in sites]
        open_issues = retry_while_unavailable(lambda: read.open_issues(database, ids))
        for issue in sorted(open_issues, key=lambda issue: not issue.is_serious):
            print_line(f"! {issue.site}: {issue_sentence(issue)}")
        print_next_step(open_issues)
        if open_issues and console.is_terminal:
            print_line("'nightdesk report' shows more.")
    line = finish_log(app, database, quiet=quiet)
    send_alerts(app, database, line)
    tell_watches(app, database)
    error = notify.send_heartbeat(app.settings, failed=failed)
    if error:
        print_error(error)


def print_errors(results: Sequence[SiteResult]) -> None:
    """Print what went wrong on each site on standard error."""
    for result in results:
        for sentence in result.errors:
            print_error(sentence)


def exit_with_results(app: AppContext, results: Sequence[SiteResult]) -> NoReturn:
    """End the command with the most serious exit code of its sites."""
    codes: list[ExitCode] = [app.exit_code]
    for result in results:
        codes.append(result.exit_code)
    raise typer.Exit(worst_exit_code(codes))
