"""Measure what a crawl costs compared with plain Scrapy: `python -m tests.bench.crawl`.

Both programs fetch the same pages from the same server on this machine in alternating runs, so that
other load affects both. One comparison stores raw pages, against a spider that drops them. The
other one is a whole night (crawl, clean, store), against a spider with trafilatura in its pipeline.
`--soak` samples the memory of one long crawl. `--again` measures a second night over an unchanged
site. The exit code is 1 where a figure misses its limit.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.costs import ROOT, Cost, cost_of
from tests.bench.sets import exit_with_message

MAX_CPU_RATIO = 1.25  # of a crawl that stores raw pages to a bare spider
MIN_NIGHT_RATIO = 1.9  # of a night's pages per second to a spider with trafilatura
MAX_GROWTH = 0.10  # of the memory of a long crawl after its first tenth
MAX_MEGABYTES = 400.0
MAX_SECOND_NIGHT = 0.03  # of the first night's bytes
CONCURRENCY = 8
# A night adds rows to these tables even if nothing changed.
TABLES_OF_RUN = {"run", "ledger_entry", "night_stats"}


@dataclass(frozen=True)
class Bench:
    """A site that is served, and a folder for the files of the runs."""

    address: str
    stories: int
    folder: Path

    @property
    def sitemap(self) -> str:
        """Return the URL of the sitemap."""
        return f"{self.address}/sitemap.xml"

    def new_folder(self, name: str) -> Path:
        """Create an empty folder."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))


Trial = Callable[[Bench, argparse.Namespace], list[str]]  # returns the limits that were missed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = _parse_options(arguments)
    misses: list[str] = []
    with tempfile.TemporaryDirectory(prefix="nightdesk-crawl-") as scratch:
        try:
            for trial, stories in _trials(options):
                with served(stories, options.pages, Path(scratch)) as bench:
                    misses += trial(bench, options)
        except subprocess.CalledProcessError as error:
            messages = (error.stderr or b"").decode(errors="replace").strip()
            exit_with_message(f"{' '.join(error.cmd[:4])} failed: {messages[-300:]}")
    for miss in misses:
        _print(f"missed: {miss}")
    return 1 if misses else 0


def _trials(options: argparse.Namespace) -> list[tuple[Trial, int]]:
    trials: list[tuple[Trial, int]] = []
    if options.soak:
        trials.append((measure_long_crawl, options.soak))
    if options.again:
        trials.append((measure_second_night, options.again))
    if trials:
        return trials
    return [(compare_raw_pages, options.stories), (compare_nights, options.stories)]


def _parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.crawl", description="Measures what crawling costs."
    )
    parser.add_argument(
        "--stories", type=int, default=2000, metavar="N", help="pages of the invented site"
    )
    parser.add_argument("--pairs", type=int, default=3, metavar="N", help="runs of each command")
    parser.add_argument(
        "--pages",
        metavar="FILE",
        nargs="+",
        default=[],
        help="serve these sets of labelled pages instead of invented pages",
    )
    parser.add_argument(
        "--soak",
        type=int,
        default=0,
        metavar="N",
        help="measure instead the memory of one crawl of N pages",
    )
    parser.add_argument(
        "--again",
        type=int,
        default=0,
        metavar="N",
        help="measure instead two nights over N unchanged stories",
    )
    return parser.parse_args(arguments)


@contextmanager
def served(stories: int, pages: Sequence[str], folder: Path) -> Iterator[Bench]:
    """Serve an invented site.

    Args:
        stories: How many stories it has.
        pages: Sets of labelled pages to serve instead.
        folder: Folder for the files of the runs.
    """
    command = [sys.executable, "-m", "tests.bench.generated_site", str(stories), *pages]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        first_line = server.stdout.readline().split()
        if not first_line:
            exit_with_message("the invented site did not start")
        try:
            yield Bench(first_line[0], int(first_line[1]), folder)
        finally:
            server.stdin.close()


