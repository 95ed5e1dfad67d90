"""A news site of a few pages on this machine, which can be slow or empty, unlike the demo site."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

STORY = """<!doctype html><html lang="en"><head><title>{title}</title>
<meta property="article:published_time" content="2026-02-03T10:00:00Z"></head>
<body><article><h1>{title}</h1>{body}</article></body></html>"""
PARAGRAPH = (
    "<p>{} The crane on the northern quay was mended on {}, and the ferries left the harbour on"
    " time again.</p>"
)
SITE_FILE = """name = "Little"
url = {url}
feeds = [{feed}]
[revisit]
after_hours = 0
[politeness]
delay = 0.0
retries = 0
timeout = 5
[safety]
allow_private = true
"""


class HttpSite:
    """Serve `pages` (path → media type and body) and record the requested paths."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, bytes]] = {}
        self.requested_paths: list[str] = []
        self.story_delay = 0.0  # seconds before the answer to a story
        self.held_path = ""  # a path that is not answered before `released` is set
        self.released = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def add_story(self, name: str, title: str, *sentences: str) -> str:
        """Add a story and return its URL."""
        if sentences:
            body = "".join(f"<p>{sentence}</p>" for sentence in sentences)
        else:
            days = ("Monday", "Tuesday", "Thursday")
            body = "".join(PARAGRAPH.format(f"{title}.", day) for day in days)
        return self.add_page(f"/2026/02/03/{name}", STORY.format(title=title, body=body).encode())

    def add_page(self, path: str, body: bytes, media_type: str = "text/html; charset=utf-8") -> str:
        """Add a page and return its URL."""
        self.pages[path] = (media_type, body)
        return self.url + path

    def set_feed(self, links: Sequence[str]) -> None:
        """Set the links of the feed."""
        items = ""
        for link in links:
            title = link.rsplit("/", 1)[-1]
            items += f"<item><title>{title}</title><link>{link}</link></item>"
        channel = f"<channel><title>Little</title>{items}</channel>"
        text = f'<?xml version="1.0"?><rss version="2.0">{channel}</rss>'
        self.add_page("/feed.xml", text.encode(), "application/rss+xml")

    def write_site_file(self, home: Path, name: str = "little", more: str = "") -> Path:
        """Write the site's file to a home folder and return its path."""
        path = home / "config" / "sites" / f"{name}.toml"
        url, feed = json.dumps(self.url), json.dumps(self.url + "/feed.xml")
        path.write_text(SITE_FILE.format(url=url, feed=feed) + more, encoding="utf8")
        return path


def _handler(site: HttpSite) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.requested_paths.append(self.path)
            if self.path.startswith("/2026"):
                time.sleep(site.story_delay)
            if self.path == site.held_path:
                site.released.wait(60)
            media_type, body = site.pages.get(self.path, ("", b""))
            try:
                self.send_response(200 if media_type else 404)
                self.send_header("Content-Type", media_type or "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except ConnectionError:  # the crawler was killed
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


@contextmanager
def serve_http_site() -> Iterator[HttpSite]:
    """Serve a site until the block ends."""
    site = HttpSite()
    thread = threading.Thread(target=site.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.server.shutdown()
        site.server.server_close()
        thread.join()
