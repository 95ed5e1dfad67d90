"""`nightdesk clean`: makes texts again from the stored bytes, with a dry run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final, NoReturn

import typer

from pipeline.cli.alerts import tell_watches
from pipeline.cli.checkpoint_line import finish_log
from pipeline.cli.console import print_json, print_line
from pipeline.cli.context import AllSiteNames, AppContext, AsJson, get_context
from pipeline.cli.dates import DAY_FORMATS, start_of_day
from pipeline.cli.enqueue import Enqueue, print_enqueued
from pipeline.cli.night_runner import clean_with_progress, exit_with_results, print_errors
from pipeline.cli.views import clean_changes, night_summary
from pipeline.config.site import Site
from pipeline.core.errors import ConfigError
from pipeline.jobs.change_report import ChangeReport
from pipeline.jobs.changes import Change
from pipeline.jobs.clean import CleanRequest
from pipeline.jobs.recipe import require_rule
from pipeline.store.clean.types import CleanScope

EXAMPLES: Final = (
    "nightdesk clean",
    "nightdesk clean gazette --dry-run --diff",
    "nightdesk clean --all --rule link-tail --dry-run",
)
DRY_RUN_SAMPLES: Final = 3  # pages of a site
DIFF_SAMPLES: Final = 100  # pages of a site

Since = Annotated[
    datetime | None,
    typer.Option(
        formats=DAY_FORMATS,
        metavar="DATE",
        help="Only pages that were published or first seen on this day (UTC) or later.",
    ),
]
Samples = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="N",
        help="How many pages of a site to show, the most changed first."
        f" Default: {DRY_RUN_SAMPLES} with --dry-run, {DIFF_SAMPLES} with --diff.",
    ),
]

Reports = Mapping[str, ChangeReport]  # by site


def clean(
    context: typer.Context,
    sites: AllSiteNames = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Clean pages that are up to date, too.")
    ] = False,
    since: Since = None,
    rule: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Only pages from whose text this rule removed something."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show each page that changes, line by line.")
    ] = False,
    samples: Samples = None,
    enqueue: Enqueue = False,
    as_json: AsJson = False,
) -> None:
    """Clean the pages that are new, or older than the rules, versions or options of their site."""
    app = get_context(context)
    # Sites of an import are disabled, and are cleaned again like all others.
    selected = app.sites(sites or (), also_disabled=True)
    if rule:
        require_rule(rule)
    scope = CleanScope(everything, start_of_day(since), rule or "")
    if samples is None:
        samples = _default_samples(dry_run=dry_run, diff=diff)
    if enqueue:
        if dry_run or samples:
            raise ConfigError(
                "--enqueue leaves the work to workers, who print no changes;"
                " leave out --dry-run, --diff and --samples"
            )
        _enqueue(app, selected, scope, as_json=as_json)
        return
    if dry_run:
        _preview(app, selected, scope, samples, as_json=as_json)
    _clean(app, selected, scope, samples, as_json=as_json)


def _default_samples(*, dry_run: bool, diff: bool) -> int:
    if diff:
        return DIFF_SAMPLES
    if dry_run:
        return DRY_RUN_SAMPLES
    return 0


def _enqueue(app: AppContext, sites: Sequence[Site], scope: CleanScope, *, as_json: bool) -> None:
    database = app.open_cluster_archive()
    from pipeline.cluster.dispatch import enqueue_cleans

    enqueued = enqueue_cleans(database, sites, CleanRequest(scope))
    rest = "the rest is in the queue already or has nothing to clean"
    print_enqueued(enqueued, "clean", rest, as_json=as_json)


def _clean(
    app: AppContext, sites: Sequence[Site], scope: CleanScope, samples: int, *, as_json: bool
) -> NoReturn:
    reports = {site.id: ChangeReport(site.id, samples) for site in sites}
    request = CleanRequest(scope)
    if samples:
        request = CleanRequest(scope, on_change=lambda site, change: reports[site].add(change))
    database = app.open_archive()
    results = clean_with_progress(app, database, sites, request, quiet=as_json)
    summary = night_summary.read_summary(database, results)
    if as_json:
        rows = night_summary.summary_json(summary)
        if samples:
            _add_changes(rows, reports)
        print_json(rows)
    else:
        night_summary.print_summary(summary, crawled=False)
        if samples:
            clean_changes.print_samples(list(reports.values()))
    tell_watches(app, database)
    finish_log(app, database, quiet=as_json)
    database.close()
    exit_with_results(app, results)


def _add_changes(rows: Sequence[dict[str, object]], reports: Reports) -> None:
    for row in rows:
        row["changes"] = clean_changes.report_json(reports[str(row["site"])])


def _preview(
    app: AppContext, sites: Sequence[Site], scope: CleanScope, samples: int, *, as_json: bool
) -> NoReturn:
    """Show what a clean would change, and end the command."""
    reports = {site.id: ChangeReport(site.id, samples) for site in sites}

    def add_change(site: str, change: Change) -> None:
        reports[site].add(change)

    database = app.open_archive()
    request = CleanRequest(scope, dry_run=True, on_change=add_change)
    results = clean_with_progress(app, database, sites, request, quiet=as_json)
    non_empty = [report for report in reports.values() if report.pages]
    if as_json:
        print_json([clean_changes.report_json(report) for report in reports.values()])
    elif non_empty:
        clean_changes.print_reports(non_empty, dry_run=True)
        clean_changes.print_samples(non_empty)
        print_line()
        print_line("Nothing was changed.")
    else:
        print_line("Dry run: no page would be cleaned.")
        if not scope.everything:
            print_line("--all takes pages that are up to date, too.")
    print_errors(results)
    database.close()
    exit_with_results(app, results)
