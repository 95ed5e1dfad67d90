"""When a story page is fetched next: decided from the last capture and the age of the page.

Pure functions. A date that the server names (Retry-After) can only make us wait longer.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from pipeline.config.site import Revisit
from pipeline.core.models import Capture, DueUrl, Outcome, Reason

FIRST_RETRY_DELAY = timedelta(hours=1)
MAX_RETRY_DELAY = timedelta(days=1)
MAX_FAILURES = 5  # fetches in a row that failed by the page's own fault
MAX_DEFERRALS = 14  # fetches in a row to which the server only said "later"
REFUSED_RETRY_DELAY = timedelta(days=7)
# A robots.txt that cannot be fetched is an error of tonight, not a wish of the site.
ROBOTS_UNREACHABLE_RETRY_DELAY = timedelta(hours=6)
GONE_RETRY_DELAY = timedelta(days=1)
SITE_FILE_REASONS = (
    Reason.OFF_SITE,
    Reason.NOT_ALLOWED,
    Reason.DENIED,
    Reason.BAD_URL,
    Reason.URL_TOO_LONG,
)
MAX_RETRY_AFTER = timedelta(days=7)  # the longest Retry-After that is obeyed


def next_fetch_at(capture: Capture, due: DueUrl, revisit: Revisit) -> datetime | None:
    """Return when a page is fetched next.

    Args:
        capture: The last capture.
        due: The page as it was before that capture.
        revisit: The rules of the site file.

    Returns:
        The time; None for never.
    """
    match capture.outcome:
        case Outcome.FETCHED | Outcome.UNCHANGED:
            return next_visit(due.first_seen_at, capture.fetched_at, revisit)
        case Outcome.GONE:  # perhaps a mistake of the site: fetched again, ever more rarely
            return next_visit(due.first_seen_at, capture.fetched_at, revisit, GONE_RETRY_DELAY)
        case Outcome.REFUSED:
            return _after_refusal(capture)
        case Outcome.DEFERRED:
            return _after_failure(capture, due.attempts, MAX_DEFERRALS)
        case Outcome.FAILED:
            return _after_failure(capture, due.attempts, MAX_FAILURES)
        case _:  # a redirect: its target is a page of its own
            return None


def retry_at(capture: Capture, due: DueUrl) -> datetime | None:
    """Return when a page that is fetched once, as a picture, is asked for again; None for never.

    Args:
        capture: The last capture.
        due: The page as it was before that capture.
    """
    match capture.outcome:
        case Outcome.DEFERRED:
            return _after_failure(capture, due.attempts, MAX_DEFERRALS)
        case Outcome.FAILED:
            return _after_failure(capture, due.attempts, MAX_FAILURES)
        case Outcome.REFUSED if capture.reason is Reason.ROBOTS_UNREACHABLE:
            return _after_refusal(capture)
        case _:
            return None


def next_visit(
    first_seen_at: datetime,
    fetched_at: datetime,
    revisit: Revisit,
    min_delay: timedelta | None = None,
) -> datetime | None:
    """Return when a page is fetched next: often while it is new, then ever more rarely.

    Args:
        first_seen_at: When a source first listed the page.
        fetched_at: The time of the last fetch.
        revisit: The rules of the site file.
        min_delay: The shortest delay; by default, `after_hours` of the site file.

    Returns:
        The time, after half the page's age; None if the page is too old by then.
    """
    if min_delay is None:
        min_delay = timedelta(hours=revisit.after_hours)
    age = max(fetched_at - first_seen_at, timedelta(0))
    due_at = fetched_at + max(min_delay, age / 2)
    return due_at if due_at - first_seen_at <= timedelta(days=revisit.for_days) else None


def _after_refusal(capture: Capture) -> datetime | None:
    if capture.reason is Reason.ROBOTS_UNREACHABLE:
        return capture.fetched_at + ROBOTS_UNREACHABLE_RETRY_DELAY
    if capture.reason in SITE_FILE_REASONS:  # until a source lists it again, under another file
        return None
    return capture.fetched_at + REFUSED_RETRY_DELAY


def _after_failure(capture: Capture, attempts: int, max_attempts: int) -> datetime | None:
    if attempts + 1 >= max_attempts:
        return None
    delay = min(FIRST_RETRY_DELAY * (1 << attempts), MAX_RETRY_DELAY)
    retry_after = parse_retry_after(capture.headers.get("retry-after", ""), capture.fetched_at)
    return capture.fetched_at + max(delay, retry_after)


def parse_retry_after(value: str, now: datetime) -> timedelta:
    """Return the delay of a Retry-After header (RFC 9110, section 10.2.3).

    Args:
        value: The header: seconds, or an HTTP date.
        now: When the header was received.

    Returns:
        The delay, at most `MAX_RETRY_AFTER`; zero where the header is neither.
    """
    try:
        if value.strip().isdecimal():
            delay = timedelta(seconds=min(int(value), 10**7))
        else:
            date = parsedate_to_datetime(value)
            if date.tzinfo is None:
                date = date.replace(tzinfo=UTC)
            delay = date - now
    except (ValueError, TypeError, OverflowError):
        return timedelta(0)
    return min(max(delay, timedelta(0)), MAX_RETRY_AFTER)
