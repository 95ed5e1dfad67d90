"""What cleaning again costs in an archive: in full, after a change of rules alone, and where nothing changed.

The pages are put into an archive of one made-up site, as if they had been fetched. Cleaning in full is measured as a command of
its own, since it works in processes of its own; the other two need none, and are measured here without what a start costs.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from pipeline.config.site import Site, parse_site
from pipeline.core.models import Capture, CrawlSource, Link, LinkDecision, Outcome, Reason, UrlKind
from pipeline.jobs.clean import clean_site
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from tests.bench.costs import cost_of

SITE = (
    'name = "Bench"\nurl = "https://bench.example/"\nfeeds = ["https://bench.example/feed.xml"]\n'
)
CHANGED = SITE + '[cleaning]\nremove = ["No page has this line\\\\."]\n'
CHECKS = 50  # runs over an archive in which nothing changed: one is too short to be measured
NOW = datetime(2024, 3, 1, tzinfo=UTC)


def measure(pages: Path, home: Path, say: Callable[[str], None]) -> None:
    """Says what each of the three costs a page."""
    address = f"sqlite:///{home / 'var' / 'nightdesk.db'}"
    (home / "config" / "sites").mkdir(parents=True)
    (home / "config" / "sites" / "bench.toml").write_text(SITE, encoding="utf8")
    number = _fill(pages, address)
    command = [sys.executable, "-m", "pipeline", "--home", str(home), "clean", "--json"]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("NIGHTDESK_")
    }
    full = cost_of(command, environment).cpu / number
    _report(say, "cleaned in full", full, full)
    store = Database(address)
    try:
        _report(
            say,
            "struck again after a change of rules",
            _again(store, parse_site("bench", CHANGED, "bench"), 1) / number,
            full,
        )
        _report(
            say,
            "looked at, nothing changed",
            _again(store, parse_site("bench", CHANGED, "bench"), CHECKS) / number,
            full,
        )
    finally:
        store.close()


def _report(say: Callable[[str], None], what: str, seconds: float, full: float) -> None:
    say(
        f"{what}: {1000 * seconds:.3f} ms of CPU a page, {1 / seconds:,.0f} pages a second, {full / seconds:,.0f} times as fast"
    )


def _again(store: Database, site: Site, times: int) -> float:
    """CPU seconds of one clean of the site that needs no extractor."""
    began = time.process_time()
    for _ in range(times):
        with WorkerPool(1, 10.0, 1024) as workers:
            clean_site(store, site, workers, lambda *_: None)
    return (time.process_time() - began) / times


def _fill(pages: Path, address: str) -> int:
    """Archives the pages, as a crawl would."""
    Path(address.removeprefix("sqlite:///")).parent.mkdir(parents=True)
    store = Database(address)
    migrate.ensure(store, create=True)
    archive = CrawlSession(store)
    bodies = {f"https://bench.example/{path.name}": path for path in sorted(pages.iterdir())}
    run = archive.start_run("bench")
    place = CrawlSource("https://bench.example/feed.xml", UrlKind.FEED)
    links = tuple(LinkDecision(Link(url)) for url in bodies)
    archive.save_source(
        run, _capture(archive.register_source(run, place).page_id, b"<rss/>"), links, place.kind
    )
    number = 0
    while due := archive.lease_due(run, 500):
        for each in due:
            archive.save_capture(
                run, _capture(each.page_id, bodies[each.url].read_bytes()), None, None
            )
        number += len(due)
    archive.finish_run(run, "finished")
    archive.close()
    return number


def _capture(page: int, body: bytes) -> Capture:
    return Capture(
        page,
        NOW,
        Outcome.FETCHED,
        Reason.NEW,
        200,
        media_type="text/html",
        body=body,
        size=len(body),
    )
