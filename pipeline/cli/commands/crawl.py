"""`nightdesk crawl`: one night of all sites."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from pipeline.cli.console import print_json
from pipeline.cli.context import AppContext, AsJson, SiteNames, get_context
from pipeline.cli.dates import DAY_FORMATS, start_of_day
from pipeline.cli.enqueue import Enqueue, print_enqueued
from pipeline.cli.night_runner import crawl_with_progress, exit_with_results, report_issues
from pipeline.cli.views import night_summary
from pipeline.config.site import Site
from pipeline.core.errors import ConfigError, ExitCode
from pipeline.jobs.crawl import CrawlRequest
from pipeline.jobs.results import worst_exit_code

EXAMPLES: Final = (
    "nightdesk crawl",
    "nightdesk crawl gazette --since 2026-01-01",
    "nightdesk crawl gazette --force",
)

Since = Annotated[
    datetime | None,
    typer.Option(
        formats=DAY_FORMATS,
        metavar="DATE",
        help="Instead of new stories, fetch old ones from the sites' sitemaps and archives,"
        " back to this day (UTC). Needs the id of a site.",
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Fetch all that the sources list and all stories of the days of [revisit] now,"
        " whatever is due, and ask for whole pages. Needs the id of a site.",
    ),
]


def crawl(
    context: typer.Context,
    sites: SiteNames = None,
    since: Since = None,
    force: Force = False,
    enqueue: Enqueue = False,
    as_json: AsJson = False,
) -> None:
    """Crawl the sites, clean what is new, and print a summary. This is the nightly command."""
    app = get_context(context)
    if since is not None and not sites:
        raise ConfigError(
            "--since needs the id of a site, as in 'nightdesk crawl gazette --since 2026-01-01'"
        )
    if force and (not sites or since is not None or enqueue):
        raise ConfigError(
            "--force needs the id of a site, as in 'nightdesk crawl gazette --force',"
            " and goes with neither --since nor --enqueue"
        )
    selected = app.sites(sites or ())
    _ = app.settings.sent_user_agent  # without a contact in the settings nothing is started
    day = start_of_day(since)
    if day is not None:
        check_backfill(selected, day)
    if enqueue:
        _enqueue(app, selected, day, as_json=as_json)
        return
    database = app.open_archive(create=True)
    app.save_site_labels(database)
    request = CrawlRequest(since=day, force=force)
    results = crawl_with_progress(app, database, selected, request=request, quiet=as_json)
    summary = night_summary.read_summary(database, results)
    if as_json:
        print_json(night_summary.summary_json(summary))
    else:
        night_summary.print_summary(summary, crawled=True)
    worst = worst_exit_code([result.exit_code for result in results])
    failed = worst not in (ExitCode.OK, ExitCode.PARTLY)
    report_issues(app, database, selected, quiet=as_json, failed=failed)
    database.close()
    exit_with_results(app, results)


def check_backfill(sites: Sequence[Site], since: datetime) -> None:
    """Refuse a backfill that cannot find anything.

    Args:
        sites: The sites to go back in.
        since: How far to go back.

    Raises:
        ConfigError: The day is in the future, or a site has neither sitemaps nor archives.
    """
    if since > datetime.now(UTC):
        raise ConfigError(f"--since {since:%Y-%m-%d}: that day has not come yet")
    for site in sites:
        if not site.sitemaps and not site.archives:
            raise ConfigError(
                f"--since: {site.id} has no sitemaps and no archives in its file;"
                f" 'nightdesk check {site.id}' looks for some"
            )


def _enqueue(
    app: AppContext, sites: Sequence[Site], since: datetime | None, *, as_json: bool
) -> None:
    database = app.open_cluster_archive()
    app.save_site_labels(database)
    from pipeline.cluster.dispatch import enqueue_backfills, enqueue_crawls

    if since is not None:
        enqueued = enqueue_backfills(database, sites, since)
    else:
        enqueued = enqueue_crawls(database, sites)
    print_enqueued(enqueued, "crawl", "the rest is in the queue already", as_json=as_json)
