"""python -m tests.bench.crawl — what crawling costs beside plain Scrapy.

Promises figures of the same pages from the same server on this machine, in alternating runs, so that a busy machine troubles
both: keeping raw pages beside a spider that drops them, and a whole night (crawl, clean, store) beside a spider with
trafilatura in its item pipeline. With `--soak`, the memory of one long crawl; with `--again`, what a second night over an
unchanged site costs. Ends with 1 where a figure falls short of what is promised.
"""

from __future__ import annotations

import argparse
import json
import os
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

KEEPING = 1.25  # times the CPU of a bare spider, at the most
NIGHT = 1.9  # times the pages a second of a spider with trafilatura, at the least
GROWTH = 0.10  # of the memory of a long crawl, from its first tenth on
MEGABYTES = 400.0
AGAIN = 0.03  # of the first night's bytes
CONCURRENCY = 8


@dataclass(frozen=True)
class Bench:
    """A served site and a folder for what the runs write."""

    address: str
    stories: int
    folder: Path

    @property
    def sitemap(self) -> str:
        return f"{self.address}/sitemap.xml"

    def path(self, name: str) -> Path:
        """A path that no run has used."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))


def main(words: Sequence[str] | None = None) -> int:
    """The command."""
    options = _options(words)
    short: list[str] = []
    with tempfile.TemporaryDirectory(prefix="nightdesk-crawl-") as scratch:
        try:
            for trial, stories in _trials(options):
                with served(stories, options.pages, Path(scratch)) as bench:
                    short += trial(bench, options)
        except subprocess.CalledProcessError as error:
            exit_with_message(
                f"{' '.join(error.cmd[:4])} failed: {(error.stderr or b'').decode(errors='replace').strip()[-300:]}"
            )
    for each in short:
        _say(f"falls short: {each}")
    return 1 if short else 0


Trial = Callable[[Bench, argparse.Namespace], list[str]]


def _trials(options: argparse.Namespace) -> list[tuple[Trial, int]]:
    if options.soak or options.again:
        asked: list[tuple[Trial, int]] = [(soak, options.soak), (again, options.again)]
        return [(trial, stories) for trial, stories in asked if stories]
    return [(keeping, options.stories), (nights, options.stories)]


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.crawl", description="Measures what crawling costs."
    )
    parser.add_argument(
        "--stories", type=int, default=2000, metavar="N", help="pages of the made-up site"
    )
    parser.add_argument("--pairs", type=int, default=3, metavar="N", help="runs of each command")
    parser.add_argument(
        "--pages",
        metavar="FILE",
        nargs="+",
        default=[],
        help="sets of labelled pages, for made-up ones",
    )
    parser.add_argument(
        "--soak",
        type=int,
        default=0,
        metavar="N",
        help="instead: the memory of one crawl of so many pages",
    )
    parser.add_argument(
        "--again",
        type=int,
        default=0,
        metavar="N",
        help="instead: two nights over so many unchanged stories",
    )
    return parser.parse_args(words)


@contextmanager
def served(stories: int, pages: Sequence[str], folder: Path) -> Iterator[Bench]:
    command = [sys.executable, "-m", "tests.bench.generated_site", str(stories), *pages]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        told = server.stdout.readline().split()
        if not told:
            exit_with_message("the made-up site did not start")
        try:
            yield Bench(told[0], int(told[1]), folder)
        finally:
            server.stdin.close()


def keeping(bench: Bench, options: argparse.Namespace) -> list[str]:
    """Raw pages kept, beside a spider that drops them."""
    _say(
        f"keeping {bench.stories} raw pages, {CONCURRENCY} requests at a time, beside a bare Scrapy spider"
    )
    cpu, rate = _paired(
        bench,
        options.pairs,
        lambda: _keep(bench, bench.path("keep")),
        lambda: _plain(bench, "bare"),
    )
    _say(
        f"median: {cpu:.2f} times the CPU of bare Scrapy (at most {KEEPING}), {rate:.2f} times its pages a second"
    )
    return [f"keeping raw pages costs {cpu:.2f} times bare Scrapy"] if cpu > KEEPING else []


def nights(bench: Bench, options: argparse.Namespace) -> list[str]:
    """Whole nights, beside a spider with trafilatura in its item pipeline."""
    _say(
        f"a night of {bench.stories} pages (crawl, clean, store) beside Scrapy with trafilatura in its item pipeline"
    )
    cpu, rate = _paired(
        bench, options.pairs, lambda: _night(home_for(bench)), lambda: _plain(bench, "trafilatura")
    )
    _say(
        f"median: {cpu:.2f} times the CPU, {rate:.2f} times the pages a second (at least {NIGHT} on two cores that are idle)"
    )
    return (
        [f"a night is {rate:.2f} times as fast as Scrapy with trafilatura"] if rate < NIGHT else []
    )


def soak(bench: Bench, options: argparse.Namespace) -> list[str]:
    """The memory of one long crawl."""
    folder = bench.path("soak")
    cost = _keep(bench, folder)
    told = json.loads((folder / "result").read_text(encoding="utf8"))
    samples = [size for _, size in told["megabytes"]]
    tenth = max(len(samples) // 10, 1)
    early, late = statistics.median(samples[tenth : 2 * tenth]), statistics.median(samples[-tenth:])
    growth = late / early - 1
    _say(
        f"{told['pages']} pages kept in {cost.wall:.0f} s, {1000 * cost.cpu / bench.stories:.1f} ms of CPU each"
    )
    _say(
        f"memory {early:.0f} MB after a tenth, {late:.0f} MB at the end ({growth:+.0%}), {cost.megabytes:.0f} MB at the most"
    )
    wrong = (
        [f"{told['pages']} pages of {bench.stories} were kept"]
        if told["pages"] < bench.stories
        else []
    )
    wrong += [f"memory grew by {growth:.0%}"] if growth > GROWTH else []
    return wrong + (
        [f"memory reached {cost.megabytes:.0f} MB"] if cost.megabytes > MEGABYTES else []
    )


def again(bench: Bench, options: argparse.Namespace) -> list[str]:
    """Two nights over a site that did not change."""
    home = home_for(bench)
    sent, rows, change = [0], [_rows(home)], dict[str, int]()
    for _ in range(2):
        _night(home)
        sent.append(_count(bench)["sent"])
        rows.append(_rows(home))
    first, second = sent[1] - sent[0], sent[2] - sent[1]
    change = {
        table: count - rows[1].get(table, 0)
        for table, count in rows[2].items()
        if count != rows[1].get(table, 0)
    }
    _say(
        f"first night {first / 1e6:.1f} MB, second night {second / 1e6:.2f} MB ({second / first:.1%})"
    )
    _say(
        "new rows of the second night: "
        + ", ".join(f"{table} {count:+}" for table, count in sorted(change.items()))
    )
    wrong = (
        [f"the second night cost {second / first:.1%} of the first one's bytes"]
        if second > AGAIN * first
        else []
    )
    others = change.keys() - {"run", "ledger_entry", "night_stats"}  # the figures of the run
    return wrong + (
        [f"the second night made rows in {', '.join(sorted(others))}"] if others else []
    )


def _paired(
    bench: Bench, times: int, ours: Callable[[], Cost], theirs: Callable[[], Cost]
) -> tuple[float, float]:
    """Medians of ours to theirs: CPU, and pages a second. The first of a pair in turn."""
    _say(
        f"{'CPU ms a page':>24}{'plain':>8}{'ratio':>8}{'pages a second':>18}{'plain':>8}{'ratio':>8}{'MB':>8}"
    )
    cpu, rate = [], []
    for turn in range(times):
        costs = [each() for each in ((ours, theirs) if turn % 2 == 0 else (theirs, ours))]
        our, their = costs if turn % 2 == 0 else reversed(costs)
        cpu.append(our.cpu / their.cpu)
        rate.append(their.wall / our.wall)
        number = bench.stories
        _say(
            f"{1000 * our.cpu / number:>24.2f}{1000 * their.cpu / number:>8.2f}{cpu[-1]:>8.2f}"
            f"{number / our.wall:>18.0f}{number / their.wall:>8.0f}{rate[-1]:>8.2f}{our.megabytes:>8.0f}"
        )
    return statistics.median(cpu), statistics.median(rate)


def _plain(bench: Bench, kind: str) -> Cost:
    database = bench.path(kind) / "articles.db"
    command = [
        "-m",
        "tests.bench.plain_scrapy",
        bench.sitemap,
        kind,
        str(CONCURRENCY),
        str(database),
    ]
    return cost_of([sys.executable, *command], os.environ | {"PYTHONPATH": str(ROOT)})


def _keep(bench: Bench, folder: Path) -> Cost:
    job = {
        "site": {"id": "made", **_site(bench)},
        "database_url": f"sqlite:///{folder / 'archive.db'}",
        "user_agent": "Nightdesk-bench (+nobody@example.org)",
        "log_file": str(folder / "log"),
        "log_level": "INFO",
        "since": None,
    }
    (folder / "job").write_text(json.dumps(job), encoding="utf8")
    command = [
        sys.executable,
        "-m",
        "tests.bench.crawl_memory",
        str(folder / "job"),
        str(folder / "result"),
    ]
    return cost_of(command, os.environ | {"PYTHONPATH": str(ROOT)})


def _night(home: Path) -> Cost:
    return cost_of(
        [sys.executable, "-P", "-m", "pipeline", "--home", str(home), "crawl"], _bare_environment()
    )


def home_for(bench: Bench) -> Path:
    home = bench.path("night")
    (home / "config" / "sites").mkdir(parents=True)
    (home / "config" / "nightdesk.toml").write_text(
        'contact = "nobody@example.org"\n', encoding="utf8"
    )
    lines = []
    for key, value in _site(bench).items():
        lines += (
            [f"[{key}]", *(f"{name} = {json.dumps(each)}" for name, each in value.items())]
            if isinstance(value, dict)
            else []
        )
    plain = [
        f"{key} = {json.dumps(value)}"
        for key, value in _site(bench).items()
        if not isinstance(value, dict)
    ]
    (home / "config" / "sites" / "made.toml").write_text(
        "\n".join([*plain, *lines]) + "\n", encoding="utf8"
    )
    return home


def _site(bench: Bench) -> dict[str, Any]:
    return {
        "name": "The Made-up Times",
        "url": bench.address,
        "feeds": [f"{bench.address}/feed.xml"],
        "sitemaps": [bench.sitemap],
        "politeness": {
            "delay": 0.0, "concurrency": CONCURRENCY, "max_pages": 10**6, "max_minutes": 600.0, "max_megabytes": 10.0**6,
        },
        "safety": {"allow_private": True},
    }  # fmt: skip


def _rows(home: Path) -> dict[str, int]:
    """Rows of each table of an archive; nothing where there is none yet."""
    import sqlite3

    path = home / "var" / "nightdesk.db"
    if not path.exists():
        return {}
    with sqlite3.connect(path) as db:
        tables = [
            name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        return {name: db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}


def _count(bench: Bench) -> dict[str, int]:
    with urllib.request.urlopen(f"{bench.address}/count") as answer:
        return dict(json.load(answer))


def _bare_environment() -> dict[str, str]:
    return {
        name: value for name, value in os.environ.items() if not name.startswith("NIGHTDESK_")
    } | {"PYTHONPATH": str(ROOT)}


def _say(line: str) -> None:
    sys.stdout.write(line + os.linesep)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
