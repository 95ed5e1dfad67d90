"""Connections to an archive's database, with transactions that are safe on SQLite and PostgreSQL.

A writer holds the write lock from its first statement, because SQLite's default mode loses
updates silently. A commit survives a power cut. Where the answer to a commit is lost, the server
is asked whether it was done. Errors of a database become one sentence: `DatabaseUnavailable`,
`StoreError` or `DiskError`.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, RootTransaction, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
    ProgrammingError,
)

from pipeline.core.errors import (
    ConfigError,
    DatabaseUnavailable,
    DiskError,
    NightdeskError,
    ReadOnlyArchive,
    StoreError,
)
from pipeline.store.db import sqlite_files

BUSY_TIMEOUT = 30  # seconds
CONNECT_TIMEOUT: Final = 10  # seconds
# Seconds. A restart of the server takes some of them, an upgrade takes minutes.
RETRY_DELAYS = (0.1, 0.3, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 30.0, 30.0, 30.0, 30.0)
PROGRAMMING_ERRORS: Final = (ProgrammingError, IntegrityError, DataError)


T = TypeVar("T")
log = logging.getLogger(__name__)


class Database:
    """The database of an archive. Cheap to create; connects on first use.

    Threads may share it, processes may not.
    """

    def __init__(self, address: str) -> None:
        self.url = parse_address(address)
        self.name = display_name(self.url)
        self.engine = _create_engine(self.url)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite, and not PostgreSQL."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def file(self) -> Path | None:
        """The SQLite file, or None on PostgreSQL."""
        if self.is_sqlite and self.url.database:
            return Path(self.url.database)
        return None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a read transaction, which sees one state of the archive and blocks nobody."""
        with self.translate_errors(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a write transaction: all of it or nothing, one writer at a time on SQLite."""
        with self.translate_errors(), self.engine.connect() as connection:
            connection = connection.execution_options(nightdesk_write=True)
            with connection.begin() as transaction:
                yield connection
                self._commit(connection, transaction)

    def _commit(self, connection: Connection, transaction: RootTransaction) -> None:
        """Commit. Where the connection to PostgreSQL breaks meanwhile, ask whether it was done.

        Otherwise the caller would do everything a second time.
        """
        if self.is_sqlite:
            transaction.commit()
            return
        transaction_id = connection.scalar(text("SELECT txid_current_if_assigned()"))
        try:
            transaction.commit()
        except DBAPIError as error:
            if transaction_id is None or not is_connection_lost(error):
                raise
            if not retry_while_unavailable(lambda: self._was_committed(transaction_id)):
                raise

    def _was_committed(self, transaction_id: int) -> bool:
        with self.read() as connection:
            query = text("SELECT txid_status(:number)")
            status = connection.scalar(query, {"number": transaction_id})
        if status == "in progress":  # the server does not know yet that the client is gone
            raise DatabaseUnavailable(f"{self.name}: a transaction has not come to its end")
        return bool(status == "committed")

    @contextmanager
    def migration_transaction(self) -> Iterator[Connection]:
        """Open a write transaction in which SQLite can rebuild a table that others refer to.

        Raises:
            StoreError: At the end a row refers to a row that does not exist. All is rolled back.
        """
        with self.translate_errors(), self.engine.connect() as connection:
            connection = connection.execution_options(nightdesk_write=True)
            self._set_foreign_keys(connection, "OFF")
            try:
                with connection.begin():
                    yield connection
                    self._check_foreign_keys(connection)
            finally:
                self._set_foreign_keys(connection, "ON")

    def _check_foreign_keys(self, connection: Connection) -> None:
        if not self.is_sqlite:
            return
        violation = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if violation is not None:
            raise StoreError(
                f"{self.name}: the upgrade would lose rows of '{violation[0]}'; nothing was changed"
            )

    def _set_foreign_keys(self, connection: Connection, state: str) -> None:
        """Use the driver's connection: SQLite accepts this only between transactions."""
        driver = connection.connection.driver_connection
        if self.is_sqlite and driver is not None:
            driver.execute(f"PRAGMA foreign_keys = {state}")

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Turn an error of the database into one sentence that names the archive and the remedy."""
        try:
            yield
        except DBAPIError as error:
            if isinstance(error, PROGRAMMING_ERRORS):
                raise  # a fault in our statements needs its traceback
            raise translate_error(error, self.name) from error

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def parse_address(address: str) -> URL:
    """Parse the address of a database.

    Raises:
        ConfigError: The address is neither SQLite's nor PostgreSQL's, or names no file.
    """
    address = re.sub(r"^postgres(?=[:+])", "postgresql", address)
    try:
        url = make_url(address)
        backend = url.get_backend_name()
        url.get_dialect()
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError):
        backend = ""
    if backend not in ("sqlite", "postgresql"):
        raise ConfigError(
            "database_url: write 'sqlite:///path/to/file.db' or"
            " 'postgresql://user:password@host/name'"
        )
    if backend == "sqlite" and url.database in (None, "", ":memory:"):
        raise ConfigError(
            "database_url: an archive in memory would be lost; name a file, as in"
            " 'sqlite:///nightdesk.db'"
        )
    return url


def display_name(url: URL) -> str:
    """Return the name of an archive for people: the file, or the address without its password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.render_as_string(hide_password=True)


def _create_engine(url: URL) -> Engine:
    read_json = msgspec.json.decode  # three times as fast as the standard library's
    if url.get_backend_name() == "sqlite":
        path = str(url.database)
        engine = create_engine(
            url,
            creator=lambda: sqlite_files.connect(path, BUSY_TIMEOUT),
            json_deserializer=read_json,
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        event.listen(engine, "checkin", _drop_read_only)
        return engine
    arguments: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT,
        "application_name": "nightdesk",
    }
    return create_engine(
        url, pool_pre_ping=True, connect_args=arguments, json_deserializer=read_json
    )


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # the driver must not start transactions itself: `_begin_sqlite` does
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT * 1000}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def _drop_read_only(connection: Any, record: Any) -> None:
    """Connect anew the next time: then the disk may have room, and another program may write."""
    if isinstance(connection, sqlite_files.ReadOnlyConnection):
        record.invalidate()


