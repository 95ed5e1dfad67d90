"""How far a batch of tasks is, and how long the rest of it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

CRAWL: Final = "crawl"
CLEAN: Final = "clean"
EXTRACT: Final = "extract"
OPEN: Final = ("todo", "doing")
GIVEN_UP: Final = ("aborted", "cancelled", "aborting")
# What it costs to apply the rules to a page, as a share of what it costs to extract it. This is
# used until the rules were applied to some pages.
RULES_SHARE: Final = 0.1


@dataclass(frozen=True, slots=True)
class TaskGroup:
    """The tasks of one batch that have the same kind and status.

    Attributes:
        kind: "crawl", "clean" or "extract".
        status: As Procrastinate names it.
        tasks: The number of tasks.
        pages: Pages that they clean or extract.
        payloads: Payloads that the cleans among them extract.
        pages_of_done_cleans: Of tasks that extract, the pages whose clean is done, too.
        seconds: How long they took, of tasks that are done.
    """

    kind: str
    status: str
    tasks: int
    pages: int = 0
    payloads: int = 0
    pages_of_done_cleans: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """How far a batch is. A batch holds the tasks that were enqueued together or for one night.

    Attributes:
        name: The name of the batch.
        crawls: Sites to crawl.
        crawled: Sites that are crawled.
        cleans: Sites to clean.
        cleaned: Sites that are cleaned.
        pages: Pages to extract, of all cleans.
        extracted: Pages that are extracted.
        waiting: Tasks that no worker has taken yet.
        running: Tasks that run now.
        failed: Tasks that were given up.
        time_left: How long the rest takes. None if nothing runs or nothing was measured yet.
    """

    name: str
    crawls: int = 0
    crawled: int = 0
    cleans: int = 0
    cleaned: int = 0
    pages: int = 0
    extracted: int = 0
    waiting: int = 0
    running: int = 0
    failed: int = 0
    time_left: timedelta | None = None


@dataclass(frozen=True, slots=True)
class _PageCosts:
    """Seconds of a worker for one page; None if nothing was measured yet."""

    extract: float | None = None
    rules: float | None = None


def batch_status(name: str, groups: Sequence[TaskGroup]) -> BatchStatus:
    """Return how far a batch is.

    Args:
        name: The name of the batch.
        groups: Its tasks.
    """
    cleans, done_cleans = _select(groups, CLEAN), _select(groups, CLEAN, "succeeded")
    parts = _pages_in_parts(groups)
    return BatchStatus(
        name,
        crawls=_tasks(_select(groups, CRAWL)),
        crawled=_tasks(_select(groups, CRAWL, "succeeded")),
        cleans=_tasks(cleans),
        cleaned=_tasks(done_cleans),
        pages=sum(group.payloads for group in cleans),
        extracted=sum(group.payloads for group in done_cleans) + parts,
        waiting=_tasks([group for group in groups if group.status == "todo"]),
        running=_tasks([group for group in groups if group.status == "doing"]),
        failed=_tasks([group for group in groups if group.status == "failed"]),
        time_left=_time_left(groups),
    )


def _select(groups: Sequence[TaskGroup], kind: str, *statuses: str) -> list[TaskGroup]:
    """Return the groups of a kind that have one of the statuses, by default all but given up."""
    selected = []
    for group in groups:
        is_wanted = group.status in statuses if statuses else group.status not in GIVEN_UP
        if group.kind == kind and is_wanted:
            selected.append(group)
    return selected


def _tasks(groups: Sequence[TaskGroup]) -> int:
    return sum(group.tasks for group in groups)


def _pages_in_parts(groups: Sequence[TaskGroup]) -> int:
    """Return the pages of finished parts whose clean is not done.

    The pages of a clean that is done are already in the number of that clean.
    """
    parts = _select(groups, EXTRACT, "succeeded")
    return sum(group.pages - group.pages_of_done_cleans for group in parts)


def _time_left(groups: Sequence[TaskGroup]) -> timedelta | None:
    """Return the time that the rest takes if as many tasks as now run at the same time."""
    running = _tasks([group for group in groups if group.status == "doing"])
    open_cleans = _select(groups, CLEAN, *OPEN)
    payloads = sum(group.payloads for group in open_cleans) - _pages_in_parts(groups)
    costs = _page_costs(groups)
    crawl_seconds = _mean_seconds(_select(groups, CRAWL, "succeeded"), lambda group: group.tasks)
    work = [
        (_tasks(_select(groups, CRAWL, *OPEN)), crawl_seconds),
        (sum(group.pages for group in open_cleans), costs.rules),
        (payloads, costs.extract),
    ]
    if not running:
        return None
    seconds = 0.0
    for amount, seconds_each in work:
        if amount <= 0:
            continue
        if seconds_each is None:
            return None
        seconds += amount * seconds_each
    return timedelta(seconds=round(seconds / running))


def _page_costs(groups: Sequence[TaskGroup]) -> _PageCosts:
    parts, cleans = _select(groups, EXTRACT, "succeeded"), _select(groups, CLEAN, "succeeded")
    cleaned = sum(group.pages for group in cleans)
    in_parts = sum(group.pages_of_done_cleans for group in parts)
    # Pages that the cleans extracted themselves, because there were too few to make parts of.
    extracted_by_cleans = sum(group.payloads for group in cleans) - in_parts
    seconds = sum(group.seconds for group in cleans)
    extract = _mean_seconds(parts, lambda group: group.pages)
    if extract is None:
        weight = extracted_by_cleans + RULES_SHARE * cleaned
        if weight <= 0:
            return _PageCosts()
        extract = seconds / weight
    if not cleaned:
        return _PageCosts(extract, RULES_SHARE * extract)
    rules = max((seconds - extracted_by_cleans * extract) / cleaned, 0.0)
    return _PageCosts(extract, rules)


def _mean_seconds(groups: Sequence[TaskGroup], amount: Callable[[TaskGroup], int]) -> float | None:
    total = sum(amount(group) for group in groups)
    if not total:
        return None
    return sum(group.seconds for group in groups) / total
