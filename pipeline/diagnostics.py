"""What a look at the whole installation finds: settings, sites, archive, disk, clock, nights, browser, locks.

Promises that nothing is changed and nothing is asked of the network but the archive's own server, that each check is told in
one sentence with what to do, and that a check which cannot be made never hides the others.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

from pipeline.config.cron import Line
from pipeline.config.settings import Settings, filled_in
from pipeline.config.site import Site, load_all
from pipeline.core.disk_space import DiskSpaceGuard
from pipeline.core.errors import AlreadyRunning, ConfigError, NightdeskError
from pipeline.store.db import locks, migrate
from pipeline.store.db.engine import Database
from pipeline.store.maintenance import server_stats
from pipeline.store.read import runs

LATE = timedelta(hours=12)  # after its time, a night is missed
WAL = 256 << 20  # bytes of a write-ahead log that somebody seems to hold
AHEAD = timedelta(minutes=10)
EXTRAS = {"alerts": "apprise", "parquet": "pyarrow", "render": "scrapy_playwright"}
OLDEST = 13  # version of PostgreSQL that is looked after by its makers
UNUSED, SMALL = (
    0.25,
    64 << 20,
)  # of a file that holds nothing, and bytes, from which on both it is worth a word
DEAD = 0.2  # of a table's rows, from which on it wants a VACUUM


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    LOOK = "look"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at, in a sentence that says what to do where it is not well."""

    name: str
    state: State
    sentence: str


def examine(settings: Settings, now: datetime) -> Iterator[Check]:
    """All checks, as they are made."""
    yield _settings(settings)
    found, errors = load_all(settings.sites_folder)
    yield from (Check("site file", State.BROKEN, str(error)) for error in errors)
    yield _sites(found, settings.sites_folder)
    yield from _secrets(found)
    yield from _browser(settings, found)
    yield _installed()
    yield from _folders(settings)
    yield _room(settings)
    store = Database(settings.database_url)
    try:
        yield from _archive(store, found, now)
    except NightdeskError as error:
        yield Check("archive", State.BROKEN, str(error))
    finally:
        store.close()


def _settings(settings: Settings) -> Check:
    try:
        agent = settings.agent
    except ConfigError as error:
        return Check("contact", State.BROKEN, str(error))
    if "@" not in settings.contact and "://" not in settings.contact:
        return Check(
            "contact",
            State.LOOK,
            f"'{settings.contact}' is no mail address and no web page: can you be reached by it?",
        )
    return Check("contact", State.OK, f"sites see: {agent}")


def _sites(found: Sequence[Site], folder: Path) -> Check:
    enabled = sum(site.enabled for site in found)
    if not enabled:
        return Check(
            "sites",
            State.LOOK,
            f"{folder}: no site is enabled, so no night has anything to do; 'nightdesk add URL' makes one",
        )
    return Check("sites", State.OK, f"{len(found)} site files, {enabled} of them enabled")


def _secrets(found: Sequence[Site]) -> Iterator[Check]:
    for site in found:
        for name in ("headers", "cookies") if site.enabled else ():
            try:
                filled_in(getattr(site, name), f"{site.id}: '{name}'")
            except ConfigError as error:
                yield Check(
                    "secrets", State.LOOK, f"{error}, here; see that it is where the nights run"
                )


def _browser(settings: Settings, found: Sequence[Site]) -> Iterator[Check]:
    wanting = [site.id for site in found if site.enabled and site.render]
    if wanting:
        try:
            yield Check("browser", State.OK, f"{settings.browser}, for {', '.join(wanting)}")
        except ConfigError as error:
            yield Check("browser", State.BROKEN, f"{', '.join(wanting)}: {error}")


def _installed() -> Check:
    there = [name for name, module in EXTRAS.items() if find_spec(module) is not None]
    left = [name for name in EXTRAS if name not in there]
    python = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    extras = f"extras installed: {', '.join(there) or 'none'}" + (
        f"; not installed: {', '.join(left)}" if left else ""
    )
    return Check("installed", State.OK, f"{python}, {extras}")


