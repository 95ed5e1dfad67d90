"""The frontier: who gets which Page, what a Link changes, and what a changed site file lifts."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from pipeline.core.errors import AlreadyRunning
from pipeline.core.models import CrawlSource, DueUrl, Link, LinkDecision, Outcome, Reason, UrlKind
from pipeline.store.clean.session import CleanSession
from pipeline.store.crawl import frontier
from pipeline.store.crawl.session import LEASE_DURATION, CrawlSession
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
    night,
    one,
    rows,
    list_links,
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
    archive: CrawlSession, verdicts: Sequence[LinkDecision], days: int = 0
) -> tuple[int, list[str]]:
    """A crawl that visits what is due with new bytes each time; the Run's number and what it visited."""
    run = archive.start_run(SITE)
    at = NIGHT + days * DAY
    list_links(archive, run, verdicts, at)
    due = archive.lease_due(run, 100)
    for each in due:
        archive.save_capture(run, capture(each, Reply(f"{each.url} {days}".encode()), at), at)
    archive.finish_run(run, "finished")
    return run, [each.url for each in due]


def test_newest_pages_are_handed_out_first_and_no_more_than_asked_for(
    archive: CrawlSession,
) -> None:
    run = archive.start_run(SITE)
    list_links(archive, run, links(A), NIGHT)
    list_links(archive, run, links(B), NIGHT + DAY)
    assert [due.url for due in archive.lease_due(run, 1)] == [B]
    assert [due.url for due in archive.lease_due(run, 5)] == [A]
    assert archive.lease_due(run, 5) == ()


def test_a_page_has_one_turn_in_a_run_even_if_it_is_due_again_at_once(
    archive: CrawlSession,
) -> None:
    run = archive.start_run(SITE)
    list_links(archive, run, links(A))
    (due,) = archive.lease_due(run, 5)
    archive.save_capture(run, capture(due, Reply(b"one")), NIGHT)
    assert archive.lease_due(run, 5) == ()
    archive.finish_run(run, "finished")
    assert len(archive.lease_due(archive.start_run(SITE), 5)) == 1


def test_a_leased_page_is_not_given_to_another_run(archive: CrawlSession, store: Database) -> None:
    run = archive.start_run(SITE)
    list_links(archive, run, links(A, B))
    (mine,) = archive.lease_due(run, 1)
    now = datetime.now(UTC)
    with store.write() as db:  # past the lock, which lets no second Run begin
        other = run_log.open_run(db, SITE, "crawl")
        (theirs,) = frontier.lease_due(db, other, SITE, now, now + LEASE_DURATION, 5)
        assert frontier.lease_due(db, other, SITE, now, now + LEASE_DURATION, 5) == ()
        later = now + LEASE_DURATION + timedelta(minutes=1)
        again = frontier.lease_due(
            db, run_log.open_run(db, SITE, "crawl"), SITE, later, later + LEASE_DURATION, 5
        )
    assert {mine.url, theirs.url} == {A, B} == {due.url for due in again}


def test_leases_of_a_dead_run_are_freed_when_the_next_one_starts(
    archive: CrawlSession, database_url: str, store: Database
) -> None:
    run = archive.start_run(SITE)
    list_links(archive, run, links(A, B))
    assert len(archive.lease_due(run, 5)) == 2
    archive.close()  # as a killed process does: the lock is gone, the Run is not closed
    heir = CrawlSession(Database(database_url))
    assert {due.url for due in heir.lease_due(heir.start_run(SITE), 5)} == {A, B}
    heir.close()
    assert rows(store, "SELECT status, detail FROM run WHERE id = :run", run=run) == [
        ("interrupted", "the process ended before its work")
    ]
    assert outcome(store, A, run) == ("deferred", "interrupted")


def test_a_second_crawl_of_a_site_is_told_since_when_the_first_is_at_it(
    archive: CrawlSession, database_url: str
) -> None:
    run = archive.start_run(SITE)
    other = CrawlSession(Database(database_url))
    with pytest.raises(
        AlreadyRunning,
        match=rf"courier: already being crawled since .* UTC \(run {run}, process {os.getpid()} on .+\); let it finish",
    ):
        other.start_run(SITE)
    other.start_run("evening")
    archive.finish_run(run, "finished")
    other.close()
    third = CrawlSession(Database(database_url))
    third.start_run(SITE)
    third.close()


def test_a_refused_page_is_taken_up_when_the_site_file_allows_it(
    archive: CrawlSession, store: Database
) -> None:
    run, visited = crawl(archive, [refused(A, Reason.NOT_ALLOWED), *links(B)])
    assert visited == [B]
    assert outcome(store, A, run) == ("refused", "not_allowed")
    run, visited = crawl(archive, links(A), 1)
    assert A in visited
    assert outcome(store, A, run) == ("fetched", "new")


def test_a_page_that_is_refused_from_now_on_is_not_asked_for_and_keeps_its_bytes(
    archive: CrawlSession, store: Database
) -> None:
    crawl(archive, links(A))
    run, visited = crawl(archive, [refused(A)], 1)
    assert visited == []
    assert outcome(store, A, run) == ("refused", "denied")
    assert one(store, "SELECT payload_id FROM page WHERE url = :url", url=A) is not None
    assert crawl(archive, links(A), 2)[1] == [A]


