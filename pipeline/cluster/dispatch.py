"""Who hands errands out: commands for what is asked for now, and the schedule for each night.

Promises that what waits already is not handed out again, and that a night which was crawled elsewhere is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from threading import Lock

from pipeline.cluster import tasks
from pipeline.cluster.queue import Engine
from pipeline.cluster.task_handlers import Say, clean_of
from pipeline.config.site import Site
from pipeline.jobs.clean import Plan, recipe_of
from pipeline.scheduler.planning import Appointment
from pipeline.store.clean.session import CleanSession
from pipeline.store.db.engine import Database, patiently


@dataclass(frozen=True, slots=True)
class Handed:
    """How many errands were handed out, of how many: the others wait already, or there is nothing to do."""

    out: int
    of: int


def hand_crawls(store: Database, sites: Sequence[Site], since: datetime | None = None) -> Handed:
    """A crawl of each Site, and the clean after it. Raises StoreError."""
    now = datetime.now(UTC)
    batch = f"back to {since:%Y-%m-%d}, asked on {now:%Y-%m-%d %H:%M}" if since else night_of(now)
    engine = Engine(store)
    with engine.open():
        return Handed(
            engine.hand_out([tasks.to_crawl(site, now, batch, since) for site in sites]), len(sites)
        )


def hand_cleans(store: Database, sites: Sequence[Site], plan: Plan) -> Handed:
    """A clean of each Site that has something to be cleaned. Raises StoreError."""
    batch = f"clean of {datetime.now(UTC):%Y-%m-%d %H:%M}" + (
        f" ({plan.scope})" if str(plan.scope) else ""
    )
    engine = Engine(store)
    with engine.open():
        found = [clean_of(store, site, _touched(store, site, plan), batch) for site in sites]
        return Handed(engine.hand_out([each for each in found if each.values["pages"]]), len(sites))


def _touched(store: Database, site: Site, plan: Plan) -> Plan:
    """The same where everything is stale that the plan is about: so a clean that breaks off goes on where it was."""
    if plan.scope.everything:
        CleanSession(store, site.id).touch(recipe_of(site), plan.scope)
    return replace(plan, scope=replace(plan.scope, everything=False))


def night_of(planned: datetime) -> str:
    """The batch of a night: all Sites that begin on one day, in UTC."""
    return f"night of {planned:%Y-%m-%d}"


class Handing:
    """What the schedule does with its nights where workers are to run them. Raises StoreError when it is made, where there can
    be no queue."""

    def __init__(self, store: Database, say: Say) -> None:
        self._store = store
        self._say = say
        self._door = Lock()  # many nights begin at the same minute, each in a thread
        self._handed = 0
        Engine(store).prepare()

    def run(self, site: Site, night: Appointment) -> None:
        """Hands out one night of one Site; a worker leaves it out where somebody else has crawled it. Raises StoreError."""
        errand = tasks.to_crawl(site, night.planned, night_of(night.planned))
        with self._door:
            new = patiently(lambda: self._hand(errand))
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

    def _hand(self, errand: tasks.Errand) -> int:
        engine = Engine(self._store)
        with engine.open():
            return engine.hand_out([errand])

    def at_work(self) -> str:
        """What was done, in words."""
        return f"{self._handed:,} nights handed out to workers"

    def end(self) -> None:
        """The nights that were handed out go on without us."""
