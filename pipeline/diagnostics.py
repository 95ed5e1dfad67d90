"""Check the whole installation: settings, sites, archive, disk, clock, nights, browser, locks.

Nothing is changed, and the network is not used, except for the archive's own server. Each check
gives one sentence that says what to do. A check that fails does not stop the others.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from pipeline.config.cron import CronSchedule
from pipeline.config.settings import Settings, expand_variables
from pipeline.config.site import Site, load_sites
from pipeline.core.disk_space import DiskSpaceGuard
from pipeline.core.errors import AlreadyRunning, ConfigError, NightdeskError
from pipeline.core.formatting import pluralize
from pipeline.store.db import locks, migrate
from pipeline.store.db.engine import Database
from pipeline.store.maintenance import server_stats
from pipeline.store.maintenance.server_stats import PostgresStats, TableStats
from pipeline.store.read import runs

EXTRAS: Final = {"alerts": "apprise", "parquet": "pyarrow", "render": "scrapy_playwright"}
OLDEST_POSTGRESQL: Final = 13  # oldest version that gets repairs
MAX_NAMES: Final = 10  # sites that one sentence names


@dataclass(frozen=True, slots=True)
class DiagnosticLimits:
    """Values from which a check says that something needs a look.

    Attributes:
        missed_after: Time after which a night that did not start is missed.
        clock_skew: How far the newest capture may be ahead of the clock.
        wal_bytes: Size of a write-ahead log that some program seems to hold open.
        unused_share: Share of a SQLite file that is unused, and
        unused_bytes: bytes of it that are unused. Both must be exceeded.
        table_rows: Rows of a table of PostgreSQL that is large enough to matter.
        dead_row_share: Share of its rows that are dead.
    """

    missed_after: timedelta = timedelta(hours=12)
    clock_skew: timedelta = timedelta(minutes=10)
    wal_bytes: int = 256 << 20
    unused_share: float = 0.25
    unused_bytes: int = 64 << 20
    table_rows: int = 10_000
    dead_row_share: float = 0.2


DEFAULT_LIMITS: Final = DiagnosticLimits()


class CheckState(StrEnum):
    """The result of a check."""

    OK = "ok"
    LOOK = "look"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class DiagnosticCheck:
    """One check.

    Attributes:
        name: What was checked.
        state: The result.
        message: A sentence, which says what to do if something is wrong.
    """

    name: str
    state: CheckState
    message: str


def run_checks(
    settings: Settings,
    now: datetime,
    limits: DiagnosticLimits = DEFAULT_LIMITS,
    recipes: Callable[[Site], str] | None = None,
) -> Iterator[DiagnosticCheck]:
    """Run all checks, and yield each result as soon as it is known.

    Args:
        settings: The settings in force.
        now: The time.
        limits: Values from which something needs a look.
        recipes: Returns the recipe by which the texts of a site are made now.
    """
    yield _check_contact(settings)
    sites, errors = load_sites(settings.sites_folder)
    for error in errors:
        yield DiagnosticCheck("site file", CheckState.BROKEN, str(error))
    enabled_sites = [site for site in sites if site.enabled]
    yield _check_sites(sites, settings.sites_folder)
    yield from _check_secrets(enabled_sites)
    yield from _check_browser(settings, enabled_sites)
    yield _check_installation()
    yield _check_folders(settings)
    yield _check_disk(settings)
    database = Database(settings.database_url)
    try:
        yield from _check_archive(database, enabled_sites, now, limits)
        if recipes is not None and _is_current(database):
            yield _check_texts(database, {site.id: recipes(site) for site in sites})
    except NightdeskError as error:
        yield DiagnosticCheck("archive", CheckState.BROKEN, str(error))
    finally:
        database.close()


def _check_contact(settings: Settings) -> DiagnosticCheck:
    try:
        user_agent = settings.sent_user_agent
    except ConfigError as error:
        return DiagnosticCheck("contact", CheckState.BROKEN, str(error))
    if "@" not in settings.contact and "://" not in settings.contact:
        message = f"'{settings.contact}' is no mail address and no web page: can it reach you?"
        return DiagnosticCheck("contact", CheckState.LOOK, message)
    return DiagnosticCheck("contact", CheckState.OK, f"sites see: {user_agent}")


def _check_sites(sites: Sequence[Site], folder: Path) -> DiagnosticCheck:
    enabled_count = sum(site.enabled for site in sites)
    if not enabled_count:
        message = (
            f"{folder}: no site is enabled, so nights have nothing to do;"
            " 'nightdesk add URL' makes one"
        )
        return DiagnosticCheck("sites", CheckState.LOOK, message)
    message = f"{len(sites)} site files, {enabled_count} of them enabled"
    return DiagnosticCheck("sites", CheckState.OK, message)


def _check_secrets(sites: Sequence[Site]) -> Iterator[DiagnosticCheck]:
    for site in sites:
        for key, values in (("headers", site.headers), ("cookies", site.cookies)):
            try:
                expand_variables(values, f"{site.id}: '{key}'")
            except ConfigError as error:
                message = f"{error} here; make sure that it is set where the nights run"
                yield DiagnosticCheck("secrets", CheckState.LOOK, message)


def _check_browser(settings: Settings, sites: Sequence[Site]) -> Iterator[DiagnosticCheck]:
    names = ", ".join(site.id for site in sites if site.render)
    if not names:
        return
    try:
        message = f"{settings.browser_path}, for {names}"
        yield DiagnosticCheck("browser", CheckState.OK, message)
    except ConfigError as error:
        yield DiagnosticCheck("browser", CheckState.BROKEN, f"{names}: {error}")


def _check_installation() -> DiagnosticCheck:
    installed: list[str] = []
    missing: list[str] = []
    for extra, module in EXTRAS.items():
        is_installed = find_spec(module) is not None
        (installed if is_installed else missing).append(extra)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    message = f"Python {version}, extras installed: {', '.join(installed) or 'none'}"
    if missing:
        message += f"; not installed: {', '.join(missing)}"
    return DiagnosticCheck("installed", CheckState.OK, message)


def _check_folders(settings: Settings) -> DiagnosticCheck:
    for folder in (settings.data_folder, settings.log_folder):
        existing = _nearest_existing(folder)
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            message = (
                f"{existing}: this user cannot write to it, and the nights must; change its"
                " permissions"
            )
            return DiagnosticCheck("folders", CheckState.BROKEN, message)
    message = f"{settings.data_folder} and {settings.log_folder} can be written"
    return DiagnosticCheck("folders", CheckState.OK, message)


def _nearest_existing(folder: Path) -> Path:
    for candidate in (folder, *folder.parents):
        if candidate.exists():
            return candidate
    return folder


def _check_disk(settings: Settings) -> DiagnosticCheck:
    guard = DiskSpaceGuard(settings.data_folder, settings.free_megabytes)
    shortage = guard.shortage()
    if shortage:
        return DiagnosticCheck("disk", CheckState.BROKEN, shortage)
    free = guard.free()
    message = (
        f"{free / 1e9:,.1f} GB are free on the disk of {settings.data_folder};"
        f" {settings.free_megabytes} MB must stay free"
    )
    if free < 4 * settings.free_megabytes << 20:
        message += (
            ", so it is nearly full: free some space soon, or see what 'nightdesk prune --dry-run'"
            " finds"
        )
        return DiagnosticCheck("disk", CheckState.LOOK, message)
    return DiagnosticCheck("disk", CheckState.OK, message)


def _check_archive(
    database: Database, sites: Sequence[Site], now: datetime, limits: DiagnosticLimits
) -> Iterator[DiagnosticCheck]:
    if database.file is not None and not database.file.exists():
        message = f"{database.name}: there is no archive yet; the first 'nightdesk crawl' makes it"
        yield DiagnosticCheck("archive", CheckState.LOOK, message)
        return
    version = migrate.version_of(database)
    if version != migrate.head():
        yield _describe_schema(database, version)
        return
    yield DiagnosticCheck("archive", CheckState.OK, f"{database.name}: schema {version}")
    if database.is_sqlite:
        yield _check_integrity(database)
        yield _check_write_ahead_log(database, limits)
        yield from check_sqlite_file(database, limits)
    else:
        yield from check_postgres(database, limits)
    yield _check_clock(database, now, limits)
    yield from _check_nights(database, sites, now, limits)
    yield _check_runs(database)
    yield _check_ledgers(database, now)


def _is_current(database: Database) -> bool:
    """Whether there is an archive, and this version can read it as it is."""
    if database.file is not None and not database.file.exists():
        return False
    return migrate.version_of(database) == migrate.head()


def _describe_schema(database: Database, version: str | None) -> DiagnosticCheck:
    if migrate.is_foreign(database, version):
        message = migrate.foreign_message(database)
        return DiagnosticCheck("archive", CheckState.BROKEN, message)
    if version is None:
        message = f"{database.name}: is empty; the first 'nightdesk crawl' makes the archive"
        return DiagnosticCheck("archive", CheckState.LOOK, message)
    if migrate.is_development_version(version):
        message = migrate.development_message(database, version)
        return DiagnosticCheck("archive", CheckState.BROKEN, message)
    if version in migrate.versions():
        message = (
            f"{database.name}: its schema {version} is older than this Nightdesk; make a backup,"
            " and any other command upgrades it"
        )
        return DiagnosticCheck("archive", CheckState.LOOK, message)
    message = (
        f"{database.name}: a newer Nightdesk made its schema {version}; install the newest"
        " Nightdesk"
    )
    return DiagnosticCheck("archive", CheckState.BROKEN, message)


def _check_integrity(database: Database) -> DiagnosticCheck:
    result = server_stats.quick_check(database)
    if result is None:
        message = "too large to check in a minute; 'nightdesk verify' checks it in full"
        return DiagnosticCheck("file", CheckState.LOOK, message)
    if result != "ok":
        message = (
            f"{database.name}: SQLite says: {result}; restore a backup, after 'nightdesk verify'"
        )
        return DiagnosticCheck("file", CheckState.BROKEN, message)
    return DiagnosticCheck("file", CheckState.OK, "SQLite finds no damage")


def _check_write_ahead_log(database: Database, limits: DiagnosticLimits) -> DiagnosticCheck:
    assert database.file is not None
    log = database.file.with_name(database.file.name + "-wal")
    size = log.stat().st_size if log.exists() else 0
    if size > limits.wal_bytes:
        message = (
            f"{log}: has {size / 1e6:,.0f} MB, since some program reads without an end; end"
            " programs that keep the archive open"
        )
        return DiagnosticCheck("write-ahead log", CheckState.LOOK, message)
    return DiagnosticCheck("write-ahead log", CheckState.OK, f"{size / 1e6:,.1f} MB")


def check_sqlite_file(
    database: Database, limits: DiagnosticLimits = DEFAULT_LIMITS
) -> Iterator[DiagnosticCheck]:
    """Check the statistics and the unused space of a SQLite file."""
    stats = server_stats.sqlite_stats(database)
    message = "SQLite plans queries with the statistics of its last ANALYZE"
    if not stats.analysed:
        message = (
            "none, and nights do not need them; your own SQL may be faster after:"
            f" sqlite3 {database.file} ANALYZE"
        )
    yield DiagnosticCheck("statistics", CheckState.OK, message)
    message = (
        f"{stats.unused / 1e6:,.0f} of {stats.size / 1e6:,.0f} MB are unused, and new pages will"
        " use them"
    )
    if stats.unused <= max(limits.unused_share * stats.size, limits.unused_bytes):
        yield DiagnosticCheck("unused space", CheckState.OK, message)
        return
    needed = stats.size - stats.unused
    message += (
        "; to give them back, make sure that nothing crawls and that"
        f" {needed / 1e9:,.1f} GB are free, and type: sqlite3 {database.file} VACUUM"
    )
    yield DiagnosticCheck("unused space", CheckState.LOOK, message)


def check_postgres(
    database: Database, limits: DiagnosticLimits = DEFAULT_LIMITS
) -> Iterator[DiagnosticCheck]:
    """Check the version, autovacuum and the tables of a PostgreSQL server."""
    stats = server_stats.postgres_stats(database)
    message = f"PostgreSQL {stats.version}"
    if stats.major >= OLDEST_POSTGRESQL:
        yield DiagnosticCheck("server", CheckState.OK, message)
    else:
        message += f"; versions before {OLDEST_POSTGRESQL} get no more repairs: upgrade it"
        yield DiagnosticCheck("server", CheckState.LOOK, message)
    if not stats.autovacuum:
        message = (
            "autovacuum is off, so tables grow and queries are planned badly; set autovacuum = on"
        )
        yield DiagnosticCheck("autovacuum", CheckState.LOOK, message)
    neglected = _neglected_tables(stats, limits)
    if neglected:
        names = ", ".join(neglected)
        size = sum(neglected.values())
        command = f'psql "$NIGHTDESK_DATABASE_URL" -c "VACUUM (ANALYZE) {names}"'
        message = (
            f"{names}: {size / 1e9:,.1f} GB that autovacuum has not reached; crawls may go on"
            f" meanwhile, so type: {command}"
        )
        yield DiagnosticCheck("statistics", CheckState.LOOK, message)
    elif stats.autovacuum:
        yield DiagnosticCheck("statistics", CheckState.OK, "autovacuum is on and keeps up")


def _neglected_tables(stats: PostgresStats, limits: DiagnosticLimits) -> dict[str, int]:
    """Return the sizes of large tables with many dead rows or without statistics."""
    sizes: dict[str, int] = {}
    for table in stats.tables:
        is_blind = table.live_rows > limits.table_rows and not table.analysed
        if is_blind or _has_dead_rows(table, limits):
            sizes[table.name] = table.size
    return sizes


def _has_dead_rows(table: TableStats, limits: DiagnosticLimits) -> bool:
    rows = table.live_rows + table.dead_rows
    return table.dead_rows > max(limits.table_rows, limits.dead_row_share * rows)


def _check_clock(database: Database, now: datetime, limits: DiagnosticLimits) -> DiagnosticCheck:
    newest = server_stats.newest_capture_at(database)
    if newest is not None and newest > now + limits.clock_skew:
        message = (
            f"this clock says {now:%Y-%m-%d %H:%M} UTC, and the newest fetch was at"
            f" {newest:%Y-%m-%d %H:%M}: set the clock, by NTP"
        )
        return DiagnosticCheck("clock", CheckState.BROKEN, message)
    message = f"{now:%Y-%m-%d %H:%M} UTC, after the newest fetch of the archive"
    return DiagnosticCheck("clock", CheckState.OK, message)


def _check_nights(
    database: Database, sites: Sequence[Site], now: datetime, limits: DiagnosticLimits
) -> Iterator[DiagnosticCheck]:
    last_times = server_stats.last_crawl_times(database)
    new_sites = [site.id for site in sites if site.id not in last_times]
    missed_count = 0
    for site in sites:
        if site.id in last_times and _is_missed(site, last_times[site.id], now, limits):
            missed_count += 1
            message = (
                f"{site.id}: its last night was on {last_times[site.id]:%Y-%m-%d %H:%M} UTC, and"
                f" its cron line '{site.cron}' named a later one; does cron, the timer or"
                " 'nightdesk schedule' run?"
            )
            yield DiagnosticCheck("nights", CheckState.LOOK, message)
    if new_sites:
        message = (
            f"{', '.join(new_sites[:MAX_NAMES])}: no night yet; 'nightdesk crawl {new_sites[0]}' is"
            " the first"
        )
        yield DiagnosticCheck("nights", CheckState.LOOK, message)
    elif not missed_count:
        message = "every enabled site had a night when its cron line named one"
        yield DiagnosticCheck("nights", CheckState.OK, message)


def _is_missed(site: Site, last_time: datetime, now: datetime, limits: DiagnosticLimits) -> bool:
    due = next(CronSchedule(site.cron, site.timezone).times_after(last_time), None)
    return due is not None and due + limits.missed_after < now


def _check_runs(database: Database) -> DiagnosticCheck:
    """Tell runs that work now from those that were killed, by their locks."""
    active: list[str] = []
    dead: list[str] = []
    for run in server_stats.open_runs(database):
        lock_kind = "crawl" if run.kind in ("crawl", "discover") else "clean"
        try:
            locks.acquire(database, f"{lock_kind}:{run.site}").release()
            dead.append(f"{run.id} ({run.kind} of {run.site})")
        except AlreadyRunning:
            active.append(f"{run.kind} of {run.site} since {run.started_at:%Y-%m-%d %H:%M} UTC")
    if dead:
        message = (
            f"runs {', '.join(dead)} were killed; nothing is lost, and the next run of the site"
            " closes them"
        )
        return DiagnosticCheck("runs", CheckState.LOOK, message)
    if active:
        return DiagnosticCheck("runs", CheckState.OK, f"active: {'; '.join(active)}")
    return DiagnosticCheck("runs", CheckState.OK, "none is active, and none was left open")


def _check_texts(database: Database, recipes: Mapping[str, str]) -> DiagnosticCheck:
    """Say where texts were made by older rules than those of today."""
    stale = server_stats.stale_pages(database, recipes)
    if not stale:
        message = "all were made by the rules and options of today"
        return DiagnosticCheck("texts", CheckState.OK, message)
    names = ", ".join(sorted(stale)[:MAX_NAMES])
    more = " and more" if len(stale) > MAX_NAMES else ""
    message = (
        f"a clean is due: {pluralize(sum(stale.values()), 'page')} of {names}{more} cleaned by"
        " other rules or options than those of today; the next night cleans them, or type:"
        " nightdesk clean"
    )
    return DiagnosticCheck("texts", CheckState.LOOK, message)


def _check_ledgers(database: Database, now: datetime) -> DiagnosticCheck:
    unbalanced: list[int] = []
    for status in runs.site_statuses(database, now):
        unbalanced += status.unbalanced
    if unbalanced:
        message = (
            f"runs {', '.join(map(str, unbalanced))} do not add up; 'nightdesk verify' says more,"
            " and with --repair it counts again"
        )
        return DiagnosticCheck("ledgers", CheckState.BROKEN, message)
    return DiagnosticCheck("ledgers", CheckState.OK, "the newest runs of all sites add up")
