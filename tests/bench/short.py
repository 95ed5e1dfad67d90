"""Run the short form of all benchmarks: `python -m tests.bench.short [SET…]`.

It prints one table: each figure beside the one that docs/explanation/performance.md has.
Ratios are measured in one run of both sides, so they say something on a loaded machine, too. The
seconds do not. The short forms are small: a figure that differs by less than a third says nothing.
Benchmarks that need labelled pages run where sets are given.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.costs import ROOT

SETS = "{sets}"  # in the arguments of a benchmark: the sets that were given
NUMBER = r"(-?[\d.,]+)"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a benchmark.

    Attributes:
        name: What it says, with its unit.
        pattern: Finds it in what the benchmark prints. `#` stands for the figure.
        published: What the documentation says of it.
    """

    name: str
    pattern: str
    published: str

    def find(self, output: str) -> str:
        """Return the figure in an output, or "" where it is missing."""
        found = re.search(self.pattern.replace("#", NUMBER), output)
        return found.group(1).rstrip(".,") if found else ""


@dataclass(frozen=True, slots=True)
class ShortForm:
    """A benchmark in its short form.

    Attributes:
        name: Its module in `tests.bench`.
        arguments: What makes it short.
        figures: Its figures.
    """

    name: str
    arguments: tuple[str, ...]
    figures: tuple[Figure, ...]

    @property
    def needs_sets(self) -> bool:
        """Whether it measures pages that somebody has to bring."""
        return SETS in self.arguments


SHORT_FORMS = (
    ShortForm(
        "many_sites",
        ("--sites", "12"),
        (
            Figure("CPU s a site, nothing new", r"nothing new +#", ".17 (60 sites)"),
            Figure("CPU s a site, one new story", r"one new story +#", ".40 (60 sites)"),
            Figure("CPU s a site, ten new stories", r"ten new stories +#", ".49 (60 sites)"),
        ),
    ),
    ShortForm(
        "crawl",
        ("--stories", "300", "--pairs", "1"),
        (
            Figure(
                "raw pages: CPU to bare Scrapy",
                r"# times the CPU of bare Scrapy",
                "1.02 to 1.36",
            ),
            Figure("night: pages/s to Scrapy", r"CPU, # times the pages a second", "2.6"),
            Figure("night: CPU to Scrapy", r"median: # times the CPU, ", ".68"),
        ),
    ),
    ShortForm(
        "large_site",
        ("--pages", "1000", "--pairs", "1", "--engines", "sqlite"),
        (
            Figure("rules only, ms of CPU a page", r"rules only # ms", ".68 (5,000)"),
            Figure("two processes to one, by CPU", r"reach # times", "1.90 (5,000)"),
        ),
    ),
    ShortForm("start", ("--runs", "3"), "CPU of before: search .65 and show .69 times"),
    ShortForm(
        "search",
        ("--articles", "2000", "--engines", "sqlite", "--queries", "2"),
        (Figure("index, kB an article", r"index # kB", "2.8"),),
    ),
    ShortForm(
        "near_duplicates",
        ("--articles", "2000", "--engines", "sqlite"),
        (Figure("ms of CPU an article", r" # of CPU in this process", "0.9"),),
    ),
    ShortForm(
        "storage",
        ("--pages", "400"),
        (
            Figure("size to zstd alone", r"here: # of it", ".147 (200,000 pages)"),
            Figure("ms of CPU to store a page", r", # ms for the others", "3"),
        ),
    ),
    ShortForm(
        "exports",
        ("--articles", "1000", "--formats", "jsonl,parquet"),
        (
            Figure("JSON lines, CPU s", r"jsonl .* # s of CPU", "12 (100,000 articles)"),
            Figure("Parquet, CPU s", r"parquet .* # s of CPU", "58 (100,000 articles)"),
        ),
    ),
    ShortForm(
        "verify_backup",
        ("--pages", "2000"),
        (
            Figure("verify, s", r"pages verify +# s", "178 (100,000 pages)"),
            Figure("backup, s", r"pages backup +# s", "53 (100,000 pages)"),
        ),
    ),
    ShortForm(
        "evidence_log",
        ("--captures", "5000"),
        (
            Figure("to seal a capture, µs", r"CPU, # µs each", "35"),
            Figure("bytes a capture", r"# bytes for a capture", "147"),
        ),
    ),
    ShortForm(
        "sealing_share",
        ("--sites", "12"),
        (Figure("sealing, ms a site", r"sealing # ms a site", "see the page"),),
    ),
    ShortForm(
        "web",
        ("--articles", "500", "--seconds", "1"),
        (
            Figure("front page, ms of CPU", r"front page .*second +# ms", "see the page"),
            Figure("p95 of clients, ms", r"p95 # ms", "see the page"),
        ),
    ),
    ShortForm(
        "health",
        ("--nights", "30", "--sites", "10"),
        (
            Figure(
                "false alarms in 1,000 nights",
                r"healthy nights: #",
                "see monitoring",
            ),
        ),
    ),
    ShortForm("api", ("3",), (Figure("requests without a fault", r"# requests in", "1,358"),)),
    ShortForm(
        "cluster",
        ("--pages", "600", "--sites", "2"),
        (Figure("two workers to one", r"workers clean # times", "1.65 to 2.14"),),
    ),
    ShortForm(
        "speed",
        ("--pairs", "1", SETS),
        (Figure("extract to trafilatura's CPU", r"extract +\S+ +\S+ +#", ".59, .60"),),
    ),
    ShortForm(
        "steps", (SETS,), (Figure("share of trafilatura, %", r"(?m)^trafilatura.* #", "24"),)
    ),
    ShortForm("quality", (SETS,), (Figure("F1", r"(?m)^nightdesk +#", "see the page"),)),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Return 1 if a benchmark failed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.short", description="Runs the short forms of all benchmarks."
    )
    names = [form.name for form in SHORT_FORMS]
    parser.add_argument("sets", nargs="*", type=Path, metavar="SET", help="sets of labelled pages")
    parser.add_argument("--only", choices=names, action="append", help="a benchmark to run")
    options = parser.parse_args(arguments)
    failed: list[str] = []
    _print(f"{'benchmark':16}{'figure':34}{'now':>10}  published")
    for form in SHORT_FORMS:
        if not options.only or form.name in options.only:
            failed += run(form, options.sets)
    for sentence in failed:
        _print(sentence)
    return int(bool(failed))


def run(form: ShortForm, sets: Sequence[Path]) -> list[str]:
    """Run a benchmark and print its rows of the table. Return a sentence if it failed."""
    if form.needs_sets and not sets:
        for row in rows(form, "", "no set"):
            _print(row)
        return []
    arguments: list[str] = []
    for argument in form.arguments:
        arguments += [str(path) for path in sets] if argument == SETS else [argument]
    command = [sys.executable, "-m", f"tests.bench.{form.name}", *arguments]
    completed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    for row in rows(form, completed.stdout, "missing"):
        _print(row)
    if completed.returncode:
        last_line = (completed.stderr or completed.stdout).strip().splitlines()[-1:]
        return [f"{form.name} ended with {completed.returncode}: {''.join(last_line)}"]
    return []


def rows(form: ShortForm, output: str, missing: str) -> Iterator[str]:
    """Yield the rows of a benchmark.

    Args:
        form: The benchmark.
        output: What it printed.
        missing: Stands for a figure that the output does not have.
    """
    for figure in form.figures:
        now = figure.find(output) or missing
        yield f"{form.name:16}{figure.name:34}{now:>10}  {figure.published}"


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
