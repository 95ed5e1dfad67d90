"""serving: readers use the web app while a crawl and a clean run at full speed.

An archive of generated articles on SQLite has `nightdesk serve`, and `nightdesk crawl` fetches a
generated site on this machine. Four readers ask for searches, lists, articles and the API, each a
moment after its last response. 95 % of the search pages must come within 300 ms, and nothing may
report a locked database.
"""

from __future__ import annotations

import http.client
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from urllib.parse import quote, urlsplit

from sqlalchemy import text

from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from pipeline.store.search.index import first_key
from tests.bench import search
from tests.bench.crawl import home_for, served
from tests.bench.generated_archive import DAYS, FIRST, Archive
from tests.stress.commands import ROOT, CompletedCommand, nightdesk
from tests.stress.figures import Figures

ARTICLES = 20_000
STORIES = 1500
READERS = 4
QUIET_SECONDS = 15  # of reading without a crawl
MAX_PAUSE = 0.5  # seconds between a response and the next request
MAX_P95_MS = 300.0  # milliseconds, of search pages
TIMEOUT = 1200.0  # seconds, of the night
LOCKED = "database is locked"
QUERY_KINDS = (
    "a common word",
    "a usual word",
    "a rare word",
    "two common words",
    "a common word, site",
    "rank: a usual word",
)


@dataclass
class ReaderStats:
    """The response times of the readers in milliseconds by kind of page, and the errors."""

    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)
    cpu: float = 0.0  # seconds of the server


def run(figures: Figures) -> None:
    """Run the stress test."""
    with (
        tempfile.TemporaryDirectory(prefix="nd-serving-") as folder,
        served(STORIES, (), Path(folder)) as site,
    ):
        home, archive = home_for(site), Archive(ARTICLES)
        fill(home, archive)
        paths = paths_of(archive)
        with serving(home) as (address, server):
            figures.note(
                "load average before the start",
                f"{os.getloadavg()[0]:.1f}",
            )
            quiet = _read_while(address, paths, lambda: time.sleep(QUIET_SECONDS), server.pid)
            _report(figures, "without a crawl", quiet)
            night = list[CompletedCommand]()
            busy = _read_while(
                address,
                paths,
                lambda: night.append(nightdesk(home, "crawl", seconds=TIMEOUT)),
                server.pid,
            )
            (ended,) = night
            figures.note("seconds of the night", round(ended.seconds))
            figures.check(
                "exit code of the night", ended.code, ended.code == 0, ended.err.splitlines()
            )
            _report(figures, "while it crawls and cleans", busy)
            figures.note(
                "MB of the write-ahead log after the night",
                (home / "var" / "nightdesk.db-wal").stat().st_size >> 20,
            )
            server.terminate()
            server_errors = server.communicate(timeout=30)[1]
        _check(figures, home, busy, (server_errors, ended.out, ended.err))


def fill(home: Path, archive: Archive) -> None:
    """Make the archive of a home folder, with invented articles."""
    (home / "var").mkdir()
    store = Database(f"sqlite:///{home / 'var' / 'nightdesk.db'}")
    migrate.ensure(store, create=True)
    search.fill(store, archive)
    store.close()


def paths_of(archive: Archive) -> dict[str, list[str]]:
    """Return the paths that readers ask for, by kind."""
    queries = search.kinds(archive)
    searches = []
    for kind in QUERY_KINDS:
        order = "&sort=rank" if kind.startswith("rank") else ""
        for query in queries[kind]:
            searches.append(f"/search?q={quote(query)}{order}")
    articles = []
    for number in random.Random(5).sample(range(1, archive.number), 200):
        articles.append(f"/articles/{number}")
    lists = ["/", "/sites", "/runs"]
    for day in range(30, DAYS, 200):
        lists.append(f"/?before={first_key(FIRST + timedelta(days=day))}")
    return {
        "search page": searches,
        "list": lists,
        "article": articles,
        "API": [f"/api{path}" for path in (*searches, *articles)],
    }


@contextmanager
def serving(home: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start `nightdesk serve`, and yield its URL and process."""
    command = [sys.executable, "-P", "-m", "pipeline", "--home", str(home), "serve", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as server:
        assert server.stdout is not None
        try:
            words = server.stdout.readline().split()
            yield next(word for word in words if word.startswith("http://")), server
        finally:
            server.terminate()


def _read_while(
    address: str, paths: dict[str, list[str]], action: Callable[[], object], server: int
) -> ReaderStats:
    """Let the readers read while an action runs."""
    stats, is_over = ReaderStats(), threading.Event()
    readers = []
    for number in range(READERS):
        reader_args = (number, address, paths, stats, is_over)
        readers.append(threading.Thread(target=_read, args=reader_args))
    before = cpu_seconds(server)
    for reader in readers:
        reader.start()
    try:
        action()
    finally:
        is_over.set()
        for reader in readers:
            reader.join()
    stats.cpu = cpu_seconds(server) - before
    return stats


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _read(
    number: int,
    address: str,
    paths: dict[str, list[str]],
    stats: ReaderStats,
    is_over: threading.Event,
) -> None:
    random_source = random.Random(number)
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    while not is_over.wait(random_source.random() * MAX_PAUSE):
        kind = random_source.choice(["search page", "search page", *paths])
        path, began = random_source.choice(paths[kind]), time.perf_counter()
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException) as error:
            stats.errors.append(f"{path}: {error!r}")
            connection.close()
            continue
        stats.times[kind].append((time.perf_counter() - began) * 1000)
        if response.status != 200:
            stats.errors.append(f"{path}: {response.status}")
    connection.close()


def _report(figures: Figures, when: str, stats: ReaderStats) -> None:
    figures.print_line(f"{when}: ms (median, 95 %, 99 %, maximum) and number of responses")
    number = sum(map(len, stats.times.values()))
    figures.note("CPU of the server, ms per response", round(1000 * stats.cpu / number, 1))
    for kind, times in sorted(stats.times.items()):
        median, p95, p99 = percentiles(times)
        figures.print_line(
            f"       {kind:12}{median:8.1f}{p95:8.1f}{p99:8.1f}{max(times):8.1f}{len(times):8}"
        )


def percentiles(times: Sequence[float]) -> tuple[float, float, float]:
    """Return the median and the 95th and 99th percentile."""
    cut = quantiles(times, n=100, method="inclusive") if len(times) > 1 else [times[0]] * 99
    return cut[49], cut[94], cut[98]


def _check(figures: Figures, home: Path, busy: ReaderStats, outputs: Sequence[str]) -> None:
    p95 = percentiles(busy.times["search page"])[1]
    figures.check("ms, 95th percentile of search pages", round(p95), p95 < MAX_P95_MS)
    figures.check("failed requests", len(busy.errors), not busy.errors, busy.errors)
    logs = [
        path.read_text(encoding="utf8", errors="replace")
        for path in (home / "var" / "log").glob("*")
    ]
    locked = 0
    for output in (*outputs, *logs):
        locked += output.count(LOCKED)
    figures.check(f"messages with '{LOCKED}'", locked, not locked, outputs)
    store = Database(f"sqlite:///{home / 'var' / 'nightdesk.db'}")
    with store.read() as db:
        article_count = db.scalar(
            text("SELECT count(*) FROM article JOIN page ON page.id = page_id WHERE site = 'made'")
        )
    store.close()
    figures.check(
        "articles of the night", f"{article_count} of {STORIES}", article_count == STORIES
    )
