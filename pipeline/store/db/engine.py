"""Connections: one `Store` for an archive's address, with transactions that are safe on both databases.

Promises that a writer holds the write lock from its first statement (SQLite's default mode loses updates silently), that a
commit survives a power cut, that a commit whose answer was lost is asked after, and that a database's trouble is told as one
sentence (`Away`, `StoreError`, `DiskError`).
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

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
    StoreError,
)

BUSY_SECONDS = 30
RETRY_DELAYS = (
    0.1,
    0.3,
    1.0,
    2.0,
    4.0,
    8.0,
    15.0,
    30.0,
    30.0,
    30.0,
    30.0,
    30.0,
)  # seconds: a restart takes some, an upgrade minutes
PROGRAMMING_ERRORS = (ProgrammingError, IntegrityError, DataError)


T = TypeVar("T")
log = logging.getLogger(__name__)


class Database:
    """An archive's database. Cheap to make; connects when first used. Safe to share between threads, not between processes."""

    def __init__(self, address: str) -> None:
        self.url = parse_address(address)
        self.name = display_name(self.url)
        self.engine = _engine(self.url)

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @property
    def file(self) -> Path | None:
        """The SQLite file, or None on PostgreSQL."""
        return Path(self.url.database) if self.is_sqlite and self.url.database else None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read transaction: sees one state of the archive, blocks nobody."""
        with self.translate_errors(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A write transaction: all of it or nothing, one writer at a time on SQLite."""
        with self.translate_errors(), self.engine.connect() as connection:
            connection = connection.execution_options(nightdesk_write=True)
            with connection.begin() as transaction:
                yield connection
                self._commit(connection, transaction)

    def _commit(self, connection: Connection, transaction: RootTransaction) -> None:
        """Commits. Where PostgreSQL is lost in that moment, asks it whether it has, so that nothing is done twice."""
        if self.is_sqlite:
            transaction.commit()
            return
        number = connection.scalar(text("SELECT txid_current_if_assigned()"))
        try:
            transaction.commit()
        except DBAPIError as error:
            if (
                number is None
                or not is_connection_lost(error)
                or not retry_while_unavailable(lambda: self._was_committed(number))
            ):
                raise

    def _was_committed(self, number: int) -> bool:
        with self.read() as connection:
            said = connection.scalar(text("SELECT txid_status(:number)"), {"number": number})
        if said == "in progress":  # by a session that does not know yet that nobody listens
            raise DatabaseUnavailable(f"{self.name}: a transaction has not come to its end")
        return bool(said == "committed")

    @contextmanager
    def migration_transaction(self) -> Iterator[Connection]:
        """A write transaction in which SQLite lets a table that others refer to be rebuilt; what refers to nothing in the end
        undoes it all."""
        with self.translate_errors(), self.engine.connect() as connection:
            connection = connection.execution_options(nightdesk_write=True)
            self._enforce_references(connection, False)
            try:
                with connection.begin():
                    yield connection
                    if self.is_sqlite and (
                        lost := connection.exec_driver_sql("PRAGMA foreign_key_check").first()
                    ):
                        raise StoreError(
                            f"{self.name}: the upgrade would lose rows of '{lost[0]}'; nothing was changed"
                        )
            finally:
                self._enforce_references(connection, True)

    def _enforce_references(self, connection: Connection, enforced: bool) -> None:
        """SQLite hears this only between transactions, so it is said to the driver's own connection."""
        driver = connection.connection.driver_connection
        if self.is_sqlite and driver is not None:
            driver.execute(f"PRAGMA foreign_keys = {'ON' if enforced else 'OFF'}")

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Turns a database's error into one sentence that names the archive and what to do."""
        try:
            yield
        except DBAPIError as error:
            if isinstance(error, PROGRAMMING_ERRORS):
                raise  # a fault in our statements wants its traceback
            raise translate_error(error, self.name) from error

    def close(self) -> None:
        self.engine.dispose()


def parse_address(address: str) -> URL:
    """A database address as SQLAlchemy's URL. Raises ConfigError for one that is neither SQLite's nor PostgreSQL's."""
    address = re.sub(r"^postgres(?=[:+])", "postgresql", address)
    try:
        url = make_url(address)
        backend = url.get_backend_name()
        url.get_dialect()
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError):
        backend = ""
    if backend not in ("sqlite", "postgresql"):
        raise ConfigError(
            "database_url: write 'sqlite:///path/to/file.db' or 'postgresql://user:password@host/name'"
        )
    if backend == "sqlite" and url.database in (None, "", ":memory:"):
        raise ConfigError(
            "database_url: an archive in memory would be lost; name a file, as in 'sqlite:///nightdesk.db'"
        )
    return url


def display_name(url: URL) -> str:
    """How an archive is named to people: the file, or the address without its password."""
    return (
        str(url.database)
        if url.get_backend_name() == "sqlite"
        else url.render_as_string(hide_password=True)
    )


def _engine(url: URL) -> Engine:
    read_json = msgspec.json.decode  # three times as fast as the standard library's
    if url.get_backend_name() == "sqlite":
        at_home = {"timeout": BUSY_SECONDS, "check_same_thread": False}
        engine = create_engine(url, connect_args=at_home, json_deserializer=read_json)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    afar = {"connect_timeout": 10, "application_name": "nightdesk"}
    return create_engine(url, pool_pre_ping=True, connect_args=afar, json_deserializer=read_json)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = (
        None  # the driver starts no transactions of its own: `begin` below does
    )
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get("nightdesk_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def is_connection_lost(error: DBAPIError) -> bool:
    """Whether there is no connection any more, or none to be had."""
    state = getattr(error.orig, "sqlstate", "")
    is_told = isinstance(error, OperationalError) and (
        state is None or state.startswith(("08", "57P"))
    )
    return error.connection_invalidated or is_told


def retry_while_unavailable(call: Callable[[], T], wait: Callable[[float], object] = time.sleep) -> T:
    """The call's answer, tried again for some minutes while the database is away: each try has to be all or nothing. `wait`
    gets the seconds of a pause, and ends the patience by an answer that is true."""
    for pause in RETRY_DELAYS:
        try:
            return call()
        except DatabaseUnavailable as error:
            log.warning("%s; trying again in %g s", error, pause)
            if wait(pause):
                raise
    return call()


def translate_error(error: DBAPIError, name: str) -> NightdeskError:
    """The error of ours that says in one sentence what a database's error means for its owner."""
    said = " ".join(str(error.orig or error).split())
    low = said.lower()
    if "disk is full" in low or "no space left" in low or "disk i/o error" in low:
        return DiskError(
            f"{name}: no room left to write ({said}); free some space and run the same command again"
        )
    if "readonly database" in low or "read-only" in low:
        return StoreError(f"{name}: cannot be written; check the rights of the file and its folder")
    if "database is locked" in low:
        return DatabaseUnavailable(
            f"{name}: locked by another program for more than {BUSY_SECONDS} s; end that one and run the same command again"
        )
    if "unable to open database file" in low:
        return StoreError(
            f"{name}: cannot be opened; does its folder exist, and may you write there?"
        )
    if "not a database" in low or "malformed" in low:
        return StoreError(
            f"{name}: is no SQLite archive or is damaged ({said}); restore a backup or name another file"
        )
    if is_connection_lost(error) or "connect" in low:
        return DatabaseUnavailable(
            f"{name}: cannot be reached ({said.split(' Is the server')[0][:200]}); is the server up and the address right?"
        )
    return StoreError(f"{name}: {said[:300]}")
