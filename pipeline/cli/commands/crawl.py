"""The commands that work by night: crawl, schedule, demo; and what they share with `clean`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from pipeline.cli.commands import worker
from pipeline.cli.commands.report import report_issues
from pipeline.cli.commands.worker import Enqueue
from pipeline.cli.console import print_error, print_json, print_line
from pipeline.cli.context import AsJson, AppContext, SiteNames, get_context
from pipeline.cli.views import changes, night_summary
from pipeline.cli.views.night_progress import night_progress
from pipeline.config.site import Site
from pipeline.core.errors import ConfigError, ExitCode
from pipeline.jobs.change_report import ChangeReport
from pipeline.jobs.clean import DEFAULT_CLEAN, CleanRequest
from pipeline.jobs.nightly import SiteResult, run_nightly, worst_exit_code
from pipeline.scheduler import service
from pipeline.scheduler.planning import PastRun
from pipeline.store.db.engine import Database
from pipeline.store.read.begun_runs import crawls_begun

Since = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"],
        metavar="DATE",
        help="Go back in the sites' sitemaps and archives to that day (UTC), instead.",
    ),
]


def crawl(
    context: typer.Context,
    sites: SiteNames = None,
    since: Since = None,
    enqueue: Enqueue = False,
    as_json: AsJson = False,
) -> None:
    """Crawl the sites, clean what is new, and sum up. This is the nightly command."""
    here = get_context(context)
    if since is not None and not sites:
        raise ConfigError(
            "--since needs the name of a site, as in 'nightdesk crawl gazette --since 2026-01-01'"
        )
    chosen = here.sites(sites or ())
    _ = here.settings.agent  # refused before anything is begun
    day = since.replace(tzinfo=UTC) if since else None
    if day is not None:
        check_back_fill(chosen, day)
    if enqueue:
        worker.enqueue_crawls(here, chosen, day, as_json=as_json)
        return
    run_and_print(here, chosen, as_json=as_json, crawled=True, since=day)


def check_back_fill(sites: Sequence[Site], since: datetime) -> None:
    """Refuses a back-fill that could find nothing. Raises ConfigError."""
    if since > datetime.now(UTC):
        raise ConfigError(f"--since {since:%Y-%m-%d}: that day has not come yet")
    for site in sites:
        if not site.sitemaps and not site.archives:
            raise ConfigError(
                f"--since: {site.id} has no sitemaps and no archives in its file; 'nightdesk check {site.id}' looks for some"
            )


def run_and_print(
    here: AppContext,
    sites: Sequence[Site],
    *,
    as_json: bool,
    crawled: bool,
    plan: CleanRequest = DEFAULT_CLEAN,
    changed: Mapping[str, ChangeReport] | None = None,
    since: datetime | None = None,
) -> None:
    """Crawls or cleans, sums up, and ends the command. `changed` are the reports of who wants to see what is other now."""
    store = here.open_archive(create=crawled)
    nights = run_with_progress(here, store, sites, as_json=as_json, crawled=crawled, plan=plan, since=since)
    summed = night_summary.read_summary(store, nights)
    if as_json:
        told = night_summary.summary_json(summed)
        print_json(
            [each | {"changes": changes.report_json(changed[each["site"]])} for each in told]
            if changed
            else told
        )
    else:
        night_summary.print_summary(summed, crawled=crawled)
        changes.print_samples(list((changed or {}).values()))
    if crawled:
        failed = worst_exit_code([night.exit_code for night in nights]) not in (ExitCode.OK, ExitCode.PARTLY)
        report_issues(here, store, sites, quiet=as_json, failed=failed)
    store.close()
    exit_with_code(here, nights)


def run_with_progress(
    here: AppContext,
    store: Database,
    sites: Sequence[Site],
    *,
    as_json: bool,
    crawled: bool,
    plan: CleanRequest,
    since: datetime | None = None,
) -> tuple[SiteResult, ...]:
    """The nights of some Sites, with somebody looking on. Ctrl-C ends the command in order."""
    try:
        with night_progress(quiet=as_json) as looking:
            return run_nightly(
                here.settings, store, sites, looking, crawl=crawled, plan=plan, since=since
            )
    except KeyboardInterrupt:
        print_error("interrupted; what was done is kept, and the same command goes on from here")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def exit_with_code(here: AppContext, nights: Sequence[SiteResult]) -> None:
    """Ends the command with the exit code that the nights deserve."""
    raise typer.Exit(worst_exit_code([here.exit_code, *(night.exit_code for night in nights)]))


def schedule(context: typer.Context, enqueue: Enqueue = False) -> None:
    """Stay, and crawl each site by the cron line of its file. Ends in order on Ctrl-C or SIGTERM."""
    here = get_context(context)
    _ = here.settings.agent
    here.sites()
    store = here.open_archive(create=True)
    begin = worker.open_dispatcher(store) if enqueue else None

    def crawls(site: str | None) -> dict[str, list[PastRun]]:
        found = crawls_begun(store, datetime.now(UTC), site)
        return {name: [PastRun(*each) for each in crawls] for name, crawls in found.items()}

    service.run_scheduler(here.settings, crawls, print_line, begin)
    store.close()


def demo(context: typer.Context) -> None:
    """Two nights of a small newsroom on this machine, without any network: crawled, cleaned, explained."""
    from pipeline.cli.commands.demo import run_demo  # a newsroom is no part of any other command

    raise typer.Exit(run_demo(get_context(context).home))
