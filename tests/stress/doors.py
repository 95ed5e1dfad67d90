"""Hostile Places and robots.txt files: what stands at the door of a site.

A Place is a name, its kind, the answer, and how it has to end. A host has its own robots.txt, and one story behind that.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from functools import cache

from tests.stress.pages import rss, urlset
from tests.stress.server import RESET, Answer, http, moved, raw
from tests.stress.wire import GOOD, OK, bomb, coded, dripping, endless

Row = tuple[str, str, Answer, str]  # name, kind, answer, outcome and reason
Host = tuple[
    str, Answer, str
]  # name, answer to /robots.txt, outcome and reason of the story behind it

XML = "application/xml"
HTML = "text/html"
JSON = "application/json"
LAUGHS = (
    '<!DOCTYPE {root} [<!ENTITY l0 "ha">'
    + "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    + "]>"
)
OUTSIDE = '<!DOCTYPE {root} [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY % y SYSTEM "http://127.0.0.1:9/dtd">%y;]>'
FLOOD = "/flood/{}/story.html"  # which the site's file denies: only their number matters


def later(make: Callable[[], bytes | str], kind: str = XML) -> Answer:
    """Made when it is asked for: it is large."""
    return lambda: http(make(), kind)()


def floods(base: str, count: int) -> list[str]:
    return [base + FLOOD.format(number) for number in range(count)]


@cache
def packed_soup() -> bytes:
    """48 MB of elements that say nothing, in a file as small as a story."""
    return gzip.compress(b"<urlset>" + b"<a/>" * 12_000_000 + b"</urlset>")


LARGE = (packed_soup,)


def index(*links: str) -> str:
    return f"<sitemapindex>{''.join(f'<sitemap><loc>{link}</loc></sitemap>' for link in links)}</sitemapindex>"


def feeds(base: str) -> tuple[Row, ...]:
    """Hostile feeds. `base` is the server's address for this host."""
    plain = rss([f"{base}/news/of-a-feed.html"])
    items = "<item><title>x</title></item>"
    return (
        ("broken.xml", "feed", http(plain.replace("<item>", "<item><b><i>&nbsp;&copy & <", 1), XML), "fetched"),
        ("cut.xml", "feed", http(plain[:-60], XML), "fetched"),
        ("laughs.xml", "feed", http(LAUGHS.format(root="rss") + plain.replace(">x<", ">&l9;<"), XML), "fetched"),
        ("outside.xml", "feed", http(OUTSIDE.format(root="rss") + plain.replace(">x<", ">&x;<"), XML), "fetched"),
        ("deep.xml", "feed", later(lambda: "<rss>" + "<a>" * 200_000), "fetched"),
        ("elements.xml", "feed", later(lambda: f"<rss><channel>{items * 400_000}</channel></rss>"), "failed too_complex"),
        ("titles.xml", "feed", later(lambda: plain.replace("<item><title>", "<item><title>" + "word " * 500_000)), "fetched"),
        ("nuls.xml", "feed", http(plain.replace("story", "st\0ory").replace("<title>", "<title>\x01\x02"), XML), "fetched"),
        ("charset.xml", "feed", http(plain.replace('"1.0"', '"1.0" encoding="x-klingon"'), XML), "fetched"),
        ("many.xml", "feed", later(lambda: rss(floods(base, 55_000))), "fetched too_many_links"),
        ("dates.xml", "feed", http(plain.replace(
            "<item>", "<item><pubDate>Thu, 32 Foo 99999 99:99:99</pubDate><updated>0000-00-00</updated>"), XML), "fetched"),
        ("links.xml", "feed", http(rss(
            ["javascript:alert(1)", "file:///etc/passwd", "http://[::1", "//", "http://x:99999999/"]), XML), "fetched"),
        ("html.xml", "feed", http("<!doctype html><html><body>Please log in</body></html>"), "failed unreadable"),
        ("empty.xml", "feed", http(b"", XML), "failed empty_body"),
        ("binary.xml", "feed", http(bytes(range(256)) * 400, XML), "failed unreadable"),
        ("brackets.xml", "feed", later(lambda: "<" * 15_000_000), "failed too_complex"),
        ("ampersands.xml", "feed", later(lambda: "<rss>" + "&" * 15_000_000), "failed too_complex"),
        ("text.xml", "feed", later(lambda: "x" * 15_000_000), "failed unreadable"),
        ("deep.json", "feed", later(lambda: '{"version":' + "[" * 200_000, JSON), "failed unreadable"),
        ("nodes.json", "feed", later(lambda: '{"items":[' + "{}," * 5_000_000 + "{}]}", JSON), "failed too_complex"),
        ("odd.json", "feed", http(json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": [5, None, {"url": 7}]}),
         "application/json"), "fetched"),
        ("number.json", "feed", http('{"version":' + "9" * 100_000 + "}", "application/json"), "failed unreadable"),
        ("bomb.xml", "feed", coded("gzip", lambda: bomb(gzip.compress)), "failed too_large"),
        ("endless.xml", "feed", endless(b"<item></item>" * 999, OK + b"\r\n\r\n<rss>"), "failed too_large"),
        ("loop.xml", "feed", moved("/p/loop.xml"), "failed http_redirect"),
        ("chain-0.xml", "feed", moved("/p/chain-1.xml"), "failed http_redirect"),
        ("to-file.xml", "feed", moved("file:///etc/passwd"), "failed bad_url"),
        ("to-private.xml", "feed", moved("http://10.0.0.1/feed.xml"), "refused blocked_address"),
        ("reset.xml", "feed", raw(OK[:20], RESET), "failed broken_response"),
        ("later.xml", "feed", http("x", status="503 Busy", head="Retry-After: 99999999999\r\n"), "deferred try_again"),
    )  # fmt: skip


