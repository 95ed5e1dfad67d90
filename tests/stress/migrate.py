"""migrate — upgrades that are killed after each of their statements, from each earlier schema, on both databases.

An archive is filled, and taken down to each earlier version of its schema. From there an upgrade is begun as often as the next
version has statements, and killed with SIGKILL after the first, the second and so on. The next upgrade has to succeed each
time, and all rows to be those of an upgrade that nobody killed.
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
from tests.stress.figures import Figures
from tests.stress.nights import postgres
from tests.stress.watching import ROOT

PAGES = 24
PAGE = """<html lang="en"><head><title>{title}</title>
<meta property="article:published_time" content="2026-02-{day:02}T10:00:00Z">
</head><body><article><h1>{title}</h1>{body}</article></body></html>"""
SENTENCE = "<p>On day {day} the crane of quay {day} was mended{more}, and ferry number {line} left the harbour on time again.</p>"

Rows = dict[str, list[str]]


def run(figures: Figures) -> None:
    """Both databases, all versions, all statements."""
    with tempfile.TemporaryDirectory(prefix="nd-migrate-") as folder:
        one = Path(folder) / "archive.db"
        with copies_of_file(one) as fresh:
            _fill(Path(folder), f"sqlite:///{one}")
            _all(figures, "SQLite", f"sqlite:///{one}", fresh)
        with postgres(Path(folder)) as address, copies_of_database(address) as fresh:
            _fill(Path(folder), address)
            _all(figures, "PostgreSQL", address, fresh)


def _all(figures: Figures, engine: str, address: str, fresh: Callable[[], str]) -> None:
    """From the newest version down, so that each is made of the one above it."""
    for version in sorted(migrate.versions(), reverse=True):
        before = f"{int(version) - 1:04}" if int(version) > 1 else "base"
        downgrade(address, before)
        kept = sum(map(len, rows_of(address).values()))
        count, wrong = killed(address, fresh, version)
        what = f"{engine}: {before} → {version} with {kept} rows, killed after each statement"
        figures.met(what, f"{count} statements", not wrong, wrong)


def killed(
    address: str, fresh: Callable[[], str], version: str, only: Sequence[int] = ()
) -> tuple[int, list[str]]:
    """Upgrades copies of an archive and kills each after another statement of that version; `only` after some of them. Returns
    how many statements there are, and what went wrong. `fresh` makes a copy and returns its address."""
    whole = fresh()
    count = upgraded(whole, version)
    wanted, wrong = rows_of(whole), list[str]()
    for number in only or range(1, count + 1):
        address = fresh()
        if kill_after(address, min(number, count)) != -signal.SIGKILL:
            wrong.append(f"statement {number}: the upgrade was not killed")
        try:
            upgraded(address, version)
        except Exception as error:  # noqa: BLE001  whatever it is, it is what the trial is after
            wrong.append(
                f"statement {number}: the next upgrade failed: {type(error).__name__}: {str(error)[:200]}"
            )
            continue
        found = rows_of(address)
        wrong += [
            f"statement {number}: rows of '{name}' differ"
            for name in wanted
            if found.get(name) != wanted[name]
        ]
    return count, wrong


def upgraded(address: str, version: str) -> int:
    """Brings an archive up to date; how many statements it takes up to and with the one that writes that version down."""
    store, seen = Database(address), list[str]()
    event.listen(store.engine, "after_cursor_execute", lambda *said: seen.append(said[2]))
    try:
        migrate.ensure(store)
    finally:
        store.close()
    last = [
        number
        for number, said in enumerate(seen, 1)
        if "alembic_version" in said and f"'{version}'" in said
    ]
    return last[0] if last else len(seen)


def kill_after(address: str, number: int) -> int:
    """Upgrades in a process of its own that dies after so many statements; returns how it ended."""
    child = os.fork()
    if child == 0:
        try:
            store, seen = Database(address), list[int]()

            def die(*_: object) -> None:
                seen.append(1)
                if len(seen) == number:
                    os.kill(os.getpid(), signal.SIGKILL)

            event.listen(store.engine, "after_cursor_execute", die)
            migrate.ensure(store)
        finally:
            os._exit(3)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def downgrade(address: str, version: str) -> None:
    store = Database(address)
    with store.migrating() as connection:
        settings = migrate.config()
        settings.attributes["connection"] = connection
        command.downgrade(settings, version)
    store.close()


def rows_of(address: str) -> Rows:
    """All rows of all tables, whatever columns they have; of the full-text index what each engine keeps of it."""
    engine = create_engine(Database(address).url)
    try:
        with engine.connect() as db:
            names = [
                name
                for name in sorted(inspect(db).get_table_names())
                if not name.startswith("article_index_")
            ]
            return {
                name: sorted(repr(tuple(row)) for row in db.execute(text(f"SELECT * FROM {name}")))
                for name in names
            }
    finally:
        engine.dispose()


@contextmanager
def copies_of_file(path: Path) -> Iterator[Callable[[], str]]:
    """Copies of a SQLite archive that nobody has open."""
    with tempfile.TemporaryDirectory(prefix="nd-copies-") as folder:

        def fresh() -> str:
            copy = Path(folder) / f"{uuid4().hex}.db"
            shutil.copy(path, copy)
            return f"sqlite:///{copy}"

        yield fresh


@contextmanager
def copies_of_database(address: str) -> Iterator[Callable[[], str]]:
    """Copies of a PostgreSQL archive that nobody is connected to."""
    url, made = Database(address).url, list[str]()
    server = create_engine(url.set(database="template1"), isolation_level="AUTOCOMMIT")

    def do(statement: str) -> None:
        with closing(server.connect()) as db:
            db.execute(text(statement))

    def fresh() -> str:
        made.append(f"nightdesk_copy_{uuid4().hex}")
        do(f'CREATE DATABASE {made[-1]} TEMPLATE "{url.database}"')
        server.dispose()  # a connection to template1, and one that a child would take for its own
        return url.set(database=made[-1]).render_as_string(hide_password=False)

    try:
        yield fresh
    finally:
        for name in made:
            do(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        server.dispose()


def _fill(folder: Path, address: str) -> None:
    """Pages that are imported and cleaned twice, some of them edited in between."""
    home = folder / "home"
    (home / "config" / "sites").mkdir(parents=True, exist_ok=True)
    bare = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTDESK_")}
    for more in ("", " by night"):
        for day in range(1, PAGES + 1):
            lines = "".join(
                SENTENCE.format(day=day, line=line, more=more if day % 3 else "")
                for line in range(12)
            )
            path = folder / "pages" / "www.example.org" / f"story-{day}.html"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(
                PAGE.format(title=f"The crane of quay {day}", day=day, body=lines), encoding="utf8"
            )
        subprocess.run(
            [sys.executable, "-P", "-m", "pipeline", "--home", str(home), "--database-url", address, "import",
             str(folder / "pages"), "--site", "crane"],
            cwd=ROOT, env=bare, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
