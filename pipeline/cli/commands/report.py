"""The morning report as a command, and what a night tells at its end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from pipeline.cli.console import print_error, console, plural, print_json, print_line
from pipeline.cli.context import AppContext, SiteNames, get_context
from pipeline.cli.views import night_report
from pipeline.config.site import Site
from pipeline.core.errors import ConfigError, ExitCode
from pipeline.jobs import finish_night
from pipeline.jobs.night_report import NightReport, evaluate_nights, build_night_report
from pipeline.monitoring.issues import Trouble
from pipeline.store.db.engine import Database, patiently
from pipeline.store.monitoring import issues


class ReportFormat(StrEnum):
    """What a report is written as."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"
    METRICS = "metrics"


def report(
    context: typer.Context,
    sites: SiteNames = None,
    form: Annotated[
        ReportFormat,
        typer.Option("--format", help="Text, JSON, HTML for a mail, or metrics for Prometheus."),
    ] = ReportFormat.TEXT,
    alert: Annotated[
        bool,
        typer.Option(
            "--alert", help="Also tell those named under 'alerts' what they were not told yet."
        ),
    ] = False,
    accept: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="Say that this is how the site is now: the finding ends. 'all' for all of the site.",
        ),
    ] = None,
) -> None:
    """The morning report: what the last night of each site came to, what is wrong with it, and since when."""
    here = get_context(context)
    store = here.open_archive()
    chosen = here.sites(sites or ())
    if accept is not None:
        _accept(store, sites or (), accept)
        return
    evaluate_nights(store, chosen)
    told = build_night_report(store, [site.id for site in chosen])
    _print(told, form)
    if alert and not send_alerts(here, store):
        here.exit_code = here.exit_code or ExitCode.PARTLY
    store.close()
    raise typer.Exit(here.exit_code)


def _print(told: NightReport, form: ReportFormat) -> None:
    match form:
        case ReportFormat.JSON:
            print_json(night_report.to_json(told))
        case ReportFormat.HTML:
            sys.stdout.write(night_report.to_html(told))
        case ReportFormat.METRICS:
            sys.stdout.write(night_report.to_metrics(told))
        case ReportFormat.TEXT:
            night_report.print_report(told)


def _accept(store: Database, names: Sequence[str], kind: str) -> None:
    """Raises ConfigError."""
    if len(names) != 1:
        raise ConfigError(
            "--accept needs the name of one site, as in 'nightdesk report gazette --accept new_layout'"
        )
    if kind != "all" and kind not in set(Trouble):
        raise ConfigError(
            f"--accept {kind}: there is no such finding; 'nightdesk report {names[0]}' names those that are open"
        )
    number = issues.accept(store, names[0], None if kind == "all" else kind, datetime.now(UTC))
    print_line(
        f"{names[0]}: {plural(number, 'finding')} accepted."
        if number
        else f"{names[0]}: no such finding is open."
    )


def report_issues(
    here: AppContext, store: Database, sites: Sequence[Site], *, quiet: bool, failed: bool
) -> None:
    """What a night tells at its end: what is wrong with its sites, here and to those who want to be told. Waits, as the night
    did, where the database is away."""
    patiently(lambda: evaluate_nights(store, sites))
    if not quiet:
        standing = patiently(lambda: issues.open_ones(store, [site.id for site in sites]))
        for found in sorted(standing, key=lambda each: not each.is_grave):
            print_line(f"! {found.site}: {night_report.issue_sentence(found)}")
        if standing and console.is_terminal:
            print_line("'nightdesk report' tells more.")
    send_alerts(here, store)
    if trouble := finish_night.beat(here.settings, failed=failed):
        print_error(trouble)


def send_alerts(here: AppContext, store: Database) -> bool:
    """Tells what nobody was told yet. Trouble with that is complained of, and ends nothing."""
    if trouble := finish_night.send(here.settings, store):
        print_error(trouble)
    return not trouble