def test_a_page_that_waited_and_is_refused_now_is_due_no_more_until_it_is_allowed(
    archive: CrawlSession, store: Database
) -> None:
    run = archive.start_run(SITE)
    list_links(archive, run, links(A))
    archive.finish_run(run, "stopped")
    crawl(archive, [refused(A)], 1)
    assert one(store, "SELECT due_at FROM page WHERE url = :url", url=A) is None
    assert crawl(archive, [], 2)[1] == []
    assert crawl(archive, links(A), 3)[1] == [A]


def test_one_place_may_refuse_what_another_one_lets_in(
    archive: CrawlSession, store: Database
) -> None:
    run = archive.start_run(SITE)
    list_links(archive, run, [refused(A, Reason.NOT_ALLOWED)])
    list_links(archive, run, links(A), place=SITEMAP)
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


def test_what_a_feed_says_of_a_page_outweighs_a_section_and_makes_it_stale(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, {A: b"Words of the story"}, source=CrawlSource(url("section"), UrlKind.SECTION))
    clean(store)
    shelf = CleanSession(store, SITE)
    run = archive.start_run(SITE)
    list_links(
        archive,
        run,
        [LinkDecision(Link(A, title="Said by the section"))],
        place=CrawlSource(url("section"), UrlKind.SECTION),
    )
    list_links(
        archive,
        run,
        [LinkDecision(Link(A, title="Said by the feed", published_at=NIGHT, tags=("port", "sea")))],
        place=FEED,
    )
    list_links(
        archive,
        run,
        [LinkDecision(Link(A, title="Said by the section"))],
        place=CrawlSource(url("section"), UrlKind.SECTION),
    )
    archive.finish_run(run, "finished")
    (material,) = shelf.stale_pages(RECIPE, 0, 10)
    assert (material.announced.title, material.announced.published_at, material.announced.source) == (
        "Said by the feed",
        NIGHT,
        "feed",
    )
    assert material.announced.tags == ("port", "sea")


def test_the_same_news_of_a_page_twice_makes_nothing_stale(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, {A: b"Words of the story"})
    told = LinkDecision(Link(A, title="The same", published_at=NIGHT))
    for _ in range(2):
        run = archive.start_run(SITE)
        list_links(archive, run, [told])
        archive.finish_run(run, "finished")
        clean(store)
    run = archive.start_run(SITE)
    list_links(archive, run, [told])
    assert CleanSession(store, SITE).count_stale(RECIPE) == 0


def test_the_counts_of_a_place_are_those_of_its_links(archive: CrawlSession) -> None:
    night(archive, {A: b"one"})
    run = archive.start_run(SITE)
    place = archive.register_source(run, SITEMAP)
    verdicts = [*links(A, B, C, C), refused(url("d"))]
    met = archive.save_source(run, capture(place, Reply(b"<x/>")), verdicts, UrlKind.SITEMAP)
    assert (met.new, met.known, met.refused) == (2, 1, 1)


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_feed_that_two_sites_meet_at_the_same_moment_is_a_page_of_each(database_url: str) -> None:
    """Both look before either has written (SQLite has one writer); who comes second must not get the other's Page."""
    both_looked = threading.Barrier(2)
    found: dict[str, DueUrl] = {}

    def meet(site: str) -> None:
        archive = CrawlSession(Database(database_url))
        run = archive.start_run(site)

        def wait_for_the_other(_c: object, _u: object, statement: str, *_rest: object) -> None:
            if statement.startswith("INSERT INTO page") and not waited:
                waited.append(both_looked.wait(timeout=10))

        waited: list[int] = []
        event.listen(archive.store.engine, "before_cursor_execute", wait_for_the_other)
        found[site] = archive.register_source(run, FEED)
        archive.close()

    threads = [threading.Thread(target=meet, args=(site,)) for site in (SITE, "evening")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[SITE].page_id != found["evening"].page_id


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_two_sites_that_show_the_same_foreign_links_in_another_order_do_not_block_each_other(
    database_url: str,
) -> None:
    """Every site links the same few networks below each page; each such URL is a Page once."""
    foreign = [
        refused(f"https://network.example/{number}", Reason.OFF_SITE) for number in range(300)
    ]
    together, counts = threading.Barrier(2), list[int]()

    def crawl_one(site: str, verdicts: Sequence[LinkDecision]) -> None:
        archive = CrawlSession(Database(database_url))
        run = archive.start_run(site)
        due = archive.register_source(run, CrawlSource(f"https://{site}.example/", UrlKind.SECTION))
        together.wait(timeout=10)
        counts.append(
            archive.save_source(
                run, capture(due, Reply(b"<html>")), verdicts, UrlKind.SECTION
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


def test_a_page_that_was_refused_as_too_long_is_handed_to_nobody(archive: CrawlSession) -> None:
    run = archive.start_run(SITE)
    list_links(archive, run, [replace(refused(url("x" * 3000)), reason=Reason.URL_TOO_LONG)])
    assert archive.lease_due(run, 5) == ()
