"""Read how far the workers of several machines are, from the tables of their task queue.

The command line and the web app use this also where Procrastinate is not installed. So this
module reads Procrastinate's tables by SQL. Procrastinate has no function for the sums and times
of tasks or for the workers that are alive, either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

from pipeline.monitoring.queue_progress import BatchStatus, TaskGroup, batch_status
from pipeline.store.db.engine import Database

WORKER_TIMEOUT: Final = 45.0  # seconds without a heartbeat after which a worker counts as dead
SILENT_AFTER: Final = 15.0  # seconds; a worker that lives says so every ten
MAX_FAILED_TASKS: Final = 10

QUEUE_EXISTS = text("SELECT to_regclass('procrastinate.nightdesk_workers')")
WORKERS = text("""
    SELECT n.process, string_agg(DISTINCT n.queue, ', ' ORDER BY n.queue) AS queues,
        extract(epoch FROM now() - max(w.last_heartbeat))::float AS silent_seconds,
        string_agg(DISTINCT j.args->'site'->>'id', ', ') AS sites
    FROM procrastinate.nightdesk_workers n
    JOIN procrastinate.procrastinate_workers w ON w.id = n.worker_id
    LEFT JOIN procrastinate.procrastinate_jobs j
        ON j.worker_id = w.id AND j.status = 'doing'
    WHERE w.last_heartbeat > now() - make_interval(secs => :timeout)
    GROUP BY n.process ORDER BY n.process
""")
# A batch is shown as long as a task of it waits or runs. A task that was given up is shown until
# it is deleted.
BATCHES = text("""
    WITH batches AS (
        SELECT DISTINCT args->>'batch' AS batch FROM procrastinate.procrastinate_jobs
        WHERE status IN ('todo', 'doing', 'failed')
    ), durations AS (
        SELECT job_id, max(at) FILTER (WHERE type = 'succeeded')
            - max(at) FILTER (WHERE type = 'started') AS duration
        FROM procrastinate.procrastinate_events GROUP BY job_id
    )
    SELECT j.args->>'batch' AS batch, min(j.id) AS first_id, j.task_name AS kind,
        j.status::text AS status, count(*) AS tasks,
        coalesce(sum((j.args->>'pages')::bigint), 0)::bigint AS pages,
        coalesce(sum((j.args->>'payloads')::bigint), 0)::bigint AS payloads,
        coalesce(sum((j.args->>'pages')::bigint)
            FILTER (WHERE c.status::text = 'succeeded'), 0)::bigint AS pages_of_done_cleans,
        coalesce(extract(epoch FROM sum(d.duration)), 0)::float AS seconds
    FROM procrastinate.procrastinate_jobs j
    JOIN batches b ON b.batch = j.args->>'batch'
    LEFT JOIN durations d ON d.job_id = j.id
    LEFT JOIN procrastinate.procrastinate_jobs c ON c.id = (j.args->>'clean_job_id')::bigint
    GROUP BY 1, 3, 4
""")
FAILED_TASKS = text("""
    SELECT args->'site'->>'id' AS site, task_name AS kind, args->>'batch' AS batch
    FROM procrastinate.procrastinate_jobs WHERE status = 'failed' ORDER BY id DESC LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """A process that works.

    Attributes:
        process: The process and its machine.
        queues: The names of its queues, separated by commas.
        silent_seconds: Seconds since its last sign of life. After 45 it counts as dead.
        sites: The sites whose tasks it has in hand, separated by commas.
    """

    process: str
    queues: str
    silent_seconds: float = 0.0
    sites: str = ""

    @property
    def is_silent(self) -> bool:
        """Whether it may be dead, since it left out a sign of life."""
        return self.silent_seconds >= SILENT_AFTER


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """The whole queue.

    Attributes:
        workers: The processes that work.
        batches: The batches, in the order in which they were enqueued.
        failed: The last tasks that were given up: site, kind and batch.
    """

    workers: tuple[WorkerStatus, ...] = ()
    batches: tuple[BatchStatus, ...] = ()
    failed: tuple[tuple[str, str, str], ...] = ()


def queue_status(database: Database, limit: int = MAX_FAILED_TASKS) -> QueueStatus:
    """Return the status of the queue. It is empty if no task was ever enqueued.

    Args:
        database: The archive.
        limit: How many of the tasks that were given up to return.
    """
    if database.is_sqlite:
        return QueueStatus()
    with database.read() as db:
        if not db.scalar(QUEUE_EXISTS):
            return QueueStatus()
        workers = []
        for row in db.execute(WORKERS, {"timeout": WORKER_TIMEOUT}):
            status = WorkerStatus(row.process, row.queues, row.silent_seconds, row.sites or "")
            workers.append(status)
        failed = []
        for row in db.execute(FAILED_TASKS, {"limit": limit}):
            failed.append((str(row.site), str(row.kind), str(row.batch)))
        return QueueStatus(tuple(workers), _batches(db), tuple(failed))


def _batches(db: Connection) -> tuple[BatchStatus, ...]:
    groups: dict[str, list[TaskGroup]] = {}
    first_ids: dict[str, int] = {}
    for row in db.execute(BATCHES):
        group = TaskGroup(
            row.kind,
            row.status,
            row.tasks,
            row.pages,
            row.payloads,
            row.pages_of_done_cleans,
            row.seconds,
        )
        groups.setdefault(row.batch, []).append(group)
        first_ids[row.batch] = min(row.first_id, first_ids.get(row.batch, row.first_id))
    names = sorted(groups, key=first_ids.__getitem__)
    return tuple(batch_status(name, groups[name]) for name in names)
