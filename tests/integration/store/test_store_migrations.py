"""The schema: made, upgraded, refused, on both databases; never half."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import event, inspect

from pipeline.core.errors import NewerSchema, StoreError
from pipeline.core.models import Recipe
from pipeline.store.clean.line_memory import Seen
from pipeline.store.codec.compression import unpack
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from pipeline.store.maintenance import recompress
from tests.stress import migrate as trial
from tests.support.archive_factory import RECIPE, clean, do, dump, night, one, rows, url
from tests.support.cli import ROOT, clean_environment

ARTICLES = [
    "id", "site", "url", "title", "authors", "published_at", "published_source", "modified_at", "language", "section", "tags",
    "image", "text", "word_count", "first_seen_at", "last_seen_at", "revisions", "story_group", "similarity",
]  # fmt: skip
LEDGER = ["run", "site", "url", "outcome", "reason", "bytes", "at"]
OPEN = "import sys; from pipeline.store.crawl.session import Archive; Archive.open(sys.argv[1]).close()"


def names(store: Database) -> set[str]:
    """Tables and views that are there, but for those of the engines' own."""
    with store.read() as db:
        seen = inspect(db)
        return {
            name
            for name in (*seen.get_table_names(), *seen.get_view_names())
            if not name.startswith("article_index_")
        }


def alembic(store: Database, name: str, *words: str) -> None:
    with store.migrating() as connection:
        settings = migrate.config()
        settings.attributes["connection"] = connection
        getattr(command, name)(settings, *words)


def test_models_and_migrations_describe_the_same_schema(store: Database) -> None:
    alembic(store, "check")


def test_migrations_go_down_to_nothing_and_up_again(store: Database) -> None:
    before = names(store)
    assert {"page", "payload", "capture", "articles", "ledger", "article_index"} <= before
    alembic(store, "downgrade", "base")
    assert names(store) == {"alembic_version"}
    alembic(store, "upgrade", "head")
    assert names(store) == before
    alembic(store, "check")


def test_the_views_have_the_columns_that_people_were_promised(store: Database) -> None:
    with store.read() as db:
        seen = inspect(db)
        articles = [column["name"] for column in seen.get_columns("articles")]
        ledger = [column["name"] for column in seen.get_columns("ledger")]
    assert articles == ARTICLES
    assert [name for name in ledger if name in LEDGER] == LEDGER
    assert set(ledger) - set(LEDGER) == {"job", "kind", "status", "detail"}


def test_a_schema_that_is_up_to_date_is_left_alone(store: Database) -> None:
    before = dump(store)
    migrate.ensure(store)
    migrate.ensure(store, create=False)
    assert dump(store) == before
    assert rows(store, "SELECT version_num FROM alembic_version") == [(migrate.head(),)]


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


def test_an_archive_is_not_made_by_a_command_that_only_reads(empty_url: str) -> None:
    store = Database(empty_url)
    with pytest.raises(StoreError, match=r"no archive here yet; 'nightdesk crawl' makes it"):
        migrate.ensure(store, create=False)
    if store.file is not None:
        assert not store.file.exists()
    store.close()


def test_two_processes_that_start_together_make_the_schema_once(empty_url: str) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-P", "-c", OPEN, empty_url],
            cwd=ROOT,
            env=clean_environment(PYTHONPATH=str(ROOT)),
        )
        for _ in range(3)
    ]
    assert [child.wait(timeout=60) for child in children] == [0, 0, 0]
    store = Database(empty_url)
    assert rows(store, "SELECT version_num FROM alembic_version") == [(migrate.head(),)]
    store.close()


