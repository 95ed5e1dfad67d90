"""How far the workers of a cluster are: what waits in the queue, what is at work, and when it will be done.

Promises plain reads of Procrastinate's tables, which need neither it nor a worker, and nothing where there are none; amounts
are told by batch: what was handed out together, or belongs to one night.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Connection, text

from pipeline.store.db.engine import Database

ALIVE = 45.0  # seconds without a sign of life after which a worker is taken to be dead
STRUCK: Final = 0.1  # of what extracting a page costs, where nothing was struck yet
THERE = text("SELECT to_regclass('procrastinate.nightdesk_workers')")
WORKERS = text(
    "SELECT n.process, string_agg(DISTINCT n.queue, ', ' ORDER BY n.queue) FROM procrastinate.nightdesk_workers n"
    " JOIN procrastinate.procrastinate_workers w ON w.id = n.worker_id"
    " WHERE w.last_heartbeat > now() - make_interval(secs => :alive) GROUP BY n.process ORDER BY n.process"
)
# A batch is told as long as something of it waits or is at work. What failed for good is told until it is cleared away.
BATCHES = text(
    "WITH batches AS (SELECT DISTINCT args->>'batch' AS batch FROM procrastinate.procrastinate_jobs"
    " WHERE status IN ('todo', 'doing', 'failed')), durations AS ("
    " SELECT job_id, max(at) FILTER (WHERE type = 'succeeded') - max(at) FILTER (WHERE type = 'started') AS lasted"
    " FROM procrastinate.procrastinate_events GROUP BY job_id)"
    " SELECT j.args->>'batch' AS batch, min(j.id) AS first, j.task_name AS kind, j.status::text AS status, count(*) AS number,"
    " coalesce(sum((j.args->>'pages')::bigint), 0)::bigint AS pages,"
    " coalesce(sum((j.args->>'payloads')::bigint), 0)::bigint AS payloads,"
    " coalesce(sum((j.args->>'pages')::bigint) FILTER (WHERE p.status::text = 'succeeded'), 0)::bigint AS counted,"
    " coalesce(extract(epoch FROM sum(d.lasted)), 0)::float AS seconds"
    " FROM procrastinate.procrastinate_jobs j JOIN batches b ON b.batch = j.args->>'batch'"
    " LEFT JOIN durations d ON d.job_id = j.id"
    " LEFT JOIN procrastinate.procrastinate_jobs p ON p.id = (j.args->>'of')::bigint"
    " GROUP BY 1, 3, 4"
)
FAILED = text(
    "SELECT args->'site'->>'id' AS site, task_name AS kind, args->>'batch' AS batch FROM procrastinate.procrastinate_jobs"
    " WHERE status = 'failed' ORDER BY id DESC LIMIT :most"
)
URGENT = text(
    "SELECT EXISTS (SELECT 1 FROM procrastinate.procrastinate_jobs j WHERE j.queue_name = :queue AND j.status = 'todo'"
    " AND j.priority > :priority AND (j.scheduled_at IS NULL OR j.scheduled_at <= now())"
    " AND NOT EXISTS (SELECT 1 FROM procrastinate.procrastinate_jobs o WHERE o.lock = j.lock AND o.status = 'doing'))"
)
SHARES = text(
    "SELECT count(*), count(*) FILTER (WHERE status IN ('todo', 'doing')) FROM procrastinate.procrastinate_jobs"
    " WHERE args->>'of' = :of"
)


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """Errands of one batch: Sites to crawl and to clean, Pages to extract (of all cleans together), and how many are done."""

    name: str
    crawls: int = 0
    crawled: int = 0
    cleans: int = 0
    cleaned: int = 0
    pages: int = 0
    extracted: int = 0
    running: int = 0
    failed: int = 0
    time_left: timedelta | None = (
        None  # None where nothing of it is at work, or nothing was measured yet
    )


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """The whole queue. `workers` are processes with the names of their queues, `failed` errands that were given up."""

    workers: tuple[tuple[str, str], ...] = ()
    batches: tuple[BatchStatus, ...] = ()
    failed: tuple[tuple[str, str, str], ...] = ()  # (Site, kind, batch), the last ones


def queue_status(store: Database, most: int = 10) -> QueueStatus:
    """What there is; empty where no errand was ever handed out."""
    if store.is_sqlite:
        return QueueStatus()
    with store.read() as db:
        if not db.scalar(THERE):
            return QueueStatus()
        workers = tuple(
            (str(process), str(queues)) for process, queues in db.execute(WORKERS, {"alive": ALIVE})
        )
        failed = tuple(
            (str(row.site), str(row.kind), str(row.batch))
            for row in db.execute(FAILED, {"most": most})
        )
        return QueueStatus(workers, _batches(db), failed)


def has_urgent_task(store: Database, queue: str, priority: int) -> bool:
    """Whether something of a higher priority waits in that queue."""
    with store.read() as db:
        return bool(db.scalar(URGENT, {"queue": queue, "priority": priority}))


def part_counts(store: Database, of: int) -> tuple[int, int]:
    """Into how many parts the clean of that number was cut, and how many of them are not done."""
    with store.read() as db:
        row = db.execute(SHARES, {"of": str(of)}).one()
    return int(row[0]), int(row[1])


def _batches(db: Connection) -> tuple[BatchStatus, ...]:
    rows: dict[str, list[Any]] = {}
    for row in db.execute(BATCHES):
        rows.setdefault(row.batch, []).append(row)
    return tuple(
        _batch(name, some)
        for name, some in sorted(rows.items(), key=lambda each: min(row.first for row in each[1]))
    )


def _batch(name: str, rows: Sequence[Any]) -> BatchStatus:
    """`counted` are the parts of cleans that are done themselves: their Pages are in the cleans' own numbers."""
    parts = sum(row.pages - row.counted for row in _of(rows, "draft", "succeeded"))
    return BatchStatus(
        name,
        crawls=_number(_of(rows, "crawl")),
        crawled=_number(_of(rows, "crawl", "succeeded")),
        cleans=_number(_of(rows, "clean")),
        cleaned=_number(_of(rows, "clean", "succeeded")),
        pages=sum(row.payloads for row in _of(rows, "clean")),
        extracted=sum(row.payloads for row in _of(rows, "clean", "succeeded")) + parts,
        running=sum(row.number for row in rows if row.status == "doing"),
        failed=sum(row.number for row in rows if row.status == "failed"),
        time_left=_left(rows, parts),
    )


