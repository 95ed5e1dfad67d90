"""Pure decisions of the crawler: revisits, redirects, headers, errors and links."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from scrapy import Request
from scrapy.exceptions import DownloadFailedError, DownloadTimeoutError
from scrapy.http import Headers, HtmlResponse

from crawler.capture import capture_response, stored_headers
from crawler.http.fetch_errors import classify_error
from crawler.http.network_guard import SiteHeaders
from crawler.http.robots import product_token
from crawler.link_policy import (
    LinksSince,
    decide_links,
    decide_redirect_target,
    is_next_page,
    links_since,
    newest_child_sitemaps,
    period_end,
    trusted_canonical_url,
)
from crawler.revisit import next_fetch_at, parse_retry_after
from pipeline.config.site import Revisit, Site
from pipeline.core.http_headers import is_html, parse_content_type
from pipeline.core.ip_addresses import is_public_address
from pipeline.core.models import Capture, DueUrl, Link, Outcome, Reason, UrlKind

FIRST_SEEN = datetime(2026, 1, 1, tzinfo=UTC)
DUE = DueUrl(1, "https://h.tj/news/1", UrlKind.STORY, FIRST_SEEN)
SITE = Site(
    id="h", name="H", url="https://h.tj", feeds=("https://h.tj/feed",), headers={"X-Key": "ours"}
)


def hours_to_next_fetch(
    outcome: Outcome, hours: float, attempts: int = 0, reason: Reason = Reason.NONE, **headers: str
) -> float | None:
    """Hours from a fetch at that age of the page to the next fetch; None for never."""
    capture = Capture(
        1,
        FIRST_SEEN + timedelta(hours=hours),
        outcome,
        reason,
        headers={"retry-after": headers.get("after", "")},
    )
    due_at = next_fetch_at(
        capture, replace(DUE, attempts=attempts), Revisit(after_hours=12, for_days=14)
    )
    return None if due_at is None else (due_at - capture.fetched_at) / timedelta(hours=1)


@pytest.mark.parametrize(
    ("hours", "delay"),
    [(0, 12), (12, 12), (48, 24), (200, 100), (300, None), (400, None), (-5, 12)],
)
def test_story_is_fetched_ever_more_rarely_and_then_never(
    hours: float, delay: float | None
) -> None:
    assert hours_to_next_fetch(Outcome.FETCHED, hours) == delay
    assert hours_to_next_fetch(Outcome.UNCHANGED, hours) == delay


def test_failed_page_is_retried_after_growing_delays_and_then_given_up() -> None:
    assert [hours_to_next_fetch(Outcome.FAILED, 0, attempts) for attempts in range(6)] == [
        1,
        2,
        4,
        8,
        None,
        None,
    ]


def test_deferred_page_waits_for_retry_after_up_to_a_limit() -> None:
    assert hours_to_next_fetch(Outcome.DEFERRED, 0, after="7200") == 2
    assert hours_to_next_fetch(Outcome.DEFERRED, 0, after="1") == 1
    assert hours_to_next_fetch(Outcome.DEFERRED, 0, attempts=12) == 24
    assert hours_to_next_fetch(Outcome.DEFERRED, 0, attempts=13) is None
    assert parse_retry_after("99999999999999999999", FIRST_SEEN) == timedelta(days=7)
    assert parse_retry_after("Thu, 01 Jan 2026 01:00:00 GMT", FIRST_SEEN) == timedelta(hours=1)
    assert parse_retry_after("soon", FIRST_SEEN) == timedelta(0)


def test_refused_gone_and_redirected_pages_have_their_own_delays() -> None:
    assert hours_to_next_fetch(Outcome.REFUSED, 0, reason=Reason.ROBOTS) == 7 * 24
    assert hours_to_next_fetch(Outcome.REFUSED, 0, reason=Reason.ROBOTS_UNREACHABLE) == 6
    assert hours_to_next_fetch(Outcome.GONE, 0) == 24
    assert hours_to_next_fetch(Outcome.GONE, 24 * 13.5) is None
    assert hours_to_next_fetch(Outcome.REDIRECTED, 0) is None


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1"])
def test_internet_addresses_are_public(address: str) -> None:
    assert is_public_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::",
        "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "localhost", "",
    ],
)  # fmt: skip
def test_internal_addresses_are_not_public_even_inside_other_addresses(address: str) -> None:
    assert not is_public_address(address)


def test_product_token_is_the_name_in_the_user_agent() -> None:
    assert product_token("Nightdesk/0.1 (+https://h.tj/bot)") == "Nightdesk"
    assert (
        product_token("Mozilla/5.0 (compatible; Nightdesk/0.1; +https://h.tj/bot)") == "Nightdesk"
    )


def test_site_headers_are_sent_to_own_hosts_only() -> None:
    guard = SiteHeaders(SITE)
    own, foreign = (
        Request("https://www.h.tj/1"),
        Request("https://feeds.example/1", headers={"X-Key": "ours"}),
    )
    guard.process_request(own)
    guard.process_request(foreign)
    assert own.headers["X-Key"] == b"ours"
    assert b"X-Key" not in foreign.headers


def response(body: bytes = b"<html>x</html>", status: int = 200, **headers: str) -> HtmlResponse:
    return HtmlResponse(
        "https://h.tj/news/1",
        status=status,
        body=body,
        headers={"Content-Type": "text/html"} | headers,
    )


def test_304_counts_only_if_validators_were_sent() -> None:
    assert (
        capture_response(DUE, response(b"", 304), FIRST_SEEN, conditional=True).outcome
        is Outcome.UNCHANGED
    )
    assert (
        capture_response(DUE, response(b"", 304), FIRST_SEEN, conditional=False).outcome
        is Outcome.FAILED
    )


def test_validators_are_stored_only_with_bytes() -> None:
    assert (
        "etag" in capture_response(DUE, response(ETag='"a"'), FIRST_SEEN, conditional=False).headers
    )
    assert (
        "etag"
        not in capture_response(
            DUE, response(status=500, ETag='"a"'), FIRST_SEEN, conditional=False
        ).headers
    )


def test_stored_headers_are_limited_and_storable() -> None:
    kept = stored_headers(
        Headers(
            {
                "Server": b"a\x00b\xff" + b"x" * 5000,
                "ETag": b'"\xff"',
                "Set-Cookie": b"secret",
                "Link": [b"a", b"b"],
            }
        )
    )
    assert kept["server"].startswith("a b\ufffdx")
    assert len(kept["server"]) == 1000
    assert kept["link"] == "a, b"
    assert set(kept) == {"server", "link"}


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("text/html; charset=utf-8", b"hello", True),
        ("text/html", b"%PDF-1.4", False),
        ("image/png", b"<html>", False),
        ("", b"<!DOCTYPE html><title>x", True),
        ("text/plain", b"just words", False),
        ("application/xhtml+xml", b"<html/>", True),
    ],
)
def test_html_is_recognized_by_type_unless_the_bytes_say_otherwise(
    content_type: str, body: bytes, expected: bool
) -> None:
    assert is_html(content_type, body) is expected


def test_content_type_is_split_as_declared() -> None:
    assert parse_content_type('Text/HTML; charset="Windows-1251"') == ("text/html", "Windows-1251")
    assert parse_content_type("") == ("", "")


def test_error_detail_does_not_repeat_the_message_of_the_exception() -> None:
    error = DownloadTimeoutError("Getting https://me:hunter2@h.tj took longer")
    assert classify_error(error).reason is Reason.TIMEOUT
    assert "hunter2" not in classify_error(error).detail
    assert classify_error(DownloadFailedError("hunter2")).reason is Reason.BROKEN_RESPONSE
    assert classify_error(KeyError("hunter2")).reason is Reason.INTERNAL
    assert "hunter2" not in classify_error(KeyError("hunter2")).detail


def test_redirect_to_the_front_page_leads_to_no_story() -> None:
    targets = ("https://h.tj/", "https://h.tj/fish", "https://elsewhere.tj/news/1")
    decisions = [decide_redirect_target(SITE, DUE.url, target) for target in targets]
    assert [decision.reason for decision in decisions] == [
        Reason.NOT_ALLOWED,
        Reason.NONE,
        Reason.OFF_SITE,
    ]


def test_newest_child_sitemaps_are_kept_if_there_are_too_many() -> None:
    children = [
        Link(f"https://h.tj/{n}.xml", UrlKind.SITEMAP, modified_at=FIRST_SEEN + timedelta(days=n))
        for n in range(3)
    ]
    links = [Link("https://h.tj/old.xml", UrlKind.SITEMAP), *children, Link("https://h.tj/news/1")]
    assert [link.url[13:] for link in newest_child_sitemaps(links, 2)] == [
        "1.xml",
        "2.xml",
        "news/1",
    ]
    assert newest_child_sitemaps(links, 9) == tuple(links)


@pytest.mark.parametrize(
    ("url", "is_page"),
    [
        ("https://h.tj/news/page/2", True),
        ("https://h.tj/sport/?page=3", True),
        ("https://h.tj/sport/older/", True),
        ("https://h.tj/news/harbour-closed-once-again", False),
        ("https://elsewhere.tj/news/page/2", False),
    ],
)
def test_next_page_of_a_section_is_on_its_site_and_no_story(url: str, is_page: bool) -> None:
    assert is_next_page(SITE, url) is is_page


@pytest.mark.parametrize(
    ("path", "found_on", "reason"),
    [
        ("/archive/2026/05/12/", UrlKind.SECTION, Reason.CALENDAR),
        ("/archive/2026/05/12/", UrlKind.SITEMAP, Reason.NONE),
        ("/a/b/a/b/a/b/12345", UrlKind.SITEMAP, Reason.NONE),
        ("/s/1948", UrlKind.SECTION, Reason.CALENDAR),
        ("/s/1948", UrlKind.SITEMAP, Reason.NONE),
        ("/archive/2026/05/12/", UrlKind.FEED, Reason.NONE),
        ("/a/b/a/b/a/b/12345", UrlKind.FEED, Reason.REPEATING_PATH),
        ("/x" * 2 + "".join(f"/{n}" for n in range(20)), UrlKind.FEED, Reason.TOO_DEEP),
        ("/archive/2026/05/12/harbour-closed-again", UrlKind.SECTION, Reason.NONE),
    ],
)
def test_crawler_traps_are_refused_with_their_reasons(
    path: str, found_on: UrlKind, reason: Reason
) -> None:
    assert SITE.decide(Link(f"https://h.tj{path}"), found_on).reason == reason


def refused_years(site: Site, *links: Link) -> list[str]:
    """The paths of links of a section that are refused as calendars."""
    decisions = decide_links(site, links, UrlKind.SECTION)
    refused = [decision for decision in decisions if decision.reason is Reason.CALENDAR]
    return [decision.link.url.removeprefix("https://h.tj") for decision in refused]


def test_a_year_is_the_number_of_a_story_where_other_stories_have_numbers() -> None:
    numbers = [Link(f"https://h.tj/node/{number}") for number in (2009, 2010, 2170, 3001)]
    assert refused_years(SITE, *numbers) == []
    years = [Link(f"https://h.tj/archive/{year}") for year in (2009, 2010, 2011)]
    assert refused_years(SITE, *numbers, *years) == [
        "/archive/2009",
        "/archive/2010",
        "/archive/2011",
    ]
    slugs = [Link(f"https://h.tj/news/harbour-closed-{number}-times") for number in (3, 4)]
    assert refused_years(SITE, *slugs, Link("https://h.tj/news/2015")) == ["/news/2015"]
    one_page = [Link("https://h.tj/news/2"), Link("https://h.tj/news/2015")]
    assert refused_years(SITE, *one_page) == ["/news/2015"]


def test_a_year_is_the_number_of_a_story_where_its_link_has_a_headline() -> None:
    url = "https://h.tj/news/2015"
    assert refused_years(SITE, Link(url, title="The harbour was closed again")) == []
    assert refused_years(SITE, Link(url, title="Порт снова закрыт")) == []
    for title in ("", "2015", "All articles of the year 2015", "Older"):
        assert refused_years(SITE, Link(url, title=title)) == ["/news/2015"], title
    day = Link("https://h.tj/2015/05/12/", title="The harbour was closed again")
    assert refused_years(SITE, day) == ["/2015/05/12/"]


@pytest.mark.parametrize(
    ("pattern", "path", "reason"),
    [
        (r"/s/\d+", "/s/1948", Reason.NONE),
        (r"/s/\d+$", "/s/1948", Reason.NONE),
        (r"/archive/\d{4}/\d\d/\d\d/", "/archive/2026/05/12/", Reason.NONE),
        (r"/show\?day=\d+", "/show?day=20418", Reason.NONE),
        (r"/news/", "/news/2026/05/12/", Reason.CALENDAR),
        (r"/show", "/show?day=20418", Reason.CALENDAR),
        (r"/news/", "/news/a/news/a/news/12345", Reason.REPEATING_PATH),
        (r"/news/.*\d{5}$", "/news/a/news/a/news/12345", Reason.NONE),
    ],
)
def test_what_a_pattern_allows_up_to_its_end_is_no_trap(
    pattern: str, path: str, reason: Reason
) -> None:
    site = Site(id="h", name="H", url=SITE.url, feeds=SITE.feeds, allow=(pattern,))
    assert site.decide(Link(f"https://h.tj{path}"), UrlKind.SECTION).reason == reason


def test_the_target_of_a_numbered_story_is_a_numbered_story() -> None:
    target = "https://h.tj/s/1948"
    assert not decide_redirect_target(SITE, "https://h.tj/s/20418", target).reason
    decision = decide_redirect_target(SITE, "https://h.tj/news/harbour-closed-again", target)
    assert decision.reason is Reason.CALENDAR


@pytest.mark.parametrize(
    ("declared", "is_trusted"),
    [
        ("https://www.h.tj/news/harbour-closed-once-again", True),
        ("https://h.tj/", False),
        ("https://h.tj/news/", False),
        ("https://agency.tj/news/harbour-closed-once-again", False),
        ("", False),
    ],
)
def test_canonical_url_is_trusted_if_it_is_a_story_of_the_site(
    declared: str, is_trusted: bool
) -> None:
    assert trusted_canonical_url(SITE, declared) == (declared if is_trusted else "")


def test_backfill_reads_dated_links_that_are_not_older_than_its_day() -> None:
    since = datetime(2026, 5, 1, tzinfo=UTC)
    before, after = since - timedelta(hours=1), since + timedelta(hours=1)
    wanted = (
        Link("https://h.tj/a", published_at=before, modified_at=after),
        Link("https://h.tj/b", published_at=after),
        Link("https://h.tj/2026/05/01/c"),
        Link("https://h.tj/sitemap-2026.xml", UrlKind.SITEMAP),
        Link("https://h.tj/sitemap-12.xml", UrlKind.SITEMAP),
        Link("https://h.tj/sitemap-2019-05.xml", UrlKind.SITEMAP, modified_at=after),
    )
    omitted = (
        Link("https://h.tj/d", published_at=before),
        Link("https://h.tj/2026/04/e"),
        Link("https://h.tj/sitemap-2026-04.xml", UrlKind.SITEMAP),
        Link("https://h.tj/no-date"),
    )
    assert links_since((*wanted, *omitted), since) == LinksSince(wanted, older=3, undated=1)


@pytest.mark.parametrize(
    ("path", "moment"),
    [
        ("/2026/05/12/story", datetime(2026, 5, 13, tzinfo=UTC)),
        ("/20261231/story", datetime(2027, 1, 1, tzinfo=UTC)),
        ("/sitemap-2026-12.xml", datetime(2027, 1, 1, tzinfo=UTC)),
        ("/2026-02-30/story", None),
        ("/1234567/story", None),
    ],
)
def test_url_may_name_a_day_or_a_month(path: str, moment: datetime | None) -> None:
    assert period_end(f"https://h.tj{path}", year_is_enough=False) == moment
