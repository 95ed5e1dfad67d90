"""`nightdesk report`: the last night of each site and its open issues."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.cli.alerts import send_alerts
from pipeline.cli.console import print_error, print_json, print_line
from pipeline.cli.context import SiteNames, get_context
from pipeline.cli.views import night_report
from pipeline.core.errors import ConfigError, DiskError, ExitCode, ReadOnlyArchive
from pipeline.core.formatting import pluralize
from pipeline.jobs.night_report import NightReport, build_night_report, evaluate_nights
from pipeline.monitoring.issues import IssueKind
from pipeline.store import maintenance

if TYPE_CHECKING:
    from pipeline.store.db.engine import Database

EXAMPLES: Final = (
    "nightdesk report",
    "nightdesk report --format html > report.html",
    "nightdesk report gazette --accept new_layout",
)
ALL_KINDS: Final = "all"


class ReportFormat(StrEnum):
    """The form in which a report is printed."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"
    METRICS = "metrics"


def report(
    context: typer.Context,
    sites: SiteNames = None,
    report_format: Annotated[
        ReportFormat,
        typer.Option("--format", help="Text, JSON, HTML for a mail, or metrics for Prometheus."),
    ] = ReportFormat.TEXT,
    alert: Annotated[
        bool,
        typer.Option(
            "--alert", help="Also send new issues to the addresses under 'alerts' in the settings."
        ),
    ] = False,
    accept: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="Accept that this is how the site is now, and close its issue of this kind;"
            " 'all' closes all issues of the site.",
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="End with exit code 7 if only minor issues are open."),
    ] = False,
) -> None:
    """Show the last night of each site, its open issues, and since when they are open.

    The exit code tells the severity: 1 if a serious issue is open, that is, stories or parts of
    them are being lost; 0 if all sites are well or have minor issues only. With --strict it is 7
    for minor issues.
    """
    app = get_context(context)
    database = app.open_archive()
    selected = app.sites(sites or ())
    if accept is not None:
        _accept(database, sites or (), accept)
        return
    try:
        evaluate_nights(database, selected)
    except (ReadOnlyArchive, DiskError) as error:
        print_error(f"{error}; the report shows the issues as they were last saved")
    night = build_night_report(database, [site.id for site in selected])
    _print_report(night, report_format)
    app.exit_code = app.exit_code or severity_code(night, strict=strict)
    if alert and not send_alerts(app, database) and app.exit_code in (ExitCode.OK, ExitCode.MINOR):
        app.exit_code = ExitCode.PARTLY
    database.close()
    raise typer.Exit(app.exit_code)


def severity_code(night: NightReport, *, strict: bool) -> ExitCode:
    """Return the exit code that tells how serious the open issues are."""
    if any(issue.is_serious for issue in night.issues):
        return ExitCode.PARTLY
    return ExitCode.MINOR if strict and night.issues else ExitCode.OK


def _print_report(night: NightReport, report_format: ReportFormat) -> None:
    match report_format:
        case ReportFormat.JSON:
            print_json(night_report.to_json(night))
        case ReportFormat.HTML:
            sys.stdout.write(night_report.to_html(night))
        case ReportFormat.METRICS:
            from pipeline.cli.views.night_metrics import to_metrics

            sys.stdout.write(to_metrics(night))
        case ReportFormat.TEXT:
            night_report.print_report(night)


def _accept(database: Database, names: Sequence[str], kind: str) -> None:
    if len(names) != 1:
        raise ConfigError(
            "--accept needs the id of one site,"
            " as in 'nightdesk report gazette --accept new_layout'"
        )
    site = names[0]
    if kind != ALL_KINDS and kind not in set(IssueKind):
        raise ConfigError(
            f"--accept {kind}: there is no such kind of issue;"
            f" 'nightdesk report {site}' shows those that are open"
        )
    now = datetime.now(UTC)
    if kind == ALL_KINDS:
        number = maintenance.accept_issues(database, site, None, now)
    else:
        number = maintenance.accept_issues(database, site, kind, now)
    if number:
        print_line(f"{site}: {pluralize(number, 'issue')} accepted.")
    else:
        print_line(f"{site}: no such issue is open.")
