"""A few facts of the archive for a look at its health: nothing but reading, and nothing that takes long."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text

from pipeline.store.db.engine import Database
from pipeline.store.db.schema import CaptureRow, RunRow
from pipeline.store.read.runs import RUN_COLUMNS, RunView

QUICK_CHECK_SECONDS = 60.0  # seconds that a look through the file may take
# what is too long for a row, as stored bytes are, lies in a table beside it, which is vacuumed with it
TABLES = text("""
SELECT relname, n_live_tup, n_dead_tup, coalesce(last_analyze, last_autoanalyze) IS NOT NULL, pg_table_size(relid)
FROM pg_stat_user_tables
UNION ALL SELECT owner.relname, beside.n_live_tup, beside.n_dead_tup, true, pg_table_size(owner.oid)
FROM pg_stat_all_tables beside JOIN pg_class owner ON owner.reltoastrelid = beside.relid
JOIN pg_stat_user_tables ours ON ours.relid = owner.oid ORDER BY 1""")


@dataclass(frozen=True, slots=True)
class TableStats:
    """What PostgreSQL knows of a table: rows, rows that are dead, and whether it was ever analysed."""

    name: str
    live_rows: int
    dead_rows: int
    analysed: bool
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class PostgresStats:
    """A PostgreSQL server."""

    version: str
    major: int
    autovacuum: bool
    tables: tuple[TableStats, ...]


def quick_check(store: Database) -> str | None:
    """What SQLite says of its file, "ok" where it is whole; None where that takes too long."""
    end = time.monotonic() + QUICK_CHECK_SECONDS
    with store.read() as db:
        driver: Any = db.connection.driver_connection
        driver.set_progress_handler(lambda: time.monotonic() > end, 100_000)
        try:
            return " ".join(str(db.exec_driver_sql("PRAGMA quick_check(1)").scalar()).split())
        except Exception as error:
            if "interrupted" in str(error):
                return None
            raise
        finally:
            driver.set_progress_handler(None, 0)


@dataclass(frozen=True, slots=True)
class SqliteStats:
    """What SQLite knows of its file: bytes, bytes that hold nothing, and whether it has statistics."""

    size: int
    unused: int
    analysed: bool


def sqlite_stats(store: Database) -> SqliteStats:
    """The file of an archive on SQLite."""
    with store.read() as db:
        size, number, unused = (
            int(db.exec_driver_sql(f"PRAGMA {each}").scalar_one())
            for each in ("page_size", "page_count", "freelist_count")
        )
        analysed = (
            db.scalar(text("SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'")) == 1
        )
    return SqliteStats(size * number, size * unused, analysed)


def postgres_stats(store: Database) -> PostgresStats:
    """The server of an archive on PostgreSQL."""
    with store.read() as db:
        number = int(db.scalar(text("SHOW server_version_num")) or 0)
        version = str(db.scalar(text("SHOW server_version"))).split()[0]
        vacuum = db.scalar(text("SHOW autovacuum")) == "on"
        tables = tuple(TableStats(*row) for row in db.execute(TABLES))
    return PostgresStats(version, number // 10000, vacuum, tables)


def newest_capture_at(store: Database) -> datetime | None:
    """When the newest visits were."""
    newest = select(CaptureRow.fetched_at).order_by(CaptureRow.id.desc()).limit(100).subquery()
    with store.read() as db:
        found: datetime | None = db.scalar(select(func.max(newest.c.fetched_at)))
    return found


def last_crawl_times(store: Database) -> dict[str, datetime]:
    """When the last crawl of each Site began."""
    query = (
        select(RunRow.site, func.max(RunRow.started_at))
        .where(RunRow.kind == "crawl")
        .group_by(RunRow.site)
    )
    with store.read() as db:
        return {row[0]: row[1] for row in db.execute(query)}


def open_runs(store: Database) -> tuple[RunView, ...]:
    """Runs that are not over, or whose process died."""
    with store.read() as db:
        return tuple(
            RunView(*row)
            for row in db.execute(
                select(*RUN_COLUMNS).where(RunRow.finished_at.is_(None)).order_by(RunRow.id)
            )
        )
