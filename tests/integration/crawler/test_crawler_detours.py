"""Cookie checks, consent pages and refreshes end in the story, or in an outcome with a reason."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import text

from pipeline.store.db.engine import Database
from tests.support.local_site import LocalSite, crawl_job, rss_feed, run_crawl

STORY = "<!doctype html><title>Harbour</title><h1>Harbour</h1><p>The harbour was closed again.</p>"
SCRIPT = "<!doctype html><title>Moved</title><script>{}</script><p>Please wait …</p>"
LONG_TEXT = "<p>The council said on Monday that the crane has to be mended first.</p>" * 5
CANONICAL = '<!doctype html><link rel="canonical" href="{}"><p>Go on</p>'
REFRESH = '<!doctype html><html><head><meta http-equiv="refresh" content="{}"></head></html>'


class PoliteServer:
    """A site whose paths begin with the manners of its server."""

    def __init__(self) -> None:
        self.received: list[tuple[str, str]] = []  # path and cookies
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, path: str, cookies: str) -> tuple[int, dict[str, str], str]:
        """Return status, headers and body."""
        parts = urlsplit(path)
        manners = parts.path.split("/")[1]
        seen = {"Set-Cookie": "seen=1; Path=/; HttpOnly"}
        back = parse_qs(parts.query).get("return", [""])[0]
        match manners:
            case "plain" | "moved":
                return 200, seen, STORY
            case "self" if "seen=1" not in cookies:
                return 302, seen | {"Location": path}, ""
            case "param" if "cookie_check" not in parts.query:
                return 302, seen | {"Location": f"{path}?cookie_check=1"}, ""
            case "check" if "seen=1" not in cookies:
                return 302, {"Location": f"/set-cookie?return={path}"}, ""
            case "refreshed" if "seen=1" not in cookies:
                return 200, seen, REFRESH.format(f"0;url={path}")
            case "consent-hop" if "seen=1" not in cookies:
                return 303, {"Location": f"/gate?return=%2F{path[1:]}"}, ""
            case "set-cookie" | "gate":
                return 302, seen | {"Location": back}, ""
            case "circle":
                return 302, seen | {"Location": path}, ""
            case "endless":
                more = {"Set-Cookie": f"n={len(self.received)}", "Location": path}
                return 302, more, ""
            case "wall":
                return 302, {"Location": "/consent"}, ""
            case "consent" | "login":
                return 200, {}, "<!doctype html><h1>Before you go on</h1><form></form>"
            case "subscribe":
                return 302, {"Location": f"/login?return={path}"}, ""
            case "foreign":
                target = f"https://consent.elsewhere.invalid/collect?to={self.url}{path}"
                return 302, {"Location": target}, ""
            case "inner":
                return 302, seen | {"Location": f"http://127.0.0.2/set-cookie?return={path}"}, ""
            case "old":
                return 302, seen | {"Location": path.replace("/old/", "/moved/")}, ""
            case "meta":
                return 200, {}, REFRESH.format(f"1; URL='{path.replace('/meta/', '/moved/')}'")
            case "reload":
                return 200, {}, STORY.replace("<h1>", REFRESH.format(300) + "<h1>")
            case "later":
                return 200, {}, REFRESH.format("900;url=/") + STORY
        return self.answer_with_page(manners, path)

    def answer_with_page(self, manners: str, path: str) -> tuple[int, dict[str, str], str]:
        """Answer with a page that leads elsewhere by a script or a canonical URL."""
        moved = path.replace(f"/{manners}/", f"/moved/{manners}-")
        back = path.replace(f"/{manners}/", "/there/")
        match manners:
            case "script":
                return 200, {}, SCRIPT.format(f'location.href="{moved}"')
            case "script-if":
                return 200, {}, SCRIPT.format(f'if (top != self) location.href="{moved}"')
            case "script-away":
                return 200, {}, SCRIPT.format("location='https://elsewhere.invalid/news/a-b-c-d'")
            case "script-circle":
                return 200, {}, SCRIPT.format(f"location.replace('{back}?from=circle')")
            case "there":
                home = path.replace("/there/", "/script-circle/").partition("?")[0]
                return 200, {}, CANONICAL.format(home)
            case "canonical":
                return 200, {}, CANONICAL.format(moved)
            case "canonical-story":
                return 200, {}, CANONICAL.format(moved) + STORY + LONG_TEXT
            case "canonical-away":
                return 200, {}, CANONICAL.format("https://elsewhere.invalid/news/a-b-c-d")
        return 200, {}, STORY


def _handler(site: PoliteServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            cookies = self.headers.get("Cookie", "")
            site.received.append((self.path, cookies))
            if self.path == "/feed.xml":
                status, headers, body = 200, {}, FEEDS[site.url]
            else:
                status, headers, body = site.answer(self.path, cookies)
            self.send_response(status)
            for name, value in ({"Content-Type": "text/html"} | headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: object) -> None:
            pass

    return Handler


FEEDS: dict[str, str] = {}


@contextmanager
def serve() -> Iterator[PoliteServer]:
    site = PoliteServer()
    threading.Thread(target=site.server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield site
    finally:
        site.server.shutdown()
        site.server.server_close()


EXPECTED = {
    "plain": ("fetched", "new"),
    "self": ("fetched", "new"),
    "param": ("fetched", "new"),
    "check": ("fetched", "new"),
    "refreshed": ("fetched", "new"),
    "consent-hop": ("fetched", "new"),
    "reload": ("fetched", "new"),
    "later": ("fetched", "new"),
    "circle": ("failed", "http_redirect"),
    "endless": ("failed", "http_redirect"),
    "wall": ("failed", "consent_wall"),
    "subscribe": ("failed", "http_redirect"),
    "foreign": ("failed", "consent_wall"),
    "inner": ("failed", "consent_wall"),
    "old": ("redirected", "http_redirect"),
    "meta": ("redirected", "http_redirect"),
    "script": ("redirected", "http_redirect"),
    "script-if": ("fetched", "new"),
    "script-away": ("redirected", "http_redirect"),
    "script-circle": ("redirected", "http_redirect"),
    "canonical": ("redirected", "http_redirect"),
    "canonical-story": ("fetched", "new"),
    "canonical-away": ("fetched", "new"),
}


def test_detours_end_in_the_story_or_with_a_reason(
    store: Database, database_url: str, tmp_path: Path
) -> None:
    with serve() as site:
        links = {name: f"{site.url}/{name}/harbour-closed-{name}-again" for name in EXPECTED}
        FEEDS[site.url] = rss_feed(list(links.values()))
        feeds = [f"{site.url}/feed.xml"]
        local = LocalSite()
        job = crawl_job(local, tmp_path, feeds=feeds, database_url=database_url, url=site.url)
        local.server.server_close()
        crawler = run_crawl(job, tmp_path)
    with store.read() as db:
        rows = db.execute(text("SELECT url, outcome, reason, detail FROM ledger")).all()
        counts = db.scalar(text("SELECT counts FROM run"))
    ledger = {row.url: row for row in rows}
    for name, expected in EXPECTED.items():
        row = ledger[links[name]]
        assert (row.outcome, row.reason) == expected, name
        assert row.outcome != "failed" or row.detail, name
    moved = [row.outcome for url, row in ledger.items() if "/moved/" in url]
    assert moved == ["fetched"] * 4
    assert [row[1:3] for row in rows if "/there/" in row.url] == [("failed", "http_redirect")]
    away = [(row.outcome, row.reason) for row in rows if "elsewhere.invalid/news" in row.url]
    assert away == [("refused", "off_site")]
    assert not any("/set-cookie" in url or "/gate" in url for url in ledger)
    assert sum(crawler.finished["counts"].values()) == len(rows), counts
    for path, cookies in site.received:
        if path.startswith(("/plain/", "/feed.xml", "/moved/")):
            assert cookies == "", "no cookie leaves its chain"
    assert len([path for path, _ in site.received if "/endless/" in path]) <= 6


@pytest.mark.parametrize("name", ["self", "check"])
def test_a_second_night_does_not_store_the_story_again(
    name: str, store: Database, database_url: str, tmp_path: Path
) -> None:
    with serve() as site:
        FEEDS[site.url] = rss_feed([f"{site.url}/{name}/harbour-closed-again"])
        local = LocalSite()
        job = crawl_job(
            local,
            tmp_path,
            feeds=[f"{site.url}/feed.xml"],
            database_url=database_url,
            url=site.url,
            revisit={"after_hours": 0},
        )
        local.server.server_close()
        run_crawl(job, tmp_path)
        run_crawl(job, tmp_path)
    with store.read() as db:
        query = "SELECT outcome FROM ledger WHERE kind = 'story' ORDER BY run"
        assert list(db.scalars(text(query))) == ["fetched", "unchanged"]