def compare_raw_pages(bench: Bench, options: argparse.Namespace) -> list[str]:
    """Compare a crawl that stores raw pages with a spider that drops them."""
    _print(
        f"store {bench.stories} raw pages, {CONCURRENCY} requests at a time;"
        " compared with a bare Scrapy spider"
    )
    cpu, rate = _compare(
        bench,
        options.pairs,
        lambda: _crawl(bench, bench.new_folder("crawl")),
        lambda: _plain_scrapy(bench, "bare"),
    )
    _print(
        f"median: {cpu:.2f} times the CPU of bare Scrapy (at most {MAX_CPU_RATIO}),"
        f" {rate:.2f} times its pages a second"
    )
    if cpu > MAX_CPU_RATIO:
        return [f"a crawl with raw pages costs {cpu:.2f} times as much as bare Scrapy"]
    return []


def compare_nights(bench: Bench, options: argparse.Namespace) -> list[str]:
    """Compare whole nights with a spider that has trafilatura in its item pipeline."""
    _print(
        f"a night of {bench.stories} pages (crawl, clean, store);"
        " compared with Scrapy with trafilatura in its item pipeline"
    )
    cpu, rate = _compare(
        bench,
        options.pairs,
        lambda: _night(home_for(bench)),
        lambda: _plain_scrapy(bench, "trafilatura"),
    )
    _print(
        f"median: {cpu:.2f} times the CPU, {rate:.2f} times the pages a second"
        f" (at least {MIN_NIGHT_RATIO} on two idle cores)"
    )
    if rate < MIN_NIGHT_RATIO:
        return [f"a night is {rate:.2f} times as fast as Scrapy with trafilatura"]
    return []