def _folders(settings: Settings) -> Iterator[Check]:
    for folder in dict.fromkeys((settings.room_folder, settings.log_folder)):
        there = next((each for each in (folder, *folder.parents) if each.exists()), folder)
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            yield Check(
                "folders",
                State.BROKEN,
                f"{there}: cannot be written by this user, and the nights need it; change its rights",
            )
            return
    yield Check(
        "folders", State.OK, f"{settings.room_folder} and {settings.log_folder} can be written"
    )


def _room(settings: Settings) -> Check:
    floor = DiskSpaceGuard(settings.room_folder, settings.free_megabytes)
    if said := floor.shortage():
        return Check("disk", State.BROKEN, said)
    free = floor.free()
    said = f"{free / 1e9:,.1f} GB are free where {settings.room_folder} lies; the floor is {settings.free_megabytes} MB"
    if free < 4 * settings.free_megabytes << 20:
        return Check(
            "disk",
            State.LOOK,
            f"{said}, which is near: free some space soon, or see what 'nightdesk prune --dry-run' finds",
        )
    return Check("disk", State.OK, said)


def _archive(store: Database, found: Sequence[Site], now: datetime) -> Iterator[Check]:
    if store.file is not None and not store.file.exists():
        yield Check(
            "archive",
            State.LOOK,
            f"{store.name}: there is no archive yet; the first 'nightdesk crawl' makes it",
        )
        return
    version = migrate.version_of(store)
    if version != migrate.head():
        yield _schema(store, version)
        return
    yield Check("archive", State.OK, f"{store.name}: reached, schema {version}")
    yield from _file(store) if store.is_sqlite else _server(store)
    yield from _room_within(store) if store.is_sqlite else ()
    yield _clock(store, now)
    yield from _nights(store, found, now)
    yield from _locks(store)
    wrong = [run for state in runs.states(store, now) for run in state.unbalanced]
    if wrong:
        numbers = ", ".join(map(str, wrong))
        yield Check(
            "ledgers",
            State.BROKEN,
            f"runs {numbers} do not add up; 'nightdesk verify' says more, with --repair counts anew",
        )
    else:
        yield Check("ledgers", State.OK, "the newest runs of all sites add up")


def _schema(store: Database, version: str | None) -> Check:
    if version is None:
        return Check(
            "archive",
            State.LOOK,
            f"{store.name}: is empty; the first 'nightdesk crawl' makes the archive",
        )
    if version in migrate.versions():
        said = f"{store.name}: its schema {version} is older than this Nightdesk; make a backup, and any other command upgrades it"
        return Check("archive", State.LOOK, said)
    said = f"{store.name}: its schema {version} was made by a newer Nightdesk; update this checkout and its virtual environment"
    return Check("archive", State.BROKEN, said)


def _file(store: Database) -> Iterator[Check]:
    said = server_stats.quick_check(store)
    if said is None:
        yield Check(
            "file",
            State.LOOK,
            "too large to be looked through in a minute; 'nightdesk verify' does it in full",
        )
    elif said != "ok":
        yield Check(
            "file",
            State.BROKEN,
            f"{store.name}: SQLite says: {said}; restore a backup, after 'nightdesk verify'",
        )
    else:
        yield Check("file", State.OK, "SQLite finds it whole")
    assert store.file is not None
    log = store.file.with_name(store.file.name + "-wal")
    size = log.stat().st_size if log.exists() else 0
    if size > WAL:
        said = f"{log}: is of {size / 1e6:,.0f} MB, since somebody reads without end; end programs that keep the archive open"
        yield Check("write-ahead log", State.LOOK, said)
    else:
        yield Check("write-ahead log", State.OK, f"{size / 1e6:,.1f} MB")


def _room_within(store: Database) -> Iterator[Check]:
    """What SQLite does not see to by itself: statistics by which it plans, and room in its file."""
    state = server_stats.file(store)
    none = f"none, and nights do without; SQL of your own may be faster after: sqlite3 {store.file} ANALYZE"
    yield Check(
        "statistics",
        State.OK,
        "SQLite plans by those of its last ANALYZE" if state.analysed else none,
    )
    said = f"{state.unused / 1e6:,.0f} of {state.size / 1e6:,.0f} MB hold nothing and are used again by what comes"
    if state.unused > max(UNUSED * state.size, SMALL):
        need = f"; to give them back, see that nothing crawls, have {(state.size - state.unused) / 1e9:,.1f} GB free, and type"
        yield Check("room in the file", State.LOOK, f"{said}{need}: sqlite3 {store.file} VACUUM")
    else:
        yield Check("room in the file", State.OK, said)