def _begin_sqlite(connection: Connection) -> None:
    is_write = connection.get_execution_options().get("nightdesk_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")


def is_connection_lost(error: DBAPIError) -> bool:
    """Return whether the connection is gone, or could not be opened.

    SQLSTATE classes: 08 is a connection exception, 57P an operator intervention such as a
    shutdown (PostgreSQL manual, appendix A).

    Args:
        error: The error of the driver, as SQLAlchemy wraps it.

    Returns:
        True where the same call on a new connection may succeed.
    """
    if error.connection_invalidated:
        return True
    if not isinstance(error, OperationalError):
        return False
    state = getattr(error.orig, "sqlstate", "")
    return state is None or state.startswith(("08", "57P"))


def retry_while_unavailable(
    call: Callable[[], T], wait: Callable[[float], object] = time.sleep
) -> T:
    """Call, and call again for some minutes while the database is unavailable.

    Args:
        call: A function that does all of its work or nothing.
        wait: Gets the seconds of each pause. Where it returns something true, no more tries follow.

    Raises:
        DatabaseUnavailable: The last try failed too.
    """
    for delay in RETRY_DELAYS:
        try:
            return call()
        except DatabaseUnavailable as error:
            log.warning("%s; trying again in %g s", error, delay)
            if wait(delay):
                raise
    return call()


def translate_error(error: DBAPIError, name: str) -> NightdeskError:
    """Return the error that tells the owner of an archive in one sentence what went wrong.

    Args:
        error: What the driver raised.
        name: The archive, as people know it.
    """
    message = " ".join(str(error.orig or error).split())
    lower = message.lower()
    if "disk is full" in lower or "no space left" in lower or "disk i/o error" in lower:
        return DiskError(
            f"{name}: no room left to write ({message}); free some space and run the same command"
            " again"
        )
    if "readonly database" in lower or "read-only" in lower:
        return ReadOnlyArchive(
            f"{name}: cannot be written; check the rights of the file and its folder, and whether"
            " its disk has room"
        )
    if "database is locked" in lower:
        return DatabaseUnavailable(
            f"{name}: locked by another program for more than {BUSY_TIMEOUT} s; end that one and"
            " run the same command again"
        )
    if "unable to open database file" in lower:
        return StoreError(
            f"{name}: cannot be opened; does its folder exist, and may you write there? A copy"
            " of an archive at work can be read only where its folder can be written"
        )
    if "not a database" in lower or "malformed" in lower:
        return StoreError(
            f"{name}: is no SQLite archive or is damaged ({message}); restore a backup or name"
            " another file"
        )
    if is_connection_lost(error) or "connect" in lower:
        cause = message.split(" Is the server")[0][:200]
        return DatabaseUnavailable(
            f"{name}: cannot be reached ({cause}); is the server up and the address right?"
        )
    return StoreError(f"{name}: {message[:300]}")
