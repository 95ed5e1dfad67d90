"""Archives of each release are opened, upgraded, verified and cleaned by the code of today.

`python -m tests.freeze_archive FOLDER` made them. They are never made again: an archive that an
older version wrote must stay readable.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from psycopg import sql

from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from pipeline.store.maintenance.verify_log import verify_log
from tests.conftest import Postgres
from tests.support.archive_factory import clean, one, rows

RELEASES = sorted(path for path in (Path(__file__).parent / "frozen").iterdir() if path.is_dir())
KEPT = ("page", "capture", "payload", "run", "ledger_entry", "log_leaf", "sealed_run")


def expected_rows(release: Path) -> dict[str, int]:
    facts: dict[str, Any] = json.loads((release / "expected.json").read_text(encoding="utf8"))
    return {table: facts["rows"][table] for table in KEPT}


def assert_is_whole(store: Database, release: Path) -> None:
    migrate.ensure(store)
    for table, expected in expected_rows(release).items():
        assert one(store, f"SELECT count(*) FROM {table}") == expected, table
    assert rows(store, "SELECT title FROM articles ORDER BY title")
    assert verify_log(store).faults == []
    assert one(store, "SELECT count(*) FROM changes WHERE kind = 'gone'") == 1
    articles = rows(store, "SELECT id, revisions FROM articles ORDER BY id")
    clean(store)
    assert rows(store, "SELECT id, revisions FROM articles ORDER BY id") == articles


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_a_sqlite_archive_of_a_release_is_read_by_todays_code(
    release: Path, tmp_path: Path
) -> None:
    file = tmp_path / "archive.db"
    file.write_bytes(gzip.decompress((release / "sqlite.db.gz").read_bytes()))
    store = Database(f"sqlite:///{file}")
    assert_is_whole(store, release)
    store.close()


@pytest.mark.postgres
@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_a_postgresql_archive_of_a_release_is_read_by_todays_code(
    release: Path, postgres: Postgres
) -> None:
    name = postgres.create()
    store = Database(postgres.address(name))
    facts = json.loads((release / "expected.json").read_text(encoding="utf8"))
    with store.migration_transaction() as connection:
        settings = migrate.config()
        settings.attributes["connection"] = connection
        command.upgrade(settings, facts["schema"])
    contents = json.loads(gzip.decompress((release / "postgresql.json.gz").read_bytes()))
    with psycopg.connect(postgres.address(name)) as connection:
        load_tables(connection, contents)
    assert_is_whole(store, release)
    store.close()
    postgres.drop(name)


def load_tables(connection: psycopg.Connection[Any], contents: dict[str, str]) -> None:
    """Load the rows of each table, and set each sequence behind the highest number."""
    connection.execute("SET session_replication_role = replica")  # tables come in any order
    for table, lines in contents.items():
        name = sql.Identifier(table)
        connection.execute(sql.SQL("DELETE FROM {}").format(name))
        with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(name)) as copy:
            copy.write(lines)
    columns = connection.execute(
        "SELECT table_name, column_name, pg_get_serial_sequence(table_name, column_name)"
        " FROM information_schema.columns WHERE table_schema = 'public'"
        " AND pg_get_serial_sequence(table_name, column_name) IS NOT NULL"
    ).fetchall()
    for table, column, sequence in columns:
        query = sql.SQL("SELECT setval({}, (SELECT max({}) FROM {}))")
        name = sql.Identifier(table)
        connection.execute(query.format(sequence, sql.Identifier(column), name))
