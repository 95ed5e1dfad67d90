"""`nightdesk discover`: reads stored sources again, by today's rules and site files."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Final

import typer

from pipeline.cli.checkpoint_line import finish_log
from pipeline.cli.console import exit_on_interrupt, print_error, print_json, print_line
from pipeline.cli.context import AppContext, AsJson, get_context
from pipeline.cli.dates import DAY_FORMATS, start_of_day
from pipeline.cli.progress import progress_bar
from pipeline.config.site import Site
from pipeline.core.formatting import pluralize
from pipeline.jobs.results import worst_exit_code
from pipeline.jobs.sources.discovery import DiscoverResult, discover_again

EXAMPLES: Final = (
    "nightdesk discover gazette --again",
    "nightdesk discover gazette --again --since 2026-03-01",
)
INTERRUPTED: Final = "what was queued stays queued, and the same command goes on from here"


def discover(
    context: typer.Context,
    sites: Annotated[list[str], typer.Argument(metavar="SITE", help="Ids of sites.")],
    again: Annotated[
        bool,
        typer.Option(
            "--again", help="Read the stored versions of the sources. Nothing is fetched."
        ),
    ] = False,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=DAY_FORMATS,
            metavar="DATE",
            help="Read only what the sites have shown since this day (UTC).",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read the stored sources of sites again, and queue the stories that were missed.

    Today's version and today's site file decide what is a story. The next crawl fetches what was
    queued. No story is queued twice.
    """
    app = get_context(context)
    if not again:
        raise typer.BadParameter(
            "add --again to read the stored sources again;"
            " 'nightdesk crawl' reads the sources of the sites themselves"
        )
    selected = app.sites(sites)
    app.open_archive().close()
    results = _discover(app, selected, start_of_day(since), quiet=as_json)
    for result in results:
        if result.message:
            print_error(result.message)
        elif not as_json:
            print_line(_sentence(result))
    if as_json:
        print_json([asdict(result) for result in results])
    database = app.open_archive()
    finish_log(app, database, quiet=as_json)
    database.close()
    raise typer.Exit(worst_exit_code([app.exit_code, *(result.exit_code for result in results)]))


def _discover(
    app: AppContext, sites: Sequence[Site], since: datetime | None, *, quiet: bool
) -> list[DiscoverResult]:
    results: list[DiscoverResult] = []
    with (
        exit_on_interrupt(INTERRUPTED),
        progress_bar("sources", quiet=quiet) as progress,
    ):
        count = 0

        def on_event(site: str, event: dict[str, Any]) -> None:
            nonlocal count
            if event["event"] == "read_again":
                count += 1
                progress(count, site)

        for site in sites:
            results.append(asyncio.run(discover_again(app.settings, site, on_event, since)))
    return results


def _sentence(result: DiscoverResult) -> str:
    read = (
        f"{pluralize(result.versions, 'version')} of"
        f" {pluralize(result.sources, 'stored source')} read"
    )
    if result.damaged:
        read += f" ({result.damaged:,} damaged; 'nightdesk verify' says which)"
    if not result.versions:
        return f"{result.site}: no source is stored yet; a crawl stores them"
    if not result.queued:
        return f"{result.site}: {read}; no story was missed"
    stories = pluralize(result.queued, "story", "stories")
    return f"{result.site}: {read}; {stories} queued; 'nightdesk crawl {result.site}' fetches them"
