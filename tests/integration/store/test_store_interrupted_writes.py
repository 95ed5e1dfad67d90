"""Processes that are killed lose nothing, repeat nothing and lock nobody out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from pipeline.core.errors import AlreadyRunning
from pipeline.core.models import UrlKind
from pipeline.jobs import repair
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.maintenance.faults import EVERYTHING, VerifiedCounts
from pipeline.store.read import runs
from tests.support.archive_factory import (
    FEED,
    SITE,
    Reply,
    capture,
    clean,
    dump,
    links,
    night,
    one,
    rows,
    url,
)
from tests.support.cli import ROOT, clean_environment, wait_until

pytestmark = pytest.mark.trial_on_postgresql

A, B = url("a"), url("b")
STORED_STORIES = "FROM page WHERE payload_id IS NOT NULL AND kind = 'story'"

# What the child process does before it dies. `archive`, `run` and `die` exist there.
DEATHS = {
    "in the middle of a source": """
source = archive.register_source(run, FEED)
kill_at("INSERT INTO ledger_entry")
archive.save_source(run, capture(source, Reply(b"<rss/>", etag="new")), links(A, B), UrlKind.FEED)
""",
    "in the middle of the first version of a source": """
source = archive.register_source(run, FEED)
kill_at("INSERT INTO capture")
archive.save_source(run, capture(source, Reply(b"<rss/>", etag="new")), links(A, B), UrlKind.FEED)
""",
    "between a dictionary and the version of a source that it is for": """
versions = [bytes(str(list(range(900))), "ascii") + end for end in (b"one", b"two")]
source = archive.register_source(run, FEED)
archive.save_source(run, capture(source, Reply(versions[0])), links(A, B), UrlKind.FEED)
kill_at("INSERT INTO dictionary")
archive.save_source(run, capture(source, Reply(versions[1])), links(A, B), UrlKind.FEED)
""",
    "in the middle of a front page": """
front = archive.register_source(run, FRONT_PAGE)
list_links(archive, run, links(A, B))
kill_at("INSERT INTO placement")
archive.save_source(run, capture(front, Reply(b"<a>")), (), UrlKind.FRONT_PAGE, (A, B))
""",
    "between a source and its stories": """
list_links(archive, run, links(A, B))
archive.lease_due(run, 2)
die()
""",
    "in the middle of a story": """
list_links(archive, run, links(A, B))
due = archive.lease_due(run, 2)
archive.save_capture(run, capture(due[0], Reply(b"one")), None)
kill_at("INSERT INTO capture")
archive.save_capture(run, capture(due[1], Reply(b"two")), None)
""",
    "in the middle of the end": """
list_links(archive, run, links(A, B))
for due in archive.lease_due(run, 2):
    archive.save_capture(run, capture(due, Reply(b"one")), None)
kill_at("UPDATE run")
archive.finish_run(run, "finished")
""",
}
CHILD = """
import os, signal, sys
from sqlalchemy import event
from tests.support.archive_factory import *
from tests.support.archive_factory import capture, links, list_links
from pipeline.core.models import UrlKind
from pipeline.store.crawl.session import CrawlSession

A, B = url("a"), url("b")
archive = CrawlSession.open(sys.argv[1])
run = archive.start_run(SITE)

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def kill_at(beginning):
    @event.listens_for(archive.store.engine, "after_cursor_execute")
    def _(connection, cursor, statement, *rest):
        if statement.startswith(beginning):
            die()
"""


def die(database_url: str, death: str) -> None:
    paths = str(ROOT)
    done = subprocess.run(
        [sys.executable, "-c", CHILD + death, database_url],
        env=clean_environment(PYTHONPATH=paths),
        timeout=60,
        check=False,
    )
    assert done.returncode == -9


def start(archive: CrawlSession) -> int:
    """Start a run. PostgreSQL notices the death of a client a moment later."""
    runs: list[int] = []

    def is_started() -> bool:
        try:
            runs.append(archive.start_run(SITE))
        except AlreadyRunning:
            return False
        return True

    wait_until(is_started, 10)
    return runs[0]


@pytest.mark.parametrize("death", DEATHS.values(), ids=list(DEATHS))
def test_after_a_kill_the_next_run_finds_everything_and_repeats_nothing(
    database_url: str, archive: CrawlSession, store: Database, death: str
) -> None:
    die(database_url, death)
    run = start(archive)
    assert rows(store, "SELECT status FROM run ORDER BY id") == [("interrupted",), ("running",)]
    assert runs.unbalanced_runs(store, [1]) == frozenset()
    before = {address for (address,) in rows(store, f"SELECT url {STORED_STORIES}")}
    source = archive.register_source(run, FEED)
    linked = one(store, "SELECT count(*) FROM page WHERE kind = 'story'")
    assert (source.etag == "new") <= (linked == 2), (
        "validators without links would hide the links for ever"
    )
    archive.save_source(run, capture(source, Reply(b"<rss/>")), links(A, B), UrlKind.FEED)
    due = archive.lease_due(run, 10)
    assert {page.url for page in due} == {A, B} - before
    for page in due:
        archive.save_capture(run, capture(page, Reply(b"one")), None)
    archive.finish_run(run, "finished")
    assert one(store, f"SELECT count(*) {STORED_STORIES}") == 2
    stored = "FROM capture WHERE payload_id IS NOT NULL AND page_id IN (SELECT id"
    assert one(store, f"SELECT count(*) {stored} {STORED_STORIES})") == 2
    assert not list(repair.verify_archive(store, EVERYTHING, VerifiedCounts(), lambda *_: None))
    assert runs.unbalanced_runs(store, [1, 2]) == frozenset()


CLEAN = """
import os, signal, sys
from sqlalchemy import event
from tests.support.archive_factory import clean
from pipeline.store.db.engine import Database

store = Database(sys.argv[1])

@event.listens_for(store.engine, "after_cursor_execute")
def _(connection, cursor, statement, *rest):
    if statement.startswith("INSERT INTO " + sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

clean(store)
"""


@pytest.mark.parametrize("table", ["extracted_page", "article_index"])
def test_a_clean_that_is_killed_is_finished_by_the_next_one(
    database_url: str, archive: CrawlSession, store: Database, tmp_path: Path, table: str
) -> None:
    night(archive, {A: b"one story", B: b"two stories"})
    paths = str(ROOT)
    done = subprocess.run(
        [sys.executable, "-c", CLEAN, database_url, table],
        env=clean_environment(PYTHONPATH=paths),
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == -9
    assert one(store, "SELECT count(*) FROM article") == 0
    counts: list[dict[str, int]] = []
    wait_until(_cleaned(store, counts), 10)
    assert counts == [{"archived": 2}]
    assert len(dump(store)["article_index"]) == one(store, "SELECT count(*) FROM revision") == 2
    assert rows(store, "SELECT status FROM run WHERE kind = 'clean' ORDER BY id") == [
        ("interrupted",),
        ("finished",),
    ]


def _cleaned(store: Database, counts: list[dict[str, int]]) -> Callable[[], bool]:
    def is_cleaned() -> bool:
        try:
            counts.append(clean(store))
        except AlreadyRunning:
            return False
        return True

    return is_cleaned


def test_an_error_in_a_transaction_undoes_all_of_it(archive: CrawlSession, store: Database) -> None:
    night(archive, {A: b"one"})
    before = dump(store)
    with pytest.raises(ArithmeticError), store.write() as db:
        _ = (db.execute(text("UPDATE page SET outcome = 'nonsense'")), 1 / 0)
    assert dump(store) == before
