"""Hostile feeds, sitemaps, sections and robots.txt files.

A row of a source has a name, a kind, an answer, and the expected outcome. Each robots.txt is on its
own host with one story.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from functools import cache

from tests.stress.hostile_responses import GOOD, OK, bomb, byte_by_byte, encoded, endless
from tests.stress.server import RESET, Answer, http, raw_bytes, redirect
from tests.stress.story_pages import rss, urlset

Row = tuple[str, str, Answer, str]  # name, kind, answer, outcome and reason
Host = tuple[str, Answer, str]  # name, answer to /robots.txt, outcome and reason of its story

XML = "application/xml"
HTML = "text/html"
JSON = "application/json"
NESTED_ENTITIES = (
    '<!DOCTYPE {root} [<!ENTITY l0 "ha">'
    + "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    + "]>"
)
EXTERNAL_ENTITIES = '<!DOCTYPE {root} [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY % y SYSTEM "http://127.0.0.1:9/dtd">%y;]>'
FLOOD_PATH = "/flood/{}/story.html"  # denied by the site file: only their number matters


def when_requested(make: Callable[[], bytes | str], kind: str = XML) -> Answer:
    """Make the answer only when it is requested, because it is large."""
    return lambda: http(make(), kind)()


def flood_urls(base: str, count: int) -> list[str]:
    return [base + FLOOD_PATH.format(number) for number in range(count)]


@cache
def compressed_empty_elements() -> bytes:
    """Return 48 MB of empty elements, compressed to the size of a story."""
    return gzip.compress(b"<urlset>" + b"<a/>" * 12_000_000 + b"</urlset>")


LARGE = (compressed_empty_elements,)


def sitemap_index(*links: str) -> str:
    entries = "".join(f"<sitemap><loc>{link}</loc></sitemap>" for link in links)
    return f"<sitemapindex>{entries}</sitemapindex>"


def feeds(base: str) -> tuple[Row, ...]:
    """Return hostile feeds. `base` is the server's address for this host."""
    plain = rss([f"{base}/news/of-a-feed.html"])
    items = "<item><title>x</title></item>"
    return (
        (
            "broken.xml",
            "feed",
            http(plain.replace("<item>", "<item><b><i>&nbsp;&copy & <", 1), XML),
            "fetched",
        ),
        ("cut.xml", "feed", http(plain[:-60], XML), "fetched"),
        (
            "laughs.xml",
            "feed",
            http(NESTED_ENTITIES.format(root="rss") + plain.replace(">x<", ">&l9;<"), XML),
            "fetched",
        ),
        (
            "outside.xml",
            "feed",
            http(EXTERNAL_ENTITIES.format(root="rss") + plain.replace(">x<", ">&x;<"), XML),
            "fetched",
        ),
        ("deep.xml", "feed", when_requested(lambda: "<rss>" + "<a>" * 200_000), "fetched"),
        (
            "elements.xml",
            "feed",
            when_requested(lambda: f"<rss><channel>{items * 400_000}</channel></rss>"),
            "failed too_complex",
        ),
        (
            "titles.xml",
            "feed",
            when_requested(
                lambda: plain.replace("<item><title>", "<item><title>" + "word " * 500_000)
            ),
            "fetched",
        ),
        (
            "nuls.xml",
            "feed",
            http(plain.replace("story", "st\0ory").replace("<title>", "<title>\x01\x02"), XML),
            "fetched",
        ),
        (
            "charset.xml",
            "feed",
            http(plain.replace('"1.0"', '"1.0" encoding="x-klingon"'), XML),
            "fetched",
        ),
        (
            "many.xml",
            "feed",
            when_requested(lambda: rss(flood_urls(base, 55_000))),
            "fetched too_many_links",
        ),
        (
            "dates.xml",
            "feed",
            http(
                plain.replace(
                    "<item>",
                    "<item><pubDate>Thu, 32 Foo 99999 99:99:99</pubDate>"
                    "<updated>0000-00-00</updated>",
                ),
                XML,
            ),
            "fetched",
        ),
        (
            "links.xml",
            "feed",
            http(
                rss(
                    [
                        "javascript:alert(1)",
                        "file:///etc/passwd",
                        "http://[::1",
                        "//",
                        "http://x:99999999/",
                    ]
                ),
                XML,
            ),
            "fetched",
        ),
        (
            "html.xml",
            "feed",
            http("<!doctype html><html><body>Please log in</body></html>"),
            "failed unreadable",
        ),
        ("empty.xml", "feed", http(b"", XML), "failed empty_body"),
        ("binary.xml", "feed", http(bytes(range(256)) * 400, XML), "failed unreadable"),
        ("brackets.xml", "feed", when_requested(lambda: "<" * 15_000_000), "failed too_complex"),
        (
            "ampersands.xml",
            "feed",
            when_requested(lambda: "<rss>" + "&" * 15_000_000),
            "failed too_complex",
        ),
        ("text.xml", "feed", when_requested(lambda: "x" * 15_000_000), "failed unreadable"),
        (
            "deep.json",
            "feed",
            when_requested(lambda: '{"version":' + "[" * 200_000, JSON),
            "failed unreadable",
        ),
        (
            "nodes.json",
            "feed",
            when_requested(lambda: '{"items":[' + "{}," * 5_000_000 + "{}]}", JSON),
            "failed too_complex",
        ),
        (
            "odd.json",
            "feed",
            http(
                json.dumps(
                    {"version": "https://jsonfeed.org/version/1.1", "items": [5, None, {"url": 7}]}
                ),
                "application/json",
            ),
            "fetched",
        ),
        (
            "number.json",
            "feed",
            http('{"version":' + "9" * 100_000 + "}", "application/json"),
            "failed unreadable",
        ),
        ("bomb.xml", "feed", encoded("gzip", lambda: bomb(gzip.compress)), "failed too_large"),
        (
            "endless.xml",
            "feed",
            endless(b"<item></item>" * 999, OK + b"\r\n\r\n<rss>"),
            "failed too_large",
        ),
        ("loop.xml", "feed", redirect("/p/loop.xml"), "failed http_redirect"),
        ("chain-0.xml", "feed", redirect("/p/chain-1.xml"), "failed http_redirect"),
        ("to-file.xml", "feed", redirect("file:///etc/passwd"), "failed bad_url"),
        ("to-private.xml", "feed", redirect("http://10.0.0.1/feed.xml"), "refused blocked_address"),
        ("reset.xml", "feed", raw_bytes(OK[:20], RESET), "failed broken_response"),
        (
            "later.xml",
            "feed",
            http("x", status="503 Busy", head="Retry-After: 99999999999\r\n"),
            "deferred try_again",
        ),
    )


