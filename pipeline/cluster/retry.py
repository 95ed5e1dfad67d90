"""When an errand is tried again, and when it is given up.

Promises that what has to wait for another one waits without end, that what failed is tried again ever more rarely, here or on
another machine, and that it is given up after a day: a crawl after six hours, when its night is over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.jobs import Job

from pipeline.cluster.tasks import CRAWL, moment
from pipeline.core.errors import NightdeskError

PAUSE, LONGEST = 30, 1800  # seconds after the first failure, and after many
GIVE_UP_AFTER = {CRAWL: timedelta(hours=6)}
DAY = timedelta(hours=24)

log = logging.getLogger(__name__)


class RetryLater(Exception):
    """Not now: somebody else has to come to an end before, or this worker ends. `seconds` are to pass at the least."""

    def __init__(self, why: str, seconds: float = 0.0) -> None:
        super().__init__(why)
        self.seconds = seconds


class RetryPolicy(BaseRetryStrategy):
    """What Procrastinate asks when an errand did not succeed. `say` tells a person of it."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """See Procrastinate."""
        site = job.task_kwargs.get("site")
        name = f"{site['id'] if isinstance(site, dict) else '?'}: {job.task_name}"
        if isinstance(exception, RetryLater):
            if str(exception):
                self._say(f"{name}: {exception}")
            return RetryDecision(retry_in={"seconds": round(exception.seconds)})
        if not isinstance(exception, Exception):  # cancelled: this worker ends
            return RetryDecision(retry_in={"seconds": 0})
        if not isinstance(exception, NightdeskError):
            log.error("%s", name, exc_info=exception)
        seconds = retry_delay(job.attempts)
        at = moment(str(job.task_kwargs.get("at") or datetime.now(UTC).isoformat()))
        if datetime.now(UTC) + timedelta(seconds=seconds) > at + GIVE_UP_AFTER.get(job.task_name, DAY):
            self._say(f"{name}: {exception!s:.300}; given up")
            return None
        self._say(f"{name}: {exception!s:.300}; tried again in {seconds} s, by any worker")
        return RetryDecision(retry_in={"seconds": seconds})


def retry_delay(attempts: int) -> int:
    """Seconds until the next try."""
    return int(min(PAUSE * 2 ** min(attempts, 10), LONGEST))
