"""When a task is retried, and when it is given up.

A task that must wait for another one waits without a limit. A task that failed is retried after
growing delays, on any machine. It is given up after a day; a crawl after six hours, because its
night is over then.

Procrastinate's own RetryStrategy limits the number of attempts. This one limits the age of a task,
and its delays have a maximum.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.jobs import Job

from pipeline.cluster.tasks import CRAWL, parse_time
from pipeline.core.errors import NightdeskError

FIRST_DELAY = 30  # seconds
MAX_DELAY = 1800  # seconds
MAX_DOUBLINGS = 10
GIVE_UP_AFTER = {CRAWL: timedelta(hours=6)}
DEFAULT_GIVE_UP_AFTER = timedelta(hours=24)

log = logging.getLogger(__name__)


class RetryLater(Exception):
    """Raised by a task that cannot run now: it waits for another task, or the worker stops.

    Args:
        reason: A sentence for people, or "".
        seconds: The shortest time to wait.
    """

    def __init__(self, reason: str, seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.seconds = seconds


class RetryPolicy(BaseRetryStrategy):
    """Decides for Procrastinate what happens to a task that did not succeed.

    Args:
        say: Receives a sentence for people.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """Return when to retry a job, or None to give it up. Procrastinate calls this."""
        name = f"{site_id(job)}: {job.task_name}"
        if isinstance(exception, RetryLater):
            if str(exception):
                self._say(f"{name}: {exception}")
            return _retry_in(round(exception.seconds))
        if not isinstance(exception, Exception):  # cancelled, because this worker stops
            return _retry_in(0)
        if not isinstance(exception, NightdeskError):
            log.error("%s", name, exc_info=exception)
        seconds = retry_delay(job.attempts)
        if datetime.now(UTC) + timedelta(seconds=seconds) > _deadline(job):
            self._say(f"{name}: {exception!s:.300}; given up")
            return None
        self._say(f"{name}: {exception!s:.300}; tried again in {seconds} s, by any worker")
        return _retry_in(seconds)


def retry_delay(attempts: int) -> int:
    """Return the seconds until the next attempt.

    Args:
        attempts: Attempts so far, the failed one not included.
    """
    return int(min(FIRST_DELAY * 2 ** min(attempts, MAX_DOUBLINGS), MAX_DELAY))


def site_id(job: Job) -> str:
    """Return the id of a job's site, or "?"."""
    site = job.task_kwargs.get("site")
    return str(site["id"]) if isinstance(site, dict) else "?"


def _deadline(job: Job) -> datetime:
    enqueued_at = job.task_kwargs.get("enqueued_at")
    start = parse_time(str(enqueued_at)) if enqueued_at else datetime.now(UTC)
    return start + GIVE_UP_AFTER.get(job.task_name, DEFAULT_GIVE_UP_AFTER)


def _retry_in(seconds: int) -> RetryDecision:
    return RetryDecision(retry_in={"seconds": seconds})
