"""Remove deleted rows from free space: files of databases keep them until they are rewritten."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from pipeline.store.db.engine import Database
from pipeline.store.db.row_classes import Base

MERGE_INDEX: Final = "INSERT INTO article_index (article_index) VALUES ('optimize')"
ARCHIVE_SETTINGS: Final = (
    "SELECT current_setting('archive_mode'), current_setting('archive_command', true),"
    " (SELECT count(*) FROM pg_stat_replication), (SELECT count(*) FROM pg_replication_slots)"
)


def scrub(database: Database) -> list[str]:
    """Rewrite the files of a database without what was deleted.

    It needs as much free space as the archive takes, and for some minutes nobody else can write.

    Returns:
        Sentences about copies that this cannot reach, for people.
    """
    if database.is_sqlite:
        return _scrub_sqlite(database)
    return _scrub_postgres(database)


def _scrub_sqlite(database: Database) -> list[str]:
    with database.translate_errors(), database.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.execute("PRAGMA secure_delete = ON")
        driver.execute(MERGE_INDEX)  # the index keeps the words of deleted rows until it merges
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        driver.execute("VACUUM")
        busy, *_ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        note = (
            f"{database.name}-wal: another process reads the archive, so the log of the database"
            " still holds deleted rows until that process ends"
        )
        return [note]
    return []


def _scrub_postgres(database: Database) -> list[str]:
    notes: list[str] = []
    with database.translate_errors(), database.engine.connect() as plain:
        connection = plain.execution_options(isolation_level="AUTOCOMMIT")
        tables = [table.name for table in Base.metadata.sorted_tables]
        for name in (*tables, "article_index"):
            connection.execute(text(f"VACUUM FULL {name}"))
        for statement in ("CHECKPOINT", "SELECT pg_switch_wal()", "CHECKPOINT"):
            try:
                connection.execute(text(statement))
            except DBAPIError:
                notes.append(
                    f"the server did not allow '{statement}'; let its administrator run it, so that"
                    " old segments of its log are reused"
                )
        mode, command, replicas, slots = connection.execute(text(ARCHIVE_SETTINGS)).one()
    if mode != "off":
        notes.append(f"archived segments of the server's log still hold deleted rows: {command}")
    if replicas or slots:
        notes.append("replicas and replication slots keep the log of the server until they read it")
    notes.append(
        "segments of the server's log in pg_wal hold deleted rows until the server reuses them"
    )
    return notes
