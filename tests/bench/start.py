"""Measure what the start of commands costs: `python -m tests.bench.start`.

The figure is user and system CPU time of the whole process, the median of several runs. The
archive has a few invented stories. `--against` names another checkout, which runs alternately.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from tests.bench.costs import ROOT, cost_of
from tests.bench.generated_site import page_of
from tests.bench.second_night import make_archive

STORIES = 20
COMMANDS = (("--version",), ("--help",), ("search", "that", "--limit", "5"), ("show", "2"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.start", description="Measures the start of commands."
    )
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="another checkout")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="runs of each command")
    options = parser.parse_args(arguments)
    checkouts = [ROOT] + ([options.against] if options.against else [])
    with tempfile.TemporaryDirectory(prefix="nightdesk-start-") as scratch:
        pages, home = Path(scratch, "pages"), Path(scratch, "home")
        pages.mkdir()
        for number in range(STORIES):
            (pages / f"{number}.html").write_bytes(page_of(number, STORIES))
        make_archive(pages, home)
        _run(ROOT, home, ("clean",))
        for words in COMMANDS:
            costs: dict[Path, list[float]] = {checkout: [] for checkout in checkouts}
            for _ in range(options.runs):
                for checkout in checkouts:
                    costs[checkout].append(_run(checkout, home, words))
            figures = [median(costs[checkout]) for checkout in checkouts]
            line = f"{words[0]:12}" + "".join(f"{figure:8.2f}" for figure in figures)
            if options.against:
                line += f"   ratio {figures[0] / figures[1]:.2f}"
            print(line, "CPU seconds", flush=True)  # noqa: T201
    return 0


def _run(checkout: Path, home: Path, words: Sequence[str]) -> float:
    command = [sys.executable, "-P", "-m", "pipeline"]
    if not words[0].startswith("-"):
        command += ["--home", str(home)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NIGHTDESK_")}
    environment["PYTHONPATH"] = str(checkout)
    return cost_of([*command, *words], environment).cpu


if __name__ == "__main__":
    sys.exit(main())
