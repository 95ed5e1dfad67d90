"""A database that goes away in the middle of the work: what was begun is done once, by the one who holds the lock."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from pipeline.core.errors import AlreadyRunning, DatabaseUnavailable
from pipeline.core.models import CrawlSource, UrlKind
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db import engine as engine_module
from pipeline.store.db.engine import Database, patiently
from pipeline.store.read.begun_runs import crawls_begun
from tests.support.archive_factory import SITE, url

ONLY_POSTGRES = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
END_SESSIONS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
ONLY_SQLITE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "PAUSES", (0.05,) * 40)


@contextmanager
def lost_answers(
    store: Database, monkeypatch: pytest.MonkeyPatch, *, committed: bool
) -> Iterator[None]:
    """A server that is lost while it commits."""

    def lose(connection: Any) -> None:
        patch.undo()  # once: it is back at once
        (connection.commit if committed else connection.rollback)()
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr(store.engine.dialect, "do_commit", lose)
        yield


@ONLY_POSTGRES
def test_a_commit_whose_answer_is_lost_is_asked_after(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Database(database_url)
    with store.write() as db:
        db.execute(text("CREATE TABLE told (id int)"))
    with lost_answers(store, monkeypatch, committed=True), store.write() as db:
        db.execute(text("INSERT INTO told VALUES (1)"))
    with (
        lost_answers(store, monkeypatch, committed=False),
        pytest.raises(DatabaseUnavailable),
        store.write() as db,
    ):
        db.execute(text("INSERT INTO told VALUES (2)"))
    with store.read() as db:
        assert db.execute(text("SELECT id FROM told")).all() == [(1,)]
    store.close()


def end_sessions(address: str) -> None:
    """What a restart of the server is to who is connected."""
    other = Database(address)
    with other.read() as db:
        db.execute(END_SESSIONS)
    other.close()


@ONLY_POSTGRES
def test_a_crawl_that_loses_its_server_goes_on_with_its_lock_or_not_at_all(
    database_url: str,
) -> None:
    archive, other = CrawlSession.open(database_url), CrawlSession(Database(database_url))
    run = archive.start_run(SITE)
    end_sessions(database_url)
    archive.meet_place(run, CrawlSource(url("/feed.xml"), UrlKind.FEED))
    with pytest.raises(AlreadyRunning):
        other.start_run(SITE)
    end_sessions(database_url)
    heir = other.start_run(SITE)
    with pytest.raises(AlreadyRunning, match=rf"already being crawled since .*run {heir}"):
        archive.meet_place(run, CrawlSource(url("/other.xml"), UrlKind.FEED))
    archive.close()
    other.finish_run(heir, "finished")
    other.close()


@ONLY_SQLITE
def test_a_crawl_waits_for_a_file_that_is_locked_by_another_program(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "BUSY_SECONDS", 0.02)
    archive = CrawlSession.open(database_url)
    run = archive.start_run(SITE)
    locker = sqlite3.connect(
        database_url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False
    )
    locker.execute("BEGIN IMMEDIATE")
    archive.store.engine.dispose()
    later = threading.Timer(0.4, locker.execute, ["COMMIT"])
    later.start()
    archive.meet_place(run, CrawlSource(url("/feed.xml"), UrlKind.FEED))
    later.join()
    archive.finish_run(run, "finished")
    archive.close()
    locker.close()


def test_patience_ends_when_nobody_waits_any_more_or_it_is_used_up() -> None:
    tried = []

    def call() -> None:
        tried.append(1)
        raise DatabaseUnavailable("gone")

    with pytest.raises(DatabaseUnavailable):
        patiently(call, lambda _: True)
    assert len(tried) == 1
    with pytest.raises(DatabaseUnavailable):
        patiently(call, lambda _: None)
    assert len(tried) == 1 + 41


def test_the_archive_knows_when_each_site_was_crawled_and_back_fills_are_no_nights(
    database_url: str,
) -> None:
    archive, now = CrawlSession.open(database_url), datetime.now(UTC)
    for status, scope in (("finished", ""), ("finished", "since 2026-01-01"), ("stopped", "")):
        archive.finish_run(archive.start_run(SITE, scope), status)
    for at in (now, now + timedelta(days=30)):
        crawls = crawls_begun(archive.store, at)
        assert list(crawls) == [SITE]
        assert [status for _, status in crawls[SITE]] == (
            ["finished", "stopped"] if at == now else ["stopped"]
        )
    assert crawls_begun(archive.store, now, "another") == {}
    archive.close()
