"""A closed run takes nothing more: a late write is refused, and the next run does the work."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from pipeline.core.errors import StoreError
from pipeline.core.models import Outcome
from pipeline.store.clean.session import CleanSession
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.maintenance.verify_log import verify_log
from tests.support.archive_factory import (
    FEED,
    RECIPE,
    SITE,
    Reply,
    capture,
    links,
    list_links,
    night,
    url,
)

PAGE = Reply(b"Story a")
WRITER = """
import sys
from datetime import UTC, datetime
from sqlalchemy import insert
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db import run_log
from pipeline.store.db.engine import Database
from tests.support.archive_factory import SITE, Reply, capture, links, list_links, url
from pipeline.store.crawl import captures

archive = CrawlSession(Database(sys.argv[1]))
run = archive.start_run(SITE)
list_links(archive, run, links(url("a")), datetime.now(UTC))
(due,) = archive.lease_due(run, 10)
with run_log.writing(archive.store, run) as db:
    fetch = captures.FetchedPage(capture(due, Reply(b"Story a")), None, None)
    captures.save(db, run, SITE, (fetch,), {})
    print("writes", flush=True)
    sys.stdin.read()
"""


def take_over(store: Database, slow: CrawlSession) -> None:
    """Close the run of a session that lost its lock, as the next crawl does."""
    slow._release()
    other = CrawlSession(store)
    other.finish_run(other.start_run(SITE), "finished")


def test_a_late_capture_is_refused_and_fetched_in_the_next_run(
    archive: CrawlSession, store: Database
) -> None:
    run = archive.start_run(SITE)
    list_links(archive, run, links(url("a")), datetime.now(UTC))
    (due,) = archive.lease_due(run, 10)
    take_over(store, archive)
    for write in (
        lambda: archive.save_capture(run, capture(due, PAGE), None),
        lambda: archive.register_source(run, FEED),
        lambda: archive.save_source(run, capture(due, Reply()), links(url("b")), FEED.kind),
        lambda: archive.lease_due(run, 10),
        lambda: archive.finish_run(run, "finished"),
    ):
        with pytest.raises(StoreError, match=rf"run {run} was closed .* the next crawl of"):
            write()
    assert not verify_log(store).faults
    assert night(archive, {url("a"): PAGE}, datetime.now(UTC)) == {url("a"): Outcome.FETCHED}
    assert not verify_log(store).faults


def test_closing_a_run_twice_with_one_status_changes_nothing(
    archive: CrawlSession, store: Database
) -> None:
    run = archive.start_run(SITE)
    counts = archive.finish_run(run, "finished")
    assert archive.finish_run(run, "finished", "again") == counts
    assert not verify_log(store).faults


def test_a_late_clean_is_refused(archive: CrawlSession, store: Database) -> None:
    night(archive, {url("a"): PAGE}, datetime.now(UTC))
    slow = CleanSession(store, SITE)
    run = slow.start_run(RECIPE)
    slow.release()
    other = CleanSession(store, SITE)
    other.finish_run(other.start_run(RECIPE), "finished")
    with pytest.raises(StoreError, match="the next clean of"):
        slow.save_results(run, RECIPE, ())
    with pytest.raises(StoreError, match="the next clean of"):
        slow.save_reviews(run, ())
    assert not verify_log(store).faults


def test_a_process_that_is_killed_while_it_writes_leaves_a_run_that_can_be_sealed(
    archive: CrawlSession, store: Database, database_url: str
) -> None:
    command = [sys.executable, "-c", WRITER, database_url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"writes\n"
        writer.kill()
    assert night(archive, {url("a"): PAGE}, datetime.now(UTC)) == {url("a"): Outcome.FETCHED}
    assert not verify_log(store).faults