def sitemaps(base: str) -> tuple[Row, ...]:
    plain = urlset([f"{base}/news/of-a-sitemap.html"])
    wide = '<?xml version="1.0" encoding="utf-16"?>' + plain
    return (
        ("laughs-map.xml", "sitemap", http(LAUGHS.format(root="urlset") + plain, XML), "failed xml_doctype_refused"),
        ("outside-map.xml", "sitemap", http(OUTSIDE.format(root="urlset") + plain, XML), "failed xml_doctype_refused"),
        ("itself.xml", "sitemap", http(index(f"{base}/p/itself.xml"), XML), "fetched"),
        ("index-0.xml", "sitemap", http(index(f"{base}/p/index-1.xml"), XML), "fetched"),
        ("fan.xml", "sitemap", http(index(*(f"{base}/p/fan-{i}.xml" for i in range(1000))), XML), "fetched"),
        ("bomb-map.xml.gz", "sitemap", later(lambda: bomb(gzip.compress), "application/gzip"), "failed too_large"),
        ("cut-map.xml.gz", "sitemap", later(lambda: gzip.compress(plain.encode())[:-20], "application/gzip"), "fetched"),
        ("garbage.xml.gz", "sitemap", http(b"\x1f\x8b" + bytes(range(256)), "application/gzip"), "failed unreadable"),
        ("60000.xml", "sitemap", later(lambda: urlset(floods(base, 60_000))), "fetched too_many_links"),
        ("soup.xml.gz", "sitemap", later(packed_soup, "application/gzip"),
         "failed too_complex"),
        ("soup.xml", "sitemap", later(lambda: "<urlset><url>" + "<a/>" * 3_000_000 + "</url></urlset>"), "failed too_complex"),
        ("deep-map.xml", "sitemap", later(lambda: "<urlset>" + "<url>" * 500_000), "failed unreadable"),
        ("text.txt", "sitemap", later(lambda: "no url\n" * 2_000_000, "text/plain"), "failed unreadable"),
        ("wide.xml", "sitemap", http(wide.encode("utf-16"), XML), "fetched"),
        ("days-map.xml", "sitemap", http(plain.replace("</loc>", "</loc><lastmod>99999-99-99</lastmod>"), XML), "fetched"),
        ("html-map.xml", "sitemap", http("<html><body>Not here</body></html>"), "failed unreadable"),
        ("drip-map.xml", "sitemap", dripping(OK + b"\r\n\r\n" + plain.encode(), 0.2), "failed timeout"),
    )  # fmt: skip


