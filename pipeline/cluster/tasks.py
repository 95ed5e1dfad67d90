"""Tasks: what a worker takes from the queue. It crawls or cleans a site, or extracts a part.

A task carries its site, as the site file on the machine that enqueued it describes it. So workers
need no site files, and no two of them clean a site by different ones. Headers travel as the file
has them, with `${NAME}` instead of the secret.
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

CRAWL: Final = "crawl"
CLEAN: Final = "clean"
EXTRACT: Final = "extract"
QUEUES: Final = {CRAWL: CRAWL, CLEAN: CLEAN, EXTRACT: CLEAN}  # the queue of each kind

# Stories of tonight come before what somebody asked for, and that before a crawl of the past.
PRIORITY_NIGHT: Final = 10
PRIORITY_MANUAL: Final = 0
PRIORITY_BACKFILL: Final = -10

# Payloads of one part of a clean. If a worker dies, this much is lost: some ten seconds of one
# processor.
PAYLOADS_PER_PART: Final = 250

TaskArguments = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """A task to enqueue.

    Attributes:
        kind: "crawl", "clean" or "extract".
        priority: A task of a higher priority is taken first.
        arguments: The arguments of the task, as JSON values.
        queueing_lock: Of two tasks with the same value, only one waits in the queue.
        lock: Of two tasks with the same value, only one runs at a time.
    """

    kind: str
    priority: int
    arguments: TaskArguments
    queueing_lock: str = ""
    lock: str = ""

    @property
    def queue(self) -> str:
        """Return the name of the queue."""
        return QUEUES[self.kind]


def crawl_task(site: Site, planned_at: datetime, batch: str) -> TaskSpec:
    """Return a task that crawls a site and then enqueues its clean.

    Args:
        site: The site.
        planned_at: The planned time of the night. The task is skipped if a crawl that started
            later has ended.
        batch: The batch of the task.
    """
    arguments = _crawl_arguments(site, planned_at, batch)
    name = f"crawl:{site.id}"
    return TaskSpec(CRAWL, PRIORITY_NIGHT, arguments, queueing_lock=name, lock=name)


def backfill_task(site: Site, planned_at: datetime, batch: str, since: datetime) -> TaskSpec:
    """Return a task that crawls a site back to a time. It is never skipped.

    Args:
        site: The site.
        planned_at: When the task is enqueued.
        batch: The batch of the task.
        since: The time to which the crawl goes back.
    """
    arguments = _crawl_arguments(site, planned_at, batch) | {"since": since.isoformat()}
    queueing_lock = f"crawl:{site.id}:since {since:%Y-%m-%d}"
    return TaskSpec(CRAWL, PRIORITY_BACKFILL, arguments, queueing_lock, f"crawl:{site.id}")


def clean_task(
    site: Site,
    scope: CleanScope,
    batch: str,
    *,
    pages: int,
    payloads: int,
    is_night: bool = False,
) -> TaskSpec:
    """Return a task that cleans a site.

    Args:
        site: The site.
        scope: Which pages to clean.
        batch: The batch of the task.
        pages: Pages to clean, as far as is known.
        payloads: Payloads to extract, as far as is known.
        is_night: Whether the clean belongs to a night. Then the issues of the night are sent
            when it is done.
    """
    arguments = {
        "site": _site_values(site),
        "batch": batch,
        "enqueued_at": _now(),
        "scope": _scope_values(scope),
        "pages": pages,
        "payloads": payloads,
        "is_night": is_night,
    }
    priority = PRIORITY_NIGHT if is_night else PRIORITY_MANUAL
    queueing_lock = f"clean:{site.id}:{is_night}:{scope}"
    return TaskSpec(CLEAN, priority, arguments, queueing_lock, f"clean:{site.id}")


def extract_tasks(
    clean_arguments: TaskArguments,
    clean_job_id: int,
    priority: int,
    parts: Sequence[tuple[int, int]],
) -> tuple[TaskSpec, ...]:
    """Return the tasks that extract the parts of a clean.

    Args:
        clean_arguments: The arguments of the clean.
        clean_job_id: The job of the clean.
        priority: The priority of the clean.
        parts: The id of the last payload of each part, and the number of its payloads.
    """
    shared = {name: clean_arguments[name] for name in ("site", "batch", "enqueued_at", "scope")}
    after_payload_id = 0
    specs = []
    for last_payload_id, payloads in parts:
        arguments = shared | {
            "clean_job_id": clean_job_id,
            "after_payload_id": after_payload_id,
            "last_payload_id": last_payload_id,
            "pages": payloads,
        }
        queueing_lock = f"extract:{clean_job_id}:{last_payload_id}"
        specs.append(TaskSpec(EXTRACT, priority, arguments, queueing_lock))
        after_payload_id = last_payload_id
    return tuple(specs)


def site_of(arguments: TaskArguments) -> Site:
    """Return the site of a task.

    Raises:
        ConfigError: Another version of Nightdesk enqueued the task.
    """
    try:
        return Site.model_validate(arguments["site"])
    except ValidationError as error:
        site_id = arguments["site"].get("id", "a site")
        where = f"the task for {site_id}, which another version of Nightdesk enqueued"
        raise ConfigError(explain_validation(where, error, Site)) from None


def scope_of(arguments: TaskArguments) -> CleanScope:
    """Return the scope of a clean, or of a part of one."""
    scope = arguments["scope"]
    since = parse_time(scope["since"]) if scope["since"] else None
    during_crawl = scope.get("during_crawl", False)  # a task of an older version has none
    return CleanScope(scope["everything"], since, scope["rule"], during_crawl=during_crawl)


def parse_time(text: str) -> datetime:
    """Return a time from the arguments of a task."""
    return datetime.fromisoformat(text)


def _crawl_arguments(site: Site, planned_at: datetime, batch: str) -> TaskArguments:
    return {
        "site": _site_values(site),
        "batch": batch,
        "planned_at": planned_at.isoformat(),
        "enqueued_at": _now(),
        "pages": 1,
    }


def _site_values(site: Site) -> TaskArguments:
    return site.model_dump(mode="json", exclude_defaults=True) | {"id": site.id}


def _scope_values(scope: CleanScope) -> TaskArguments:
    return {
        "everything": scope.everything,
        "since": scope.since.isoformat() if scope.since else "",
        "rule": scope.rule,
        "during_crawl": scope.during_crawl,
    }


def _now() -> str:
    return datetime.now(UTC).isoformat()
