"""Procrastinate on an archive: its tables in a schema of their own, and errands that are handed out once.

Promises that the tables are made and upgraded by whoever comes first, step by step as Procrastinate ships them, and never
touched where a newer one made them; that of two errands of one name one waits; and one sentence where any of it cannot be.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import procrastinate
import psycopg
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, UniqueViolation
from procrastinate.jobs import Status
from procrastinate.manager import JobManager
from procrastinate.schema import SchemaManager

from pipeline.cluster.tasks import TaskSpec
from pipeline.core.errors import DatabaseUnavailable, StoreError
from pipeline.store.db.engine import Database

SCHEMA = "procrastinate"
LOCK = 778207416  # of PostgreSQL, while the tables are made
QUEUE = "nightdesk queue"  # as PostgreSQL names our sessions
SECONDS = 10.0  # that a connection may take
KEPT = "nightdesk_steps"  # our table beside Procrastinate's: which of its steps were made
OURS = """
CREATE INDEX IF NOT EXISTS nightdesk_parts ON procrastinate_jobs ((args->>'of'));
CREATE TABLE IF NOT EXISTS nightdesk_workers (queue text NOT NULL, process text NOT NULL,
    worker_id bigint PRIMARY KEY REFERENCES procrastinate_workers (id) ON DELETE CASCADE)
"""
WAKE = (
    "UPDATE procrastinate_jobs SET scheduled_at = now() WHERE id = %(clean)s AND status = 'todo' AND scheduled_at > now()"
    " AND NOT EXISTS (SELECT 1 FROM procrastinate_jobs WHERE args->>'of' = %(of)s AND id <> %(part)s"
    " AND status IN ('todo', 'doing'))"
)


class Jobs(JobManager):
    """Procrastinate's own, but for a job that is to be tried again while another one of its name waits: that one does it."""

    async def retry_job_by_id_async(
        self,
        job_id: int,
        retry_at: datetime,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        try:
            await super().retry_job_by_id_async(job_id, retry_at, priority, queue, lock)
        except UniqueViolation:
            await self.finish_job_by_id_async(job_id, Status.ABORTED, delete_job=False)


class TaskQueue:
    """The queue of an archive on PostgreSQL."""

    def __init__(self, store: Database) -> None:
        for name in ("procrastinate", "psycopg.pool"):  # what a person is to know, we tell
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self.store = store
        self._address = store.url.set(drivername="postgresql").render_as_string(hide_password=False)
        options = {
            "options": f"-c search_path={SCHEMA}",
            "connect_timeout": int(SECONDS),
            "application_name": QUEUE,
        }
        connector = procrastinate.PsycopgConnector(
            conninfo=self._address,
            kwargs=options,
            min_size=1,
            max_size=6,
            timeout=SECONDS,
            reconnect_timeout=SECONDS,
        )
        self.app = procrastinate.App(connector=connector)
        self.jobs = self.app.job_manager = Jobs(connector)

    def prepare(self) -> None:
        """Makes or upgrades the tables. Raises StoreError."""
        try:
            with psycopg.connect(
                self._address, connect_timeout=int(SECONDS), autocommit=True
            ) as connection:
                connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
                _prepare(connection, self.store.name)
        except psycopg.Error as error:
            said = " ".join(str(error).split())[:200]
            raise StoreError(
                f"{self.store.name}: the tables of the queue cannot be made or upgraded ({said}); may the user of the database"
                f" create the schema '{SCHEMA}'?"
            ) from None

    @contextmanager
    def open(self) -> Iterator[None]:
        """For whoever hands out errands without an event loop. Raises StoreError."""
        self.prepare()
        with self.translate_errors(), self.app.open():
            yield

    def enqueue(self, errands: Sequence[TaskSpec]) -> int:
        """Puts errands into the queue and returns how many: one whose name waits there already is left out. Raises Away."""
        with self.translate_errors():
            return sum(self._hand(errand) for errand in errands)

    def _hand(self, errand: TaskSpec) -> bool:
        try:
            self._deferrer(errand).defer(**errand.arguments)
        except AlreadyEnqueued:
            return False
        return True

    async def enqueue_async(self, errand: TaskSpec) -> bool:
        """The same for one, within an event loop."""
        try:
            await self._deferrer(errand).defer_async(**errand.arguments)
        except AlreadyEnqueued:
            return False
        return True

    async def enqueue_all_async(self, errands: Sequence[TaskSpec]) -> None:
        """Puts all of them into the queue in one transaction, or none: half of a clean's parts would pass for all of them."""
        jobs = [self._deferrer(errand).job.evolve(task_kwargs=errand.arguments) for errand in errands]
        await self.jobs.batch_defer_jobs_async(jobs)

    async def wake(self, clean: int, part: int) -> None:
        """The clean that waits for its parts is looked at again at once, where this part was the last one at work."""
        await self.app.connector.execute_query_async(WAKE, clean=clean, of=str(clean), part=part)

    def _deferrer(self, errand: TaskSpec) -> Any:
        return self.app.configure_task(
            errand.kind,
            queue=errand.queue,
            priority=errand.priority,
            lock=errand.lock or None,
            queueing_lock=errand.queueing_lock or None,
            allow_unknown=True,
        )

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Turns trouble with the connection into one sentence."""
        try:
            yield
        except ConnectorException as error:
            said = " ".join(str(error.__cause__ or error).split())[:200]
            raise DatabaseUnavailable(
                f"{self.store.name}: the queue cannot be reached ({said}); is the server up?"
            ) from error


def _prepare(connection: psycopg.Connection[Any], name: str) -> None:
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    connection.execute(f"SET search_path = {SCHEMA}")
    shipped = {
        path.name: path for path in sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    }
    if connection.execute("SELECT to_regclass(%s)", (KEPT,)).fetchone() == (None,):
        _step(connection, list(shipped), SchemaManager.get_schema())
    made = {str(row[0]) for row in connection.execute(f"SELECT name FROM {KEPT}")}
    if made - shipped.keys():
        raise StoreError(
            f"{name}: the tables of its queue were made by a newer Procrastinate than the one here; update the virtual"
            " environment of this machine: pip install -U -e '.[cluster]'"
        )
    for step, path in shipped.items():
        if step not in made:
            _step(connection, [step], path.read_text(encoding="utf8"))


def _step(connection: psycopg.Connection[Any], names: Sequence[str], text: str) -> None:
    """Makes one step and writes down that it is made, both or neither."""
    with connection.transaction():
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {KEPT} (name text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())"
        )
        connection.execute(text.encode())
        connection.execute(OURS.encode())
        for name in names:
            connection.execute(f"INSERT INTO {KEPT} (name) VALUES (%s)".encode(), (name,))
