"""A few facts about the database for `nightdesk doctor`. It only reads, and nothing takes long."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import starmap
from typing import Any

from sqlalchemy import func, select, text

from pipeline.core.models import UrlKind
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import CaptureRow, PageRow, RunRow
from pipeline.store.db.sql import fetch_as
from pipeline.store.read.runs import RUN_COLUMNS, RunView

QUICK_CHECK_SECONDS = 60.0  # how long the check of a file may take
RECENT_CAPTURES = 100  # an imported capture can be newer by id than by time
# values that are too long for a row, as payloads are, lie in a TOAST table beside the table
TABLE_STATS_SQL = text(
    "SELECT relname, n_live_tup, n_dead_tup,"
    " coalesce(last_analyze, last_autoanalyze) IS NOT NULL, pg_table_size(relid)"
    " FROM pg_stat_user_tables"
    " UNION ALL"
    " SELECT owner.relname, toast.n_live_tup, toast.n_dead_tup, true, pg_table_size(owner.oid)"
    " FROM pg_stat_all_tables toast"
    " JOIN pg_class owner ON owner.reltoastrelid = toast.relid"
    " JOIN pg_stat_user_tables user_table ON user_table.relid = owner.oid"
    " ORDER BY 1"
)


@dataclass(frozen=True, slots=True)
class TableStats:
    """What PostgreSQL knows about a table: its rows, its size, and if it was ever analysed."""

    name: str
    live_rows: int
    dead_rows: int
    analysed: bool
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class PostgresStats:
    """What a PostgreSQL server says about itself."""

    version: str
    major: int
    autovacuum: bool
    tables: tuple[TableStats, ...]


@dataclass(frozen=True, slots=True)
class SqliteStats:
    """What SQLite knows about its file: its bytes, unused ones, and if it has statistics."""

    size: int
    unused: int
    analysed: bool


def quick_check(database: Database, timeout: float = QUICK_CHECK_SECONDS) -> str | None:
    """Let SQLite check its file.

    Args:
        timeout: The check is given up after this many seconds.

    Returns:
        "ok", or what is wrong, or None if the check took too long.
    """
    end = time.monotonic() + timeout
    with database.read() as db:
        driver: Any = db.connection.driver_connection
        driver.set_progress_handler(lambda: time.monotonic() > end, 100_000)
        try:
            message = str(db.exec_driver_sql("PRAGMA quick_check(1)").scalar())
            return " ".join(message.split())
        except Exception as error:
            if "interrupted" in str(error):
                return None
            raise
        finally:
            driver.set_progress_handler(None, 0)


def sqlite_stats(database: Database) -> SqliteStats:
    """Return what SQLite knows about the file of an archive."""
    statistics = text("SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'")
    with database.read() as db:
        page_size = int(db.exec_driver_sql("PRAGMA page_size").scalar_one())
        pages = int(db.exec_driver_sql("PRAGMA page_count").scalar_one())
        unused_pages = int(db.exec_driver_sql("PRAGMA freelist_count").scalar_one())
        analysed = db.scalar(statistics) == 1
    return SqliteStats(page_size * pages, page_size * unused_pages, analysed)


def postgres_stats(database: Database) -> PostgresStats:
    """Return what the PostgreSQL server of an archive says about itself."""
    with database.read() as db:
        number = int(db.scalar(text("SHOW server_version_num")) or 0)
        version = str(db.scalar(text("SHOW server_version"))).split()[0]
        autovacuum = db.scalar(text("SHOW autovacuum")) == "on"
        tables = tuple(starmap(TableStats, db.execute(TABLE_STATS_SQL)))
    return PostgresStats(version, number // 10000, autovacuum, tables)


def newest_capture_at(database: Database) -> datetime | None:
    """Return when the newest capture was fetched, or None if there is none."""
    recent = select(CaptureRow.fetched_at).order_by(CaptureRow.id.desc()).limit(RECENT_CAPTURES)
    with database.read() as db:
        at: datetime | None = db.scalar(select(func.max(recent.subquery().c.fetched_at)))
    return at


def last_crawl_times(database: Database) -> dict[str, datetime]:
    """Return when the last crawl of each site began."""
    query = (
        select(RunRow.site, func.max(RunRow.started_at))
        .where(RunRow.kind == "crawl")
        .group_by(RunRow.site)
    )
    with database.read() as db:
        return {row[0]: row[1] for row in db.execute(query)}


def stale_pages(database: Database, recipes: Mapping[str, str]) -> dict[str, int]:
    """Count the cleaned pages of each site that were cleaned by another recipe. None is left out.

    Args:
        database: The archive.
        recipes: The recipe of today of each site.
    """
    stale: dict[str, int] = {}
    with database.read() as db:
        for site, recipe in recipes.items():
            query = select(func.count()).where(
                PageRow.site == site,
                PageRow.kind == UrlKind.STORY,
                PageRow.payload_id.is_not(None),
                PageRow.clean_recipe.not_in(("", recipe)),
            )
            count = db.scalar(query) or 0
            if count:
                stale[site] = count
    return stale


def open_runs(database: Database) -> tuple[RunView, ...]:
    """Return the runs that are not finished, or whose process died."""
    query = select(*RUN_COLUMNS).where(RunRow.finished_at.is_(None)).order_by(RunRow.id)
    with database.read() as db:
        return fetch_as(db, query, RunView)
