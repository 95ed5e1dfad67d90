"""If the database becomes unavailable, work is done once and only by the holder of the lock."""

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
from pipeline.store.db.engine import Database, retry_while_unavailable
from pipeline.store.read.runs import recent_crawls
from tests.support.archive_factory import SITE, url

ONLY_POSTGRES = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
END_SESSIONS = text(
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
ONLY_SQLITE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def _short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "RETRY_DELAYS", (0.05,) * 40)


@contextmanager
def lost_connection(
    store: Database, monkeypatch: pytest.MonkeyPatch, *, committed: bool
) -> Iterator[None]:
    """Lose the connection during a commit, once.

    Args:
        committed: Whether the server commits before the connection is lost.
    """

    def lose(connection: Any) -> None:
        patch.undo()  # the server is back at once
        (connection.commit if committed else connection.rollback)()
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr(store.engine.dialect, "do_commit", lose)
        yield


@ONLY_POSTGRES
def test_after_a_lost_answer_the_store_finds_out_whether_the_commit_succeeded(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Database(database_url)
    with store.write() as db:
        db.execute(text("CREATE TABLE item (id int)"))
    with lost_connection(store, monkeypatch, committed=True), store.write() as db:
        db.execute(text("INSERT INTO item VALUES (1)"))
    with (
        lost_connection(store, monkeypatch, committed=False),
        pytest.raises(DatabaseUnavailable),
        store.write() as db,
    ):
        db.execute(text("INSERT INTO item VALUES (2)"))
    with store.read() as db:
        assert db.execute(text("SELECT id FROM item")).all() == [(1,)]
    store.close()


def end_sessions(address: str) -> None:
    """End all connections, as a restart of the server does."""
    other = Database(address)
    with other.read() as db:
        db.execute(END_SESSIONS)
    other.close()


@ONLY_POSTGRES
def test_a_crawl_goes_on_after_a_lost_connection_only_if_it_gets_its_lock_back(
    database_url: str,
) -> None:
    archive, other = CrawlSession.open(database_url), CrawlSession(Database(database_url))
    run = archive.start_run(SITE)
    end_sessions(database_url)
    archive.register_source(run, CrawlSource(url("/feed.xml"), UrlKind.FEED))
    with pytest.raises(AlreadyRunning):
        other.start_run(SITE)
    end_sessions(database_url)
    other_run = other.start_run(SITE)
    with pytest.raises(AlreadyRunning, match=rf"already being crawled since .*run {other_run}"):
        archive.register_source(run, CrawlSource(url("/other.xml"), UrlKind.FEED))
    archive.close()
    other.finish_run(other_run, "finished")
    other.close()


@ONLY_SQLITE
def test_a_crawl_waits_while_another_program_locks_the_file(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "BUSY_TIMEOUT", 0.02)
    archive = CrawlSession.open(database_url)
    run = archive.start_run(SITE)
    locker = sqlite3.connect(
        database_url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False
    )
    locker.execute("BEGIN IMMEDIATE")
    archive.store.engine.dispose()
    unlock = threading.Timer(0.4, locker.execute, ["COMMIT"])
    unlock.start()
    archive.register_source(run, CrawlSource(url("/feed.xml"), UrlKind.FEED))
    unlock.join()
    archive.finish_run(run, "finished")
    archive.close()
    locker.close()


def test_retries_end_when_the_caller_stops_waiting_or_no_delay_is_left() -> None:
    calls = []

    def call() -> None:
        calls.append(1)
        raise DatabaseUnavailable("gone")

    with pytest.raises(DatabaseUnavailable):
        retry_while_unavailable(call, lambda _: True)
    assert len(calls) == 1
    with pytest.raises(DatabaseUnavailable):
        retry_while_unavailable(call, lambda _: None)
    assert len(calls) == 1 + 41


def test_recent_crawls_leave_out_back_fills(
    database_url: str,
) -> None:
    archive, now = CrawlSession.open(database_url), datetime.now(UTC)
    for status, scope in (("finished", ""), ("finished", "since 2026-01-01"), ("stopped", "")):
        archive.finish_run(archive.start_run(SITE, scope), status)
    for at in (now, now + timedelta(days=30)):
        crawls = recent_crawls(archive.store, at)
        assert list(crawls) == [SITE]
        assert [status for _, status in crawls[SITE]] == (
            ["finished", "stopped"] if at == now else ["stopped"]
        )
    assert recent_crawls(archive.store, now, "another") == {}
    archive.close()
