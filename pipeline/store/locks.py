"""Locks between processes: one crawl and one clean of a Site at a time.

Promises that a lock dies with its holder, also by kill -9, so that none is ever left behind: a lock of the operating system
beside a SQLite file, an advisory lock of the session on PostgreSQL.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from pipeline.errors import AlreadyRunning, StoreError
from pipeline.store.engine import Store


class Lock:
    """A held lock; `release` gives it back, and so does the end of the process."""

    def __init__(self, held: FileLock | Connection) -> None:
        self._held = held

    def release(self) -> None:
        if isinstance(self._held, FileLock):
            self._held.release()
            return
        try:
            self._held.execute(text("SELECT pg_advisory_unlock_all()"))
        except DBAPIError:
            self._held.invalidate()  # the session is lost, and its locks with it
        self._held.close()


def acquire(store: Store, name: str, wait: float = 0.0) -> Lock:
    """The lock of that name, after at most `wait` seconds. Raises AlreadyRunning when another process holds it."""
    return _acquire_file(store, name, wait) if store.is_sqlite else _acquire_advisory(store, name)


def _acquire_file(store: Store, name: str, wait: float) -> Lock:
    file = store.file
    assert file is not None
    lock = FileLock(folder(file) / f"{name.replace(':', '-')}.lock")
    try:
        Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=wait)
    except Timeout:
        raise AlreadyRunning(name) from None
    except OSError as error:
        raise StoreError(f"{lock.lock_file}: cannot be locked ({error.strerror}); may you write in its folder?") from None
    return Lock(lock)


def folder(file: Path) -> Path:
    """Where the lock files of a SQLite archive lie."""
    return file.with_name(file.name + ".locks")


def _acquire_advisory(store: Store, name: str) -> Lock:
    number = int.from_bytes(blake2b(f"nightdesk:{name}".encode(), digest_size=8).digest(), signed=True)
    with store.telling():
        connection = store.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        if not connection.execute(text("SELECT pg_try_advisory_lock(:n)"), {"n": number}).scalar():
            connection.close()
            raise AlreadyRunning(name)
    return Lock(connection)
