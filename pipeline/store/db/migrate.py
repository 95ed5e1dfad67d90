"""The schema's version: made, upgraded, or refused when it is newer than this code.

Promises that an upgrade is one transaction on both databases, that two processes starting together do it once, and that a
database of a newer Nightdesk is left alone. Alembic, which takes a sixth of a crawl's start to load, is loaded only where there
is something to upgrade.
"""

from __future__ import annotations

import io
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from pipeline.core.errors import AlreadyRunning, NewerSchema, StoreError
from pipeline.store.db import locks
from pipeline.store.db.engine import Database

if TYPE_CHECKING:
    from alembic.config import Config

SCRIPTS = Path(__file__).parents[3] / "migrations"
UPGRADE_LOCK = "upgrade"


def config() -> Config:
    """Alembic's configuration; the `alembic` command itself reads the same from pyproject.toml."""
    from alembic.config import Config

    settings = Config(stdout=io.StringIO(), output_buffer=io.StringIO())
    settings.set_main_option("script_location", str(SCRIPTS))
    return settings


def versions() -> Collection[str]:
    """The schema versions that this code knows; each is a file that begins with it."""
    return {path.name.partition("_")[0] for path in (SCRIPTS / "versions").glob("[0-9]*.py")}


def head() -> str:
    """The newest of them."""
    return max(versions())


def current(connection: Connection) -> str | None:
    """The schema version of the database, None where there is no schema."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def ensure(store: Database, *, create: bool = True) -> None:
    """Makes or upgrades the schema where it has to be. Raises NewerSchema, and StoreError where there is no archive and
    `create` is False."""
    if not create:
        _must_exist(store)
    version = version_of(store)
    if version is None and not create:
        raise StoreError(_nothing_here(store))
    if version != head():
        _refuse_newer(store, version)
        _upgrade(store)


def version_of(store: Database) -> str | None:
    """The schema version of an archive, None where there is none; makes the folder that it is to lie in."""
    if store.file is not None and not store.file.exists():
        with suppress(
            OSError
        ):  # a folder that cannot be made is told as a file that cannot be opened
            store.file.parent.mkdir(parents=True, exist_ok=True)
    with store.read() as connection:
        return current(connection)


def _must_exist(store: Database) -> None:
    if store.file is not None and not store.file.exists():
        raise StoreError(_nothing_here(store))


def _nothing_here(store: Database) -> str:
    return f"{store.name}: there is no archive here yet; 'nightdesk crawl' makes it, or set database_url to another one"


def _refuse_newer(store: Database, version: str | None) -> None:
    if version is not None and version not in versions():
        raise NewerSchema(
            f"{store.name}: its schema {version} was made by a newer Nightdesk than this one; update this checkout and its"
            " virtual environment"
        )


def _upgrade(store: Database) -> None:
    from alembic import command

    lock = _wait_for_lock(store)
    try:
        if store.is_sqlite:
            with store.telling(), store.engine.connect() as connection:
                # stays in the file; readers and the writer no longer block each other
                connection.connection.driver_connection.execute("PRAGMA journal_mode = WAL")  # type: ignore[union-attr]
        with store.migrating() as connection:
            settings = config()
            settings.attributes["connection"] = connection
            command.upgrade(settings, "head")
    finally:
        lock.release()


def _wait_for_lock(store: Database) -> locks.Lock:
    if store.is_sqlite:
        try:
            return locks.acquire(store, UPGRADE_LOCK, wait=120)
        except AlreadyRunning:
            raise StoreError(
                f"{store.name}: another process has been upgrading it for two minutes; look at that one"
            ) from None
    with store.telling():
        connection = store.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text("SELECT pg_advisory_lock(778207415)"))
    return locks.Lock(connection)
