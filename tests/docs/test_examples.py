"""The examples in SQL, Python and TOML run as the documentation shows them."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from pipeline.config import settings, site
from pipeline.core.errors import ExitCode
from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from tests.docs.conftest import run_nightdesk
from tests.support.documentation import FencedBlock, blocks, page_text

PYTHON_BLOCKS = blocks("python")
pytestmark = pytest.mark.xdist_group("docs")  # one worker makes the home


@pytest.fixture
def empty_archive(tmp_path: Path) -> Path:
    """An archive without a page."""
    file = tmp_path / "var" / "nightdesk.db"
    database = Database(f"sqlite:///{file}")
    migrate.ensure(database)
    database.close()
    return file


def test_the_columns_of_the_views_are_documented(empty_archive: Path) -> None:
    pattern = r"^## `(\w+)`\n\n.*\n\n\| Column \| Type \| Meaning \|\n\|[-|]+\n((?:\|.*\n)+)"
    documented = re.findall(pattern, page_text("docs/reference/sql-views.md"), flags=re.M)
    query = "SELECT name FROM sqlite_master WHERE type = 'view' ORDER BY name"
    with sqlite3.connect(empty_archive) as archive:
        assert [name for name, _ in documented] == [name for (name,) in archive.execute(query)]
        for name, rows in documented:
            columns = [column[0] for column in archive.execute(f"SELECT * FROM {name}").description]
            assert re.findall(r"^\| `(\w+)`", rows, flags=re.M) == columns


def test_the_sql_examples_run(empty_archive: Path) -> None:
    queries = []
    for block in blocks("sql"):
        queries += [query for query in block.text.split(";") if query.strip()]
    assert queries
    with sqlite3.connect(empty_archive) as archive:
        for query in queries:
            assert archive.execute(query).fetchall() == []


@pytest.mark.parametrize("engine", ["postgresql"])
def test_the_examples_for_postgresql_run(store: Database) -> None:
    (block,) = blocks("postgresql")
    with store.read() as db:
        assert db.execute(text(block.text.replace("::tsquery", "\\:\\:tsquery"))).all() == []


def block_name(block: FencedBlock) -> str:
    """Return the name of a test: the page, and the first word of what the block does."""
    return block.page


@pytest.mark.parametrize("block", PYTHON_BLOCKS, ids=block_name)
def test_the_python_examples_run(home: Path, block: FencedBlock) -> None:
    for name in re.findall(r"^import (\w+)$", block.text, re.M):
        pytest.importorskip(name, reason=f"{name} is not installed")
    folder = home / "takeout" / "articles.parquet"
    if "takeout/" in block.text and not folder.exists():
        assert run_nightdesk(home, "export", str(folder)).code == ExitCode.OK
    demo = home / "var" / "demo"
    if "var/demo" in block.text and not demo.exists():
        demo.mkdir()
        (demo / "config").mkdir()
        (demo / "config" / "nightdesk.toml").write_text(
            f'database_url = "sqlite:///{home}/var/nightdesk.db"\n'
        )
    code = block.text
    if "TYPE sqlite" in code:
        code = load_sqlite_reader() + code
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=home, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def load_sqlite_reader() -> str:
    """Return code that loads the extension that DuckDB would fetch from the network."""
    reason = "DuckDB's reader of SQLite is not installed"
    package = pytest.importorskip("duckdb_extension_sqlite_scanner", reason=reason)
    (file,) = Path(package.__file__).parent.rglob("*.duckdb_extension")
    return f"import duckdb\nduckdb.load_extension({str(file)!r})\n"


def test_datasette_shows_the_views(home: Path) -> None:
    datasette = pytest.importorskip("datasette.app", reason="Datasette is not installed")
    lines = []
    for block in blocks("text"):
        lines += [line for line in block.text.splitlines() if line.startswith("datasette ")]
    (line,) = lines
    program, verb, flag, file = line.split()
    assert (program, verb, flag) == ("datasette", "serve", "--immutable")
    page = page_text("docs/how-to/analyse.md")
    (address,) = re.findall(r"`http://127\.0\.0\.1:8001(/[^`]+)`", page)

    async def answers() -> tuple[Any, Any]:
        client = datasette.Datasette([], immutables=[str(home / file)]).client
        ledger = await client.get("/nightdesk/ledger.json?_shape=array&outcome=gone&_size=1")
        return await client.get(address), ledger

    articles, ledger = asyncio.run(answers())
    assert (articles.status_code, "harbour-courier" in articles.text) == (200, True)
    assert ledger.status_code == 200


def test_the_toml_examples_load(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    for block in blocks("toml"):
        keys = tomllib.loads(block.text)
        if "name" in keys:
            site.parse_site("gazette", block.text, block.page)
        else:
            contact = "" if "contact" in keys else 'contact = "archive@example.org"\n'
            text = contact + block.text
            (tmp_path / "config" / "nightdesk.toml").write_text(text, encoding="utf8")
            assert settings.load_settings(tmp_path).sent_user_agent
