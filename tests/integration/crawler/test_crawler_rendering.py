"""Pages that scripts build, rendered in the Chromium of the system.

Skipped if Chromium or the extra `render` is not installed. A browser takes seconds to start, so
each test checks much with one browser.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import CHROMIUM
from tests.support.local_site import AGENT, LocalSite, crawl_job, run_crawl, serve_local_site

pytestmark = pytest.mark.browser
HOME = "https://www.news.example/"
SHELL = '<!doctype html><title>x</title><script src="/app.js"></script><div id="root"></div>'
APP = """addEventListener('DOMContentLoaded', async () => {
  const root = document.getElementById('root');
  const inline = document.getElementById('data');
  await fetch('/private').catch(() => 0);
  await fetch(`http://localhost:${location.port}/elsewhere`, {mode: 'no-cors'}).catch(() => 0);
  const data = inline
    ? JSON.parse(inline.textContent)
    : await (await fetch('/api' + location.pathname)).json();
  root.innerHTML = data.html;
  new Image().src = '/pixel.gif';
});"""
STORY = "".join(
    f"<p>The {word} harbour was closed on Monday, the council said.</p>"
    for word in ("old", "new", "inner")
)
PATHS = ("/2026/11/02/told-in-the-page", "/2026/11/02/asked-for-by-the-page")


def scripted(site: LocalSite, folder: Path, **more: Any) -> dict[str, Any]:
    """A crawl of a site whose pages scripts build: from data in the page, and from fetched data."""
    data = json.dumps({"html": STORY})
    site.add_page("/robots.txt", "User-agent: *\nDisallow: /private", "text/plain")
    site.add_page("/app.js", APP, "text/javascript", headers={"ETag": '"app"'})
    site.add_page("/", SHELL, headers={"ETag": '"front"'})
    site.add_page(
        "/api/",
        json.dumps({"html": "".join(f'<a href="{path}">Of the harbour</a>' for path in PATHS)}),
        "application/json",
    )
    site.add_page(
        PATHS[0],
        f'{SHELL}<script id="data" type="application/json">{data}</script>',
        headers={"ETag": '"a"'},
    )
    site.add_page(PATHS[1], SHELL, headers={"ETag": '"b"'})
    site.add_page(
        f"/api{PATHS[1]}", data, "application/json", delay=0.7
    )  # longer than a page has to be quiet
    private = {"allow_private": [f"127.0.0.1:{site.port}", f"localhost:{site.port}"]}
    places = {"sections": [site.url + "/"], "revisit": {"after_hours": 0}, "safety": private}
    return (
        crawl_job(site, folder, render=True, cookies={"key": "ours"}, **places)
        | {"chromium": CHROMIUM}
        | more
    )


def test_rendered_page_is_stored_by_all_rules_of_a_crawl(tmp_path: Path) -> None:
    with serve_local_site() as site:
        first, second = (run_crawl(scripted(site, tmp_path), tmp_path) for _ in range(2))

    assert first.finished["counts"] == {"fetched": 4}, "robots.txt, the section and two stories"
    assert second.finished["counts"] == {"unchanged": 4}, "rendered again they are the same"
    captures = first.query(
        "SELECT capture.headers, page.etag, capture.detail, payload.size FROM capture"
        " JOIN page ON page.id = page_id JOIN payload ON payload.id = capture.payload_id"
        " WHERE page.kind = 'story'"
    )
    assert len(captures) == 2
    for headers, etag, detail, size in captures:
        assert json.loads(headers)["x-nightdesk-rendered"].startswith("Chromium ")
        assert detail.startswith("rendered by Chromium ")
        assert etag == "", "it would describe what the server sent"
        assert size > len(SHELL) + len(STORY)

    request_counts = {path: len(site.requests_for(path)) for path in set(site.received_paths)}
    assert request_counts == dict.fromkeys(
        ("/robots.txt", "/", "/app.js", "/api/", *PATHS, f"/api{PATHS[1]}"), 2
    ) | {"/elsewhere": 6}
    assert {each.headers.get("referer") for each in site.requests_for("/elsewhere")} == {None}, (
        "it belongs to another site"
    )
    assert not [each for each in site.received if "if-none-match" in each.headers]
    assert {each.headers["user-agent"] for each in site.received} == {AGENT}
    assert {each.headers.get("cookie") for each in site.requests_for("/api/")} == {"key=ours"}


def test_browser_that_does_not_start_ends_the_crawl_with_an_error(
    tmp_path: Path,
) -> None:
    with serve_local_site() as site:
        run = run_crawl(scripted(site, tmp_path, chromium="/bin/false"), tmp_path)
    assert run.exit_code == 3
    (error,) = run.events_named("error")
    assert error["message"] == "/bin/false: could not be started as a browser; see the site's log"


RENDERED = (
    "<p id=t>before</p><script>document.getElementById('t').textContent = 'made by script'</script>"
)
REQUESTS = """<script src='{to}/a.js'></script><img src='{to}/a.gif'><iframe src='{to}/a'></iframe>
<link rel=preconnect href='{to}'><link rel=stylesheet href='{to}/a.css'><script>
fetch('{to}/a', {mode: 'no-cors'}).catch(() => 0); navigator.sendBeacon('{to}/a');
new EventSource('{to}/a');
new WebSocket('{to}/a'.replace('http', 'ws'));
const code = `fetch('{to}/a', {mode: 'no-cors'}); importScripts('{to}/a.js')`;
new Worker(URL.createObjectURL(new Blob([code])));</script>"""


def hostile(canary: str) -> dict[str, str]:
    """Pages that try to reach internal addresses, to load too much, or never to end."""
    hosts = ("127.0.0.1", "localhost", "2130706433", "[::1]", "0.0.0.0")
    targets = [canary.replace("127.0.0.1", host) for host in hosts]
    requests = "".join(REQUESTS.replace("{to}", target) for target in targets)
    navigation = f"<script>window.open('{canary}/a'); location.href = '{canary}/a'</script>"
    grow = "setInterval(() => document.body.append('more and '), 20)"
    explode = "setTimeout(() => document.body.append('y'.repeat(2e6)), 50)"
    show_storage = "document.title = document.cookie + localStorage.length"
    return {
        "canary": f"{RENDERED}{requests}{navigation}",
        "grows": f"{RENDERED}<script>{grow}</script>",
        "too-large": f"{RENDERED}<script>{explode}</script>",
        "busy": "<script>document.cookie = 'a=1'; localStorage.a = 1; for (;;);</script>",
        "after": f"{RENDERED}<script>{show_storage}</script>",
    }


@pytest.mark.trial
def test_hostile_page_reaches_nothing_and_the_next_page_gets_a_clean_browser() -> None:
    with serve_local_site() as site:
        arguments = {
            "site": {"sections": [HOME], "render_seconds": 1, "safety": {"max_bytes": 1_000_000}},
            "chromium": CHROMIUM,
            "pages": {HOME + name: body for name, body in hostile(site.url).items()},
        }
        program = [sys.executable, Path(__file__).parents[2] / "support" / "render_pages.py"]
        done = subprocess.run(
            program,
            input=json.dumps(arguments),
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        assert site.received == [], "an internal address was reached"
    results = {
        each["url"].removeprefix(HOME): each for each in map(json.loads, done.stdout.splitlines())
    }

    assert "made by script" in results["canary"]["rendered"], (
        "the browser does not go where a script leads"
    )
    assert "more and more and" in results["grows"]["rendered"], (
        "a page that never becomes quiet is taken as it is"
    )
    assert results["too-large"]["reason"] == "too_large"
    assert results["busy"]["reason"] == "render_failed"
    assert results["busy"]["detail"] == "its scripts did not end within their time limit"
    assert "made by script" in results["after"]["rendered"]
    assert "<title>0</title>" in results["after"]["rendered"]
    assert "etag" not in results["after"]["headers"]
