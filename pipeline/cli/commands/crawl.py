"""The commands that work by night: crawl, schedule, demo; and what they share with `clean`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from pipeline.cli.commands import worker
from pipeline.cli.commands.report import at_dawn
from pipeline.cli.commands.worker import Enqueue
from pipeline.cli.console import complain, print_json, say
from pipeline.cli.context import AsJson, Door, SiteNames, door
from pipeline.cli.views import changes, night_summary
from pipeline.cli.views.night_progress import watcher
from pipeline.config.site import Site
from pipeline.core.errors import ConfigError, ExitCode
from pipeline.jobs.change_report import Report
from pipeline.jobs.clean import NIGHTLY, Plan
from pipeline.jobs.nightly import SiteNight, run_night, worst
from pipeline.scheduler import service
from pipeline.scheduler.planning import Begun
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
    here = door(context)
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
        worker.hand_crawls(here, chosen, day, as_json=as_json)
        return
    work(here, chosen, as_json=as_json, crawled=True, since=day)


def check_back_fill(sites: Sequence[Site], since: datetime) -> None:
    """Refuses a back-fill that could find nothing. Raises ConfigError."""
    if since > datetime.now(UTC):
        raise ConfigError(f"--since {since:%Y-%m-%d}: that day has not come yet")
    for site in sites:
        if not site.sitemaps and not site.archives:
            raise ConfigError(
                f"--since: {site.id} has no sitemaps and no archives in its file; 'nightdesk check {site.id}' looks for some"
            )


def work(
    here: Door,
    sites: Sequence[Site],
    *,
    as_json: bool,
    crawled: bool,
    plan: Plan = NIGHTLY,
    changed: Mapping[str, Report] | None = None,
    since: datetime | None = None,
) -> None:
    """Crawls or cleans, sums up, and ends the command. `changed` are the reports of who wants to see what is other now."""
    store = here.archive(create=crawled)
    nights = watched(here, store, sites, as_json=as_json, crawled=crawled, plan=plan, since=since)
    summed = night_summary.read(store, nights)
    if as_json:
        told = night_summary.to_json(summed)
        print_json(
            [each | {"changes": changes.report_json(changed[each["site"]])} for each in told]
            if changed
            else told
        )
    else:
        night_summary.show(summed, crawled=crawled)
        changes.show_samples(list((changed or {}).values()))
    if crawled:
        failed = worst([night.code for night in nights]) not in (ExitCode.OK, ExitCode.PARTLY)
        at_dawn(here, store, sites, quiet=as_json, failed=failed)
    store.close()
    end(here, nights)


def watched(
    here: Door,
    store: Database,
    sites: Sequence[Site],
    *,
    as_json: bool,
    crawled: bool,
    plan: Plan,
    since: datetime | None = None,
) -> tuple[SiteNight, ...]:
    """The nights of some Sites, with somebody looking on. Ctrl-C ends the command in order."""
    try:
        with watcher(quiet=as_json) as looking:
            return run_night(
                here.settings, store, sites, looking, crawl=crawled, plan=plan, since=since
            )
    except KeyboardInterrupt:
        complain("interrupted; what was done is kept, and the same command goes on from here")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def end(here: Door, nights: Sequence[SiteNight]) -> None:
    """Ends the command with the exit code that the nights deserve."""
    raise typer.Exit(worst([here.code, *(night.code for night in nights)]))


def schedule(context: typer.Context, enqueue: Enqueue = False) -> None:
    """Stay, and crawl each site by the cron line of its file. Ends in order on Ctrl-C or SIGTERM."""
    here = door(context)
    _ = here.settings.agent
    here.sites()
    store = here.archive(create=True)
    begin = worker.handing(store) if enqueue else None

    def crawls(site: str | None) -> dict[str, list[Begun]]:
        found = crawls_begun(store, datetime.now(UTC), site)
        return {name: [Begun(*each) for each in crawls] for name, crawls in found.items()}

    service.serve(here.settings, crawls, say, begin)
    store.close()


def demo(context: typer.Context) -> None:
    """Two nights of a small newsroom on this machine, without any network: crawled, cleaned, explained."""
    from pipeline.cli.commands.demo import tour  # a newsroom is no part of any other command

    raise typer.Exit(tour(door(context).home))