def sitemaps(base: str) -> tuple[Row, ...]:
    plain = urlset([f"{base}/news/of-a-sitemap.html"])
    wide = '<?xml version="1.0" encoding="utf-16"?>' + plain
    return (
        (
            "laughs-map.xml",
            "sitemap",
            http(NESTED_ENTITIES.format(root="urlset") + plain, XML),
            "failed xml_doctype_refused",
        ),
        (
            "outside-map.xml",
            "sitemap",
            http(EXTERNAL_ENTITIES.format(root="urlset") + plain, XML),
            "failed xml_doctype_refused",
        ),
        ("itself.xml", "sitemap", http(sitemap_index(f"{base}/p/itself.xml"), XML), "fetched"),
        ("index-0.xml", "sitemap", http(sitemap_index(f"{base}/p/index-1.xml"), XML), "fetched"),
        (
            "fan.xml",
            "sitemap",
            http(sitemap_index(*(f"{base}/p/fan-{i}.xml" for i in range(1000))), XML),
            "fetched",
        ),
        (
            "bomb-map.xml.gz",
            "sitemap",
            when_requested(lambda: bomb(gzip.compress), "application/gzip"),
            "failed too_large",
        ),
        (
            "cut-map.xml.gz",
            "sitemap",
            when_requested(lambda: gzip.compress(plain.encode())[:-20], "application/gzip"),
            "fetched",
        ),
        (
            "garbage.xml.gz",
            "sitemap",
            http(b"\x1f\x8b" + bytes(range(256)), "application/gzip"),
            "failed unreadable",
        ),
        (
            "60000.xml",
            "sitemap",
            when_requested(lambda: urlset(flood_urls(base, 60_000))),
            "fetched too_many_links",
        ),
        (
            "soup.xml.gz",
            "sitemap",
            when_requested(compressed_empty_elements, "application/gzip"),
            "failed too_complex",
        ),
        (
            "soup.xml",
            "sitemap",
            when_requested(lambda: "<urlset><url>" + "<a/>" * 3_000_000 + "</url></urlset>"),
            "failed too_complex",
        ),
        (
            "deep-map.xml",
            "sitemap",
            when_requested(lambda: "<urlset>" + "<url>" * 500_000),
            "failed unreadable",
        ),
        (
            "text.txt",
            "sitemap",
            when_requested(lambda: "no url\n" * 2_000_000, "text/plain"),
            "failed unreadable",
        ),
        ("wide.xml", "sitemap", http(wide.encode("utf-16"), XML), "fetched"),
        (
            "days-map.xml",
            "sitemap",
            http(plain.replace("</loc>", "</loc><lastmod>99999-99-99</lastmod>"), XML),
            "fetched",
        ),
        (
            "html-map.xml",
            "sitemap",
            http("<html><body>Not here</body></html>"),
            "failed unreadable",
        ),
        (
            "drip-map.xml",
            "sitemap",
            byte_by_byte(OK + b"\r\n\r\n" + plain.encode(), 0.2),
            "failed timeout",
        ),
    )


