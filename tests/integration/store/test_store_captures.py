"""Fetches saved together have the result of one by one, and one that fails costs no other."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from crawler.archive_writer import ArchiveWriter
from pipeline.core.models import DueUrl, Link, LinkDecision, Outcome
from pipeline.store.crawl.session import CrawlSession, FetchedPage
from pipeline.store.db.engine import Database
from tests.support.archive_factory import (
    FAILED,
    GONE,
    NIGHT,
    SITE,
    Reply,
    capture,
    links,
    list_links,
    rows,
    url,
)

STORY = url("city/seal-sleeps-on-ramp")
MOVED = Reply(None, Outcome.REDIRECTED, status=301, target=url("city/moved-here"))
REPLIES = {
    STORY: Reply(b"The seal sleeps", etag="one"),
    STORY + "/amp": Reply(b"The seal sleeps, in short"),
    url("city/first-of-two-alike"): Reply(b"the same"),
    url("city/second-of-two-alike"): Reply(b"the same"),
    url("moves"): MOVED,
    url("city/moved-here"): Reply(b"It is here"),
    url("fails"): FAILED,
    url("gone"): GONE,
    url("other-edition-0012345"): Reply(b"alike by number"),
    url("edition-0012345.html"): Reply(b"alike by number"),
}

LEDGER = """
SELECT p.url, l.outcome, l.reason, l.detail
FROM ledger_entry l JOIN page p ON p.id = l.page_id ORDER BY 1, 2, 3
"""
PAGES = """
SELECT p.url, p.outcome, p.reason, p.due_at IS NULL, p.etag, p.attempts, p.story_key, y.digest,
       t.url
FROM page p LEFT JOIN payload y ON y.id = p.payload_id LEFT JOIN page t ON t.id = p.redirect_to
ORDER BY p.url_key
"""


def fetches(dues: tuple[DueUrl, ...], night: int = 0) -> list[FetchedPage]:
    at = NIGHT + timedelta(days=night)
    ordered = sorted(dues, key=lambda due: list(REPLIES).index(due.url))
    fetched: list[FetchedPage] = []
    for due in ordered:
        reply = REPLIES[due.url]
        decision = LinkDecision(Link(reply.target)) if reply.target else None
        fetched.append(FetchedPage(capture(due, reply, at), None if decision else at, decision))
    return fetched


def test_fetches_saved_together_have_the_same_result_as_one_by_one(
    archive: CrawlSession, store: Database, sqlite_template: Path, tmp_path: Path
) -> None:
    fresh_store = Database(f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'alone.db')}")
    alone = CrawlSession(fresh_store)
    for night in range(2):
        outcomes = []
        for session, is_batch in ((archive, True), (alone, False)):
            run = session.start_run(SITE)
            list_links(session, run, links(*REPLIES), NIGHT)
            pages = fetches(session.lease_due(run, 100), night)
            saved = (
                session.save_captures(run, pages)
                if is_batch
                else tuple(session.save_captures(run, [page])[0] for page in pages)
            )
            outcomes.append(
                {page.capture.page_id: outcome for page, outcome in zip(pages, saved, strict=True)}
            )
            session.finish_run(run, "finished")
        assert outcomes[0] == outcomes[1]
        assert outcomes[0]
    for query in (
        LEDGER,
        PAGES,
        "SELECT count(*) FROM capture",
        "SELECT digest FROM payload ORDER BY 1",
    ):
        assert rows(store, query) == rows(fresh_store, query)
    alone.close()


def test_a_fetch_that_cannot_be_saved_costs_no_other(
    archive: CrawlSession, store: Database
) -> None:
    run = archive.start_run(SITE)
    list_links(archive, run, links(url("a"), url("b")))
    good, bad = (
        FetchedPage(capture(due, Reply(due.url.encode())), None)
        for due in archive.lease_due(run, 2)
    )
    bad = replace(bad, capture=replace(bad.capture, fetched_at=NIGHT.replace(tzinfo=None)))
    writer = ArchiveWriter()

    async def both() -> list[Outcome | BaseException]:
        return await asyncio.gather(
            *(writer.save_capture(archive, run, each) for each in (good, bad)),
            return_exceptions=True,
        )

    saved, refused = asyncio.run(both())
    assert saved is Outcome.FETCHED
    assert isinstance(refused, Exception)
    assert rows(store, "SELECT count(*) FROM capture WHERE payload_id IS NOT NULL") == [(1,)]


def test_flush_waits_for_a_batch_that_is_being_saved(
    archive: CrawlSession, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = archive.start_run(SITE)
    list_links(archive, run, links(url("a")))
    (due,) = archive.lease_due(run, 1)
    writer = ArchiveWriter(flush_delay=0.0)
    begun, save_captures = threading.Event(), archive.save_captures

    def save_slowly(run: int, pages: Sequence[FetchedPage]) -> list[Outcome]:
        begun.set()
        time.sleep(0.2)
        return save_captures(run, pages)

    monkeypatch.setattr(archive, "save_captures", save_slowly)

    async def cut_short() -> None:
        page = FetchedPage(capture(due, Reply(b"one")), None)
        task = asyncio.create_task(writer.save_capture(archive, run, page))
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()

    asyncio.run(cut_short())
    writer.flush(archive, run)
    assert rows(store, "SELECT count(*) FROM capture WHERE payload_id IS NOT NULL") == [(1,)]


def test_what_still_waits_when_the_event_loop_ends_is_saved(
    archive: CrawlSession, store: Database
) -> None:
    run = archive.start_run(SITE)
    list_links(archive, run, links(url("a")))
    (due,) = archive.lease_due(run, 1)
    writer = ArchiveWriter()

    async def cut_short() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(
                writer.save_capture(archive, run, FetchedPage(capture(due, Reply(b"one")), None)),
                0.001,
            )

    asyncio.run(cut_short())
    assert rows(store, "SELECT count(*) FROM capture WHERE payload_id IS NOT NULL") == [(0,)]
    writer.flush(archive, run)
    assert rows(store, "SELECT count(*) FROM capture WHERE payload_id IS NOT NULL") == [(1,)]
