"""Locks between processes: one crawl and one clean of a Site at a time.

Promises that a lock dies with its holder, also by kill -9, so that none is ever left behind: a lock of the operating system
beside a SQLite file, an advisory lock of the session on PostgreSQL.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from pipeline.core.errors import AlreadyRunning, StoreError
from pipeline.store.db.engine import Database

PREFIX = "nightdesk "
HOLDER_QUERY = text(
    "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND l.granted "
    "AND (l.classid::bigint << 32 | l.objid::bigint) = CAST(:n AS bigint) AND a.datname = current_database()"
)


class Lock:
    """A held lock; `release` gives it back, and so does the end of the process. `renew` takes it anew on PostgreSQL."""

    def __init__(
        self, held: FileLock | Connection, renew: Callable[[], Connection] | None = None
    ) -> None:
        self._held = held
        self._renew = renew

    def ensure_held(self) -> None:
        """Takes the lock again where PostgreSQL lost its session, and the lock with it. Raises AlreadyRunning where somebody
        else was first, and Away."""
        if isinstance(self._held, FileLock) or self._renew is None:
            return
        if not self._held.closed:
            try:
                self._held.execute(text("SELECT 1"))
                return
            except DBAPIError:
                self._held.invalidate()
                self._held.close()
        self._held = self._renew()

    def release(self) -> None:
        if isinstance(self._held, FileLock):
            self._held.release()
            return
        if self._held.closed:
            return
        try:
            self._held.execute(text("SELECT pg_advisory_unlock_all()"))
        except DBAPIError:
            self._held.invalidate()  # the session is lost, and its locks with it
        self._held.close()


def acquire(store: Database, name: str, wait: float = 0.0) -> Lock:
    """The lock of that name, after at most `wait` seconds. Raises AlreadyRunning when another process holds it."""
    return _acquire_file(store, name, wait) if store.is_sqlite else _acquire_advisory(store, name)


def advisory_xact_lock(db: Connection, name: str) -> None:
    """Waits until no other transaction is alone under that name; lasts as long as this one. On SQLite every writer is."""
    if db.dialect.name == "postgresql":
        db.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _number(name)})


def _acquire_file(store: Database, name: str, wait: float) -> Lock:
    file = store.file
    assert file is not None
    lock = FileLock(lock_folder(file) / f"{name.replace(':', '-')}.lock")
    try:
        Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=wait)
        _leave_name(Path(lock.lock_file))
    except Timeout:
        raise AlreadyRunning(name, _name_left(Path(lock.lock_file))) from None
    except OSError as error:
        raise StoreError(
            f"{lock.lock_file}: cannot be locked ({error.strerror}); may you write in its folder?"
        ) from None
    return Lock(lock)


def _this_process() -> str:
    return f"process {os.getpid()} on {socket.gethostname()[:30]}"


def _leave_name(lock: Path) -> None:
    """For whoever comes second. Beside the lock file, which is emptied by each that tries it."""
    with suppress(OSError):
        lock.with_suffix(".holder").write_text(_this_process(), encoding="utf8")


def _name_left(lock: Path) -> str:
    try:
        return lock.with_suffix(".holder").read_text(encoding="utf8", errors="replace")[:80]
    except OSError:
        return ""


def lock_folder(file: Path) -> Path:
    """Where the lock files of a SQLite archive lie."""
    return file.with_name(file.name + ".locks")


def _acquire_advisory(store: Database, name: str) -> Lock:
    def take() -> Connection:
        return _advisory(store, name)

    return Lock(take(), take)


def _number(name: str) -> int:
    """What PostgreSQL calls a lock of ours."""
    return int.from_bytes(
        blake2b(f"nightdesk:{name}".encode(), digest_size=8).digest(), signed=True
    )


def _advisory(store: Database, name: str) -> Connection:
    number = _number(name)
    with store.translate_errors():
        connection = store.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        if not connection.execute(text("SELECT pg_try_advisory_lock(:n)"), {"n": number}).scalar():
            holder = connection.execute(HOLDER_QUERY, {"n": number}).scalar() or ""
            connection.close()
            raise AlreadyRunning(name, str(holder).removeprefix(PREFIX))
        connection.execute(
            text("SELECT set_config('application_name', :name, false)"),
            {"name": PREFIX + _this_process()},
        )
    return connection