@pytest.mark.parametrize(
    "last", ["CREATE TABLE line_sighting", "CREATE VIEW ledger", "INSERT INTO alembic_version"]
)
def test_an_upgrade_that_breaks_off_leaves_nothing_behind(empty_url: str, last: str) -> None:
    store = Database(empty_url)

    def break_off(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if re.sub(r"\s+", " ", statement).strip().startswith(last):
            raise InterruptedError(last)

    event.listen(store.engine, "before_cursor_execute", break_off)
    with pytest.raises(InterruptedError):
        migrate.ensure(store)
    assert names(store) == set()
    event.remove(store.engine, "before_cursor_execute", break_off)
    migrate.ensure(store)
    alembic(store, "check")
    store.close()


def test_the_alembic_command_works_on_the_archive_of_the_settings(empty_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"], cwd=ROOT, env=clean_environment(NIGHTDESK_DATABASE_URL=empty_url),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    store = Database(empty_url)
    alembic(store, "check")
    store.close()


def test_every_migration_has_a_way_down() -> None:
    for path in (ROOT / "migrations" / "versions").glob("[0-9]*.py"):
        body = path.read_text(encoding="utf8").partition("def downgrade() -> None:")[2]
        assert body.strip() not in ("", "pass"), Path(path).name


def test_the_results_of_an_older_archive_are_kept_and_the_last_recipes_stand(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, {url("a"): b"One story\nadvert", url("b"): b"Another story\nadvert"})
    clean(store)
    clean(store, Recipe(RECIPE.extractors, "rules-2"), strike="advert")
    alembic(store, "downgrade", "0001")
    before = {name: each for name, each in raw(store).items() if name != "run"}
    do(
        store, "UPDATE page SET clean_recipe = :recipe WHERE kind = 'story'", recipe=str(RECIPE)
    )  # back to the first rules: its row is the older one
    alembic(store, "upgrade", "head")
    standing = "SELECT recipe, status FROM clean_result ORDER BY id"
    assert (
        rows(store, standing)
        == [(str(RECIPE), "accepted")] * 2 + [(f"{RECIPE.extractors}.rules-2", "replaced")] * 2
    )
    alembic(store, "check")
    alembic(store, "downgrade", "0001")
    do(
        store,
        "UPDATE page SET clean_recipe = :recipe WHERE kind = 'story'",
        recipe=f"{RECIPE.extractors}.rules-2",
    )
    assert {name: each for name, each in raw(store).items() if name != "run"} == before


def test_the_pages_that_an_older_archive_knows_lines_of_are_remembered(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, {url("a"): b"One story", url("b"): b"Another story"})
    clean(store, seen=Seen((1,)))
    do(store, "DELETE FROM line_sighting WHERE page_id = (SELECT max(page_id) FROM line_sighting)")
    alembic(store, "downgrade", "0002")
    alembic(store, "upgrade", "head")
    known = "SELECT profile_updated_at = first_seen_at, id IN (SELECT page_id FROM line_sighting) FROM page WHERE kind = 'story' ORDER BY id"
    assert rows(store, known) == [(True, True), (None, False)]
    alembic(store, "check")


def test_the_articles_of_an_older_archive_wait_to_be_compared(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, {url("a"): b"One story", url("b"): b"Before you go on, a wall"})
    clean(store)
    alembic(store, "downgrade", "0005")
    alembic(store, "upgrade", "head")
    assert rows(store, "SELECT url, version FROM sketch JOIN page ON page.id = page_id") == [
        (url("a"), "")
    ]
    alembic(store, "check")


def test_an_archive_that_is_taken_back_is_packed_without_dictionaries(
    archive: CrawlSession, store: Database
) -> None:
    pages = {
        url(f"{number}"): f"Ferry {number}\n{'It left the harbour on time. ' * number}".encode()
        for number in range(20)
    }
    night(archive, pages)
    assert recompress.compact(store, "courier", lambda *_: None).packed > 10
    alembic(store, "downgrade", "0010")
    rows_then = rows(store, "SELECT codec, body FROM payload")
    assert {coding for coding, _ in rows_then} == {"zstd"}
    assert sorted(unpack(*row) for row in rows_then) == sorted(pages.values())
    alembic(store, "upgrade", "head")
    alembic(store, "check")


def test_an_upgrade_that_is_killed_is_made_by_the_next_one_with_all_rows(
    archive: CrawlSession, store: Database, tmp_path: Path
) -> None:
    """Each statement of each version is the trial `migrate`'s matter: here two, one of them the last."""
    night(archive, {url("a"): b"One story", url("b"): b"Another story"})
    clean(store, seen=Seen((1,)))
    alembic(store, "downgrade", "0001")
    archive.close()
    store.close()
    address = store.url.render_as_string(hide_password=False)
    with (
        trial.copies_of_file(tmp_path / "archive.db")
        if store.is_sqlite
        else trial.copies_of_database(address) as fresh
    ):
        count, wrong = trial.killed(address, fresh, migrate.head(), only=(31, 1000))
    assert count > 31
    assert wrong == []


def raw(store: Database) -> dict[str, list[object]]:
    """All rows of all tables, whatever columns they have."""
    with store.read() as db:
        tables = [
            name
            for name in sorted(inspect(db).get_table_names())
            if not name.startswith(("article_index", "alembic"))
        ]
    return {name: sorted(map(repr, rows(store, f"SELECT * FROM {name}"))) for name in tables}
