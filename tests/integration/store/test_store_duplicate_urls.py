"""Several URLs of one story end as one article. What only looks similar stays apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.core.models import Outcome
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from tests.support.archive_factory import (
    DAY,
    NIGHT,
    SITE,
    Reply,
    capture,
    clean,
    links,
    list_links,
    rows,
    url,
)

STORY = url("city/seal-sleeps-on-ramp")


def crawl(
    archive: CrawlSession, bodies: dict[str, bytes], canonical_url: str = "", days: int = 0
) -> list[Outcome]:
    """Crawl URLs in the order given, whose pages declare one canonical URL; return the outcomes."""
    run = archive.start_run(SITE)
    at = NIGHT + days * DAY
    outcomes: list[Outcome] = []
    for address, body in bodies.items():
        list_links(archive, run, links(address), at)
        (due,) = archive.lease_due(run, 1)
        outcomes.append(
            archive.save_capture(
                run, replace(capture(due, Reply(body), at), canonical_url=canonical_url), at + DAY
            )
        )
    archive.finish_run(run, "finished")
    return outcomes


@pytest.mark.parametrize(
    ("first", "second", "canonical_url"),
    [
        (STORY, url("news/seal-sleeps-on-ramp.html"), STORY),
        (url("amp/seal-sleeps-on-ramp"), url("news/seal-sleeps-on-ramp"), STORY),
        (STORY, STORY + "/amp/", ""),
        (STORY, STORY.replace("https://", "http://www."), ""),
    ],
)
def test_two_urls_of_one_story_are_one_article(
    archive: CrawlSession, store: Database, first: str, second: str, canonical_url: str
) -> None:
    outcomes = crawl(
        archive,
        {first: b"The seal sleeps", second: b"The seal sleeps, on another page"},
        canonical_url,
    )
    clean(store)
    assert outcomes == [Outcome.FETCHED, Outcome.REDIRECTED]
    assert rows(store, "SELECT url FROM articles") == [(first,)]
    query = "SELECT l.outcome, l.reason, l.detail FROM ledger l WHERE l.url = :url"
    ((outcome, reason, detail),) = rows(store, query, url=second)
    assert (outcome, reason) == ("redirected", "duplicate")
    assert first in detail
    ((due_at, target),) = rows(
        store,
        "SELECT a.due_at, b.url FROM page a JOIN page b ON b.id = a.redirect_to WHERE a.url = :url",
        url=second,
    )
    assert (due_at, target) == (None, first)


def test_the_same_bytes_are_a_duplicate_only_under_a_similar_url(
    archive: CrawlSession,
) -> None:
    other = url("news/seal-sleeps-on-ramp.html")
    bodies = {
        STORY: b"The seal sleeps",
        other: b"The seal sleeps",
        url("city/missing-page"): b"The seal sleeps",
    }
    assert crawl(archive, bodies) == [Outcome.FETCHED, Outcome.REDIRECTED, Outcome.FETCHED]


def test_one_canonical_url_that_all_pages_of_a_site_declare_makes_no_duplicates(
    archive: CrawlSession,
) -> None:
    bodies = {url(f"city/story-of-day-{name}"): name.encode() for name in ("one", "two", "three")}
    assert (
        crawl(archive, bodies, canonical_url=url("city/all-the-news-of-today"))
        == [Outcome.FETCHED] * 3
    )


def test_a_page_with_bytes_stays_a_page_of_its_own(archive: CrawlSession) -> None:
    other = url("news/seal-sleeps-on-ramp.html")
    assert crawl(archive, {STORY: b"one", other: b"two"}) == [Outcome.FETCHED] * 2
    assert crawl(archive, {other: b"three"}, canonical_url=STORY, days=2) == [Outcome.FETCHED]