def sections(base: str) -> tuple[Row, ...]:
    anchor = "<a href='/flood/{}/story.html'>A story</a>"
    page = "<html><body>{}</body></html>"
    following = (
        '<html><head><link rel="next" href="{}"></head><body>'
        f'<a href="{base}/flood/77777/story.html">x</a></body></html>'
    )
    return (
        ("links-40k.html", "section", later(lambda: page.format("".join(map(anchor.format, range(40_000)))), "text/html"),
         "fetched too_many_links"),
        ("million.html", "section", later(lambda: page.format("<a>" * 3_000_000), "text/html"), "failed too_complex"),
        ("deep.html", "section", later(lambda: page.format("<div>" * 50_000 + anchor.format(1)), HTML), "failed unreadable"),
        ("attributes.html", "section", later(lambda: page.format("<a " + "a=1 b " * 200_000 + ">x</a>"), "text/html"),
         "failed too_complex"),
        ("next-itself.html", "section", http(following.format(f"{base}/p/next-itself.html")), "fetched"),
        ("next-private.html", "section", http(following.format("http://127.0.0.1/page/2")), "fetched"),
        ("base.html", "section", http('<base href="javascript:x"><a href="y">z</a>'), "fetched"),
        ("picture.html", "section", http(b"\x89PNG" + bytes(999), "image/png"), "failed not_html"),
    )  # fmt: skip


def children(base: str) -> dict[str, Answer]:
    """What the Places above lead to."""
    found: dict[str, Answer] = {
        f"/p/index-{i}.xml": http(index(f"{base}/p/index-{i + 1}.xml"), XML) for i in range(1, 12)
    }
    found |= {f"/p/chain-{i}.xml": moved(f"/p/chain-{i + 1}.xml") for i in range(1, 12)}
    found |= {
        f"/p/fan-{i}.xml": http(urlset([f"{base}/flood/8{i}/story.html"]), XML) for i in range(1000)
    }
    return found


RULES = "User-agent: *\nAllow: /\n"
CLOSED = "refused robots_unreachable"
OPEN = "fetched new"

ROBOTS: tuple[Host, ...] = (
    ("huge", later(lambda: RULES + "Disallow: /x{}\n" * 1_000_000, "text/plain"), OPEN),
    ("larger-than-any", later(lambda: RULES + "# and so on\n" * 2_000_000, "text/plain"), CLOSED),
    ("endless", endless(b"Disallow: /a\n" * 5000, OK + b"\r\n\r\n"), CLOSED),
    ("dripping", dripping(OK + b"\r\n\r\nUser-agent: *\nDisallow: /\n" * 9, 0.2), CLOSED),
    ("binary", http(bytes(range(256)) * 4000, "text/plain"), OPEN),
    ("html", http("<html><body>Not found</body></html>"), OPEN),
    ("loop", moved("/robots.txt"), OPEN),
    ("error", http("x", status="500 Oh"), CLOSED),
    ("busy", http("x", status="429 Slow", head="Retry-After: 99999999\r\n"), CLOSED),
    ("bomb", coded("gzip", lambda: bomb(gzip.compress)), CLOSED),
    ("reset", raw(RESET), CLOSED),
    ("private", moved("http://10.0.0.1/robots.txt"), "refused blocked_address"),
    ("file", moved("file:///etc/passwd"), OPEN),
    (
        "stars",
        http(RULES + f"Disallow: /{'*a' * 2000}*b$\nDisallow: /{'*' * 50_000}z$\n", "text/plain"),
        OPEN,
    ),
    (
        "delays",
        http(
            RULES + "Crawl-delay: nan\nCrawl-delay: -5\nRequest-rate: 0/0\nVisit-time: 9999-9999\n",
            "text/plain",
        ),
        OPEN,
    ),
    ("wide", http((RULES + "Disallow: /x").encode("utf-16"), "text/plain"), OPEN),
    ("closed", http("User-agent: *\nDisallow: /\n", "text/plain"), "refused robots"),
)
CLEANED = GOOD