def _of(rows: Sequence[Any], kind: str, *statuses: str) -> list[Any]:
    return [
        row
        for row in rows
        if row.kind == kind and (row.status in statuses if statuses else row.status not in GIVEN_UP)
    ]


GIVEN_UP: Final = ("aborted", "cancelled", "aborting")


def _number(rows: Iterable[Any]) -> int:
    return sum(row.number for row in rows)


def _left(rows: Sequence[Any], parts: int) -> timedelta | None:
    """By what the errands that are done took, shared by as many as are at work now."""
    at_work = sum(row.number for row in rows if row.status == "doing")
    open_ones = ("todo", "doing")
    crawls, cleans = _of(rows, "crawl", *open_ones), _of(rows, "clean", *open_ones)
    a_page, a_strike = _costs(rows)
    a_crawl = _mean(_of(rows, "crawl", "succeeded"), lambda row: row.number)
    needed = [(_number(crawls), a_crawl), (sum(row.pages for row in cleans), a_strike)]
    needed.append((sum(row.payloads for row in cleans) - parts, a_page))
    if not at_work or any(number > 0 and each is None for number, each in needed):
        return None
    seconds = sum(number * (each or 0.0) for number, each in needed if number > 0)
    return timedelta(seconds=round(seconds / at_work))


def _costs(rows: Sequence[Any]) -> tuple[float | None, float | None]:
    """Seconds of a worker for extracting one Page, and for striking one."""
    drafts, cleans = _of(rows, "draft", "succeeded"), _of(rows, "clean", "succeeded")
    a_page = _mean(drafts, lambda row: row.pages)
    struck = sum(row.pages for row in cleans)
    alone = sum(row.payloads for row in cleans) - sum(
        row.counted for row in drafts
    )  # extracted by the clean itself
    seconds = sum(row.seconds for row in cleans)
    if a_page is None:
        weight = alone + STRUCK * struck
        a_page = seconds / weight if weight > 0 else None
    if a_page is None:
        return None, None
    return a_page, max((seconds - alone * a_page) / struck, 0.0) if struck else STRUCK * a_page


def _mean(rows: Sequence[Any], amount: Any) -> float | None:
    done = sum(amount(row) for row in rows)
    return float(sum(row.seconds for row in rows)) / done if done else None
