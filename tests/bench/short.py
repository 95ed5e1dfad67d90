"""Run the short form of the benchmarks that need no pages: `python -m tests.bench.short`.

It prints what each of them says, with the figures that were published last beneath. The short forms
are small, so a figure that differs by less than a third says nothing.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.costs import ROOT


@dataclass(frozen=True, slots=True)
class ShortForm:
    """A benchmark in its short form.

    Attributes:
        name: Its module in `tests.bench`.
        arguments: What makes it short.
        published: What docs/explanation/performance.md says of it.
    """

    name: str
    arguments: tuple[str, ...]
    published: str


SHORT_FORMS = (
    ShortForm(
        "many_sites",
        ("--sites", "12"),
        "CPU seconds a site: .39 with nothing new, .71 with ten new stories (12 sites)",
    ),
    ShortForm("start", ("--runs", "3"), "CPU seconds: search and show .53, --help .25"),
    ShortForm("crawl", ("--stories", "300"), "1.02, 1.20 and 1.36 times a bare spider's CPU"),
    ShortForm(
        "search",
        ("--articles", "2000", "--engines", "sqlite", "--queries", "2"),
        "a million articles: medians of 1 to 48 ms; 2.8 kB of index an article",
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Return 1 if a benchmark failed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.short", description="Runs the short forms of benchmarks."
    )
    names = [form.name for form in SHORT_FORMS]
    parser.add_argument("--only", choices=names, action="append", help="a benchmark to run")
    options = parser.parse_args(arguments)
    failed = False
    for form in SHORT_FORMS:
        if not options.only or form.name in options.only:
            failed = not run(form) or failed
    return int(failed)


def run(form: ShortForm) -> bool:
    """Run a benchmark and print its lines and what was published. Return whether it succeeded."""
    began = time.monotonic()
    command = [sys.executable, "-m", f"tests.bench.{form.name}", *form.arguments]
    completed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = completed.stdout.splitlines()
    if completed.returncode:
        lines += completed.stderr.splitlines()[-3:]
    print(f"{form.name} {' '.join(form.arguments)} ({time.monotonic() - began:.0f} s)")  # noqa: T201
    for line in lines:
        print(f"  now        {line}")  # noqa: T201
    print(f"  published  {form.published}\n", flush=True)  # noqa: T201
    return completed.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
