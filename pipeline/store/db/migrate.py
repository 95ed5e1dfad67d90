"""Create and upgrade the schema of an archive; refuse a schema that this code cannot read.

An upgrade is one transaction on both databases, and two processes that start together upgrade
once. Alembic takes a sixth of a crawl's start to load, so it is imported only where there is
something to upgrade.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, inspect, text

from pipeline.core.errors import AlreadyRunning, NewerSchema, StoreError
from pipeline.core.formatting import pluralize
from pipeline.store.db import locks
from pipeline.store.db.engine import Database

if TYPE_CHECKING:
    from alembic.config import Config

SCRIPTS: Final = Path(__file__).parents[3] / "migrations"
DEVELOPMENT_VERSION: Final = re.compile("00(0[1-9]|1[0-2])")  # schemas before the first release
NIGHTDESK_VERSION: Final = re.compile("[0-9]{4}")
UPGRADE_LOCK: Final = "upgrade"
UPGRADE_LOCK_NUMBER: Final = 778207415  # of the advisory lock on PostgreSQL
UPGRADE_WAIT: Final = 120.0  # seconds


def config(scripts: Path = SCRIPTS) -> Config:
    """Return Alembic's configuration. The `alembic` command reads the same from pyproject.toml.

    Args:
        scripts: The folder of the migrations.

    Returns:
        The configuration, without a database.
    """
    from alembic.config import Config

    settings = Config(stdout=io.StringIO(), output_buffer=io.StringIO())
    settings.set_main_option("script_location", str(scripts))
    return settings


def versions(scripts: Path = SCRIPTS) -> Collection[str]:
    """Return the schema versions that this code knows. Each is a file whose name begins with it."""
    return {path.name.partition("_")[0] for path in (scripts / "versions").glob("[0-9]*.py")}


def head(scripts: Path = SCRIPTS) -> str:
    """Return the newest schema version that this code knows."""
    return max(versions(scripts))


def current(connection: Connection) -> str | None:
    """Return the schema version of a database, or None where it has no schema."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return version


def ensure(
    store: Database,
    *,
    create: bool = True,
    scripts: Path = SCRIPTS,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Create or upgrade the schema where that is needed.

    Args:
        store: The archive.
        create: Whether to create an archive where there is none.
        scripts: The folder of the migrations.
        announce: Receives a sentence before an archive is upgraded.

    Raises:
        NewerSchema: The archive was made by a newer Nightdesk.
        StoreError: The archive was made by a development version, or there is no archive and
            `create` is False.
    """
    if not create and store.file is not None and not store.file.exists():
        raise StoreError(_no_archive_message(store))
    version = version_of(store)
    if version != head(scripts) and is_foreign(store, version):
        raise StoreError(foreign_message(store))
    if version is None and not create:
        raise StoreError(_no_archive_message(store))
    if version == head(scripts):
        return
    if version is not None:
        _check_upgradable(store, version, scripts)
        if announce is not None:
            announce(upgrade_message(store, version, scripts))
    _upgrade(store, scripts)


def version_of(store: Database) -> str | None:
    """Return the schema version of an archive, or None where there is no archive.

    Creates the folder that the SQLite file will lie in.
    """
    if store.file is not None and not store.file.exists():
        # where this fails, the database reports a file that it cannot open
        with suppress(OSError):
            store.file.parent.mkdir(parents=True, exist_ok=True)
    with store.read() as connection:
        return current(connection)


def is_development_version(version: str | None) -> bool:
    """Return whether a schema version is one of those before the first release."""
    return version is not None and DEVELOPMENT_VERSION.fullmatch(version) is not None


def development_message(store: Database, version: str | None) -> str:
    """Return the sentence that refuses an archive of a development version."""
    return (
        f"{store.name}: is an archive of a development version of Nightdesk (schema {version}),"
        " which this version cannot read; start a new archive, or export the old one with the"
        " version that made it"
    )


def is_foreign(store: Database, version: str | None) -> bool:
    """Return whether another program made the tables of a database.

    A PostgreSQL database may hold tables of other programs beside the archive, as long as none has
    the name of one of its tables. A SQLite file belongs to one program.

    Args:
        store: The database.
        version: Its schema version, or None where it has none.
    """
    if version is not None:
        return NIGHTDESK_VERSION.fullmatch(version) is None
    if store.file is not None and not store.file.exists():
        return False
    with store.read() as connection:
        tables = set(inspect(connection).get_table_names())
    if "alembic_version" in tables:  # another process has just made the archive
        return False
    if store.is_sqlite or not tables:
        return bool(tables)
    from pipeline.store.db.schema import PageRow

    return not tables.isdisjoint(PageRow.metadata.tables)


def foreign_message(store: Database) -> str:
    """Return the sentence that refuses a database of another program."""
    return (
        f"{store.name}: holds tables of another program and is no archive of Nightdesk; name"
        " another file or database in database_url"
    )


def upgrade_message(store: Database, version: str, scripts: Path = SCRIPTS) -> str:
    """Return the sentence that says what an upgrade does."""
    steps = sum(number > version for number in versions(scripts))
    return (
        f"{store.name}: upgrading its schema from {version} to {head(scripts)}"
        f" ({pluralize(steps, 'step')}, all of them or none); older versions of Nightdesk cannot"
        " read it afterwards"
    )


def _check_upgradable(store: Database, version: str, scripts: Path) -> None:
    if is_development_version(version):
        raise StoreError(development_message(store, version))
    if version not in versions(scripts):
        raise NewerSchema(
            f"{store.name}: its schema {version} was made by a newer Nightdesk than this one;"
            " install the newest Nightdesk"
        )


def _no_archive_message(store: Database) -> str:
    return (
        f"{store.name}: there is no archive here yet; 'nightdesk crawl' makes it, or set"
        " database_url to another one"
    )


def _upgrade(store: Database, scripts: Path) -> None:
    from alembic import command

    lock = _wait_for_lock(store)
    try:
        if store.is_sqlite:
            _use_write_ahead_log(store)
        with store.migration_transaction() as connection:
            settings = config(scripts)
            settings.attributes["connection"] = connection
            command.upgrade(settings, "head")
    finally:
        lock.release()


def _use_write_ahead_log(store: Database) -> None:
    """The mode stays in the file: readers and the writer no longer block each other."""
    with store.translate_errors(), store.engine.connect() as connection:
        driver = connection.connection.driver_connection
        driver.execute("PRAGMA journal_mode = WAL")  # type: ignore[union-attr]


def _wait_for_lock(store: Database) -> locks.Lock:
    if store.is_sqlite:
        try:
            return locks.acquire(store, UPGRADE_LOCK, wait=UPGRADE_WAIT)
        except AlreadyRunning:
            raise StoreError(
                f"{store.name}: another process has been upgrading it for two minutes;"
                " look at that one"
            ) from None
    with store.translate_errors():
        connection = store.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text(f"SELECT pg_advisory_lock({UPGRADE_LOCK_NUMBER})"))
    return locks.Lock(connection)
