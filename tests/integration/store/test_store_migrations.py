"""The schema is created, upgraded or refused on both databases, and is never left half-made."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import event, inspect

from pipeline import diagnostics
from pipeline.config.settings import Settings
from pipeline.core.errors import NewerSchema, StoreError
from pipeline.store.clean.line_sightings import PageSightings
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from pipeline.store.db.row_classes import ROW_CLASSES, Base, role_of, tables_with_role
from pipeline.store.db.types import TableRole
from pipeline.store.maintenance import copy_archive
from tests.stress import migrate as migration_stress_test
from tests.support.archive_factory import clean, do, dump, night, one, rows, url
from tests.support.cli import ROOT, clean_environment
from tests.support.synthetic_migrations import SYNTHETIC_VERSIONS, write_migrations

ARTICLES = [
    "id",
    "site",
    "url",
    "title",
    "authors",
    "agency",
    "published_at",
    "published_source",
    "published_precision",
    "published_day",
    "modified_at",
    "modified_precision",
    "language",
    "section",
    "tags",
    "image",
    "text",
    "word_count",
    "first_seen_at",
    "last_seen_at",
    "revisions",
    "story_group",
    "similarity",
    "rights",
]
LEDGER = [
    "run",
    "run_kind",
    "site",
    "kind",
    "url",
    "outcome",
    "reason",
    "status",
    "bytes",
    "at",
    "detail",
]
OPEN = """
import sys
from pipeline.store.crawl.session import CrawlSession
CrawlSession.open(sys.argv[1]).close()
"""
DEVELOPMENT_VERSIONS = [f"{number:04}" for number in range(1, 13)]
TWO_STORIES = {url("a"): b"One story", url("b"): b"Another story"}


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """The folder of the migrations, with two more that move data."""
    return write_migrations(tmp_path / "migrations")


def names(store: Database) -> set[str]:
    """The tables and views, without those that each database makes for itself."""
    with store.read() as db:
        inspector = inspect(db)
        tables = [*inspector.get_table_names(), *inspector.get_view_names()]
    return {name for name in tables if not name.startswith("article_index_")}


def alembic(store: Database, name: str, *words: str, scripts: Path = migrate.SCRIPTS) -> None:
    with store.migration_transaction() as connection:
        settings = migrate.config(scripts)
        settings.attributes["connection"] = connection
        getattr(command, name)(settings, *words)


def test_models_and_migrations_describe_the_same_schema(store: Database) -> None:
    alembic(store, "check")


def test_every_table_declares_its_role() -> None:
    for row_class in ROW_CLASSES.values():
        assert "table_role" in vars(row_class), row_class.__name__
    tables = tables_with_role(*TableRole)
    assert tables == tuple(Base.metadata.sorted_tables)
    assert {role_of(table) for table in tables} == set(TableRole)


def test_kept_tables_refer_to_no_derived_table() -> None:
    kept = tables_with_role(TableRole.KEPT)
    for table in kept:
        for key in table.foreign_keys:
            assert key.column.table in kept, f"{table.name} refers to {key.column.table.name}"


def test_versions_are_one_line_that_begins_with_the_first_release() -> None:
    revisions = list(ScriptDirectory.from_config(migrate.config()).walk_revisions())
    oldest_first = revisions[::-1]
    assert oldest_first[0].revision == "1000"
    assert oldest_first[0].down_revision is None
    for older, newer in pairwise(oldest_first):
        assert newer.down_revision == older.revision
        assert int(newer.revision) == int(older.revision) + 1
    assert {revision.revision for revision in revisions} == migrate.versions()
    assert revisions[0].revision == migrate.head()


def test_migrations_go_down_to_nothing_and_up_again(store: Database) -> None:
    before = names(store)
    assert {"page", "payload", "capture", "articles", "ledger", "article_index"} <= before
    alembic(store, "downgrade", "base")
    assert names(store) == {"alembic_version"}
    alembic(store, "upgrade", "head")
    assert names(store) == before
    alembic(store, "check")


def test_the_views_have_the_documented_columns(store: Database) -> None:
    with store.read() as db:
        inspector = inspect(db)
        articles = [column["name"] for column in inspector.get_columns("articles")]
        ledger = [column["name"] for column in inspector.get_columns("ledger")]
        links = [column["name"] for column in inspector.get_columns("links")]
    assert articles == ARTICLES
    assert links == ["article", "number", "url", "text", "cited_article"]
    assert ledger == LEDGER


def test_a_schema_that_is_up_to_date_is_left_as_it_is(store: Database) -> None:
    before = dump(store)
    migrate.ensure(store)
    migrate.ensure(store, create=False)
    assert dump(store) == before
    assert one(store, "SELECT version_num FROM alembic_version") == migrate.head()


def test_a_newer_schema_is_refused_in_one_sentence_and_untouched(
    store: Database, database_url: str
) -> None:
    do(store, "UPDATE alembic_version SET version_num = '9999'")
    before = dump(store)
    with pytest.raises(NewerSchema, match=r"schema 9999 .* newer Nightdesk") as caught:
        CrawlSession.open(database_url)
    assert "\n" not in str(caught.value)
    assert dump(store) == before
    assert one(store, "SELECT version_num FROM alembic_version") == "9999"


@pytest.mark.parametrize("version", [DEVELOPMENT_VERSIONS[0], DEVELOPMENT_VERSIONS[-1]])
def test_an_archive_of_a_development_version_is_refused_in_one_sentence_and_untouched(
    store: Database, database_url: str, version: str
) -> None:
    do(store, "UPDATE alembic_version SET version_num = :version", version=version)
    before = dump(store)
    expected = (
        rf"archive of a development version .*schema {version}.* cannot read;"
        r" start a new archive, or export"
    )
    with pytest.raises(StoreError, match=expected) as caught:
        CrawlSession.open(database_url)
    assert not isinstance(caught.value, NewerSchema)
    assert "\n" not in str(caught.value)
    with pytest.raises(StoreError, match=expected):
        migrate.ensure(store, create=False)
    assert dump(store) == before
    assert one(store, "SELECT version_num FROM alembic_version") == version


def test_all_development_versions_are_known_as_such() -> None:
    assert all(migrate.is_development_version(version) for version in DEVELOPMENT_VERSIONS)
    for version in (None, "0000", "0013", "1000", "00011", "9999"):
        assert not migrate.is_development_version(version)


def test_doctor_and_copy_name_an_archive_of_a_development_version(
    store: Database, database_url: str, tmp_path: Path
) -> None:
    do(store, "UPDATE alembic_version SET version_num = '0012'")
    message = migrate.development_message(store, "0012")
    settings = Settings(home=tmp_path, database_url=database_url)
    checks = list(diagnostics.run_checks(settings, datetime.now(UTC)))
    assert [check for check in checks if message in str(check)]
    target = Database(f"sqlite:///{tmp_path / 'target.db'}")
    migrate.ensure(target)
    with pytest.raises(StoreError, match="archive of a development version"):
        copy_archive.copy_rows(store, target)
    target.close()


def test_a_command_that_only_reads_creates_no_archive(empty_url: str) -> None:
    store = Database(empty_url)
    with pytest.raises(StoreError, match=r"no archive here yet; 'nightdesk crawl' makes it"):
        migrate.ensure(store, create=False)
    if store.file is not None:
        assert not store.file.exists()
    store.close()


def test_a_database_of_another_program_is_refused_and_untouched(empty_url: str) -> None:
    store = Database(empty_url)
    do(store, "CREATE TABLE page (words TEXT)")
    for create in (True, False):
        with pytest.raises(StoreError, match=r"another program .* in database_url"):
            migrate.ensure(store, create=create)
    do(store, "CREATE TABLE alembic_version (version_num TEXT)")
    do(store, "INSERT INTO alembic_version VALUES ('ab12cd34')")
    with pytest.raises(StoreError, match="another program") as caught:
        migrate.ensure(store)
    assert not isinstance(caught.value, NewerSchema)
    assert one(store, "SELECT count(*) FROM page") == 0
    store.close()


def test_an_archive_on_postgresql_may_lie_beside_other_tables(empty_url: str) -> None:
    store = Database(empty_url)
    do(store, "CREATE TABLE spatial_names (words TEXT)")
    assert migrate.is_foreign(store, None) == store.is_sqlite, "a file belongs to one program"
    store.close()


def test_processes_that_start_together_create_the_schema_once(empty_url: str) -> None:
    environment = clean_environment(PYTHONPATH=str(ROOT))
    children = []
    for _ in range(3):
        command_line = [sys.executable, "-P", "-c", OPEN, empty_url]
        children.append(subprocess.Popen(command_line, cwd=ROOT, env=environment))
    assert [child.wait(timeout=60) for child in children] == [0, 0, 0]
    store = Database(empty_url)
    assert rows(store, "SELECT version_num FROM alembic_version") == [(migrate.head(),)]
    store.close()


@pytest.mark.parametrize(
    "last", ["CREATE TABLE line_sighting", "CREATE VIEW ledger", "INSERT INTO alembic_version"]
)
def test_an_upgrade_that_fails_leaves_nothing_behind(empty_url: str, last: str) -> None:
    store = Database(empty_url)

    def fail(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if re.sub(r"\s+", " ", statement).strip().startswith(last):
            raise InterruptedError(last)

    event.listen(store.engine, "before_cursor_execute", fail)
    with pytest.raises(InterruptedError):
        migrate.ensure(store)
    assert names(store) == set()
    event.remove(store.engine, "before_cursor_execute", fail)
    migrate.ensure(store)
    alembic(store, "check")
    store.close()


def test_the_alembic_command_works_on_the_archive_of_the_settings(empty_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=ROOT,
        env=clean_environment(NIGHTDESK_DATABASE_URL=empty_url),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    store = Database(empty_url)
    alembic(store, "check")
    store.close()


def test_every_migration_can_be_undone() -> None:
    for path in (ROOT / "migrations" / "versions").glob("[0-9]*.py"):
        body = path.read_text(encoding="utf8").partition("def downgrade() -> None:")[2]
        assert body.strip() not in ("", "pass"), Path(path).name


def test_an_upgrade_in_two_steps_moves_all_data_and_back(
    archive: CrawlSession, store: Database, scripts: Path
) -> None:
    night(archive, TWO_STORIES)
    clean(store)
    costs = "SELECT id, cost_ms FROM extracted_page ORDER BY id"
    media_types = "SELECT id, media_type FROM payload ORDER BY id"
    before = (dump(store), rows(store, costs), rows(store, media_types))
    assert len(before[1]) == len(before[2]) == 2
    migrate.ensure(store, scripts=scripts)
    assert one(store, "SELECT version_num FROM alembic_version") == SYNTHETIC_VERSIONS[-1]
    moved_costs = "SELECT extracted_page_id, cost_ms FROM extraction_cost ORDER BY 1"
    moved_media_types = (
        "SELECT payload.id, name FROM payload JOIN media_type ON media_type.id = media_type_id"
        " ORDER BY 1"
    )
    assert (rows(store, moved_costs), rows(store, moved_media_types)) == before[1:]
    assert rows(store, "SELECT url, title FROM articles ORDER BY url") == [
        (url("a"), "One story"),
        (url("b"), "Another story"),
    ]
    alembic(store, "downgrade", migrate.head(), scripts=scripts)
    assert (dump(store), rows(store, costs), rows(store, media_types)) == before
    alembic(store, "check")


def test_an_upgrade_that_is_killed_is_made_by_the_next_one_with_all_rows(
    archive: CrawlSession, store: Database, tmp_path: Path, scripts: Path
) -> None:
    """The stress test `migrate` kills after each statement. Here it is after two of them."""
    night(archive, TWO_STORIES)
    clean(store, sightings=PageSightings((1,)))
    archive.close()
    store.close()
    address = store.url.render_as_string(hide_password=False)
    if store.is_sqlite:
        copies = migration_stress_test.copies_of_file(tmp_path / "archive.db")
    else:
        copies = migration_stress_test.copies_of_database(address)
    with copies as create_copy:
        count, failures = migration_stress_test.kill_upgrades(
            address, create_copy, SYNTHETIC_VERSIONS[-1], scripts, only=(12, 1000)
        )
    assert count > 15
    assert failures == []


def test_known_pages_of_an_older_archive_are_requested_as_before(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, TWO_STORIES)
    do(store, "UPDATE page SET etag = 'v1' WHERE kind = 'story'")
    alembic(store, "downgrade", "1000")
    alembic(store, "upgrade", "head")
    pages = rows(store, "SELECT requested_url, url, etag FROM page WHERE kind = 'story'")
    assert sorted(pages) == [(url("a"), url("a"), "v1"), (url("b"), url("b"), "v1")]


def test_an_upgrade_says_what_it_does(store: Database) -> None:
    with store.migration_transaction() as connection:
        settings = migrate.config(migrate.SCRIPTS)
        settings.attributes["connection"] = connection
        command.downgrade(settings, "1008")
    sentences: list[str] = []
    migrate.ensure(store, announce=sentences.append)
    (sentence,) = sentences
    assert f": upgrading its schema from 1008 to {migrate.head()} (" in sentence
    assert "all of them or none" in sentence
    migrate.ensure(store, announce=sentences.append)
    assert len(sentences) == 1, "the second time nothing is upgraded"
