"""Enqueue tasks: for commands now, and for the scheduler each night.

A task that waits already is not enqueued again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from threading import Lock

from pipeline.cluster import tasks
from pipeline.cluster.queue import TaskQueue
from pipeline.cluster.tasks import TaskSpec
from pipeline.config.site import Site
from pipeline.jobs.clean import CleanRequest
from pipeline.jobs.recipe import current_recipe
from pipeline.scheduler.planning import ScheduledRun
from pipeline.store.clean.session import CleanSession
from pipeline.store.clean.types import CleanScope
from pipeline.store.db.engine import Database, retry_while_unavailable


@dataclass(frozen=True, slots=True)
class Enqueued:
    """How many tasks were enqueued, and for how many sites this was requested.

    The other tasks wait already, or there is nothing to do for these sites.
    """

    enqueued: int
    requested: int


def enqueue_crawls(database: Database, sites: Sequence[Site]) -> Enqueued:
    """Enqueue a crawl of each site. Its clean follows.

    Raises:
        StoreError: The queue cannot be used.
    """
    now = datetime.now(UTC)
    specs = [tasks.crawl_task(site, now, night_batch(now)) for site in sites]
    return _enqueue(database, specs, len(sites))


def enqueue_backfills(database: Database, sites: Sequence[Site], since: datetime) -> Enqueued:
    """Enqueue a crawl of each site back to a time. Its clean follows.

    Raises:
        StoreError: The queue cannot be used.
    """
    now = datetime.now(UTC)
    batch = f"back to {since:%Y-%m-%d}, enqueued on {now:%Y-%m-%d %H:%M}"
    specs = [tasks.backfill_task(site, now, batch, since) for site in sites]
    return _enqueue(database, specs, len(sites))


def enqueue_cleans(database: Database, sites: Sequence[Site], request: CleanRequest) -> Enqueued:
    """Enqueue a clean of each site that has something to clean.

    Raises:
        StoreError: The queue cannot be used.
    """
    batch = f"clean of {datetime.now(UTC):%Y-%m-%d %H:%M}"
    if str(request.scope):
        batch += f" ({request.scope})"
    queue = TaskQueue(database)
    with queue.open():
        specs = []
        for site in sites:
            scope = _mark_stale(database, site, request.scope)
            spec = clean_task_for(database, site, scope, batch)
            if spec.arguments["pages"]:
                specs.append(spec)
        return Enqueued(queue.enqueue(specs), len(sites))


def clean_task_for(
    database: Database, site: Site, scope: CleanScope, batch: str, *, is_night: bool = False
) -> TaskSpec:
    """Return the task to clean a site, with the amount of work that is known now."""
    session, recipe = CleanSession(database, site.id), current_recipe(site)
    return tasks.clean_task(
        site,
        scope,
        batch,
        pages=session.count_stale(recipe, scope),
        payloads=session.count_pending_payloads(recipe, scope),
        is_night=is_night,
    )


def night_batch(planned_at: datetime) -> str:
    """Return the batch of a night: all sites that start on one day, in UTC."""
    return f"night of {planned_at:%Y-%m-%d}"


class ClusterDispatcher:
    """Enqueues the nights of the scheduler, so that workers run them.

    Args:
        database: The archive.
        say: Receives sentences for people.

    Raises:
        StoreError: The queue cannot be used.
    """

    def __init__(self, database: Database, say: Callable[[str], None]) -> None:
        self._database = database
        self._say = say
        self._lock = Lock()  # many nights start at the same minute, each in a thread
        self._enqueued = 0
        TaskQueue(database).prepare()

    def run(self, site: Site, night: ScheduledRun) -> None:
        """Enqueue one night of one site. A worker skips it if another command has crawled it.

        Raises:
            StoreError: The queue cannot be used.
        """
        spec = tasks.crawl_task(site, night.planned_at, night_batch(night.planned_at))
        with self._lock:
            enqueued = retry_while_unavailable(lambda: self._enqueue(spec))
            self._enqueued += enqueued
        state = "the night waits for a worker"
        if not enqueued:
            state = "the night before still waits for a worker"
        self._say(f"{datetime.now().astimezone():%Y-%m-%d %H:%M} {site.id}: {state}")

    def status(self) -> str:
        """Return what was done, for people."""
        return f"{self._enqueued:,} nights enqueued for workers"

    def stop(self) -> None:
        """Do nothing: the nights that were enqueued go on without the scheduler."""

    def _enqueue(self, spec: TaskSpec) -> int:
        queue = TaskQueue(self._database)
        with queue.open():
            return queue.enqueue([spec])


def _enqueue(database: Database, specs: Sequence[TaskSpec], requested: int) -> Enqueued:
    queue = TaskQueue(database)
    with queue.open():
        return Enqueued(queue.enqueue(specs), requested)


def _mark_stale(database: Database, site: Site, scope: CleanScope) -> CleanScope:
    """Make all pages of the scope stale, so that an interrupted clean can go on where it was."""
    if scope.everything:
        CleanSession(database, site.id).mark_stale(current_recipe(site), scope)
    return replace(scope, everything=False)
