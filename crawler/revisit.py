"""When a story Page is due next: pure, from what the visit brought and how old the Page is.

Promises None where nobody need look again. A date that the server names (Retry-After) only ever makes us wait longer.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from pipeline.config.site import Revisit
from pipeline.core.models import Capture, DueUrl, Outcome, Reason

FIRST_RETRY_DELAY = timedelta(hours=1)
MAX_RETRY_DELAY = timedelta(days=1)
MAX_FAILURES = 5  # visits in a row that failed by the page's own fault
MAX_DEFERRALS = 14  # visits in a row to which the server only said "later"
REFUSED_RETRY_DELAY = timedelta(days=7)
ROBOTS_UNREACHABLE_RETRY_DELAY = timedelta(
    hours=6
)  # robots.txt that cannot be had is a trouble of tonight, not a wish of the site
GONE_RETRY_DELAY = timedelta(days=1)
SITE_FILE_REASONS = (
    Reason.OFF_SITE,
    Reason.NOT_ALLOWED,
    Reason.DENIED,
    Reason.BAD_URL,
    Reason.URL_TOO_LONG,
)
MAX_RETRY_AFTER = timedelta(days=7)  # the most that a Retry-After may ask for


def next_fetch_at(capture: Capture, due: DueUrl, revisit: Revisit) -> datetime | None:
    """When to look again, None for never. `due` is the Page as it was before this visit."""
    match capture.outcome:
        case Outcome.FETCHED | Outcome.UNCHANGED:
            return _while_young(capture, due, revisit, timedelta(hours=revisit.after_hours))
        case Outcome.GONE:  # a slip of the site's, perhaps: looked at again, with growing pauses
            return _while_young(capture, due, revisit, GONE_RETRY_DELAY)
        case Outcome.REFUSED if capture.reason is Reason.ROBOTS_UNREACHABLE:
            return capture.fetched_at + ROBOTS_UNREACHABLE_RETRY_DELAY
        case Outcome.REFUSED if (
            capture.reason in SITE_FILE_REASONS
        ):  # until a Place shows it again, under another file
            return None
        case Outcome.REFUSED:
            return capture.fetched_at + REFUSED_RETRY_DELAY
        case Outcome.DEFERRED:
            return _later(capture, due.attempts, MAX_DEFERRALS)
        case Outcome.FAILED:
            return _later(capture, due.attempts, MAX_FAILURES)
        case _:  # a redirect: its target is a Page of its own
            return None


def _while_young(
    capture: Capture, due: DueUrl, revisit: Revisit, least: timedelta
) -> datetime | None:
    """After half the Page's age: often while it is new, then ever more seldom."""
    age = max(capture.fetched_at - due.first_seen_at, timedelta(0))
    due_at = capture.fetched_at + max(least, age / 2)
    return due_at if due_at - due.first_seen_at <= timedelta(days=revisit.for_days) else None


def _later(capture: Capture, attempts: int, limit: int) -> datetime | None:
    if attempts + 1 >= limit:
        return None
    pause = min(FIRST_RETRY_DELAY * (1 << attempts), MAX_RETRY_DELAY)
    return capture.fetched_at + max(
        pause, parse_retry_after(capture.headers.get("retry-after", ""), capture.fetched_at)
    )


def parse_retry_after(value: str, now: datetime) -> timedelta:
    """What a Retry-After header asks for, in seconds or as a date; nothing where it is neither."""
    try:
        if value.strip().isdecimal():
            pause = timedelta(seconds=min(int(value), 10**7))
        else:
            date = parsedate_to_datetime(value)
            pause = (date if date.tzinfo else date.replace(tzinfo=UTC)) - now
    except (ValueError, TypeError, OverflowError):
        return timedelta(0)
    return min(max(pause, timedelta(0)), MAX_RETRY_AFTER)
