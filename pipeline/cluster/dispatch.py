"""Who hands errands out: commands for what is asked for now, and the schedule for each night.

Promises that what waits already is not handed out again, and that a night which was crawled elsewhere is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from threading import Lock

from pipeline.cluster import tasks
from pipeline.cluster.queue import TaskQueue
from pipeline.cluster.task_handlers import Say, clean_task_for
from pipeline.config.site import Site
from pipeline.jobs.clean import CleanRequest, current_recipe
from pipeline.scheduler.planning import ScheduledRun
from pipeline.store.clean.session import CleanSession
from pipeline.store.db.engine import Database, retry_while_unavailable


@dataclass(frozen=True, slots=True)
class Enqueued:
    """How many errands were handed out, of how many: the others wait already, or there is nothing to do."""

    enqueued: int
    requested: int


def enqueue_crawls(store: Database, sites: Sequence[Site], since: datetime | None = None) -> Enqueued:
    """A crawl of each Site, and the clean after it. Raises StoreError."""
    now = datetime.now(UTC)
    batch = f"back to {since:%Y-%m-%d}, asked on {now:%Y-%m-%d %H:%M}" if since else night_batch(now)
    engine = TaskQueue(store)
    with engine.open():
        return Enqueued(
            engine.enqueue([tasks.crawl_task(site, now, batch, since) for site in sites]), len(sites)
        )


def enqueue_cleans(store: Database, sites: Sequence[Site], plan: CleanRequest) -> Enqueued:
    """A clean of each Site that has something to be cleaned. Raises StoreError."""
    batch = f"clean of {datetime.now(UTC):%Y-%m-%d %H:%M}" + (
        f" ({plan.scope})" if str(plan.scope) else ""
    )
    engine = TaskQueue(store)
    with engine.open():
        found = [clean_task_for(store, site, _touched(store, site, plan), batch) for site in sites]
        return Enqueued(engine.enqueue([each for each in found if each.arguments["pages"]]), len(sites))


def _touched(store: Database, site: Site, plan: CleanRequest) -> CleanRequest:
    """The same where everything is stale that the plan is about: so a clean that breaks off goes on where it was."""
    if plan.scope.everything:
        CleanSession(store, site.id).mark_stale(current_recipe(site), plan.scope)
    return replace(plan, scope=replace(plan.scope, everything=False))


def night_batch(planned: datetime) -> str:
    """The batch of a night: all Sites that begin on one day, in UTC."""
    return f"night of {planned:%Y-%m-%d}"


class ClusterDispatcher:
    """What the schedule does with its nights where workers are to run them. Raises StoreError when it is made, where there can
    be no queue."""

    def __init__(self, store: Database, say: Say) -> None:
        self._store = store
        self._say = say
        self._door = Lock()  # many nights begin at the same minute, each in a thread
        self._handed = 0
        TaskQueue(store).prepare()

    def run(self, site: Site, night: ScheduledRun) -> None:
        """Hands out one night of one Site; a worker leaves it out where somebody else has crawled it. Raises StoreError."""
        errand = tasks.crawl_task(site, night.planned_at, night_batch(night.planned_at))
        with self._door:
            new = retry_while_unavailable(lambda: self._hand(errand))
            self._handed += new
        at = f"{datetime.now().astimezone():%Y-%m-%d %H:%M} {site.id}: "
        self._say(
            at
            + (
                "the night waits for a worker"
                if new
                else "the night before waits for a worker still"
            )
        )

    def _hand(self, errand: tasks.TaskSpec) -> int:
        engine = TaskQueue(self._store)
        with engine.open():
            return engine.enqueue([errand])

    def status(self) -> str:
        """What was done, in words."""
        return f"{self._handed:,} nights handed out to workers"

    def stop(self) -> None:
        """The nights that were handed out go on without us."""
