"""A page is requested in the spelling that its site shows, and kept under its canonical URL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from pipeline.core.urls import canonicalize
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import PageRow
from tests.support.cli import wait_until
from tests.support.local_site import LocalSite, crawl_job, rss_feed, run_crawl, serve_local_site

# What the site shows, and the path that its strict server knows.
SPELLINGS = [
    ("/art?90", "/art?90"),
    ("/art?91=", "/art?91="),
    ("/art?sort=1&id=92", "/art?sort=1&id=92"),
    ("/art?id=93&", "/art?id=93&"),
    ("/art?&id=94", "/art?&id=94"),
    ("/art?id=95&&page=1", "/art?id=95&&page=1"),
    ("/art?id=96;part=2", "/art?id=96;part=2"),
    ("/art?name=two+words", "/art?name=two+words"),
    ("/art?name=three%20more%20words", "/art?name=three%20more%20words"),
    ("/art?path=%2Fcity/seal", "/art?path=%2Fcity/seal"),
    ("/art?at=10:30@pier", "/art?at=10:30@pier"),
    ("/art?id[]=97", "/art?id[]=97"),
    ("/%d1%88%d1%82%d0%be%d1%80%d0%bc-98", "/%d1%88%d1%82%d0%be%d1%80%d0%bc-98"),
    ("/%7Eeditor/seal-99", "/%7Eeditor/seal-99"),
    ("/Art.ASP?ID=100", "/Art.ASP?ID=100"),
    ("/city//seal-101", "/city//seal-101"),
    ("/art,102;view", "/art,102;view"),
    ("/art?id=103#comments", "/art?id=103"),
    ("/art?utm_source=feed&104", "/art?104"),
    ("/шторм?тема=105", "/%D1%88%D1%82%D0%BE%D1%80%D0%BC?%D1%82%D0%B5%D0%BC%D0%B0=105"),
    ("/art?id=106;jsessionid=1", "/art?id=106;jsessionid=1"),
    ("/art;jsessionid=0F?id=107", "/art?id=107"),
]


@pytest.fixture
def site() -> Iterator[LocalSite]:
    with serve_local_site() as site:
        yield site


def add_feed(site: LocalSite, links: list[str], path: str = "/feed.xml") -> str:
    return site.add_page(path, rss_feed([escape(link) for link in links]), "application/rss+xml")


def outcomes(store: Database) -> dict[str, str]:
    with store.read() as db:
        rows = db.execute(text("SELECT url, outcome FROM page WHERE kind = 'story'")).all()
    return {row.url: row.outcome for row in rows}


def all_are_due(store: Database) -> bool:
    now = datetime.now(UTC)
    with store.read() as db:
        return db.scalar(select(func.max(PageRow.due_at))) <= now


def test_a_strict_server_is_asked_for_the_urls_that_it_shows(
    site: LocalSite, store: Database, database_url: str, tmp_path: Path
) -> None:
    for _, path in SPELLINGS:
        site.add_story(path, headers={"ETag": f'"{path}"'.encode().decode("ascii", "ignore")})
    links = [site.url + shown for shown, _ in SPELLINGS]
    feed = add_feed(site, links)
    keys = {"feeds": [feed], "revisit": {"after_hours": 0}, "database_url": database_url}
    run_crawl(crawl_job(site, tmp_path, **keys), tmp_path)
    assert outcomes(store) == dict.fromkeys(map(canonicalize, links), "fetched")
    for shown, path in SPELLINGS:
        assert len(site.requests_for(path)) == 1, shown
    site.received.clear()
    wait_until(lambda: all_are_due(store))  # a page is due after half of its age
    run_crawl(crawl_job(site, tmp_path, **keys), tmp_path)
    assert set(outcomes(store).values()) == {"unchanged"}
    for shown, path in SPELLINGS:
        (request,) = site.requests_for(path)
        assert request.headers.get("if-none-match"), shown


def test_the_spelling_that_was_seen_first_is_kept(
    site: LocalSite, store: Database, database_url: str, tmp_path: Path
) -> None:
    for path in ("/art?b=1&a=2", "/art?a=2&b=1"):
        site.add_story(path)
    feeds = [add_feed(site, [site.url + "/art?b=1&a=2"])]
    keys = {"feeds": feeds, "revisit": {"after_hours": 0}, "database_url": database_url}
    run_crawl(crawl_job(site, tmp_path, **keys), tmp_path)
    add_feed(site, [site.url + "/art?a=2&b=1"])
    run_crawl(crawl_job(site, tmp_path, **keys), tmp_path)
    assert len(site.requests_for("/art?b=1&a=2")) == 2
    assert not site.requests_for("/art?a=2&b=1")


def test_a_404_tries_the_other_spelling_once_and_keeps_the_one_that_works(
    site: LocalSite, store: Database, database_url: str, tmp_path: Path
) -> None:
    site.add_story("/art?90=")
    feeds = [add_feed(site, [site.url + "/art?90", site.url + "/art?91"])]
    keys = {"feeds": feeds, "revisit": {"after_hours": 0}, "database_url": database_url}
    run_crawl(crawl_job(site, tmp_path, **keys), tmp_path)
    assert outcomes(store) == {site.url + "/art?90=": "fetched", site.url + "/art?91=": "gone"}
    site.received.clear()
    with store.write() as db:
        db.execute(text("UPDATE page SET due_at = first_seen_at WHERE kind = 'story'"))
    run_crawl(crawl_job(site, tmp_path, **keys), tmp_path)
    stories = [path for path in site.received_paths if path.startswith("/art")]
    assert sorted(stories) == ["/art?90=", "/art?91"]
    with store.read() as db:
        count = db.scalar(text("SELECT count(*) FROM ledger WHERE kind = 'story'"))
    assert count == 4, "each page has one outcome a night"


def test_a_missing_page_of_an_older_archive_is_asked_for_as_its_source_spells_it(
    site: LocalSite, store: Database, database_url: str, tmp_path: Path
) -> None:
    feeds = [add_feed(site, [site.url + "/art?90"])]
    keys = {"feeds": feeds, "database_url": database_url}
    run_crawl(crawl_job(site, tmp_path, **keys), tmp_path)
    with store.write() as db:
        db.execute(text("UPDATE page SET requested_url = url, due_at = NULL"))
    site.add_story("/art?90")
    site.received.clear()
    run_crawl(crawl_job(site, tmp_path, **keys), tmp_path)
    assert outcomes(store) == {site.url + "/art?90=": "fetched"}
    assert not site.requests_for("/art?90=")


def test_a_feed_is_requested_as_the_site_file_spells_it(
    site: LocalSite, store: Database, database_url: str, tmp_path: Path
) -> None:
    site.add_story("/2026/03/01/seal")
    feed = add_feed(site, [site.url + "/2026/03/01/seal"], "/feed?type=rss&all")
    site.pages["/feed?type=rss&all"].headers["ETag"] = '"1"'
    job = crawl_job(site, tmp_path, feeds=[feed], database_url=database_url)
    run_crawl(job, tmp_path)
    run_crawl(job, tmp_path)
    first, second = site.requests_for("/feed?type=rss&all")
    assert "if-none-match" not in first.headers
    assert second.headers["if-none-match"] == '"1"'
    assert set(outcomes(store).values()) == {"fetched"}


def test_patterns_may_name_either_spelling(
    site: LocalSite, store: Database, database_url: str, tmp_path: Path
) -> None:
    for number in (90, 91, 92):
        site.add_story(f"/art?{number}")
    feed = add_feed(site, [f"{site.url}/art?{number}" for number in (90, 91, 92)])
    keys = {"allow": [r"/art\?90$", r"/art\?9[12]=$"], "deny": [r"\?92$"]}
    job = crawl_job(site, tmp_path, feeds=[feed], database_url=database_url, **keys)
    run_crawl(job, tmp_path)
    found = {url.rpartition("?")[2]: outcome for url, outcome in outcomes(store).items()}
    assert found == {"90=": "fetched", "91=": "fetched", "92=": "refused"}
