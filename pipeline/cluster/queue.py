"""The task queue of an archive, kept by Procrastinate in a schema of its own.

Whoever comes first makes or upgrades its tables, in the steps that Procrastinate ships. Tables
that a newer Procrastinate made are never changed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import procrastinate
import psycopg
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, UniqueViolation
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from procrastinate.schema import SchemaManager

from pipeline.cluster.tasks import TaskSpec
from pipeline.core.errors import DatabaseUnavailable, StoreError
from pipeline.store.db.engine import Database

SCHEMA = "procrastinate"
ADVISORY_LOCK = 778207416  # of PostgreSQL, held while the tables are made
APPLICATION_NAME = "nightdesk queue"  # as PostgreSQL shows our sessions
CONNECT_TIMEOUT = 10.0  # seconds
MAX_CONNECTIONS = 6
MAX_ERROR_LENGTH = 200
MIGRATIONS_TABLE = "nightdesk_migrations"  # which of Procrastinate's steps were made

# Ours, beside Procrastinate's tables. Its workers have no names, and its jobs no index by their
# arguments.
OWN_TABLES = """
CREATE INDEX IF NOT EXISTS nightdesk_parts ON procrastinate_jobs ((args->>'clean_job_id'));
CREATE TABLE IF NOT EXISTS nightdesk_workers (queue text NOT NULL, process text NOT NULL,
    worker_id bigint PRIMARY KEY REFERENCES procrastinate_workers (id) ON DELETE CASCADE)
"""
# The next three statements use Procrastinate's tables, because it has no function for them. It
# cannot count jobs by an argument, and cannot change when a waiting job is due.
COUNT_PARTS = """
SELECT count(*) AS total, count(*) FILTER (WHERE status IN ('todo', 'doing')) AS open
FROM procrastinate_jobs WHERE args->>'clean_job_id' = %(clean)s
"""
RESUME_CLEAN = """
UPDATE procrastinate_jobs SET scheduled_at = now()
WHERE id = %(clean_id)s AND status = 'todo' AND scheduled_at > now() AND NOT EXISTS (
    SELECT 1 FROM procrastinate_jobs WHERE args->>'clean_job_id' = %(clean)s AND id <> %(part_id)s
    AND status IN ('todo', 'doing'))
"""
ADD_WORKER = """
INSERT INTO nightdesk_workers (worker_id, queue, process)
VALUES (%(worker_id)s, %(queue)s, %(process)s) ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class PartCounts:
    """Into how many parts a clean was split, and how many of them are not done."""

    total: int
    open: int


