"""Errands: what one worker takes at a time, as a value. To crawl a Site, to clean it, or to extract a part of a clean.

Promises that an errand brings its Site along, as the file of whoever handed it out has it: workers need no site files, and no
two of them clean by different ones. Values of headers travel as they are written there, `${NAME}` and not the secret. A name
that an errand waits under is taken once; one of the same lock is at work at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError

from pipeline.config.error_messages import explain_validation
from pipeline.config.site import Site
from pipeline.core.errors import ConfigError
from pipeline.store.clean.types import CleanScope

CRAWL, CLEAN, EXTRACT = "crawl", "clean", "draft"
QUEUES: Final = {CRAWL: CRAWL, CLEAN: CLEAN, EXTRACT: CLEAN}  # the queue of each kind
PRIORITY_NIGHT, PRIORITY_MANUAL, PRIORITY_BACKFILL = (
    10,
    0,
    -10,
)  # priorities: tonight's stories go before what somebody asked for, and that before the past
PAYLOADS_PER_PART = 250  # Payloads of one part: what a worker that dies costs at the most, some ten seconds of one processor

TaskArguments = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One errand. `waiting` is the name that it waits under, `alone` the lock that it holds while it is at work."""

    kind: str
    priority: int
    arguments: TaskArguments
    queueing_lock: str = ""
    lock: str = ""

    @property
    def queue(self) -> str:
        return QUEUES[self.kind]


def crawl_task(site: Site, planned: datetime, batch: str, since: datetime | None = None) -> TaskSpec:
    """A crawl of the Site, and a clean of what it brings. It is left out where one that began since `planned` is over; one that
    goes back `since` a day never is."""
    values = {
        "site": _written(site),
        "batch": batch,
        "planned": planned.isoformat(),
        "at": _now(),
        "pages": 1,
    }
    if since is not None:
        name = f"crawl:{site.id}:since {since:%Y-%m-%d}"
        return TaskSpec(CRAWL, PRIORITY_BACKFILL, values | {"since": since.isoformat()}, name, f"crawl:{site.id}")
    return TaskSpec(CRAWL, PRIORITY_NIGHT, values, f"crawl:{site.id}", f"crawl:{site.id}")


def clean_task(
    site: Site, scope: CleanScope, batch: str, *, pages: int, payloads: int, night: bool = False
) -> TaskSpec:
    """A clean of the Site. `pages` are to be struck and `payloads` to be extracted, as far as is known; after a `night` people
    are told of what is wrong."""
    values = {
        "site": _written(site),
        "batch": batch,
        "at": _now(),
        "scope": scope_written(scope),
        "pages": pages,
        "payloads": payloads,
        "night": night,
    }
    return TaskSpec(
        CLEAN,
        PRIORITY_NIGHT if night else PRIORITY_MANUAL,
        values,
        f"clean:{site.id}:{night}:{scope}",
        f"clean:{site.id}",
    )


def extract_tasks(
    clean: TaskArguments, of: int, priority: int, parts: Sequence[tuple[int, int]]
) -> tuple[TaskSpec, ...]:
    """The parts of the clean whose job has the number `of`: each part by its last Payload and its size."""
    after, found = 0, []
    for last, number in parts:
        values = {name: clean[name] for name in ("site", "batch", "at", "scope")}
        values |= {"of": of, "after": after, "last": last, "pages": number}
        found.append(TaskSpec(EXTRACT, priority, values, f"draft:{of}:{last}"))
        after = last
    return tuple(found)


def site_of(values: TaskArguments) -> Site:
    """The Site that an errand brings along. Raises ConfigError where it is one of a newer Nightdesk, or an older one."""
    try:
        return Site.model_validate(values["site"])
    except ValidationError as error:
        where = f"the errand for {values['site'].get('id', 'a site')}, which another version of Nightdesk handed out"
        raise ConfigError(explain_validation(where, error, Site)) from None


def scope_of(values: TaskArguments) -> CleanScope:
    """The Scope of a clean, or of a part of one."""
    scope = values["scope"]
    return CleanScope(
        scope["everything"], moment(scope["since"]) if scope["since"] else None, scope["rule"]
    )


def moment(written: str) -> datetime:
    """A time of an errand."""
    return datetime.fromisoformat(written)


def _written(site: Site) -> TaskArguments:
    return site.model_dump(mode="json", exclude_defaults=True) | {"id": site.id}


def scope_written(scope: CleanScope) -> TaskArguments:
    return {
        "everything": scope.everything,
        "since": scope.since.isoformat() if scope.since else "",
        "rule": scope.rule,
    }


def _now() -> str:
    return datetime.now(UTC).isoformat()
