"""A crawl session: what is saved of fetches, and what is stored once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from hashlib import sha256

import pytest
from sqlalchemy.exc import StatementError

from pipeline.core.errors import StoreError
from pipeline.core.models import CrawlSource, Link, LinkDecision, Outcome, Reason, UrlKind
from pipeline.store.crawl import session
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.read import origins, pages
from tests.support.archive_factory import (
    DAY,
    FAILED,
    FEED,
    GONE,
    NIGHT,
    NOT_MODIFIED,
    SITE,
    Reply,
    capture,
    do,
    links,
    list_links,
    night,
    one,
    rows,
    url,
)  # fmt: skip

A, B = url("a"), url("b")
BODY = b"<html>The ferry came back." + b" It did." * 500


def moved(target: str) -> Reply:
    return Reply(None, Outcome.REDIRECTED, Reason.HTTP_REDIRECT, 301, target=target)


def test_bytes_come_back_as_they_were_served(archive: CrawlSession, store: Database) -> None:
    body = bytes(range(256)) * 40
    night(archive, {A: body})
    page = pages.find_page(store, A)
    assert page is not None
    assert origins.article_payload(store, page.id) == ("text/html", "", body)
    assert page.digest == sha256(body).hexdigest()


def test_bytes_are_stored_compressed_and_once_for_two_pages(
    archive: CrawlSession, store: Database
) -> None:
    assert night(archive, {A: BODY, B: BODY}) == {A: Outcome.FETCHED, B: Outcome.FETCHED}
    ((size, compressed, codec),) = rows(store, "SELECT size, length(body), codec FROM payload")
    assert (size, codec) == (len(BODY), "zstd")
    assert compressed < size / 4
    assert one(store, "SELECT count(*) FROM capture WHERE payload_id IS NOT NULL") == 2


def test_the_same_bytes_again_are_unchanged_and_only_update_the_last_sighting(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, {A: BODY})
    assert night(archive, {A: BODY}, NIGHT + DAY) == {A: Outcome.UNCHANGED}
    assert one(store, "SELECT count(*) FROM capture") == 1
    assert rows(store, "SELECT outcome, reason FROM page WHERE url = :url", url=A) == [
        ("unchanged", "same_bytes")
    ]
    page = pages.find_page(store, A)
    assert page is not None
    assert page.last_seen_at == NIGHT + DAY


def test_changed_bytes_are_a_second_payload_and_the_first_one_stays(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, {A: b"one"})
    assert night(archive, {A: b"two"}, NIGHT + DAY) == {A: Outcome.FETCHED}
    assert rows(store, "SELECT outcome, reason FROM capture ORDER BY id") == [
        ("fetched", "new"),
        ("fetched", "changed"),
    ]
    assert one(store, "SELECT count(*) FROM payload") == 2


def test_bytes_that_come_back_are_a_new_capture_of_the_stored_payload(
    archive: CrawlSession, store: Database
) -> None:
    for day, body in enumerate((b"one", b"two", b"one")):
        night(archive, {A: body}, NIGHT + day * DAY)
    assert one(store, "SELECT count(*) FROM payload") == 2
    assert rows(store, "SELECT payload_id FROM capture ORDER BY id") == [(1,), (2,), (1,)]


def test_a_304_confirms_the_page_and_keeps_its_validators(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, {A: Reply(b"one", etag='"1"')})
    assert night(archive, {A: NOT_MODIFIED}, NIGHT + DAY) == {A: Outcome.UNCHANGED}
    assert rows(store, "SELECT etag, reason FROM page WHERE url = :url", url=A) == [
        ('"1"', "not_modified")
    ]
    assert one(store, "SELECT count(*) FROM capture") == 1


def test_a_body_without_validators_clears_the_old_ones(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, {A: Reply(b"one", etag='"1"')})
    night(archive, {A: b"two"}, NIGHT + DAY)
    assert one(store, "SELECT etag FROM page WHERE url = :url", url=A) == ""


def test_the_target_of_a_redirect_is_a_page_that_is_due(
    archive: CrawlSession, store: Database
) -> None:
    assert night(archive, {A: moved(B)}) == {A: Outcome.REDIRECTED}
    ((target, due_at),) = rows(store, "SELECT id, due_at FROM page WHERE url = :url", url=B)
    assert one(store, "SELECT redirect_to FROM page WHERE url = :url", url=A) == target
    assert due_at is not None
    assert night(archive, {B: BODY}, NIGHT + DAY) == {B: Outcome.FETCHED}


def test_a_page_that_is_gone_keeps_its_bytes_and_the_day_it_was_first_gone(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, {A: BODY})
    night(archive, {A: GONE}, NIGHT + DAY)
    night(archive, {A: GONE}, NIGHT + 2 * DAY)
    page = pages.find_page(store, A)
    assert page is not None
    assert page.gone_at == NIGHT + DAY
    assert origins.article_payload(store, page.id) is not None


@pytest.mark.parametrize("answer", [Reply(BODY), Reply(b"another body"), NOT_MODIFIED])
def test_a_page_that_comes_back_is_no_longer_gone(
    archive: CrawlSession, store: Database, answer: Reply
) -> None:
    night(archive, {A: Reply(BODY, etag='"1"')})
    night(archive, {A: GONE}, NIGHT + DAY)
    night(archive, {A: answer}, NIGHT + 2 * DAY)
    page = pages.find_page(store, A)
    assert page is not None
    assert page.gone_at is None


def test_failures_are_counted_until_a_fetch_succeeds(
    archive: CrawlSession, store: Database
) -> None:
    def attempts() -> object:
        return one(store, "SELECT attempts FROM page WHERE url = :url", url=A)

    night(archive, {A: FAILED})
    night(archive, {A: FAILED}, NIGHT + DAY)
    assert attempts() == 2
    night(archive, {A: BODY}, NIGHT + 2 * DAY)
    assert attempts() == 0


def test_the_validators_of_a_source_are_saved_only_together_with_its_links(
    archive: CrawlSession, store: Database
) -> None:
    run = archive.start_run(SITE)
    due = archive.register_source(run, FEED)
    assert one(store, "SELECT etag FROM page") == ""
    archive.save_source(run, capture(due, Reply(b"<rss/>", etag='"f"')), links(A, B), UrlKind.FEED)
    assert rows(store, "SELECT etag FROM page WHERE kind = 'feed'") == [('"f"',)]
    assert one(store, "SELECT count(*) FROM page WHERE kind = 'story'") == 2
    archive.finish_run(run, "finished")
    again = archive.register_source(archive.start_run(SITE), FEED)
    assert again.etag == '"f"'


def test_a_sitemap_index_is_fetched_whole_every_time(archive: CrawlSession) -> None:
    run = archive.start_run(SITE)
    index = CrawlSource(url("sitemap.xml"), UrlKind.SITEMAP)
    due = archive.register_source(run, index)
    child = LinkDecision(Link(url("sitemap-1.xml"), UrlKind.SITEMAP))
    saved = archive.save_source(
        run, capture(due, Reply(b"<x/>", etag='"i"')), (child, child), UrlKind.SITEMAP
    )
    assert [each.url for each in saved.child_sources] == [url("sitemap-1.xml")]
    again = archive.save_source(
        run, capture(saved.child_sources[0], Reply(b"<x/>")), (child,), UrlKind.SITEMAP
    )
    assert again.child_sources == (), "a child that names itself is not fetched again"
    archive.finish_run(run, "finished")
    assert archive.register_source(archive.start_run(SITE), index).etag == ""


def test_two_sites_may_list_one_feed_and_neither_hides_its_links_from_the_other(
    archive: CrawlSession, store: Database
) -> None:
    first = archive.start_run(SITE)
    due = archive.register_source(first, FEED)
    archive.save_source(first, capture(due, Reply(b"<rss/>", etag='"f"')), links(A), UrlKind.FEED)
    archive.finish_run(first, "finished")
    second = archive.start_run("evening")
    other = archive.register_source(second, FEED)
    assert other.page_id != due.page_id
    assert other.etag == ""
    saved = archive.save_source(second, capture(other, Reply(b"<rss/>")), links(A, B), UrlKind.FEED)
    archive.finish_run(second, "finished")
    assert (saved.new, saved.refused) == (1, 1)
    assert rows(
        store, "SELECT url, reason FROM ledger WHERE run = :run AND outcome = 'refused'", run=second
    ) == [(A, "other_site")]


@pytest.mark.parametrize(
    ("raw", "stored"),
    [("nul \x00 here", "nul \ufffd here"), ("half \ud83d a pair", "half \ufffd a pair")],
    ids=["nul", "surrogate"],
)
def test_characters_that_a_database_refuses_are_replaced(
    archive: CrawlSession, store: Database, raw: str, stored: str
) -> None:
    run = archive.start_run(SITE)
    list_links(
        archive,
        run,
        [
            LinkDecision(Link(A, title=raw)),
            LinkDecision(Link(url(raw)), Outcome.REFUSED, Reason.BAD_URL),
        ],
    )
    (due,) = archive.lease_due(run, 10)
    archive.save_capture(run, replace(capture(due, FAILED), detail=raw), NIGHT)
    archive.finish_run(run, "failed", raw)
    assert one(store, "SELECT announced_title FROM page WHERE url = :url", url=A) == stored
    assert one(store, "SELECT detail FROM ledger WHERE url = :url", url=A) == stored
    assert one(store, "SELECT detail FROM run") == stored


def test_a_string_that_is_no_url_has_an_entry_in_the_ledger(
    archive: CrawlSession, store: Database
) -> None:
    bad = [
        LinkDecision(Link(each), Outcome.REFUSED, Reason.BAD_URL)
        for each in ("", "http://", "javascript:void(0)", "\ud800")
    ]
    run = archive.start_run(SITE)
    list_links(archive, run, bad)
    assert archive.finish_run(run, "finished") == {"fetched": 1, "refused": 4}


def test_a_url_of_three_thousand_characters_is_a_page_like_any_other(
    archive: CrawlSession, store: Database
) -> None:
    long = [url(letter * 3000) for letter in "ab"]
    run = archive.start_run(SITE)
    list_links(
        archive,
        run,
        [LinkDecision(Link(each), Outcome.REFUSED, Reason.URL_TOO_LONG) for each in long],
    )
    assert archive.finish_run(run, "finished")["refused"] == 2, (
        "their keys differ, though their stored beginnings do not"
    )
    assert one(store, "SELECT max(length(url)) FROM page") <= 2000


def test_spellings_of_one_url_are_one_page(archive: CrawlSession, store: Database) -> None:
    spellings = [A, "HTTPS://COURIER.example:443/a", A + "#top", A + "?utm_source=feed"]
    run = archive.start_run(SITE)
    list_links(archive, run, links(*spellings))
    assert [due.url for due in archive.lease_due(run, 10)] == [A]


def test_a_time_without_a_zone_is_refused(archive: CrawlSession, store: Database) -> None:
    run = archive.start_run(SITE)
    due = archive.register_source(run, FEED)
    naive = datetime(2024, 3, 1, 2, 30)  # noqa: DTZ001 - the test needs one
    with pytest.raises(StatementError, match="a time without zone"):
        archive.save_source(run, capture(due, Reply(b"<rss/>"), naive), links(A), UrlKind.FEED)
    assert one(store, "SELECT count(*) FROM page WHERE kind = 'story'") == 0


def test_a_page_that_is_not_in_the_archive_any_more_is_a_store_error(
    archive: CrawlSession, store: Database
) -> None:
    run = archive.start_run(SITE)
    list_links(archive, run, links(A))
    (due,) = archive.lease_due(run, 1)
    do(store, "DELETE FROM ledger_entry WHERE page_id = :id", id=due.page_id)
    do(store, "DELETE FROM page WHERE id = :id", id=due.page_id)
    with pytest.raises(StoreError, match="not in the archive any more"):
        archive.save_capture(run, capture(due, Reply(BODY)), None)


def test_thousands_of_links_are_saved_in_one_call(archive: CrawlSession, store: Database) -> None:
    run = archive.start_run(SITE)
    many = [url(str(number)) for number in range(1501)]
    list_links(archive, run, links(*many))
    assert len(archive.lease_due(run, 5000)) == 1501
    assert archive.finish_run(run, "stopped") == {"fetched": 1, "deferred": 1501}


def test_links_of_a_large_sitemap_are_saved_in_batches_and_its_validators_last(
    archive: CrawlSession, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "LINKS_PER_TRANSACTION", 4)
    run = archive.start_run(SITE)
    due = archive.register_source(run, FEED)
    many = links(*[url(str(number)) for number in range(9)])
    reply = capture(due, Reply(b"<rss/>", etag='"f"'))
    saved = archive.save_source(run, reply, many, UrlKind.FEED)
    assert (saved.new, saved.known, saved.refused) == (9, 0, 0)
    assert one(store, "SELECT links FROM ledger_entry WHERE links > 0") == 9
    assert [len(batch) for batch in session._link_batches(many)] == [3, 3, 3]
    assert session._link_batches(()) == [()]
    again = archive.save_source(run, reply, (*many, *links(A)), UrlKind.FEED)
    assert (again.new, again.known) == (1, 9)
    monkeypatch.setattr(archive, "_save_source", None)  # a kill before the last batch
    with pytest.raises(TypeError):
        archive.save_source(
            run, capture(due, Reply(b"<rss/>", etag='"g"')), links(B, *many_urls()), UrlKind.FEED
        )
    assert one(store, "SELECT etag FROM page WHERE kind = 'feed'") == '"f"'


def many_urls() -> list[str]:
    return [url(f"later-{number}") for number in range(5)]
