"""The frontier: which run leases which page, what a link changes, and what a site file lifts."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event

from pipeline.core.errors import AlreadyRunning
from pipeline.core.models import CrawlSource, DueUrl, Link, LinkDecision, Outcome, Reason, UrlKind
from pipeline.store.clean.session import CleanSession
from pipeline.store.crawl import leases
from pipeline.store.crawl.leases import LEASE_DURATION
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db import run_log
from pipeline.store.db.engine import Database
from tests.support.archive_factory import (
    DAY,
    FEED,
    NIGHT,
    RECIPE,
    SITE,
    Reply,
    capture,
    clean,
    links,
    list_links,
    night,
    one,
    rows,
    url,
)

A, B, C = url("a"), url("b"), url("c")
SITEMAP = CrawlSource(url("sitemap.xml"), UrlKind.SITEMAP)


def refused(address: str, reason: Reason = Reason.DENIED) -> LinkDecision:
    return LinkDecision(Link(address), Outcome.REFUSED, reason)


def outcome(store: Database, address: str, run: int) -> tuple[str, str]:
    ((outcome, reason),) = rows(
        store,
        "SELECT outcome, reason FROM ledger WHERE url = :url AND run = :run",
        url=address,
        run=run,
    )
    return outcome, reason


def crawl(
    archive: CrawlSession, decisions: Sequence[LinkDecision], days: int = 0
) -> tuple[int, list[str]]:
    """Crawl, and fetch what is due with new bytes each time.

    Returns the id of the run and the URLs that it has fetched.
    """
    run = archive.start_run(SITE)
    at = NIGHT + days * DAY
    list_links(archive, run, decisions, at)
    due = archive.lease_due(run, 100)
    for page in due:
        archive.save_capture(run, capture(page, Reply(f"{page.url} {days}".encode()), at), at)
    archive.finish_run(run, "finished")
    return run, [page.url for page in due]


def test_newest_pages_are_leased_first_and_no_more_than_the_limit(
    archive: CrawlSession,
) -> None:
    run = archive.start_run(SITE)
    list_links(archive, run, links(A), NIGHT)
    list_links(archive, run, links(B), NIGHT + DAY)
    assert [due.url for due in archive.lease_due(run, 1)] == [B]
    assert [due.url for due in archive.lease_due(run, 5)] == [A]
    assert archive.lease_due(run, 5) == ()


def test_a_page_is_leased_once_in_a_run_even_if_it_is_due_again_at_once(
    archive: CrawlSession,
) -> None:
    run = archive.start_run(SITE)
    list_links(archive, run, links(A))
    (due,) = archive.lease_due(run, 5)
    archive.save_capture(run, capture(due, Reply(b"one")), NIGHT)
    assert archive.lease_due(run, 5) == ()
    archive.finish_run(run, "finished")
    assert len(archive.lease_due(archive.start_run(SITE), 5)) == 1


def lease_due(db: Connection, run: int, now: datetime) -> tuple[DueUrl, ...]:
    pages = leases.newest_due(db, run, SITE, now, 5)
    return leases.lease(db, run, SITE, pages, now, now + LEASE_DURATION)


def test_all_due_pages_are_sorted_seldom_and_newly_due_ones_come_first(
    archive: CrawlSession, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[bool] = []  # whether all due pages were sorted
    newest_due = leases.newest_due

    def counted(*args: Any) -> list[int]:
        looks.append(len(args) < 7)
        return newest_due(*args)

    monkeypatch.setattr(leases, "newest_due", counted)
    run, queue = archive.start_run(SITE), leases.LeaseQueue(SITE, look_after=4)
    list_links(archive, run, links(*(url(f"s{number}") for number in range(30))))
    leased: list[str] = []

    def lease(at: datetime, times: int) -> None:
        for _ in range(times):
            with store.write() as db:
                leased.extend(due.url for due in queue.lease(db, run, at, 2))

    later = NIGHT + timedelta(minutes=2)
    lease(NIGHT + timedelta(minutes=1), 5)
    list_links(archive, run, links(url("late")), later)
    lease(later, 12)
    assert len(leased) == len(set(leased)) == 31
    assert leased.index(url("late")) < 16
    assert sum(looks) == 5, "for 4, 8 and 16 pages, the rest, and once in vain"


def test_pages_that_were_leased_or_fetched_since_they_were_sorted_are_left_out(
    archive: CrawlSession, store: Database
) -> None:
    run = archive.start_run(SITE)
    list_links(archive, run, links(A, B))
    now = datetime.now(UTC)
    with store.read() as db:
        pages = leases.newest_due(db, run, SITE, now, 5)
    (first,) = archive.lease_due(run, 1)
    with store.write() as db:
        (second,) = leases.lease(db, run, SITE, pages, now, now + LEASE_DURATION)
        assert leases.lease(db, run, "another", pages, now, now + LEASE_DURATION) == ()
    assert {first.page_id, second.page_id} == set(pages)
    assert archive.lease_due(run, 5) == ()


def test_a_page_that_becomes_due_later_is_leased_in_the_same_run(archive: CrawlSession) -> None:
    run = archive.start_run(SITE)
    list_links(archive, run, links(A))
    assert [due.url for due in archive.lease_due(run, 5)] == [A]
    list_links(archive, run, links(A, B))
    assert [due.url for due in archive.lease_due(run, 5)] == [B]


def test_a_leased_page_is_not_leased_to_another_run(archive: CrawlSession, store: Database) -> None:
    run = archive.start_run(SITE)
    list_links(archive, run, links(A, B))
    (mine,) = archive.lease_due(run, 1)
    now = datetime.now(UTC)
    with store.write() as db:  # without the lock, which lets no second run start
        other = run_log.open_run(db, SITE, "crawl")
        (theirs,) = lease_due(db, other, now)
        assert lease_due(db, other, now) == ()
        later = now + LEASE_DURATION + timedelta(minutes=1)
        again = lease_due(db, run_log.open_run(db, SITE, "crawl"), later)
    assert {mine.url, theirs.url} == {A, B} == {due.url for due in again}


def test_leases_of_a_dead_run_end_when_the_next_run_starts(
    archive: CrawlSession, database_url: str, store: Database
) -> None:
    run = archive.start_run(SITE)
    list_links(archive, run, links(A, B))
    assert len(archive.lease_due(run, 5)) == 2
    archive.close()  # as after a kill: the lock is released, the run is not closed
    next_session = CrawlSession(Database(database_url))
    assert {due.url for due in next_session.lease_due(next_session.start_run(SITE), 5)} == {A, B}
    next_session.close()
    assert rows(store, "SELECT status, detail FROM run WHERE id = :run", run=run) == [
        ("interrupted", "the process ended before its work")
    ]
    assert outcome(store, A, run) == ("deferred", "interrupted")


def test_a_second_crawl_of_a_site_learns_when_the_first_one_started(
    archive: CrawlSession, database_url: str
) -> None:
    run = archive.start_run(SITE)
    other = CrawlSession(Database(database_url))
    with pytest.raises(
        AlreadyRunning,
        match=rf"courier: already being crawled since .* UTC \(run {run}, process {os.getpid()} on"
        r" .+\); let it finish",
    ):
        other.start_run(SITE)
    other.start_run("evening")
    archive.finish_run(run, "finished")
    other.close()
    third = CrawlSession(Database(database_url))
    third.start_run(SITE)
    third.close()


def test_a_refused_page_is_fetched_when_the_site_file_allows_it(
    archive: CrawlSession, store: Database
) -> None:
    run, fetched = crawl(archive, [refused(A, Reason.NOT_ALLOWED), *links(B)])
    assert fetched == [B]
    assert outcome(store, A, run) == ("refused", "not_allowed")
    run, fetched = crawl(archive, links(A), 1)
    assert A in fetched
    assert outcome(store, A, run) == ("fetched", "new")


def test_a_page_that_is_refused_from_now_on_is_not_fetched_and_keeps_its_bytes(
    archive: CrawlSession, store: Database
) -> None:
    crawl(archive, links(A))
    run, fetched = crawl(archive, [refused(A)], 1)
    assert fetched == []
    assert outcome(store, A, run) == ("refused", "denied")
    assert one(store, "SELECT payload_id FROM page WHERE url = :url", url=A) is not None
    assert crawl(archive, links(A), 2)[1] == [A]


def test_a_due_page_that_is_refused_now_is_not_due_until_it_is_allowed(
    archive: CrawlSession, store: Database
) -> None:
    run = archive.start_run(SITE)
    list_links(archive, run, links(A))
    archive.finish_run(run, "stopped")
    crawl(archive, [refused(A)], 1)
    assert one(store, "SELECT due_at FROM page WHERE url = :url", url=A) is None
    assert crawl(archive, [], 2)[1] == []
    assert crawl(archive, links(A), 3)[1] == [A]


def test_one_source_may_refuse_a_url_that_another_one_allows(
    archive: CrawlSession, store: Database
) -> None:
    run = archive.start_run(SITE)
    list_links(archive, run, [refused(A, Reason.NOT_ALLOWED)])
    list_links(archive, run, links(A), source=SITEMAP)
    assert [due.url for due in archive.lease_due(run, 5)] == [A]


def test_a_later_modification_makes_an_old_page_due_again(archive: CrawlSession) -> None:
    run = archive.start_run(SITE)
    list_links(archive, run, links(A))
    (due,) = archive.lease_due(run, 5)
    archive.save_capture(run, capture(due, Reply(b"one")), None)
    archive.finish_run(run, "finished")
    older, newer = Link(A, modified_at=NIGHT - DAY), Link(A, modified_at=NIGHT + timedelta(hours=1))
    assert crawl(archive, [LinkDecision(older)], 1)[1] == []
    assert crawl(archive, [LinkDecision(newer)], 2)[1] == [A]


def test_metadata_of_a_feed_replaces_that_of_a_section_and_makes_the_page_stale(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, {A: b"Words of the story"}, source=CrawlSource(url("section"), UrlKind.SECTION))
    clean(store)
    session = CleanSession(store, SITE)
    run = archive.start_run(SITE)
    list_links(
        archive,
        run,
        [LinkDecision(Link(A, title="The section's title"))],
        source=CrawlSource(url("section"), UrlKind.SECTION),
    )
    list_links(
        archive,
        run,
        [LinkDecision(Link(A, title="The feed's title", published_at=NIGHT, tags=("port", "sea")))],
        source=FEED,
    )
    list_links(
        archive,
        run,
        [LinkDecision(Link(A, title="The section's title"))],
        source=CrawlSource(url("section"), UrlKind.SECTION),
    )
    archive.finish_run(run, "finished")
    (material,) = session.stale_pages(RECIPE, 0, 10)
    assert (
        material.announced.title,
        material.announced.published_at,
        material.announced.source,
    ) == (
        "The feed's title",
        NIGHT,
        "feed",
    )
    assert material.announced.tags == ("port", "sea")


def test_the_same_metadata_of_a_page_twice_makes_nothing_stale(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, {A: b"Words of the story"})
    decision = LinkDecision(Link(A, title="The same", published_at=NIGHT))
    for _ in range(2):
        run = archive.start_run(SITE)
        list_links(archive, run, [decision])
        archive.finish_run(run, "finished")
        clean(store)
    run = archive.start_run(SITE)
    list_links(archive, run, [decision])
    assert CleanSession(store, SITE).count_stale(RECIPE) == 0


def test_the_counts_of_a_source_are_those_of_its_links(archive: CrawlSession) -> None:
    night(archive, {A: b"one"})
    run = archive.start_run(SITE)
    source = archive.register_source(run, SITEMAP)
    decisions = [*links(A, B, C, C), refused(url("d"))]
    saved = archive.save_source(run, capture(source, Reply(b"<x/>")), decisions, UrlKind.SITEMAP)
    assert (saved.new, saved.known, saved.refused) == (2, 1, 1)


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_feed_that_two_sites_register_at_the_same_moment_is_a_page_of_each(
    database_url: str,
) -> None:
    """Both look before either has written. The second one must not get the page of the other.

    On SQLite this cannot happen, since it has one writer.
    """
    both_looked = threading.Barrier(2)
    due_by_site: dict[str, DueUrl] = {}

    def register(site: str) -> None:
        archive = CrawlSession(Database(database_url))
        run = archive.start_run(site)

        def wait_for_the_other(_c: object, _u: object, statement: str, *_rest: object) -> None:
            if statement.startswith("INSERT INTO page") and not waited:
                waited.append(both_looked.wait(timeout=10))

        waited: list[int] = []
        event.listen(archive.store.engine, "before_cursor_execute", wait_for_the_other)
        due_by_site[site] = archive.register_source(run, FEED)
        archive.close()

    threads = [threading.Thread(target=register, args=(site,)) for site in (SITE, "evening")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert due_by_site[SITE].page_id != due_by_site["evening"].page_id


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_two_sites_that_list_the_same_foreign_links_in_another_order_do_not_block_each_other(
    database_url: str,
) -> None:
    """Every site links to the same few networks on each page. Each such URL is one page."""
    foreign = [
        refused(f"https://network.example/{number}", Reason.OFF_SITE) for number in range(300)
    ]
    barrier, counts = threading.Barrier(2), list[int]()

    def crawl_one(site: str, decisions: Sequence[LinkDecision]) -> None:
        archive = CrawlSession(Database(database_url))
        run = archive.start_run(site)
        due = archive.register_source(run, CrawlSource(f"https://{site}.example/", UrlKind.SECTION))
        barrier.wait(timeout=10)
        counts.append(
            archive.save_source(
                run, capture(due, Reply(b"<html>")), decisions, UrlKind.SECTION
            ).refused
        )
        archive.close()

    orders = {"one": foreign, "two": foreign[::-1]}
    threads = [threading.Thread(target=crawl_one, args=each) for each in orders.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [300, 300]


def test_a_url_that_was_refused_as_too_long_is_never_leased(archive: CrawlSession) -> None:
    run = archive.start_run(SITE)
    list_links(archive, run, [replace(refused(url("x" * 3000)), reason=Reason.URL_TOO_LONG)])
    assert archive.lease_due(run, 5) == ()
