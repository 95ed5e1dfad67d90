"""serving — readers ask the reading room of an archive into which a night crawls and cleans at full speed.

An archive of made-up articles on SQLite, `nightdesk serve` on it, and beside both `nightdesk crawl` of a made-up site on this
machine. Four readers ask for searches, lists, articles and the API, each a moment after its last answer came. 95 of 100 search
pages have to come within 300 ms, and nobody may hear of a locked database.
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
from tests.stress.figures import Figures
from tests.stress.watching import ROOT, Ended, nightdesk

ARTICLES = 20_000
STORIES = 1500
READERS = 4
PAUSE = 0.5  # seconds between an answer and the next question, at the most
MOST = 300.0  # milliseconds, for 95 of 100 search pages
SECONDS = 1200.0
LOCKED = "database is locked"
KINDS = (
    "a common word",
    "a usual word",
    "a rare word",
    "two common words",
    "a common word, site",
    "rank: a usual word",
)


@dataclass
class Asked:
    """What the readers were answered: milliseconds by kind of page, and what went wrong."""

    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    wrong: list[str] = field(default_factory=list)
    cpu: float = 0.0  # seconds of the server


def run(figures: Figures) -> None:
    """The trial."""
    with (
        tempfile.TemporaryDirectory(prefix="nd-serving-") as folder,
        served(STORIES, (), Path(folder)) as site,
    ):
        home, archive = home_for(site), Archive(ARTICLES)
        _fill(home, archive)
        paths = paths_of(archive)
        with serving(home) as (address, server):
            figures.told(
                "processes that wanted a processor before it began (load average)",
                f"{os.getloadavg()[0]:.1f}",
            )
            calm = _asked(address, paths, lambda: time.sleep(15), server.pid)
            _tell(figures, "without a crawl", calm)
            night = list[Ended]()
            busy = _asked(
                address,
                paths,
                lambda: night.append(nightdesk(home, "crawl", seconds=SECONDS)),
                server.pid,
            )
            (ended,) = night
            figures.told("seconds of the night", round(ended.seconds))
            figures.met(
                "exit code of the night", ended.code, ended.code == 0, ended.err.splitlines()
            )
            _tell(figures, "while it crawls and cleans", busy)
            figures.told(
                "MB of the write-ahead log behind the night",
                (home / "var" / "nightdesk.db-wal").stat().st_size >> 20,
            )
            server.terminate()
            said = server.communicate(timeout=30)[1]
        _judge(figures, home, busy, (said, ended.out, ended.err))


def _fill(home: Path, archive: Archive) -> None:
    (home / "var").mkdir()
    store = Database(f"sqlite:///{home / 'var' / 'nightdesk.db'}")
    migrate.ensure(store, create=True)
    search.fill(store, archive)
    store.close()


def paths_of(archive: Archive) -> dict[str, list[str]]:
    """What readers ask for, by kind."""
    queries = search.kinds(archive)
    asked = [
        (query, "&sort=rank" if kind.startswith("rank") else "")
        for kind in KINDS
        for query in queries[kind]
    ]
    numbers = random.Random(5).sample(range(1, archive.number), 200)
    return {
        "search page": [f"/search?q={quote(query)}{order}" for query, order in asked],
        "list": [
            "/",
            *(f"/?before={first_key(FIRST + timedelta(days=day))}" for day in range(30, DAYS, 200)),
            "/sites",
            "/runs",
        ],
        "article": [f"/articles/{number}" for number in numbers],
        "API": [f"/api/search?q={quote(query)}{order}" for query, order in asked]
        + [f"/api/articles/{n}" for n in numbers],
    }


@contextmanager
def serving(home: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`nightdesk serve`, and its address."""
    command = [sys.executable, "-P", "-m", "pipeline", "--home", str(home), "serve", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as server:
        assert server.stdout is not None
        try:
            yield (
                next(
                    word for word in server.stdout.readline().split() if word.startswith("http://")
                ),
                server,
            )
        finally:
            server.terminate()


def _asked(
    address: str, paths: dict[str, list[str]], meanwhile: Callable[[], object], server: int
) -> Asked:
    """What readers are answered while something is done."""
    asked, over = Asked(), threading.Event()
    readers = [
        threading.Thread(target=_read, args=(number, address, paths, asked, over))
        for number in range(READERS)
    ]
    before = _cpu(server)
    for each in readers:
        each.start()
    try:
        meanwhile()
    finally:
        over.set()
        for each in readers:
            each.join()
    asked.cpu = _cpu(server) - before
    return asked


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _read(
    number: int, address: str, paths: dict[str, list[str]], asked: Asked, over: threading.Event
) -> None:
    chance, connection = (
        random.Random(number),
        http.client.HTTPConnection(urlsplit(address).netloc, timeout=60),
    )
    while not over.wait(chance.random() * PAUSE):
        kind = chance.choice(["search page", "search page", *paths])
        path, began = chance.choice(paths[kind]), time.perf_counter()
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            asked.wrong.append(f"{path}: {error!r}")
            connection.close()
            continue
        asked.times[kind].append((time.perf_counter() - began) * 1000)
        if answer.status != 200:
            asked.wrong.append(f"{path}: {answer.status}")
    connection.close()


def _tell(figures: Figures, when: str, asked: Asked) -> None:
    figures.say(f"{when}: ms for half, for 95 and for 99 of 100, at the most; answers")
    number = sum(map(len, asked.times.values()))
    figures.told("of the server's CPU, ms an answer", round(1000 * asked.cpu / number, 1))
    for kind, times in sorted(asked.times.items()):
        half, most, nearly = shares(times)
        figures.say(
            f"       {kind:12}{half:8.1f}{most:8.1f}{nearly:8.1f}{max(times):8.1f}{len(times):8}"
        )


def shares(times: Sequence[float]) -> tuple[float, float, float]:
    """The times within which half, 95 and 99 of 100 were answered."""
    cut = quantiles(times, n=100, method="inclusive") if len(times) > 1 else [times[0]] * 99
    return cut[49], cut[94], cut[98]


def _judge(figures: Figures, home: Path, busy: Asked, said: Sequence[str]) -> None:
    most = shares(busy.times["search page"])[1]
    figures.met("ms within which 95 of 100 search pages came", round(most), most < MOST)
    figures.met("answers that were none", len(busy.wrong), not busy.wrong, busy.wrong)
    logs = [
        path.read_text(encoding="utf8", errors="replace")
        for path in (home / "var" / "log").glob("*")
    ]
    locked = sum(each.count(LOCKED) for each in (*said, *logs))
    figures.met(f"times that anybody said '{LOCKED}'", locked, not locked, said)
    store = Database(f"sqlite:///{home / 'var' / 'nightdesk.db'}")
    with store.read() as db:
        made = db.scalar(
            text("SELECT count(*) FROM article JOIN page ON page.id = page_id WHERE site = 'made'")
        )
    store.close()
    figures.met("articles of the night", f"{made} of {STORIES}", made == STORIES)
