"""Measure what cleaning costs: in full, after a change of rules alone, and when nothing changed.

The pages are stored in the archive of one invented site, as if they had been fetched. Cleaning in
full works in several processes, so it is measured as a command. The other two need no further
process. They are measured in this one, without the cost of a start.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
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
CHANGED_SITE = SITE + '[cleaning]\nremove = ["No page has this line\\\\."]\n'
UNCHANGED_RUNS = 50  # over an archive in which nothing changed: one is too short to be measured
NOW = datetime(2024, 3, 1, tzinfo=UTC)
EXTRACTION_SECONDS, EXTRACTION_MEMORY_MB = 10.0, 1024  # of one page


def measure(pages: Path, home: Path, report: Callable[[str], None]) -> None:
    """Report what each of these costs for one page, and what a full clean costs beside extraction.

    Args:
        pages: Folder with HTML files.
        home: Home folder to create.
        report: Gets one line for each figure.
    """
    page_count = make_archive(pages, home)
    command = [sys.executable, "-m", "pipeline", "--home", str(home), "clean", "--json"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NIGHTDESK_")}
    full = cost_of(command, environment).cpu / page_count
    report(_line("cleaned in full", full, full))
    alone = _cost_of_extraction(pages, home.parent, environment) / page_count
    report(_line("of this, all but the extraction", max(full - alone, 1e-6), full))
    site = parse_site("bench", CHANGED_SITE, "bench")
    store = Database(_address(home))
    try:
        seconds = _clean_again(store, site, 1) / page_count
        report(_line("rules applied again after a change of rules", seconds, full))
        seconds = _clean_again(store, site, UNCHANGED_RUNS) / page_count
        report(_line("checked, nothing changed", seconds, full))
    finally:
        store.close()


def make_archive(pages: Path, home: Path) -> int:
    """Store pages in a new archive as the pages of one site; return how many there are.

    Args:
        pages: Folder with HTML files.
        home: Home folder to create.
    """
    (home / "config" / "sites").mkdir(parents=True)
    (home / "config" / "sites" / "bench.toml").write_text(SITE, encoding="utf8")
    return _fill(pages, _address(home))


def _address(home: Path) -> str:
    return f"sqlite:///{home / 'var' / 'nightdesk.db'}"


def _cost_of_extraction(pages: Path, folder: Path, environment: Mapping[str, str]) -> float:
    """Return the CPU seconds of the extraction of the pages into one file."""
    command = [sys.executable, "-m", "pipeline", "extract", str(pages)]
    command += ["--output", str(folder / "extracted.jsonl")]
    return cost_of(command, environment).cpu


def _line(name: str, seconds: float, full: float) -> str:
    return (
        f"{name}: {1000 * seconds:.3f} ms of CPU a page, {1 / seconds:,.0f} pages a second,"
        f" {full / seconds:,.0f} times as fast"
    )


def _clean_again(store: Database, site: Site, times: int) -> float:
    """Return the CPU seconds of one clean of the site that needs no extractor."""
    began = time.process_time()
    for _ in range(times):
        with WorkerPool(1, EXTRACTION_SECONDS, EXTRACTION_MEMORY_MB) as workers:
            clean_site(store, site, workers, lambda *_: None)
    return (time.process_time() - began) / times


def _fill(pages: Path, address: str) -> int:
    """Store the pages as a crawl stores them; return how many."""
    Path(address.removeprefix("sqlite:///")).parent.mkdir(parents=True)
    store = Database(address)
    migrate.ensure(store, create=True)
    archive = CrawlSession(store)
    paths = {f"https://bench.example/{path.name}": path for path in sorted(pages.iterdir())}
    run = archive.start_run("bench")
    source = CrawlSource("https://bench.example/feed.xml", UrlKind.FEED)
    links = tuple(LinkDecision(Link(url)) for url in paths)
    feed_id = archive.register_source(run, source).page_id
    archive.save_source(run, _capture(feed_id, b"<rss/>"), links, source.kind)
    page_count = 0
    while due := archive.lease_due(run, 500):
        for page in due:
            capture = _capture(page.page_id, paths[page.url].read_bytes())
            archive.save_capture(run, capture, None, None)
        page_count += len(due)
    archive.finish_run(run, "finished")
    archive.close()
    return page_count


def _capture(page_id: int, body: bytes) -> Capture:
    return Capture(
        page_id,
        NOW,
        Outcome.FETCHED,
        Reason.NEW,
        200,
        media_type="text/html",
        body=body,
        size=len(body),
    )