class QueueJobManager(JobManager):
    """Procrastinate's manager of jobs, with one difference.

    If a job is retried while another one with its queueing lock waits, the retried one is
    aborted: the other one does the work.
    """

    async def retry_job_by_id_async(
        self,
        job_id: int,
        retry_at: datetime,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """Retry a job by its id. Procrastinate describes the arguments."""
        try:
            await super().retry_job_by_id_async(job_id, retry_at, priority, queue, lock)
        except UniqueViolation:
            await self.finish_job_by_id_async(job_id, Status.ABORTED, delete_job=False)


class TaskQueue:
    """The task queue of an archive on PostgreSQL.

    Attributes:
        database: The archive.
        app: Procrastinate's application.
        jobs: Its manager of jobs.
    """

    def __init__(self, database: Database) -> None:
        for name in ("procrastinate", "psycopg.pool"):  # people get our own messages instead
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self.database = database
        url = database.url.set(drivername="postgresql")
        self._address = url.render_as_string(hide_password=False)
        options = {
            "options": f"-c search_path={SCHEMA}",
            "connect_timeout": int(CONNECT_TIMEOUT),
            "application_name": APPLICATION_NAME,
        }
        connector = procrastinate.PsycopgConnector(
            conninfo=self._address,
            kwargs=options,
            min_size=1,
            max_size=MAX_CONNECTIONS,
            timeout=CONNECT_TIMEOUT,
            reconnect_timeout=CONNECT_TIMEOUT,
        )
        self.app = procrastinate.App(connector=connector)
        self.jobs = self.app.job_manager = QueueJobManager(connector)

    def prepare(self) -> None:
        """Make or upgrade the tables.

        Raises:
            StoreError: They cannot be made, or a newer Procrastinate made them.
        """
        try:
            with psycopg.connect(
                self._address, connect_timeout=int(CONNECT_TIMEOUT), autocommit=True
            ) as connection:
                connection.execute("SELECT pg_advisory_lock(%s)", (ADVISORY_LOCK,))
                _migrate(connection, self.database.name)
        except psycopg.Error as error:
            raise StoreError(
                f"{self.database.name}: the tables of the queue cannot be made or upgraded"
                f" ({_one_line(error)}); may the user of the database create the schema"
                f" '{SCHEMA}'?"
            ) from None

    @contextmanager
    def open(self) -> Iterator[None]:
        """Prepare the tables, and connect as long as the block lasts, without an event loop.

        Raises:
            StoreError: The tables cannot be made.
            DatabaseUnavailable: The server cannot be reached.
        """
        self.prepare()
        with self.translate_errors(), self.app.open():
            yield

    def enqueue(self, specs: Sequence[TaskSpec]) -> int:
        """Enqueue tasks, except those that wait already.

        Returns:
            How many tasks were enqueued.

        Raises:
            DatabaseUnavailable: The server cannot be reached.
        """
        with self.translate_errors():
            return sum(self._enqueue(spec) for spec in specs)

    async def enqueue_async(self, spec: TaskSpec) -> bool:
        """Enqueue one task within an event loop, unless it waits already.

        Returns:
            Whether it was enqueued.
        """
        try:
            await self._deferrer(spec).defer_async(**spec.arguments)
        except AlreadyEnqueued:
            return False
        return True

    async def enqueue_all_async(self, specs: Sequence[TaskSpec]) -> None:
        """Enqueue all tasks in one transaction, or none.

        Half of the parts of a clean must not be taken for all of them.
        """
        jobs = []
        for spec in specs:
            jobs.append(self._deferrer(spec).job.evolve(task_kwargs=spec.arguments))
        await self.jobs.batch_defer_jobs_async(jobs)

    async def has_urgent_task(self, queue: str, priority: int) -> bool:
        """Tell whether a task of a higher priority waits in a queue and could run now."""
        now = datetime.now(UTC)
        for job in await self.jobs.list_jobs_async(queue=queue, status=Status.TODO.value):
            is_due = job.scheduled_at is None or job.scheduled_at <= now
            if job.priority > priority and is_due and not await self._is_locked(job):
                return True
        return False

    async def count_parts(self, clean_job_id: int) -> PartCounts:
        """Return how many parts a clean has."""
        row = await self.app.connector.execute_query_one_async(COUNT_PARTS, clean=str(clean_job_id))
        return PartCounts(int(row["total"]), int(row["open"]))

    async def resume_clean(self, clean_job_id: int, part_job_id: int) -> None:
        """Make a clean that waits for its parts due now, if this part was the last one."""
        await self.app.connector.execute_query_async(
            RESUME_CLEAN, clean_id=clean_job_id, clean=str(clean_job_id), part_id=part_job_id
        )

    async def add_worker(self, worker_id: int, queue: str, process: str) -> None:
        """Record which process a worker of Procrastinate is in, for the status of the queue."""
        await self.app.connector.execute_query_async(
            ADD_WORKER, worker_id=worker_id, queue=queue, process=process
        )

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Turn errors of the connection into one sentence.

        Raises:
            DatabaseUnavailable: The server cannot be reached.
        """
        try:
            yield
        except ConnectorException as error:
            cause = _one_line(error.__cause__ or error)
            raise DatabaseUnavailable(
                f"{self.database.name}: the queue cannot be reached ({cause}); is the server up?"
            ) from error

    def _enqueue(self, spec: TaskSpec) -> bool:
        try:
            self._deferrer(spec).defer(**spec.arguments)
        except AlreadyEnqueued:
            return False
        return True

    async def _is_locked(self, job: Job) -> bool:
        if job.lock is None:
            return False
        running = await self.jobs.list_jobs_async(lock=job.lock, status=Status.DOING.value)
        return bool(list(running))

    def _deferrer(self, spec: TaskSpec) -> Any:
        return self.app.configure_task(
            spec.kind,
            queue=spec.queue,
            priority=spec.priority,
            lock=spec.lock or None,
            queueing_lock=spec.queueing_lock or None,
            allow_unknown=True,
        )


def _migrate(connection: psycopg.Connection[Any], name: str) -> None:
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    connection.execute(f"SET search_path = {SCHEMA}")
    paths = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    shipped = {path.name: path for path in paths}
    exists = connection.execute("SELECT to_regclass(%s)", (MIGRATIONS_TABLE,)).fetchone()
    if exists == (None,):
        _run_step(connection, list(shipped), SchemaManager.get_schema())
    rows = connection.execute(f"SELECT name FROM {MIGRATIONS_TABLE}")
    done = {str(row[0]) for row in rows}
    if done - shipped.keys():
        raise StoreError(
            f"{name}: the tables of its queue were made by a newer Procrastinate than the one"
            " here; update the virtual environment of this machine: pip install -U -e"
            " '.[cluster]'"
        )
    for step, path in shipped.items():
        if step not in done:
            _run_step(connection, [step], path.read_text(encoding="utf8"))


def _run_step(connection: psycopg.Connection[Any], names: Sequence[str], sql: str) -> None:
    """Run one step and record its names, both or neither."""
    with connection.transaction():
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {MIGRATIONS_TABLE}"
            " (name text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())"
        )
        connection.execute(sql.encode())
        connection.execute(OWN_TABLES.encode())
        for name in names:
            statement = f"INSERT INTO {MIGRATIONS_TABLE} (name) VALUES (%s)"
            connection.execute(statement.encode(), (name,))


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:MAX_ERROR_LENGTH]
