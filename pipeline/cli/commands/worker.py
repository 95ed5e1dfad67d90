"""The commands of a cluster: worker, what hands work to workers, and how far they are.

Whoever has one machine needs none of it, so it is loaded where it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.console import plural, print_json, print_line
from pipeline.cli.context import AsJson, AppContext, get_context
from pipeline.cluster import monitor as queues
from pipeline.cluster.monitor import BatchStatus
from pipeline.config.site import Site
from pipeline.core.errors import ConfigError
from pipeline.jobs.clean import CleanRequest
from pipeline.store.db.engine import Database

if TYPE_CHECKING:
    from pipeline.cluster.dispatch import Enqueued, ClusterDispatcher

QUEUES = ("crawl", "clean")
Enqueue = Annotated[
    bool,
    typer.Option(
        "--enqueue",
        help="Hand the work to the workers of the archive ('nightdesk worker'), and do none here.",
    ),
]


def worker(
    context: typer.Context,
    which: Annotated[
        str, typer.Option("--queues", metavar="NAMES", help="What to take: 'crawl', 'clean', or both with a comma.")
    ] = ",".join(QUEUES),
    concurrency: Annotated[
        int | None,
        typer.Option(
            min=1, max=64, metavar="N",
            help="How much of each queue at a time; by default as many crawls as the settings say, and one clean.",
        ),
    ] = None,
) -> None:  # fmt: skip
    """Stay, and work for an archive on PostgreSQL beside other machines. Ends in order on Ctrl-C or SIGTERM."""
    here = get_context(context)
    names = tuple(dict.fromkeys(name.strip() for name in which.split(",")))
    if unknown := [name for name in names if name not in QUEUES]:
        raise ConfigError(
            f"--queues {which}: there is no queue '{unknown[0]}'; there are: {', '.join(QUEUES)}"
        )
    store = _archive(here)
    if "crawl" in names:
        _ = here.settings.agent  # refused before anything is begun
    from pipeline.cluster.worker import run_worker
    from pipeline.jobs.nightly import make_log_folder

    make_log_folder(here.settings.log_folder)
    print_line(f"takes from {' and '.join(names)} of {store.name}")
    run_worker(here.settings, store, names, concurrency, _now)
    store.close()


def queue(context: typer.Context, as_json: AsJson = False) -> None:
    """What waits for workers, what they have in hand, how long the rest takes, and what was given up."""
    store = get_context(context).open_archive()
    found = queues.queue_status(store)
    if as_json:
        print_json(
            {
                "workers": [
                    {"process": process, "queues": names.split(", ")}
                    for process, names in found.workers
                ],
                "batches": [
                    asdict(each) | {"left": each.time_left and each.time_left.total_seconds()}
                    for each in found.batches
                ],
                "failed": [
                    {"site": site, "kind": kind, "batch": batch}
                    for site, kind, batch in found.failed
                ],
            }
        )
    elif found == queues.QueueStatus():
        print_line("Nothing was handed out to workers, and none is at work; see 'nightdesk worker'.")
    else:
        _show_queue(found)


def enqueue_crawls(
    here: AppContext, sites: Sequence[Site], since: datetime | None, *, as_json: bool
) -> None:
    """Has workers crawl the Sites."""
    store = _archive(here)
    from pipeline.cluster.dispatch import enqueue_crawls

    _show(enqueue_crawls(store, sites, since), "crawl", as_json)


def enqueue_cleans(here: AppContext, sites: Sequence[Site], plan: CleanRequest, *, as_json: bool) -> None:
    """Has workers clean the Sites."""
    store = _archive(here)
    from pipeline.cluster.dispatch import enqueue_cleans

    _show(enqueue_cleans(store, sites, plan), "clean", as_json)


def open_dispatcher(store: Database) -> ClusterDispatcher:
    """For the schedule: hands its nights to workers."""
    check_cluster_archive(store)
    from pipeline.cluster.dispatch import ClusterDispatcher

    return ClusterDispatcher(store, print_line)


def _archive(here: AppContext) -> Database:
    """The archive, if several machines may work at it. Raises ConfigError."""
    store = here.open_archive(create=True)
    check_cluster_archive(store)
    return store


def check_cluster_archive(store: Database) -> None:
    if store.is_sqlite:
        raise ConfigError(
            f"{store.name}: a SQLite archive is for one machine; for several set database_url to PostgreSQL, where"
            " 'nightdesk import' brings what is in this one"
        )
    if find_spec("procrastinate") is None:
        raise ConfigError(
            "several machines need the extra 'cluster', which is not installed: pip install -e '.[cluster]'"
        )


def _show(handed: Enqueued, what: str, as_json: bool) -> None:
    if as_json:
        print_json(asdict(handed))
        return
    rest = handed.requested - handed.enqueued
    why = (
        "the rest waits already"
        if what == "crawl"
        else "the rest waits already or has nothing to clean"
    )
    print_line(
        f"{plural(handed.enqueued, what)} handed out for {plural(handed.requested, 'site')}"
        + (f"; {why}" if rest else "")
        + "."
    )
    print_line("'nightdesk status' tells how far the workers are.")


def _now(sentence: str) -> None:
    print_line(f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S} {sentence}")


def print_queue_if_used(store: Database) -> None:
    """How far the workers are, where there is anything to tell."""
    found = queues.queue_status(store)
    if found.workers or found.batches:
        print_line()
        _show_queue(found)


def _show_queue(found: queues.QueueStatus) -> None:
    print_line(
        "Workers: "
        + (
            "; ".join(f"{process} ({names})" for process, names in found.workers)
            or "none is at work"
        )
    )
    for batch in found.batches:
        print_line(f"  {batch_sentence(batch)}")
    for site, kind, batch_name in found.failed:
        print_line(f"! {site}: {kind} of '{batch_name}' was given up; the log of its worker says why")


def batch_sentence(batch: BatchStatus) -> str:
    """How far a batch is."""
    parts = []
    if batch.crawls:
        parts.append(f"{batch.crawled:,} of {plural(batch.crawls, 'site')} crawled")
    if batch.cleans:
        parts.append(f"{batch.cleaned:,} of {plural(batch.cleans, 'site')} cleaned")
    if batch.pages:
        parts.append(f"{batch.extracted:,} of {plural(batch.pages, 'page')} extracted")
    parts.append(f"{batch.running:,} at work")
    if batch.time_left is not None:
        parts.append(f"about {format_duration(batch.time_left)} left")
    return f"{batch.name}: {', '.join(parts)}"


def format_duration(time: timedelta) -> str:
    """A time in words."""
    minutes = time.total_seconds() / 60
    return (
        f"{minutes / 60:.1f} h"
        if minutes >= 90
        else f"{minutes:.0f} min"
        if minutes >= 2
        else f"{time.total_seconds():.0f} s"
    )
