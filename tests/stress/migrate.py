"""migrate: upgrades that are killed after each of their statements, on both databases.

An archive is filled, upgraded by two synthetic migrations that move data, and downgraded to each
version. From there an upgrade starts as often as the next version has statements, and is killed
with SIGKILL after the first, the second and so on. The next upgrade has to succeed each time, and
its rows have to be those of an upgrade that was not killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

from alembic import command
from sqlalchemy import create_engine, event, inspect, text

from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from tests.stress.commands import ROOT
from tests.stress.figures import Figures
from tests.stress.nights import postgres
from tests.support.synthetic_migrations import write_migrations

PAGES = 24
PAGE = """<html lang="en"><head><title>{title}</title>
<meta property="article:published_time" content="2026-02-{day:02}T10:00:00Z">
</head><body><article><h1>{title}</h1>{body}</article></body></html>"""
SENTENCE = (
    "<p>On day {day} the crane of quay {day} was mended{more}, and ferry number {line} left the"
    " harbour on time again.</p>"
)

Rows = dict[str, list[str]]
CreateCopy = Callable[[], str]  # returns the address of the copy


def run(figures: Figures) -> None:
    """Kill upgrades on both databases, for all versions, after all statements."""
    with tempfile.TemporaryDirectory(prefix="nd-migrate-") as name:
        folder = Path(name)
        scripts = write_migrations(folder / "migrations")
        file = folder / "archive.db"
        with copies_of_file(file) as create_copy:
            address = f"sqlite:///{file}"
            _fill(folder, address)
            _kill_all_versions(figures, "SQLite", address, create_copy, scripts)
        with postgres(folder) as address, copies_of_database(address) as create_copy:
            _fill(folder, address)
            _kill_all_versions(figures, "PostgreSQL", address, create_copy, scripts)


def _kill_all_versions(
    figures: Figures, database: str, address: str, create_copy: CreateCopy, scripts: Path
) -> None:
    """Check the newest version first: each archive is made from the one of the version above."""
    upgrade(address, scripts)
    versions = sorted(migrate.versions(scripts))
    for index in reversed(range(len(versions))):
        version = versions[index]
        before = versions[index - 1] if index else "base"
        downgrade(address, before, scripts)
        row_count = sum(len(rows) for rows in rows_of(address).values())
        count, failures = kill_upgrades(address, create_copy, version, scripts)
        figures.check(
            f"{database}: {before} → {version} with {row_count} rows, killed after each statement",
            f"{count} statements",
            not failures,
            failures,
        )


def kill_upgrades(
    address: str,
    create_copy: CreateCopy,
    version: str,
    scripts: Path,
    only: Sequence[int] = (),
) -> tuple[int, list[str]]:
    """Upgrade copies of an archive and kill each after another statement of a version.

    Args:
        address: The archive.
        create_copy: Makes a copy of it.
        version: The version whose statements are counted.
        scripts: The folder of the migrations.
        only: The numbers of the statements to kill after; none for all.

    Returns:
        How many statements there are, and what went wrong.
    """
    whole = create_copy()
    count = upgrade_and_count(whole, version, scripts)
    expected = rows_of(whole)
    failures: list[str] = []
    for number in only or range(1, count + 1):
        address = create_copy()
        if kill_after(address, min(number, count), scripts) != -signal.SIGKILL:
            failures.append(f"statement {number}: the upgrade was not killed")
        try:
            upgrade(address, scripts)
        except Exception as error:  # noqa: BLE001 - any error is what the stress test looks for
            reason = f"{type(error).__name__}: {str(error)[:200]}"
            failures.append(f"statement {number}: the next upgrade failed: {reason}")
            continue
        rows = rows_of(address)
        for table in expected:
            if rows.get(table) != expected[table]:
                failures.append(f"statement {number}: rows of '{table}' differ")
    return count, failures


def upgrade(address: str, scripts: Path) -> None:
    """Upgrade an archive to the newest version."""
    store = Database(address)
    try:
        migrate.ensure(store, scripts=scripts)
    finally:
        store.close()


def upgrade_and_count(address: str, version: str, scripts: Path) -> int:
    """Upgrade an archive, and count the statements up to the one that writes a version down."""
    store = Database(address)
    statements: list[str] = []
    event.listen(
        store.engine, "after_cursor_execute", lambda *arguments: statements.append(arguments[2])
    )
    try:
        migrate.ensure(store, scripts=scripts)
    finally:
        store.close()
    for number, statement in enumerate(statements, 1):
        if "alembic_version" in statement and f"'{version}'" in statement:
            return number
    return len(statements)


def kill_after(address: str, number: int, scripts: Path) -> int:
    """Upgrade in a process that kills itself after some statements, and return its exit code."""
    child = os.fork()
    if child == 0:
        try:
            store = Database(address)
            statements: list[str] = []

            def die(*arguments: object) -> None:
                statements.append(str(arguments[2]))
                if len(statements) == number:
                    os.kill(os.getpid(), signal.SIGKILL)

            event.listen(store.engine, "after_cursor_execute", die)
            migrate.ensure(store, scripts=scripts)
        finally:
            os._exit(3)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def downgrade(address: str, version: str, scripts: Path) -> None:
    """Take an archive down to a version."""
    store = Database(address)
    with store.migration_transaction() as connection:
        settings = migrate.config(scripts)
        settings.attributes["connection"] = connection
        command.downgrade(settings, version)
    store.close()


def rows_of(address: str) -> Rows:
    """Return all rows of all tables, whatever columns they have.

    For the full-text index these are the rows that the database stores for it.
    """
    engine = create_engine(Database(address).url)
    rows: Rows = {}
    try:
        with engine.connect() as db:
            for table in sorted(inspect(db).get_table_names()):
                if table.startswith("article_index_"):
                    continue
                result = db.execute(text(f"SELECT * FROM {table}"))
                rows[table] = sorted(repr(tuple(row)) for row in result)
    finally:
        engine.dispose()
    return rows


@contextmanager
def copies_of_file(path: Path) -> Iterator[CreateCopy]:
    """Make copies of a SQLite archive that nobody has open."""
    with tempfile.TemporaryDirectory(prefix="nd-copies-") as folder:

        def create_copy() -> str:
            copy = Path(folder) / f"{uuid4().hex}.db"
            shutil.copy(path, copy)
            return f"sqlite:///{copy}"

        yield create_copy


@contextmanager
def copies_of_database(address: str) -> Iterator[CreateCopy]:
    """Make copies of a PostgreSQL archive that nobody is connected to."""
    url = Database(address).url
    names: list[str] = []
    server = create_engine(url.set(database="template1"), isolation_level="AUTOCOMMIT")

    def execute(statement: str) -> None:
        with closing(server.connect()) as db:
            db.execute(text(statement))

    def create_copy() -> str:
        names.append(f"nightdesk_copy_{uuid4().hex}")
        execute(f'CREATE DATABASE {names[-1]} TEMPLATE "{url.database}"')
        # a connection to template1, which a child process would use as its own
        server.dispose()
        return url.set(database=names[-1]).render_as_string(hide_password=False)

    try:
        yield create_copy
    finally:
        for name in names:
            execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        server.dispose()


def _fill(folder: Path, address: str) -> None:
    """Import pages and clean them twice, some of them edited in between."""
    home = folder / "home"
    (home / "config" / "sites").mkdir(parents=True, exist_ok=True)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("NIGHTDESK_")
    }
    command_line = [sys.executable, "-P", "-m", "pipeline", "--home", str(home)]
    command_line += ["--database-url", address, "import", str(folder / "pages"), "--site", "crane"]
    for more in ("", " by night"):
        for day in range(1, PAGES + 1):
            _write_page(folder / "pages" / "www.example.org", day, more if day % 3 else "")
        subprocess.run(
            command_line, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL
        )


def _write_page(folder: Path, day: int, more: str) -> None:
    lines = [SENTENCE.format(day=day, line=line, more=more) for line in range(12)]
    page = PAGE.format(title=f"The crane of quay {day}", day=day, body="".join(lines))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"story-{day}.html").write_text(page, encoding="utf8")