def measure_long_crawl(bench: Bench, options: argparse.Namespace) -> list[str]:
    """Measure the memory of one long crawl."""
    folder = bench.new_folder("soak")
    cost = _crawl(bench, folder)
    result = json.loads((folder / "result").read_text(encoding="utf8"))
    samples = [megabytes for _, megabytes in result["megabytes"]]
    tenth = max(len(samples) // 10, 1)
    early = statistics.median(samples[tenth : 2 * tenth])
    late = statistics.median(samples[-tenth:])
    growth = late / early - 1
    milliseconds = 1000 * cost.cpu / bench.stories
    _print(
        f"{result['pages']} pages stored in {cost.wall:.0f} s, {milliseconds:.1f} ms of CPU each"
    )
    _print(
        f"memory {early:.0f} MB after a tenth, {late:.0f} MB at the end ({growth:+.0%}),"
        f" {cost.megabytes:.0f} MB at most"
    )
    misses = []
    if result["pages"] < bench.stories:
        misses.append(f"{result['pages']} pages of {bench.stories} were stored")
    if growth > MAX_GROWTH:
        misses.append(f"memory grew by {growth:.0%}")
    if cost.megabytes > MAX_MEGABYTES:
        misses.append(f"memory reached {cost.megabytes:.0f} MB")
    return misses


def measure_second_night(bench: Bench, options: argparse.Namespace) -> list[str]:
    """Measure two nights over a site that does not change."""
    home = home_for(bench)
    sent_bytes, row_counts = [], []
    for _ in range(2):
        sent_before = _server_counts(bench)["sent"]
        _night(home)
        sent_bytes.append(_server_counts(bench)["sent"] - sent_before)
        row_counts.append(_row_counts(home))
    first, second = sent_bytes
    changes = {}
    for table, count in sorted(row_counts[1].items()):
        change = count - row_counts[0].get(table, 0)
        if change:
            changes[table] = change
    _print(
        f"first night {first / 1e6:.1f} MB, second night {second / 1e6:.2f} MB"
        f" ({second / first:.1%})"
    )
    listed = ", ".join(f"{table} {change:+}" for table, change in changes.items())
    _print(f"new rows of the second night: {listed}")
    misses = []
    if second > MAX_SECOND_NIGHT * first:
        misses.append(f"the second night fetched {second / first:.1%} of the first one's bytes")
    other_tables = changes.keys() - TABLES_OF_RUN
    if other_tables:
        misses.append(f"the second night changed rows in {', '.join(sorted(other_tables))}")
    return misses


def _compare(
    bench: Bench, pairs: int, run_ours: Callable[[], Cost], run_theirs: Callable[[], Cost]
) -> tuple[float, float]:
    """Return the median ratios of ours to theirs: of CPU, and of pages per second.

    The two commands take turns in being the first of a pair.
    """
    _print(
        f"{'CPU ms a page':>24}{'plain':>8}{'ratio':>8}"
        f"{'pages a second':>18}{'plain':>8}{'ratio':>8}{'MB':>8}"
    )
    cpu_ratios, rate_ratios = [], []
    for pair in range(pairs):
        if pair % 2 == 0:
            ours = run_ours()
            theirs = run_theirs()
        else:
            theirs = run_theirs()
            ours = run_ours()
        cpu_ratios.append(ours.cpu / theirs.cpu)
        rate_ratios.append(theirs.wall / ours.wall)
        pages = bench.stories
        _print(
            f"{1000 * ours.cpu / pages:>24.2f}{1000 * theirs.cpu / pages:>8.2f}"
            f"{cpu_ratios[-1]:>8.2f}{pages / ours.wall:>18.0f}{pages / theirs.wall:>8.0f}"
            f"{rate_ratios[-1]:>8.2f}{ours.megabytes:>8.0f}"
        )
    return statistics.median(cpu_ratios), statistics.median(rate_ratios)


def _plain_scrapy(bench: Bench, kind: str) -> Cost:
    database = bench.new_folder(kind) / "articles.db"
    command = [sys.executable, "-m", "tests.bench.plain_scrapy", bench.sitemap, kind]
    return cost_of([*command, str(CONCURRENCY), str(database)], _checkout_environment())


def _crawl(bench: Bench, folder: Path) -> Cost:
    job = {
        "site": {"id": "made", **_site_options(bench)},
        "database_url": f"sqlite:///{folder / 'archive.db'}",
        "user_agent": "Nightdesk-bench (+nobody@example.org)",
        "log_file": str(folder / "log"),
        "log_level": "INFO",
        "since": None,
    }
    (folder / "job").write_text(json.dumps(job), encoding="utf8")
    command = [sys.executable, "-m", "tests.bench.crawl_memory"]
    return cost_of([*command, str(folder / "job"), str(folder / "result")], _checkout_environment())


def _night(home: Path) -> Cost:
    environment = {}
    for name, value in _checkout_environment().items():
        if not name.startswith("NIGHTDESK_"):
            environment[name] = value
    command = [sys.executable, "-P", "-m", "pipeline", "--home", str(home), "crawl"]
    return cost_of(command, environment)


def home_for(bench: Bench) -> Path:
    """Create a home folder with the settings and the site file of an invented site."""
    home = bench.new_folder("night")
    (home / "config" / "sites").mkdir(parents=True)
    settings = 'contact = "nobody@example.org"\n'
    (home / "config" / "nightdesk.toml").write_text(settings, encoding="utf8")
    lines, tables = [], []
    for key, value in _site_options(bench).items():
        if isinstance(value, dict):
            tables.append(f"[{key}]")
            tables += [f"{name} = {json.dumps(option)}" for name, option in value.items()]
        else:
            lines.append(f"{key} = {json.dumps(value)}")
    site_file = home / "config" / "sites" / "made.toml"
    site_file.write_text("\n".join([*lines, *tables]) + "\n", encoding="utf8")
    return home


def _site_options(bench: Bench) -> dict[str, Any]:
    return {
        "name": "The Made-up Times",
        "url": bench.address,
        "feeds": [f"{bench.address}/feed.xml"],
        "sitemaps": [bench.sitemap],
        "politeness": {
            "delay": 0.0,
            "concurrency": CONCURRENCY,
            "max_pages": 10**6,
            "max_minutes": 600.0,
            "max_megabytes": 10.0**6,
        },
        "safety": {"allow_private": True},
    }


def _row_counts(home: Path) -> dict[str, int]:
    """Return how many rows each table of an archive has."""
    with sqlite3.connect(home / "var" / "nightdesk.db") as db:
        names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        counts = {}
        for (name,) in names:
            counts[name] = db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
        return counts


def _server_counts(bench: Bench) -> dict[str, int]:
    with urllib.request.urlopen(f"{bench.address}/count") as response:
        return dict(json.load(response))


def _checkout_environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


def _print(line: str) -> None:
    sys.stdout.write(line + os.linesep)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
