"""ssrf: every spelling of an internal address, by every way in.

Only one address of this machine, which the site files allow by name, may receive requests. A
counter of connections listens on other addresses, on the same port. Proxy variables of the
environment point to the counter, too.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from pipeline.core.urls import canonicalize, host_of, resolve_href
from tests.stress.address_spellings import ALL, AMBIGUOUS, NAMES, RESOLVER, WITHOUT_URL_GUARD
from tests.stress.commands import CompletedCommand, nightdesk
from tests.stress.connection_counter import ConnectionCounter, count_connections
from tests.stress.figures import Figures
from tests.stress.hostile_sources import XML, sitemap_index
from tests.stress.server import Server, http, redirect, start_server
from tests.stress.story_pages import rss, story, urlset

HOST = "127.0.0.2"
ROBOTS_HOSTS = [f"127.0.2.{number}" for number in range(1, len(ALL) + 1)]
LIMIT = 600.0
Ways = dict[
    str, tuple[str, dict[str, bool]]
]  # site → its file, and for each way whether its hosts belong to the site
BLOCKED = "refused blocked_address"
OFF_SITE = "refused off_site"
NO_URL = ("refused bad_url", "failed bad_url")
NO_NAME = "failed dns"


class SsrfTest:
    """The server, the connection counter, and the expected outcome of each URL."""

    def __init__(
        self, figures: Figures, server: Server, counter: ConnectionCounter, scratch: Path
    ) -> None:
        self.figures, self.server, self.counter, self.scratch = figures, server, counter, scratch
        self.base = server.url(HOST, "")
        self.stub = self._stub("stub", "")

    def _stub(self, name: str, more: str) -> Path:
        """Create a folder whose module each Python process imports at its start: a resolver."""
        folder = self.scratch / name
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(RESOLVER.format(names=NAMES) + more, "utf8")
        return folder

    def disable_host_check(self) -> None:
        """Switch off the check of host spellings, so that only resolved addresses are checked."""
        self.stub = self._stub("blind", WITHOUT_URL_GUARD)

    def url(self, spelling: str, way: str, number: int) -> str:
        """Return a URL as a page may write it. The reader must find out whether it is valid."""
        host, at, rest = spelling.partition("@")
        port = f":{self.server.port}"
        where = f"{host}@{rest}{port}" if at else f"{host}{port}"
        return f"http://{where}/{way}-{number}/a-story-of-this-way.html"

    def urls(self, way: str) -> list[str]:
        return [self.url(spelling, way, number) for number, spelling in enumerate(ALL)]

    def run(self, home: Path, *words: str) -> CompletedCommand:
        proxy = f"http://127.0.0.1:{self.server.port}"
        names = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        return nightdesk(
            home,
            *words,
            seconds=LIMIT,
            PYTHONPATH=str(self.stub),
            no_proxy="",
            **dict.fromkeys(names, proxy),
        )

    def home(self, name: str, sites: dict[str, str]) -> Path:
        home = self.scratch / name
        (home / "config" / "sites").mkdir(parents=True)
        (home / "config" / "nightdesk.toml").write_text(
            'contact = "https://example.org/"\ncrawls = 4\n', "utf8"
        )
        for site, text in sites.items():
            (home / "config" / "sites" / f"{site}.toml").write_text(text, "utf8")
        return home

    def put(self, path: str, body: str, kind: str = XML) -> str:
        self.server.answers[HOST, path] = http(body, kind)
        return self.base + path


def run(figures: Figures) -> None:
    """Run the stress test."""
    with (
        tempfile.TemporaryDirectory(prefix="nightdesk-ssrf-") as scratch,
        start_server([HOST, *ROBOTS_HOSTS]) as server,
        count_connections(server.port) as counter,
    ):
        test = SsrfTest(figures, server, counter, Path(scratch))
        count = len(counter.listeners)
        figures.print_line(f"{len(ALL)} spellings; connections are counted on {count} addresses")
        check_counter(test)
        check_crawl(test)
        check_user_input(test)
        test.disable_host_check()
        check_resolved_addresses(test)
        figures.check(
            "counted connections",
            len(counter.addresses),
            not counter.addresses,
            counter.addresses,
        )


def check_counter(test: SsrfTest) -> None:
    """Check the counter itself: a site that may fetch from its address connects to it."""
    address = f"127.0.0.1:{test.server.port}"
    home = test.home(
        "control",
        {
            "control": _site(
                f"http://{address}/", allowed=[address], feeds=[f"http://{address}/feed.xml"]
            )
        },
    )
    test.run(home, "crawl")
    test.figures.check(
        "counted connections if they are allowed",
        len(test.counter.addresses),
        bool(test.counter.addresses),
    )
    test.counter.addresses.clear()


# what a site shows


def check_crawl(test: SsrfTest) -> None:
    """Crawl sites that lead to internal addresses in each way, and check the ledger of each URL."""
    ways = _ways(test)
    rows = _night(test, "crawled", ways)
    for site, (_, wanted) in ways.items():
        outcomes = {url: outcome for row_site, url, outcome in rows if row_site == site}
        for way, is_owned in wanted.items():
            _check_way(test, site, way, outcomes, is_owned=is_owned)


def check_resolved_addresses(test: SsrfTest) -> None:
    """Crawl the same with only the check of resolved addresses."""
    rows = _night(test, "resolved", _ways(test))
    blocked = sum(outcome == BLOCKED for _, _, outcome in rows)
    test.figures.check(
        "blocked_address by the check of resolved addresses alone", blocked, blocked > 6 * len(ALL)
    )


def _ways(test: SsrfTest) -> Ways:
    return _sources(test) | _links(test) | _redirects(test) | _robots(test)


def _night(test: SsrfTest, name: str, ways: Ways) -> list[tuple[str, str, str]]:
    """Return (site, URL, outcome and reason) of each ledger entry of a crawl."""
    home = test.home(name, {site: text for site, (text, _) in ways.items()})
    night = test.run(home, "crawl", "--json")
    sane = night.code in (0, 1) and "Traceback" not in night.err
    test.figures.check(
        f"{name}: the night's exit code", night.code, sane, night.err.splitlines()[-5:]
    )
    test.figures.check(
        "connections so far",
        len(test.counter.addresses),
        not test.counter.addresses,
        test.counter.addresses,
    )
    connection = sqlite3.connect(home / "var" / "nightdesk.db")
    try:
        return connection.execute(
            "SELECT r.site, p.url, trim(l.outcome || ' ' || l.reason) FROM ledger_entry l"
            " JOIN run r ON r.id = l.run_id JOIN page p ON p.id = l.page_id WHERE r.kind = 'crawl'"
        ).fetchall()
    finally:
        connection.close()


def _check_way(
    test: SsrfTest, site: str, way: str, outcomes: dict[str, str], *, is_owned: bool
) -> None:
    """Compare one way with the ledger.

    Each URL must be refused for its address. A name on another host must be refused as off_site.
    """
    wrong, refused = [], 0
    for number, spelling in enumerate(ALL):
        outcome = "nothing"
        for url, recorded in outcomes.items():
            if f"/{way}-{number}/" in url:
                outcome = recorded
                break
        if spelling == AMBIGUOUS:
            allowed_outcomes = {"nothing", BLOCKED, OFF_SITE, NO_NAME, *NO_URL}
        elif not _is_url(test.url(spelling, way, number)):
            allowed_outcomes = {"nothing", *NO_URL}
        else:
            allowed_outcomes = {OFF_SITE} if spelling in NAMES and not is_owned else {BLOCKED}
        refused += outcome == BLOCKED
        if outcome not in allowed_outcomes:
            wrong.append(f"{spelling}: {outcome}, not {' or '.join(sorted(allowed_outcomes))}")
    test.figures.check(
        f"{site}, {way}", f"{refused} of {len(ALL)} blocked_address", not wrong, wrong
    )


def _is_url(url: str) -> bool:
    return resolve_href("http://example.org/", url) is not None


def _sources(test: SsrfTest) -> Ways:
    """Return sites whose files name internal feeds, sitemaps and sections."""
    ways: Ways = {}
    for kind in ("feed", "sitemap", "section"):
        urls = [url for url in test.urls(kind) if _is_url(url)]
        ways[f"source-{kind}"] = (
            _site(test.base, allowed=[f"{HOST}:{test.server.port}"], **{f"{kind}s": urls}),
            {kind: True},
        )
    return ways


def _links(test: SsrfTest) -> Ways:
    """Return sites whose sources link to internal addresses, on other hosts and on their own.

    The sources are a feed, a JSON feed, a sitemap, a sitemap index and a section page.
    """
    makers: dict[str, Callable[[list[str]], tuple[str, str, str]]] = {
        "in-feed": lambda urls: ("feeds", rss(map(escape, urls)), XML),
        "in-json": lambda urls: ("feeds", _json_feed(urls), "application/json"),
        "in-map": lambda urls: ("sitemaps", urlset(map(escape, urls)), XML),
        "in-index": lambda urls: ("sitemaps", sitemap_index(*map(escape, urls)), XML),
        "in-section": lambda urls: (
            "sections",
            "".join(f"<a href={quoteattr(url)}>x</a>" for url in urls),
            "text/html",
        ),
    }
    ways: Ways = {}
    for owned in (False, True):
        sources: dict[str, list[str]] = {}
        wanted: dict[str, bool] = {}
        for way, make in makers.items():
            if way == "in-section" and not owned:
                continue  # links of a page to other hosts are ignored
            name = f"{way}-{'own' if owned else 'other'}"
            kind, body, media = make(test.urls(name))
            sources.setdefault(kind, []).append(test.put(f"/p/{name}", body, media))
            wanted[name] = owned
        hosts = _hosts(test) if owned else []
        ways[f"links-{'own' if owned else 'other'}"] = (
            _site(test.base, allowed=[f"{HOST}:{test.server.port}"], hosts=hosts, **sources),
            wanted,
        )
    return ways


def _redirects(test: SsrfTest) -> Ways:
    """Return redirects of stories, feeds and pages, and the next page of a section."""
    ways: Ways = {}
    for owned in (False, True):
        name = f"redirect-{'own' if owned else 'other'}"
        stories = [
            _redirecting_url(test, f"/news/{name}-{n}.html", url)
            for n, url in enumerate(test.urls(name))
        ]
        feed = test.put(f"/p/{name}", rss(stories))
        wanted, more = {name: owned}, {}
        if owned:
            sections = [
                test.put(f"/p/next-{n}", _section_with_next(url, test), "text/html")
                for n, url in enumerate(test.urls("next"))
            ]
            wanted, more = wanted | {"next": True}, {"sections": sections}
        site = _site(
            test.base,
            allowed=[f"{HOST}:{test.server.port}"],
            hosts=_hosts(test) if owned else [],
            feeds=[feed],
            **more,
        )
        ways[name] = (site, wanted)
    feeds = [
        _redirecting_url(test, f"/p/moved-{n}/", url) for n, url in enumerate(test.urls("moved-to"))
    ]
    pages = [
        test.put(f"/news/said-{n}.html", _page_with_targets(url, n), "text/html")
        for n, url in enumerate(test.urls("said"))
    ]
    feed = test.put("/p/said", rss(pages))
    ways["redirect-sources"] = (
        _site(test.base, allowed=[f"{HOST}:{test.server.port}"], feeds=feeds),
        {"moved": True},
    )
    ways["said"] = (_site(test.base, allowed=[f"{HOST}:{test.server.port}"], feeds=[feed]), {})
    return ways


def _robots(test: SsrfTest) -> Ways:
    """Return a site whose robots.txt files redirect to internal addresses, each on its own host."""
    stories, port = [], test.server.port
    for number, (host, url) in enumerate(zip(ROBOTS_HOSTS, test.urls("robots-to"), strict=True)):
        test.server.answers[host, "/robots.txt"] = redirect(_header_url(url))
        stories.append(test.server.url(host, f"/robots-{number}/a-story-of-this-way.html"))
        test.server.answers[host, f"/robots-{number}/a-story-of-this-way.html"] = http(
            story(f"robots {number}")
        )
    hosts = [f"{host}:{port}" for host in ROBOTS_HOSTS]
    feed = test.put("/p/robots", rss(stories))
    return {
        "robots": (
            _site(test.base, allowed=[f"{HOST}:{port}", *hosts], hosts=hosts, feeds=[feed]),
            {"robots": True},
        )
    }


def _redirecting_url(test: SsrfTest, path: str, url: str) -> str:
    test.server.answers[HOST, path] = redirect(_header_url(url))
    return test.base + path


def _header_url(url: str) -> str:
    """Return a URL as a header carries it: UTF-8 bytes, which the server writes one by one."""
    return url.encode("utf8").decode("latin-1")


def _json_feed(urls: Iterable[str]) -> str:
    return json.dumps(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "items": [{"id": url, "url": url} for url in urls],
        }
    )


def _section_with_next(url: str, test: SsrfTest) -> str:
    """Return a section page with a new story. Without one the next page is not requested."""
    new = f"{test.base}/news/of-a-list-{abs(hash(url)) % 10**9}-and-more-words.html"
    target = url.replace("a-story-of-this-way.html", "page/2/")
    return (
        f"<head><link rel=next href={quoteattr(target)}></head>"
        f"<body><a href='{new}'>A story of the list</a></body>"
    )


def _page_with_targets(url: str, number: int) -> str:
    to = quoteattr(url)
    refresh = quoteattr(f"0; url={url}")
    head = f"<meta http-equiv=refresh content={refresh}><link rel=canonical href={to}>"
    return story(
        f"said {number}",
        head=f"{head}<link rel=amphtml href={to}><link rel=next href={to}><base href={to}>",
    )


def _hosts(test: SsrfTest) -> list[str]:
    """Return the hosts of all spellings for a site file, so that only the guard can stop them."""
    return [host_of(canonicalize(url)) for url in test.urls("x") if _is_url(url)]


def _site(url: str, *, allowed: list[str], hosts: Iterable[str] = (), **sources: list[str]) -> str:
    source_lines = "".join(
        f"{kind} = {json.dumps(urls, ensure_ascii=False)}\n" for kind, urls in sources.items()
    )
    return (
        f"name = 'x'\nurl = {json.dumps(url)}\n"
        f"hosts = {json.dumps(list(hosts), ensure_ascii=False)}\n{source_lines}"
        "[politeness]\ndelay = 0\nretries = 0\ntimeout = 3\nconcurrency = 4\n"
        f"[safety]\nallow_private = {json.dumps(allowed)}\n"
    )


# what a user enters


def check_user_input(test: SsrfTest) -> None:
    """Run `nightdesk add` with each spelling in a list, and with half of them in an OPML file."""
    urls = test.urls("add")
    outlines = "".join(f"<outline xmlUrl={quoteattr(url)}/>" for url in urls[::2])
    lists = {
        "sites.txt": "\n".join(urls),
        "feeds.opml": f"<opml><body>{outlines}</body></opml>",
    }
    for name, text in lists.items():
        home = test.home(f"add-{name}", {})
        (home / name).write_text(text, "utf8")
        ended = test.run(home, "add", "--from", str(home / name), "--yes", "--json")
        written = list((home / "config" / "sites").glob("*.toml"))
        refused = not written and ended.code in (1, 3) and "Traceback" not in ended.err
        seen = f"{len(written)}; exit code {ended.code}"
        test.figures.check(
            f"sites that `add --from {name}` wrote", seen, refused, [ended.err[-500:]]
        )
        test.figures.check(
            "connections so far",
            len(test.counter.addresses),
            not test.counter.addresses,
            test.counter.addresses,
        )
