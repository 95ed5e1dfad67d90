"""The commands that work: crawl, clean, schedule, demo."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from pipeline import schedule as scheduling
from pipeline.cli import summary
from pipeline.cli.output import complain, print_json, say
from pipeline.cli.setup import AsJson, Door, SiteNames, door
from pipeline.cli.watch import watcher
from pipeline.errors import ExitCode
from pipeline.runs.night import SiteNight, run_night, worst
from pipeline.sites import Site
from pipeline.store.engine import Store


def crawl(context: typer.Context, sites: SiteNames = None, as_json: AsJson = False) -> None:
    """Crawl the sites, clean what is new, and sum up. This is the nightly command."""
    here = door(context)
    chosen = here.sites(sites or ())
    _ = here.settings.agent  # refused before anything is begun
    _work(here, chosen, as_json=as_json, crawled=True)


def clean(context: typer.Context, sites: SiteNames = None, as_json: AsJson = False) -> None:
    """Clean whatever is stale: new pages, and all pages after a change of rules, versions or site options."""
    here = door(context)
    _work(here, here.sites(sites or ()), as_json=as_json, crawled=False)


def _work(here: Door, sites: Sequence[Site], *, as_json: bool, crawled: bool) -> None:
    store = here.archive(create=crawled)
    try:
        nights = _watched(here, store, sites, as_json=as_json, crawled=crawled)
    except KeyboardInterrupt:
        complain("interrupted; what was done is kept, and the same command goes on from here")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if as_json:
        print_json(summary.to_json(store, nights))
    else:
        summary.show(store, nights, crawled=crawled)
    store.close()
    raise typer.Exit(worst([here.code, *(night.code for night in nights)]))


def _watched(here: Door, store: Store, sites: Sequence[Site], *, as_json: bool, crawled: bool) -> tuple[SiteNight, ...]:
    with watcher(quiet=as_json) as looking:
        return run_night(here.settings, store, sites, looking, crawl=crawled)


def schedule(context: typer.Context) -> None:
    """Stay, and crawl each site by the cron line of its file. Ends in order on Ctrl-C or SIGTERM."""
    here = door(context)
    _ = here.settings.agent
    here.sites()
    scheduling.serve(here.settings, say)


def demo(context: typer.Context) -> None:
    """Two nights of a small newsroom on this machine, without any network: crawled, cleaned, explained."""
    from pipeline.demo.tour import tour  # a newsroom is no part of any other command

    raise typer.Exit(tour(door(context).home))