def sections(base: str) -> tuple[Row, ...]:
    anchor = "<a href='/flood/{}/story.html'>A story</a>"
    page = "<html><body>{}</body></html>"
    following = (
        '<html><head><link rel="next" href="{}"></head><body>'
        f'<a href="{base}/flood/77777/story.html">x</a></body></html>'
    )
    return (
        (
            "links-40k.html",
            "section",
            when_requested(
                lambda: page.format("".join(map(anchor.format, range(40_000)))), "text/html"
            ),
            "fetched too_many_links",
        ),
        (
            "million.html",
            "section",
            when_requested(lambda: page.format("<a>" * 3_000_000), "text/html"),
            "failed too_complex",
        ),
        (
            "deep.html",
            "section",
            when_requested(lambda: page.format("<div>" * 50_000 + anchor.format(1)), HTML),
            "failed unreadable",
        ),
        (
            "attributes.html",
            "section",
            when_requested(lambda: page.format("<a " + "a=1 b " * 200_000 + ">x</a>"), "text/html"),
            "failed too_complex",
        ),
        (
            "next-itself.html",
            "section",
            http(following.format(f"{base}/p/next-itself.html")),
            "fetched",
        ),
        (
            "next-private.html",
            "section",
            http(following.format("http://127.0.0.1/page/2")),
            "fetched",
        ),
        ("base.html", "section", http('<base href="javascript:x"><a href="y">z</a>'), "fetched"),
        ("picture.html", "section", http(b"\x89PNG" + bytes(999), "image/png"), "failed not_html"),
    )


def children(base: str) -> dict[str, Answer]:
    """Return the answers of the URLs to which the sources above lead."""
    answers: dict[str, Answer] = {
        f"/p/index-{i}.xml": http(sitemap_index(f"{base}/p/index-{i + 1}.xml"), XML)
        for i in range(1, 12)
    }
    answers |= {f"/p/chain-{i}.xml": redirect(f"/p/chain-{i + 1}.xml") for i in range(1, 12)}
    answers |= {
        f"/p/fan-{i}.xml": http(urlset([f"{base}/flood/8{i}/story.html"]), XML) for i in range(1000)
    }
    return answers


RULES = "User-agent: *\nAllow: /\n"
UNREACHABLE = "refused robots_unreachable"
FETCHED = "fetched new"

ROBOTS: tuple[Host, ...] = (
    ("huge", when_requested(lambda: RULES + "Disallow: /x{}\n" * 1_000_000, "text/plain"), FETCHED),
    (
        "larger-than-any",
        when_requested(lambda: RULES + "# and so on\n" * 2_000_000, "text/plain"),
        UNREACHABLE,
    ),
    ("endless", endless(b"Disallow: /a\n" * 5000, OK + b"\r\n\r\n"), UNREACHABLE),
    ("dripping", byte_by_byte(OK + b"\r\n\r\nUser-agent: *\nDisallow: /\n" * 9, 0.2), UNREACHABLE),
    ("binary", http(bytes(range(256)) * 4000, "text/plain"), FETCHED),
    ("html", http("<html><body>Not found</body></html>"), FETCHED),
    ("loop", redirect("/robots.txt"), FETCHED),
    ("error", http("x", status="500 Oh"), UNREACHABLE),
    ("busy", http("x", status="429 Slow", head="Retry-After: 99999999\r\n"), UNREACHABLE),
    ("bomb", encoded("gzip", lambda: bomb(gzip.compress)), UNREACHABLE),
    ("reset", raw_bytes(RESET), UNREACHABLE),
    ("private", redirect("http://10.0.0.1/robots.txt"), "refused blocked_address"),
    ("file", redirect("file:///etc/passwd"), FETCHED),
    (
        "stars",
        http(RULES + f"Disallow: /{'*a' * 2000}*b$\nDisallow: /{'*' * 50_000}z$\n", "text/plain"),
        FETCHED,
    ),
    (
        "delays",
        http(
            RULES + "Crawl-delay: nan\nCrawl-delay: -5\nRequest-rate: 0/0\nVisit-time: 9999-9999\n",
            "text/plain",
        ),
        FETCHED,
    ),
    ("wide", http((RULES + "Disallow: /x").encode("utf-16"), "text/plain"), FETCHED),
    ("closed", http("User-agent: *\nDisallow: /\n", "text/plain"), "refused robots"),
)
CLEANED = GOOD
