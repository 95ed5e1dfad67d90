"""edits: a newsroom edits its stories over four nights, and `changes` lists all edits, no others.

Two newspapers of the demo are served on this machine with edits of twelve kinds and with what only
looks like one: a new caption, an age that counts up. Each night is the real command with a real
crawl. Then each way to list changes is asked, on both databases.
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lxml import etree
from starlette.testclient import TestClient

import nightdesk
from pipeline.store.db.engine import Database
from pipeline.web.app import create_app
from tests.stress.commands import ROOT
from tests.stress.figures import Figures
from tests.stress.nights import postgres, query_rows, sqlite
from tests.support.local_site import LocalSite, StubResponse, rss_feed, serve_local_site
from tests.support.newsroom import NIGHTS, SITES, expected_changes, pages_of

SITE = """name = "{site}"
url = "{url}/"
feeds = ["{url}/feed.xml"]
[politeness]
delay = 0
retries = 0
concurrency = 4
[revisit]
after_hours = 0
[safety]
allow_private = true
"""
HTML = {"Content-Type": "text/html; charset=utf-8"}
Listed = list[tuple[str, int, str]]


def run(figures: Figures) -> None:
    """Run the stress test on both databases."""
    for engine, database in (("SQLite", sqlite), ("PostgreSQL", postgres)):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nd-edits-")))
            address = stack.enter_context(database(folder))
            sites = {site: stack.enter_context(serve_local_site()) for site in SITES}
            home = _create_home(folder, sites)
            starts = [_night(home, address, sites, number) for number in range(1, NIGHTS + 1)]
            _compare(figures, engine, home, address, sites, starts)


def _create_home(folder: Path, sites: Mapping[str, LocalSite]) -> Path:
    home = folder / "home"
    (home / "config" / "sites").mkdir(parents=True)
    (home / "config" / "nightdesk.toml").write_text('contact = "nobody@example.org"\n')
    for site, server in sites.items():
        path = home / "config" / "sites" / f"{site}.toml"
        path.write_text(SITE.format(site=site, url=server.url), encoding="utf8")
    return home


def _night(home: Path, address: str, sites: Mapping[str, LocalSite], number: int) -> datetime:
    """Serve the pages of a night, crawl and clean them, and return when the night began."""
    time.sleep(1.1)  # two nights do not begin in the same second
    for site, server in sites.items():
        _serve(server, site, number)
    began = datetime.now(UTC)
    # a page that is gone is asked for again after a day, and these nights take minutes
    for site in sites:
        _run(home, address, "crawl", site, *(["--force"] if number > 1 else []))
    return began


def _serve(server: LocalSite, site: str, number: int) -> None:
    first_night = pages_of(site, 1, server.url)
    server.pages = {}
    for url, reply in pages_of(site, number, server.url).items():
        if not isinstance(reply, bytes) and reply.status == 304:
            reply = first_night[url]  # it is back as it was
        if isinstance(reply, bytes):
            server.pages[url.removeprefix(server.url)] = StubResponse(reply, headers=HTML)
    server.add_page("/feed.xml", rss_feed(list(first_night)), "application/rss+xml")


def _run(home: Path, address: str, *words: str) -> str:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTDESK_")}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pipeline", "--home", str(home), *words],
        cwd=ROOT,
        env=bare | {"NIGHTDESK_DATABASE_URL": address},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):  # 1: pages are gone, as planned
        raise RuntimeError(f"nightdesk {words[0]} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def _compare(
    figures: Figures,
    engine: str,
    home: Path,
    address: str,
    sites: Mapping[str, LocalSite],
    starts: list[datetime],
) -> None:
    expected = expected_changes({site: server.url for site, server in sites.items()})

    def listed(records: Iterable[Mapping[str, Any]]) -> Listed:
        return [(each["url"], _night_of(each["at"], starts), each["kind"]) for each in records]

    ways: dict[str, Callable[[], Listed]] = {
        "changes --json": lambda: listed(json.loads(_run(home, address, "changes", "--json"))),
        "changes --csv": lambda: listed(
            csv.DictReader(io.StringIO(_run(home, address, "changes", "--csv")))
        ),
        "the view": lambda: [
            (str(url), _night_of(at, starts), str(kind))
            for url, at, kind in query_rows(address, "SELECT url, at, kind FROM changes")
        ],
        "/api/changes": lambda: listed(_get(address, "/api/changes").json()["changes"]),
        "/changes.atom": lambda: _of_feed(_get(address, "/changes.atom").content, starts),
        "Python": lambda: _of_python(address, starts),
    }
    for name, list_changes in ways.items():
        rows = list_changes()
        wrong = sorted(set(rows) ^ expected)
        is_right = not wrong and len(rows) == len(expected)
        what = f"{engine}: changes by {name}"
        figures.check(what, f"{len(rows)} of {len(expected)}", is_right, map(str, wrong))
    page = _get(address, "/changes").text.count('<article class="change">')
    figures.check(f"{engine}: changes on the page", page, page == len(expected))
    _check_export(figures, engine, home, address, starts, expected)


def _check_export(
    figures: Figures,
    engine: str,
    home: Path,
    address: str,
    starts: list[datetime],
    expected: set[tuple[str, int, str]],
) -> None:
    """An export of revisions has a text that begins on the night of each edit.

    It also has texts of which only a counter differs: those are revisions, and no changes.
    """
    path = home / "revisions.jsonl"
    _run(home, address, "export", str(path), "--revisions", "--format", "jsonl")
    records = [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]
    later = {
        (record["url"], _night_of(record["first_seen_at"], starts))
        for record in records
        if record["revisions"] > 1
    }
    edits = {(url, night) for url, night, kind in expected if kind not in ("gone", "back")}
    missing = sorted(map(str, edits - later))
    what = f"{engine}: edits without a text in the export of revisions"
    figures.check(what, len(missing), not missing, missing)


def _night_of(at: object, starts: list[datetime]) -> int:
    moment = at if isinstance(at, datetime) else datetime.fromisoformat(str(at))
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    # times of feeds have no fractions
    return bisect_right([start.replace(microsecond=0) for start in starts], moment)


def _get(address: str, path: str) -> Any:
    database = Database(address)
    try:
        with TestClient(create_app(database), base_url="http://127.0.0.1:8642") as web:
            return web.get(path)
    finally:
        database.close()


def _of_feed(body: bytes, starts: list[datetime]) -> Listed:
    rows: Listed = []
    for entry in etree.fromstring(body).findall("{*}entry"):
        url = entry.find("{*}link[@rel='via']").get("href")
        at = entry.find("{*}updated").text
        rows.append((url, _night_of(at, starts), entry.find("{*}category").get("term")))
    return rows


def _of_python(address: str, starts: list[datetime]) -> Listed:
    with nightdesk.open_archive(address) as archive:
        return [
            (each.url, _night_of(each.at, starts), str(each.kind)) for each in archive.changes()
        ]
