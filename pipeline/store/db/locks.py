"""Locks between processes, so that one crawl and one clean of a site run at a time.

A lock ends with its process, also after kill -9, so that none is left over. On SQLite it is a
lock of the operating system on a file beside the archive, on PostgreSQL an advisory lock of the
session.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from pipeline.core.errors import AlreadyRunning, StoreError
from pipeline.store.db.engine import Database

if TYPE_CHECKING:
    from filelock import FileLock

PREFIX: Final = "nightdesk "  # of the application names of sessions that hold a lock
HOLDER_QUERY: Final = text(
    "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
    " WHERE l.locktype = 'advisory' AND l.granted"
    " AND (l.classid::bigint << 32 | l.objid::bigint) = CAST(:n AS bigint)"
    " AND a.datname = current_database()"
)


class Lock:
    """A held lock. `release` gives it back, and so does the end of the process."""

    def __init__(
        self, held: FileLock | Connection, renew: Callable[[], Connection] | None = None
    ) -> None:
        """Wrap a lock that is held.

        Args:
            held: The locked file, or the session that has the advisory lock.
            renew: Takes the advisory lock again in another session.
        """
        self._held = held
        self._renew = renew

    def ensure_held(self) -> None:
        """Take the lock again where PostgreSQL lost its session, and the lock with it.

        Raises:
            AlreadyRunning: Another process has it now.
            DatabaseUnavailable: The database cannot be reached.
        """
        if not isinstance(self._held, Connection) or self._renew is None:
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
        """Give the lock back. A lost connection has given it back already."""
        if not isinstance(self._held, Connection):
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
    """Take the lock of that name.

    Args:
        store: The archive that the lock is for.
        name: Two processes that use the same name exclude each other.
        wait: How many seconds to wait for the lock of a SQLite archive.

    Raises:
        AlreadyRunning: Another process holds it.
    """
    if store.is_sqlite:
        return _acquire_file(store, name, wait)
    return _acquire_advisory(store, name)


def advisory_xact_lock(db: Connection, name: str) -> None:
    """Wait until no other transaction has the lock of that name; hold it to the end of this one.

    Does nothing on SQLite, where there is one writer anyway.
    """
    if db.dialect.name == "postgresql":
        db.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _lock_number(name)})


def _acquire_file(store: Database, name: str, wait: float) -> Lock:
    from filelock import FileLock, Timeout  # reading commands lock nothing

    file = store.file
    assert file is not None
    lock = FileLock(lock_folder(file) / f"{name.replace(':', '-')}.lock")
    path = Path(lock.lock_file)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=wait)
        _write_holder(path)
    except Timeout:
        raise AlreadyRunning(name, _read_holder(path)) from None
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be locked ({error.strerror}); give this user the right to"
            " write to its folder"
        ) from None
    return Lock(lock)


def _this_process() -> str:
    return f"process {os.getpid()} on {socket.gethostname()[:30]}"


def _write_holder(lock: Path) -> None:
    """Name this process in a file of its own: each process that tries the lock file empties it."""
    with suppress(OSError):
        lock.with_suffix(".holder").write_text(_this_process(), encoding="utf8")


def _read_holder(lock: Path) -> str:
    try:
        return lock.with_suffix(".holder").read_text(encoding="utf8", errors="replace")[:80]
    except OSError:
        return ""


def lock_folder(file: Path) -> Path:
    """Return the folder of the lock files of a SQLite archive."""
    return file.with_name(file.name + ".locks")


def _acquire_advisory(store: Database, name: str) -> Lock:
    def acquire_session() -> Connection:
        return _advisory_lock_session(store, name)

    return Lock(acquire_session(), acquire_session)


def _lock_number(name: str) -> int:
    """Return the number that PostgreSQL knows a lock by."""
    digest = blake2b(f"nightdesk:{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def _advisory_lock_session(store: Database, name: str) -> Connection:
    number = {"n": _lock_number(name)}
    with store.translate_errors():
        connection = store.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        if not connection.scalar(text("SELECT pg_try_advisory_lock(:n)"), number):
            holder = connection.scalar(HOLDER_QUERY, number) or ""
            connection.close()
            raise AlreadyRunning(name, str(holder).removeprefix(PREFIX))
        connection.execute(
            text("SELECT set_config('application_name', :name, false)"),
            {"name": PREFIX + _this_process()},
        )
    return connection
