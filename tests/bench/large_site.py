"""Measure how several processes clean one large site again: `python -m tests.bench.large_site`.

The pages of one invented site are stored and cleaned. Then `nightdesk clean --all` applies the
rules again, in one process and in two, in alternating runs. Seconds say something on an idle
machine only. So the benchmark also reads how much CPU the process of the clean itself uses, beside
which all other work is divided: what two processors can reach follows from it on any machine. A
first clean, which loads modules and compiles statements, does not count.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from sqlalchemy import func, select

from pipeline.store.db.engine import Database
from pipeline.store.db.schema import ArticleRow
from tests.bench import cluster
from tests.bench.costs import ROOT, cost_of
from tests.bench.generated_site import sentences
from tests.stress.commands import nightdesk
from tests.stress.nights import start_postgres

REPEATS = 2  # of a clean, after a first one that loads modules and compiles statements
SITE = "s0"


@dataclass(frozen=True)
class Cleaning:
    """One clean of the whole site.

    Attributes:
        seconds: Of the clock.
        cpu: Of all processes.
        own_cpu: Of the process of the clean.
    """

    seconds: float
    cpu: float
    own_cpu: float

    def without(self, start: Cleaning) -> Cleaning:
        """Return the figures of one of `REPEATS` cleans, without those of the first one."""
        return Cleaning(
            (self.seconds - start.seconds) / REPEATS,
            (self.cpu - start.cpu) / REPEATS,
            (self.own_cpu - start.own_cpu) / REPEATS,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.large_site", description="Measures cleans of one large site."
    )
    parser.add_argument("--pages", type=int, default=20_000, metavar="N")
    parser.add_argument("--pairs", type=int, default=3, metavar="N")
    parser.add_argument("--engines", default="sqlite,postgresql", help="databases to measure")
    parser.add_argument("--clean", nargs=4, metavar=("HOME", "WORKERS", "RESULT", "TIMES"))
    options = parser.parse_args(arguments)
    if options.clean:
        home, workers, result, times = options.clean
        return _clean(Path(home), int(workers), Path(result), int(times))
    for engine in options.engines.split(","):
        with _archive(engine, options.pages) as (home, address):
            _report(engine, _measure(home, address, options.pairs), options.pages)
    return 0


def _report(engine: str, pairs: Sequence[tuple[Cleaning, Cleaning]], pages: int) -> None:
    speedups = [one.seconds / two.seconds for one, two in pairs]
    reachable = [one.cpu / (two.own_cpu + (two.cpu - two.own_cpu) / 2) for one, two in pairs]
    milliseconds = [median(pair[index].cpu for pair in pairs) * 1000 / pages for index in (0, 1)]
    print(  # noqa: T201
        f"{engine}: rules only {milliseconds[0]:.2f} ms of CPU a page with one process and"
        f" {milliseconds[1]:.2f} with two; two processors reach {median(reachable):.2f} times the"
        f" rate of one by CPU, {median(speedups):.2f} by the clock"
    )


def _measure(home: Path, address: str, pairs: int) -> list[tuple[Cleaning, Cleaning]]:
    measured = []
    for _ in range(pairs):
        pair = []
        for workers in (1, 2):
            start = _cost(home, address, workers, 1)
            pair.append(_cost(home, address, workers, 1 + REPEATS).without(start))
        measured.append((pair[0], pair[1]))
    return measured


def _cost(home: Path, address: str, workers: int, times: int) -> Cleaning:
    result = home / "result.json"
    command = [sys.executable, "-P", "-m", "tests.bench.large_site"]
    command += ["--clean", str(home), str(workers), str(result), str(times)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NIGHTDESK_")}
    environment |= {"NIGHTDESK_DATABASE_URL": address, "PYTHONPATH": str(ROOT)}
    cost = cost_of(command, environment)
    seconds, own_cpu = json.loads(result.read_text(encoding="utf8"))
    return Cleaning(seconds, cost.cpu, own_cpu)


def _clean(home: Path, processes: int, result: Path, times: int) -> int:
    """Clean the site some times in this process and its workers, and write what it took."""
    from pipeline.config.site import load_site
    from pipeline.jobs.clean import CleanBatchSizes, CleanRequest, clean_site
    from pipeline.jobs.workers.pool import WorkerPool
    from pipeline.store.clean.types import CleanScope

    database = Database(os.environ["NIGHTDESK_DATABASE_URL"])
    site = load_site(home / "config" / "sites" / f"{SITE}.toml")
    sizes = CleanBatchSizes(min_pages_in_parts=1, min_pages_for_start=1)
    request = CleanRequest(CleanScope(everything=True), batch_sizes=sizes)
    with WorkerPool(processes, 10.0, 240) as workers:
        began, own_began = time.monotonic(), time.process_time()
        for _ in range(times):
            clean_site(database, site, workers, lambda *_: None, request)
        figures = [time.monotonic() - began, time.process_time() - own_began]
    database.close()
    result.write_text(json.dumps(figures), encoding="utf8")
    return 0


@contextmanager
def _archive(engine: str, pages: int) -> Iterator[tuple[Path, str]]:
    """Yield a home folder and the address of an archive whose one site is cleaned."""
    with tempfile.TemporaryDirectory(prefix="nd-large-") as folder:
        home = Path(folder)
        cluster.write_home(home, 1)
        if engine == "sqlite":
            address = f"sqlite:///{home / 'archive.db'}"
            _fill(home, address, pages)
            yield home, address
        else:
            with start_postgres() as (server, _):
                address = cluster.create_database(server, "large")
                _fill(home, address, pages)
                yield home, address


def _fill(home: Path, address: str, pages: int) -> None:
    cluster.fill(address, pages, 1, small_page)
    ended = nightdesk(home, "clean", seconds=4 * 3600, NIGHTDESK_DATABASE_URL=address)
    if ended.code:
        raise RuntimeError(ended.err)
    database = Database(address)
    with database.read() as db:
        articles = db.scalar(select(func.count()).select_from(ArticleRow))
    database.close()
    if articles != pages:
        raise RuntimeError(f"{articles} of {pages} pages became articles: the figures mean nothing")


def small_page(number: int, _pages: int) -> bytes:
    """Return a story of some 3 kB with a menu that all pages share."""
    all_sentences = sentences()
    text = ""
    for paragraph in range(8):
        start = (number * 31 + paragraph * 7) % (len(all_sentences) - 3)
        text += f"<p>{number}: {' '.join(all_sentences[start : start + 3])}</p>\n"
    menu = "".join(f'<li><a href="/{word}">{word.title()}</a></li>' for word in ("news", "sport"))
    return (
        f"<!doctype html><title>Item {number}</title><body><nav><ul>{menu}</ul></nav>"
        f"<article><h1>Item {number} of the council</h1>{text}</article>"
        "<p>Subscribe to the letter of the editors</p>"
    ).encode()


if __name__ == "__main__":
    sys.exit(main())
