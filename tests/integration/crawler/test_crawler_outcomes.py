"""One crawl of a site that does everything wrong that a server can do: each URL ends with an outcome and a reason."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.local_site import Crawl, LocalSite, crawl, job, rss, serving

pytestmark = pytest.mark.xdist_group("outcomes")  # the one crawl that they look at is made once
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
PLACES = {
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
    site.add("/robots.txt", "User-agent: nightdesk\nDisallow: /closed/\n", "text/plain")
    site.feed("/feed.xml", [site.url + path for path in STORIES if "target" not in path])
    _prepare_places(site)
    _prepare_redirects(site)
    _prepare_broken(site)
    site.story("/news/plain-1.html", headers={"ETag": '"one"', "X-Odd": "a\tb", "Server": "test"})
    site.add("/news/charset-2.html", CYRILLIC.encode("cp1251"), "text/html; charset=windows-1251")
    site.story("/news/target-4.html")
    site.story("/closed/story-23.html")
    site.story("/news/sitemap-30.html")
    site.story("/news/section-31.html")


def _prepare_places(site: LocalSite) -> None:
    base = site.url
    site.feed("/empty.xml", [])
    site.add("/junk.xml", "<html><body>Please log in</body></html>", "application/rss+xml")
    site.redirect("/moved.xml", "/moved/again.xml", 301)
    site.feed("/moved/again.xml", ["../news/plain-1.html"])
    site.redirect("/loop.xml", "/loop.xml")
    site.redirect("/login.xml", f"http://me:hunter2@127.0.0.1:{site.port}/empty.xml")
    site.add(
        "/index.xml",
        f"<sitemapindex><sitemap><loc>{base}/child.xml.gz</loc></sitemap></sitemapindex>",
        "text/xml",
    )
    child = f"<urlset><url><loc>{base}/news/sitemap-30.html</loc></url></urlset>"
    site.add("/child.xml.gz", gzip.compress(child.encode()), "application/gzip")
    site.add("/doctype.xml", f'<!DOCTYPE urlset [<!ENTITY a "b">]>{child}', "text/xml")
    section = f'<a href="/news/section-31.html">One</a> <a href="https://elsewhere.invalid/news/99999">Two</a>{rss([])}'
    site.add("/section.html", section)


def _prepare_redirects(site: LocalSite) -> None:
    site.redirect("/news/moved-3.html", "target-4.html", 301)
    site.redirect("/news/away-5.html", "http://elsewhere.invalid/news/1")
    site.redirect("/news/home-6.html", "/")
    site.redirect("/news/itself-7.html", "/news/itself-7.html#top")
    site.redirect("/news/file-8.html", "file:///etc/passwd")
    for hop in range(9):
        site.redirect(f"/news/hop-{hop}.html", f"hop-{hop + 1}.html")
    site.redirect("/news/secret-22.html", "http://me:hunter2@elsewhere.invalid/news/22")


def _prepare_broken(site: LocalSite) -> None:
    site.add("/news/gone-10.html", "gone", status=410)
    site.add("/news/broken-11.html", "oh no", status=500)
    site.story("/news/hangs-12.html", pause=2.5)
    site.add("/news/large-13.html", b"<html>" + b"x" * 300_000)
    site.story("/news/endless-14.html", endless=True)
    site.add("/news/bomb-15.html", BOMB, headers={"Content-Encoding": "gzip"})
    site.add("/news/paper-16.html", b"%PDF-1.7 ...", "application/pdf")
    site.add("/news/empty-17.html", b"")
    site.add("/news/cut-18.html", raw=b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n<html>half")
    site.add("/news/not-gzip-19.html", b"<html>plain</html>", headers={"Content-Encoding": "gzip"})
    site.add("/news/no-http-20.html", raw=b"\x00\x01what\r\n\r\n")
    site.add(
        "/news/line-24.html", raw=b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 20_000 + b"\r\n\r\n<html>"
    )
    site.add("/news/heads-25.html", raw=b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 5_000)
    site.add("/news/odd-26.html", b"\x00\x01packed", headers={"Content-Encoding": "x-odd"})
    site.add(
        "/news/not-deflate-21.html",
        zlib.compress(b"x")[3:],
        headers={"Content-Encoding": "deflate"},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outcomes")


@pytest.fixture(scope="module")
def site() -> Iterator[LocalSite]:
    with serving(prepare) as site:
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
    return job(
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
def first(description: dict[str, object], folder: Path) -> Crawl:
    return crawl(description, folder)


@pytest.fixture(scope="module")
def second(first: Crawl, description: dict[str, object], folder: Path) -> Crawl:
    return crawl(description, folder)


def test_the_crawl_comes_to_its_end_whatever_the_site_answers(first: Crawl) -> None:
    assert first.code == 0
    assert first.finished["status"] == "finished"
    assert "pending" not in first.finished["counts"]
    assert "Traceback" not in first.log.read_text()


@pytest.mark.parametrize(("path", "fate"), STORIES.items())
def test_each_story_ends_with_its_outcome_and_reason(
    first: Crawl, path: str, fate: tuple[str, str]
) -> None:
    assert first.fate(path) == fate


@pytest.mark.parametrize(("path", "fate"), PLACES.items())
def test_each_place_ends_with_its_outcome_and_reason(
    first: Crawl, path: str, fate: tuple[str, str]
) -> None:
    assert first.fate(path) == fate
    told = [each for each in first.of("source") if each["url"].endswith(path)]
    assert [(each["outcome"], each["reason"]) for each in told] == [fate], (
        "each place is asked once and told once"
    )


def test_stories_of_sitemaps_and_sections_are_fetched_and_links_elsewhere_are_not_met(
    first: Crawl,
) -> None:
    assert first.fate("/news/sitemap-30.html") == ("fetched", "new")
    assert first.fate("/news/section-31.html") == ("fetched", "new")
    assert not first.sql("SELECT url FROM page WHERE url LIKE '%99999%'")


def test_the_target_of_a_redirect_is_a_page_of_its_own_and_judged(
    first: Crawl, site: LocalSite
) -> None:
    targets = dict(first.sql("SELECT a.url, b.url FROM page a JOIN page b ON b.id = a.redirect_to"))
    assert targets[site.url + "/news/moved-3.html"] == site.url + "/news/target-4.html"
    assert first.fate("//elsewhere.invalid/news/1") == ("refused", "off_site")
    assert not first.sql("SELECT 1 FROM page WHERE url = ?", f"{site.url}/"), (
        "a deleted story leads there; it is no Page"
    )


def test_redirects_that_lead_on_and_on_are_followed_five_times(
    first: Crawl, site: LocalSite
) -> None:
    assert first.fate("/news/hop-4.html") == ("redirected", "http_redirect")
    assert first.fate("/news/hop-5.html") == ("failed", "http_redirect")
    assert "/news/hop-6.html" not in site.paths


def test_bytes_are_kept_as_served_with_the_charset_that_was_declared(first: Crawl) -> None:
    query = "SELECT y.charset, y.media_type, y.size FROM page p JOIN payload y ON y.id = p.payload_id WHERE p.url LIKE ?"
    assert first.sql(query, "%charset-2.html") == [
        ("windows-1251", "text/html", len(CYRILLIC.encode("cp1251")))
    ]


def test_nothing_is_kept_of_what_failed(first: Crawl) -> None:
    assert not first.sql(
        "SELECT url FROM page WHERE payload_id IS NOT NULL AND outcome != 'fetched'"
    )


def test_no_password_is_told_kept_or_logged(first: Crawl) -> None:
    kept = str(first.events) + str(first.sql("SELECT url FROM page")) + first.log.read_text()
    kept += str(first.sql("SELECT location, headers, detail FROM capture"))
    assert "elsewhere.invalid/news/22" in kept
    assert "hunter2" not in kept


def test_closed_pages_are_not_asked_for_and_robots_txt_is_asked_once(
    first: Crawl, site: LocalSite
) -> None:
    assert "/closed/story-23.html" not in site.paths
    assert len([each for each in site.seen if each.path == "/robots.txt"]) <= 2  # once a crawl


def test_requests_say_who_we_are_and_never_where_we_came_from(
    first: Crawl, site: LocalSite
) -> None:
    assert {each.headers["user-agent"] for each in site.seen} == {
        "Nightdesk/0.1 (+https://example.org/bot)"
    }
    assert not any("referer" in each.headers or "cookie" in each.headers for each in site.seen)
    assert all(each.headers["x-archive"] == "ours" for each in site.seen)


def test_a_second_crawl_asks_only_for_what_is_due_and_with_validators(
    second: Crawl, site: LocalSite
) -> None:
    assert second.code == 0
    assert second.fate("/news/plain-1.html") == ("unchanged", "not_modified")
    assert second.fate("/news/target-4.html") == ("unchanged", "same_bytes")
    assert site.requests("/news/plain-1.html")[-1].headers["if-none-match"] == '"one"'
    assert len(site.requests("/news/broken-11.html")) == 1
    assert len(site.requests("/news/moved-3.html")) == 1
    assert {each["outcome"] for each in second.of("page")} == {"unchanged"}


def test_progress_is_told_as_running_totals(first: Crawl) -> None:
    assert first.events[0]["event"] == "started"
    totals = [each["count"] for each in first.of("due")]
    assert totals == sorted(totals)
    assert totals[-1] == len(first.of("page"))
