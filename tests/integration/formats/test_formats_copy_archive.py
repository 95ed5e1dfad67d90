"""An archive is copied to the other database and back, and a kill in the middle loses nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from pipeline.core.errors import StoreError
from pipeline.core.models import Outcome, Reason
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.db.migrate import ensure
from pipeline.store.maintenance import copy_archive, recompress
from pipeline.store.search import index
from pipeline.store.search.search import search_articles
from tests.support.archive_factory import (
    DAY,
    GONE,
    NIGHT,
    NOT_MODIFIED,
    SITE,
    Reply,
    clean,
    dump,
    night,
    url,
)
from tests.support.cli import ROOT, clean_environment, nightdesk
from tests.support.warc_files import WarcResponse, story, write_warc

KILLED_PROGRAM = """
import os, signal, sys
from pathlib import Path
from pipeline.formats import import_pages
from pipeline.store.maintenance import copy_archive
from pipeline.store.db.engine import Database

def kill(*progress):
    if progress[0] in ("page", 50):
        os.kill(os.getpid(), signal.SIGKILL)

task, target, source = sys.argv[1:]
if task == "copy":
    copy_archive.copy_rows(Database(source), Database(target), kill)
else:
    import_pages.import_pages(Database(target), [Path(source)], None, (), kill)
"""


def run_until_killed(task: str, target: Database, source: str) -> None:
    target_url = target.url.render_as_string(hide_password=False)
    words = [sys.executable, "-c", KILLED_PROGRAM, task, target_url, source]
    result = subprocess.run(words, cwd=ROOT, env=clean_environment(), check=False, timeout=60)
    assert result.returncode == -signal.SIGKILL


def new_archive(path: Path) -> Database:
    store = Database(f"sqlite:///{path}")
    ensure(store)
    return store


def all_rows(store: Database) -> dict[str, list[str]]:
    """Return all rows but those of the index, which differs between the two databases.

    A copy adds to its log that it is one, so the log is read up to the leaf of the last run.
    """
    tables = dump(store, without=("index_version", "counts"))
    del tables["article_index"]
    last_run = max(row[2] for row in tables["sealed_run"])
    for name in ("log_leaf", "log_event"):
        tables[name] = [row for row in tables[name] if row[0] <= last_run]
    return {name: sorted(map(repr, table)) for name, table in tables.items()}


def test_a_copy_to_the_other_database_and_back_has_every_row_and_value(
    store: Database, tmp_path: Path
) -> None:
    source, back = new_archive(tmp_path / "source.db"), new_archive(tmp_path / "back.db")
    archive = CrawlSession(source)
    bodies = {}
    for number in range(60):
        text = f"Паром {number}\nIt left the «harbour» \U0001f6a2 {number}."
        bodies[url(f"{number}")] = text.encode()
    night(archive, bodies)
    moved = Reply(None, Outcome.REDIRECTED, Reason.HTTP_REDIRECT, 301, target=url("renamed"))
    more = {url("0"): NOT_MODIFIED, url("1"): moved, url("2"): GONE, url("3"): b"Changed\nIt came."}
    night(archive, more, NIGHT + DAY)
    clean(source)
    run_until_killed("copy", store, f"sqlite:///{tmp_path / 'source.db'}")
    # rows that were copied already are compressed again
    recompressed = recompress.recompress_site(source, SITE, lambda *_: None).recompressed
    assert recompressed > 40
    # the next copy goes on where the last one was killed; one more adds nothing
    for one, other in ((source, store), (store, back), (store, back)):
        assert all(table.is_identical for table in copy_archive.copy_rows(one, other))
        assert all_rows(other) == all_rows(source)
        assert index.count_unindexed(other) == 0
    expected = hits(source)
    assert len(expected) == 59
    assert hits(store) == expected
    assert hits(back) == expected
    archive.close()
    back.close()


def hits(store: Database) -> list[int]:
    page = search_articles(store, "harbour", 100)
    return [hit.article.id for hit in page.hits]


def test_the_other_database_can_be_used_after_the_copy(
    archive: CrawlSession, store: Database, tmp_path: Path
) -> None:
    source = new_archive(tmp_path / "source.db")
    there = CrawlSession(source)
    night(there, {url("1"): b"Night ferry\nIt left."})
    clean(source)
    words = ("import", "--from", f"sqlite:///{tmp_path / 'source.db'}")
    (tmp_path / "home").mkdir()
    done = nightdesk(
        tmp_path / "home", "--database-url", store.url.render_as_string(hide_password=False), *words
    )
    assert (done.code, done.err) == (0, "")
    assert "every row and every value was compared" in done.out
    # new ids follow those that were copied
    night(archive, {url("2"): b"New barge\nIt left."}, NIGHT + DAY)
    clean(store)
    assert [hit.article.title for hit in search_articles(store, "left").hits] == [
        "New barge",
        "Night ferry",
    ]
    other = new_archive(tmp_path / "other.db")
    night(CrawlSession(other), {url("else"): b"Something else"})
    with pytest.raises(StoreError, match="holds another archive"):
        copy_archive.copy_rows(source, other)
    source.close()
    other.close()


@pytest.mark.trial_on_postgresql
def test_a_killed_import_is_continued_and_stores_nothing_twice(
    store: Database, tmp_path: Path
) -> None:
    responses = [WarcResponse(url(f"{n}"), story(f"Story {n}")) for n in range(120)]
    path = write_warc(tmp_path / "many.warc.gz", *responses)
    run_until_killed("import", store, str(path))
    with store.read() as db:
        assert db.scalar(text("SELECT count(*) FROM capture")) == 50
    (tmp_path / "home").mkdir()
    words = (
        "--database-url",
        store.url.render_as_string(hide_password=False),
        "import",
        str(path),
        "--no-clean",
        "--json",
    )
    result = nightdesk(tmp_path / "home", *words).json
    counts = {}
    for row in result["outcomes"]:
        counts[row["outcome"], row["reason"]] = row["records"]
    assert counts == {("unchanged", "same_bytes"): 50, ("fetched", "new"): 70}
    with store.read() as db:
        for name in ("page", "payload", "capture"):
            assert db.scalar(text(f"SELECT count(*) FROM {name}")) == 120
        assert db.scalars(text("SELECT status FROM run ORDER BY id")).all() == [
            "interrupted",
            "finished",
        ]
        assert db.scalar(text("SELECT count(*) FROM page WHERE due_at IS NOT NULL")) == 0