def _server(store: Database) -> Iterator[Check]:
    server = server_stats.server(store)
    state = State.OK if server.major >= OLDEST else State.LOOK
    old = "" if state is State.OK else f"; versions before {OLDEST} get no more repairs: upgrade it"
    yield Check("server", state, f"PostgreSQL {server.version}{old}")
    if not server.autovacuum:
        yield Check(
            "autovacuum",
            State.LOOK,
            "autovacuum is off, so tables grow and queries are planned badly; set autovacuum = on",
        )
    stale = [
        each.name
        for each in server.tables
        if each.dead > 10_000 and each.dead > DEAD * (each.live + each.dead)
    ]
    blind = [each.name for each in server.tables if each.live > 10_000 and not each.analysed]
    if names := ", ".join(dict.fromkeys((*stale, *blind))):
        size = sum(
            {
                each.name: each.size for each in server.tables if each.name in (*stale, *blind)
            }.values()
        )
        said = f"{names}: {size / 1e9:,.1f} GB that autovacuum has not come to"
        how = f'psql "$NIGHTDESK_DATABASE_URL" -c "VACUUM (ANALYZE) {names}"'
        yield Check("statistics", State.LOOK, f"{said}; crawls may go on meanwhile, so type: {how}")
    elif server.autovacuum:
        yield Check("statistics", State.OK, "autovacuum is on and keeps up")


def _clock(store: Database, now: datetime) -> Check:
    newest = server_stats.newest_visit(store)
    if newest is not None and newest > now + AHEAD:
        said = f"it is {now:%Y-%m-%d %H:%M} UTC here, and the newest visit is of {newest:%Y-%m-%d %H:%M}: set the clock, by NTP"
        return Check("clock", State.BROKEN, said)
    return Check(
        "clock", State.OK, f"{now:%Y-%m-%d %H:%M} UTC, behind the newest visit of the archive"
    )


def _nights(store: Database, found: Sequence[Site], now: datetime) -> Iterator[Check]:
    last = server_stats.last_crawls(store)
    late = []
    for site in (site for site in found if site.enabled):
        began = last.get(site.id)
        due = next(Line(site.cron, site.timezone).after(began), None) if began else None
        if began is not None and due is not None and due + LATE < now:
            late.append(site.id)
            said = f"{site.id}: its last night was on {began:%Y-%m-%d %H:%M} UTC, and its cron line '{site.cron}' wanted one since"
            yield Check(
                "nights", State.LOOK, f"{said}; does cron, the timer or 'nightdesk schedule' run?"
            )
    new = [site.id for site in found if site.enabled and site.id not in last]
    if new:
        yield Check(
            "nights",
            State.LOOK,
            f"{', '.join(new[:10])}: no night yet; 'nightdesk crawl {new[0]}' is the first",
        )
    elif not late:
        yield Check(
            "nights", State.OK, "every enabled site had a night when its cron line wanted one"
        )


def _locks(store: Database) -> Iterator[Check]:
    at_work, dead = [], []
    for run in server_stats.open_runs(store):
        name = "crawl" if run.kind == "crawl" else "clean"
        try:
            locks.acquire(store, f"{name}:{run.site}").release()
            dead.append(f"{run.id} ({run.kind} of {run.site})")
        except AlreadyRunning:
            at_work.append(f"{run.kind} of {run.site} since {run.started_at:%Y-%m-%d %H:%M} UTC")
    if dead:
        said = f"runs {', '.join(dead)} were killed; nothing is lost, and the next run of the site closes them"
        yield Check("runs", State.LOOK, said)
    else:
        yield Check(
            "runs",
            State.OK,
            f"at work: {'; '.join(at_work)}"
            if at_work
            else "none is at work, and none was left open",
        )
