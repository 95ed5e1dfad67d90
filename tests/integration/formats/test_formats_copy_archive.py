"""An archive moves from one database to the other and back, and a kill in the middle loses nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text
from test_formats_import import story, written

from pipeline.core.errors import StoreError
from pipeline.core.models import Outcome, Reason
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.db.migrate import ensure
from pipeline.store.maintenance import copy_archive, recompress
from pipeline.store.search import index
from pipeline.store.search import search as results
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

KILLED = """
import os, signal, sys
from pathlib import Path
from pipeline.formats import import_pages
from pipeline.store.maintenance import copy_archive
from pipeline.store.db.engine import Database

def kill(*said):
    if said[0] in ("page", 50):
        os.kill(os.getpid(), signal.SIGKILL)

what, target, source = sys.argv[1:]
if what == "copy":
    copy_archive.copy_rows(Database(source), Database(target), kill)
else:
    import_pages.import_pages(Database(target), [Path(source)], None, (), kill)
"""


def killed(what: str, target: Database, source: str) -> None:
    words = [
        sys.executable,
        "-c",
        KILLED,
        what,
        target.url.render_as_string(hide_password=False),
        source,
    ]
    assert (
        subprocess.run(words, cwd=ROOT, env=clean_environment(), check=False, timeout=60).returncode
        == -signal.SIGKILL
    )


def made(path: Path) -> Database:
    store = Database(f"sqlite:///{path}")
    ensure(store)
    return store


def all_of(store: Database) -> dict[str, list[str]]:
    """All rows but those of the index, which is each engine's own; PostgreSQL sorts the keys of JSON."""
    found = dump(store, without=("index_version", "counts"))
    return {
        name: sorted(map(repr, rows)) for name, rows in found.items() if name != "article_index"
    }


def test_an_archive_moves_there_and_back_with_every_row_and_value(
    store: Database, tmp_path: Path
) -> None:
    source, back = made(tmp_path / "source.db"), made(tmp_path / "back.db")
    archive = CrawlSession(source)
    night(
        archive,
        {
            url(f"{n}"): f"Паром {n}\nIt left the «harbour» \U0001f6a2 {n}.".encode()
            for n in range(60)
        },
    )
    moved = Reply(None, Outcome.REDIRECTED, Reason.HTTP_REDIRECT, 301, target=url("renamed"))
    more = {url("0"): NOT_MODIFIED, url("1"): moved, url("2"): GONE, url("3"): b"Changed\nIt came."}
    night(archive, more, NIGHT + DAY)
    clean(source)
    killed("copy", store, f"sqlite:///{tmp_path / 'source.db'}")
    assert (
        recompress.recompress_site(source, SITE, lambda *_: None).recompressed > 40
    )  # what was copied already is packed anew
    # goes on where it was killed; a second time adds nothing
    for one, other in ((source, store), (store, back), (store, back)):
        assert all(each.is_identical for each in copy_archive.copy_rows(one, other))
        assert all_of(other) == all_of(source)
        assert index.count_unindexed(other) == 0
    found = [
        [hit.article.id for hit in results.search_articles(each, "harbour", 100).hits]
        for each in (source, store, back)
    ]
    assert len(found[0]) == 59
    assert found[0] == found[1] == found[2]
    archive.close()
    back.close()


def test_it_moves_into_the_other_database_which_goes_on_from_there(
    archive: CrawlSession, store: Database, tmp_path: Path
) -> None:
    source = made(tmp_path / "source.db")
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
    night(
        archive, {url("2"): b"New barge\nIt left."}, NIGHT + DAY
    )  # numbers go on behind those that came
    clean(store)
    assert [hit.article.title for hit in results.search_articles(store, "left").hits] == [
        "New barge",
        "Night ferry",
    ]
    other = made(tmp_path / "other.db")
    night(CrawlSession(other), {url("else"): b"Something else"})
    with pytest.raises(StoreError, match="holds another archive"):
        copy_archive.copy_rows(source, other)
    source.close()
    other.close()


def test_an_import_that_is_killed_goes_on_and_keeps_nothing_twice(
    store: Database, tmp_path: Path
) -> None:
    answers = [(url(f"{n}"), "200 OK", "text/html", story(f"Story {n}"), {}) for n in range(120)]
    path = written(tmp_path / "many.warc.gz", *answers)
    killed("bring", store, str(path))
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
    done = nightdesk(tmp_path / "home", *words).json
    fared = {(each["outcome"], each["reason"]): each["records"] for each in done["outcomes"]}
    assert fared == {("unchanged", "same_bytes"): 50, ("fetched", "new"): 70}
    with store.read() as db:
        assert [
            db.scalar(text(f"SELECT count(*) FROM {name}"))
            for name in ("page", "payload", "capture")
        ] == [120, 120, 120]
        assert db.scalars(text("SELECT status FROM run ORDER BY id")).all() == [
            "interrupted",
            "finished",
        ]
        assert db.scalar(text("SELECT count(*) FROM page WHERE due_at IS NOT NULL")) == 0
