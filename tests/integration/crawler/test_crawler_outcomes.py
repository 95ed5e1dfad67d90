"""A crawl of a site with every error of a server: each URL gets an outcome and a reason."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.local_site import (
    CrawlerProcess,
    LocalSite,
    crawl_job,
    rss_feed,
    run_crawl,
    serve_local_site,
)

pytestmark = pytest.mark.xdist_group("outcomes")  # all tests share one crawl
BOMB = gzip.compress(b"\0" * 30_000_000)
CYRILLIC = "<!doctype html><title>Порт</title><p>Порт снова закрыт.</p>"

STORIES = {
    "/news/plain-1.html": ("fetched", "new"),
    "/news/charset-2.html": ("fetched", "new"),
    "/news/moved-3.html": ("redirected", "http_redirect"),
    "/news/target-4.html": ("fetched", "new"),
    "/news/away-5.html": ("redirected", "http_redirect"),
    "/news/home-6.html": ("gone", "soft_404"),
    "/news/itself-7.html": ("failed", "http_redirect"),
    "/news/file-8.html": ("failed", "bad_url"),
    "/news/missing-9.html": ("gone", "not_found"),
    "/news/gone-10.html": ("gone", "not_found"),
    "/news/broken-11.html": ("failed", "http_status"),
    "/news/hangs-12.html": ("failed", "timeout"),
    "/news/large-13.html": ("failed", "too_large"),
    "/news/endless-14.html": ("failed", "too_large"),
    "/news/bomb-15.html": ("failed", "too_large"),
    "/news/paper-16.html": ("failed", "not_html"),
    "/news/empty-17.html": ("failed", "empty_body"),
    "/news/cut-18.html": ("failed", "broken_response"),
    "/news/not-gzip-19.html": ("failed", "broken_response"),
    "/news/no-http-20.html": ("failed", "broken_response"),
    "/news/not-deflate-21.html": ("failed", "broken_response"),
    "/news/secret-22.html": ("redirected", "http_redirect"),
    "/closed/story-23.html": ("refused", "robots"),
    "/news/line-24.html": ("failed", "headers_too_large"),
    "/news/heads-25.html": ("failed", "headers_too_large"),
    "/news/odd-26.html": ("failed", "unknown_encoding"),
    "/news/hop-0.html": ("redirected", "http_redirect"),
}
SOURCES = {
    "/feed.xml": ("fetched", ""),
    "/empty.xml": ("fetched", ""),
    "/junk.xml": ("failed", "unreadable"),
    "/moved.xml": ("fetched", ""),
    "/loop.xml": ("failed", "http_redirect"),
    "/login.xml": ("fetched", ""),
    "/nowhere.xml": ("gone", "not_found"),
    "/index.xml": ("fetched", ""),
    "/child.xml.gz": ("fetched", ""),
    "/doctype.xml": ("failed", "xml_doctype_refused"),
    "/section.html": ("fetched", ""),
}


def prepare(site: LocalSite) -> None:
    site.add_page("/robots.txt", "User-agent: nightdesk\nDisallow: /closed/\n", "text/plain")
    site.add_feed("/feed.xml", [site.url + path for path in STORIES if "target" not in path])
    _prepare_sources(site)
    _prepare_redirects(site)
    _prepare_broken(site)
    site.add_story(
        "/news/plain-1.html", headers={"ETag": '"one"', "X-Odd": "a\tb", "Server": "test"}
    )
    site.add_page(
        "/news/charset-2.html", CYRILLIC.encode("cp1251"), "text/html; charset=windows-1251"
    )
    site.add_story("/news/target-4.html")
    site.add_story("/closed/story-23.html")
    site.add_story("/news/sitemap-30.html")
    site.add_story("/news/section-31.html")


def _prepare_sources(site: LocalSite) -> None:
    base = site.url
    site.add_feed("/empty.xml", [])
    site.add_page("/junk.xml", "<html><body>Please log in</body></html>", "application/rss+xml")
    site.add_redirect("/moved.xml", "/moved/again.xml", 301)
    site.add_feed("/moved/again.xml", ["../news/plain-1.html"])
    site.add_redirect("/loop.xml", "/loop.xml")
    site.add_redirect("/login.xml", f"http://me:hunter2@127.0.0.1:{site.port}/empty.xml")
    site.add_page(
        "/index.xml",
        f"<sitemapindex><sitemap><loc>{base}/child.xml.gz</loc></sitemap></sitemapindex>",
        "text/xml",
    )
    child = f"<urlset><url><loc>{base}/news/sitemap-30.html</loc></url></urlset>"
    site.add_page("/child.xml.gz", gzip.compress(child.encode()), "application/gzip")
    site.add_page("/doctype.xml", f'<!DOCTYPE urlset [<!ENTITY a "b">]>{child}', "text/xml")
    other = '<a href="https://elsewhere.invalid/news/99999">Two</a>'
    section = f'<a href="/news/section-31.html">One</a> {other}{rss_feed([])}'
    site.add_page("/section.html", section)


def _prepare_redirects(site: LocalSite) -> None:
    site.add_redirect("/news/moved-3.html", "target-4.html", 301)
    site.add_redirect("/news/away-5.html", "http://elsewhere.invalid/news/1")
    site.add_redirect("/news/home-6.html", "/")
    site.add_redirect("/news/itself-7.html", "/news/itself-7.html#top")
    site.add_redirect("/news/file-8.html", "file:///etc/passwd")
    for hop in range(9):
        site.add_redirect(f"/news/hop-{hop}.html", f"hop-{hop + 1}.html")
    site.add_redirect("/news/secret-22.html", "http://me:hunter2@elsewhere.invalid/news/22")


def _prepare_broken(site: LocalSite) -> None:
    site.add_page("/news/gone-10.html", "gone", status=410)
    site.add_page("/news/broken-11.html", "oh no", status=500)
    site.add_story("/news/hangs-12.html", delay=2.5)
    site.add_page("/news/large-13.html", b"<html>" + b"x" * 300_000)
    site.add_story("/news/endless-14.html", endless=True)
    site.add_page("/news/bomb-15.html", BOMB, headers={"Content-Encoding": "gzip"})
    site.add_page("/news/paper-16.html", b"%PDF-1.7 ...", "application/pdf")
    site.add_page("/news/empty-17.html", b"")
    site.add_page(
        "/news/cut-18.html", raw=b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n<html>half"
    )
    site.add_page(
        "/news/not-gzip-19.html", b"<html>plain</html>", headers={"Content-Encoding": "gzip"}
    )
    site.add_page("/news/no-http-20.html", raw=b"\x00\x01what\r\n\r\n")
    site.add_page(
        "/news/line-24.html", raw=b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 20_000 + b"\r\n\r\n<html>"
    )
    site.add_page(
        "/news/heads-25.html", raw=b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 5_000
    )
    site.add_page("/news/odd-26.html", b"\x00\x01packed", headers={"Content-Encoding": "x-odd"})
    site.add_page(
        "/news/not-deflate-21.html",
        zlib.compress(b"x")[3:],
        headers={"Content-Encoding": "deflate"},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outcomes")


@pytest.fixture(scope="module")
def site() -> Iterator[LocalSite]:
    with serve_local_site(prepare) as site:
        yield site


@pytest.fixture(scope="module")
def description(site: LocalSite, folder: Path) -> dict[str, object]:
    feeds = [
        "/feed.xml",
        "/empty.xml",
        "/junk.xml",
        "/moved.xml",
        "/loop.xml",
        "/login.xml",
        "/nowhere.xml",
        "/feed.xml",
    ]
    return crawl_job(
        site,
        folder,
        feeds=[site.url + path for path in feeds],
        sitemaps=[site.url + "/index.xml", site.url + "/doctype.xml"],
        sections=[site.url + "/section.html"],
        safety={"max_bytes": 200_000},
        politeness={"concurrency": 4, "timeout": 1},
        revisit={"after_hours": 0},
        headers={"X-Archive": "ours"},
    )


@pytest.fixture(scope="module")
def first(description: dict[str, object], folder: Path) -> CrawlerProcess:
    return run_crawl(description, folder)


@pytest.fixture(scope="module")
def second(first: CrawlerProcess, description: dict[str, object], folder: Path) -> CrawlerProcess:
    return run_crawl(description, folder)


def test_crawl_finishes_whatever_the_site_answers(first: CrawlerProcess) -> None:
    assert first.exit_code == 0
    assert first.finished["status"] == "finished"
    assert "pending" not in first.finished["counts"]
    assert "Traceback" not in first.log.read_text()


@pytest.mark.parametrize(("path", "outcome"), STORIES.items())
def test_each_story_has_its_outcome_and_reason(
    first: CrawlerProcess, path: str, outcome: tuple[str, str]
) -> None:
    assert first.page_outcome(path) == outcome


@pytest.mark.parametrize(("path", "outcome"), SOURCES.items())
def test_each_source_has_its_outcome_and_reason_and_one_event(
    first: CrawlerProcess, path: str, outcome: tuple[str, str]
) -> None:
    assert first.page_outcome(path) == outcome
    events = [event for event in first.events_named("source") if event["url"].endswith(path)]
    assert [(event["outcome"], event["reason"]) for event in events] == [outcome], (
        "each source is fetched once and reported once"
    )


def test_stories_of_sitemaps_and_sections_are_fetched_but_not_links_to_other_sites(
    first: CrawlerProcess,
) -> None:
    assert first.page_outcome("/news/sitemap-30.html") == ("fetched", "new")
    assert first.page_outcome("/news/section-31.html") == ("fetched", "new")
    assert not first.query("SELECT url FROM page WHERE url LIKE '%99999%'")


def test_redirect_target_becomes_a_page_with_a_decision(
    first: CrawlerProcess, site: LocalSite
) -> None:
    targets = dict(
        first.query("SELECT a.url, b.url FROM page a JOIN page b ON b.id = a.redirect_to")
    )
    assert targets[site.url + "/news/moved-3.html"] == site.url + "/news/target-4.html"
    assert first.page_outcome("//elsewhere.invalid/news/1") == ("refused", "off_site")
    assert not first.query("SELECT 1 FROM page WHERE kind = 'story' AND url = ?", f"{site.url}/"), (
        "a deleted story redirects there; it is no story"
    )


def test_redirect_chain_is_followed_five_times(first: CrawlerProcess, site: LocalSite) -> None:
    assert first.page_outcome("/news/hop-4.html") == ("redirected", "http_redirect")
    assert first.page_outcome("/news/hop-5.html") == ("failed", "http_redirect")
    assert "/news/hop-6.html" not in site.received_paths


def test_bytes_are_stored_as_served_with_the_declared_charset(first: CrawlerProcess) -> None:
    query = (
        "SELECT y.charset, y.media_type, y.size FROM page p JOIN payload y ON y.id = p.payload_id"
        " WHERE p.url LIKE ?"
    )
    assert first.query(query, "%charset-2.html") == [
        ("windows-1251", "text/html", len(CYRILLIC.encode("cp1251")))
    ]


def test_no_bytes_are_stored_of_failed_stories(first: CrawlerProcess) -> None:
    assert not first.query(
        "SELECT url FROM page"
        " WHERE payload_id IS NOT NULL AND outcome != 'fetched' AND kind = 'story'"
    )


def test_bytes_of_sources_that_could_not_be_read_are_kept(
    first: CrawlerProcess, site: LocalSite
) -> None:
    """A later version of the reader may read them."""
    kept = first.query("SELECT url FROM page WHERE payload_id IS NOT NULL AND outcome = 'failed'")
    assert {url for (url,) in kept} == {site.url + "/junk.xml", site.url + "/doctype.xml"}


def test_no_password_is_in_events_archive_or_log(first: CrawlerProcess) -> None:
    stored = str(first.events) + str(first.query("SELECT url FROM page")) + first.log.read_text()
    stored += str(first.query("SELECT location, headers, detail FROM capture"))
    assert "elsewhere.invalid/news/22" in stored
    assert "hunter2" not in stored


def test_disallowed_pages_are_not_requested_and_robots_txt_is_requested_once(
    first: CrawlerProcess, site: LocalSite
) -> None:
    assert "/closed/story-23.html" not in site.received_paths
    assert len(site.requests_for("/robots.txt")) <= 2  # once a crawl


def test_requests_have_our_user_agent_and_no_referer(
    first: CrawlerProcess, site: LocalSite
) -> None:
    assert {request.headers["user-agent"] for request in site.received} == {
        "Nightdesk/0.1 (+https://example.org/bot)"
    }
    for request in site.received:
        assert not {"referer", "cookie"} & request.headers.keys()
        assert request.headers["x-archive"] == "ours"


def test_second_crawl_fetches_only_due_pages_with_validators(
    second: CrawlerProcess, site: LocalSite
) -> None:
    assert second.exit_code == 0
    assert second.page_outcome("/news/plain-1.html") == ("unchanged", "not_modified")
    assert second.page_outcome("/news/target-4.html") == ("unchanged", "same_bytes")
    assert site.requests_for("/news/plain-1.html")[-1].headers["if-none-match"] == '"one"'
    assert len(site.requests_for("/news/broken-11.html")) == 1
    assert len(site.requests_for("/news/moved-3.html")) == 1
    assert {event["outcome"] for event in second.events_named("page")} == {"unchanged"}


def test_due_events_are_running_totals(first: CrawlerProcess) -> None:
    assert first.events[0]["event"] == "started"
    totals = [event["count"] for event in first.events_named("due")]
    assert totals == sorted(totals)
    assert totals[-1] == len(first.events_named("page"))
