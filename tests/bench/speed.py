"""Measure what cleaning costs: `python -m tests.bench.speed FILES…`.

It measures the CPU seconds of `nightdesk extract` and of the trafilatura command on the same files,
child processes included. The runs alternate, so that other load affects both. Then it measures
cleaning again in an archive (see `second_night`).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench.costs import Cost, cost_of
from tests.bench.sets import exit_with_message

PROCESSES = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = _parse_options(arguments)
    if not options.files:
        exit_with_message(
            "no files were given: name HTML files, folders of them, WARC files,"
            " or files of labelled pages"
        )
    with tempfile.TemporaryDirectory(prefix="nightdesk-speed-") as scratch:
        pages, results = Path(scratch, "pages"), Path(scratch, "results")
        pages.mkdir()
        page_count = _write_pages(options.files, pages)
        if not page_count:
            exit_with_message("the files hold no page")
        size = sum(path.stat().st_size for path in pages.iterdir())
        _print(f"{page_count} pages, {size / page_count / 1000:.0f} kB each")
        try:
            _compare(pages, results, options.pairs, page_count)
            if options.archive:
                from tests.bench.second_night import measure  # needs a database

                measure(pages, Path(scratch, "home"), _print)
        except subprocess.CalledProcessError as error:
            messages = error.stderr.decode(errors="replace").strip()
            exit_with_message(f"{error.cmd[0]} failed: {messages[-300:]}")
    return 0


def _parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.speed", description="Measures what cleaning costs."
    )
    parser.add_argument("files", metavar="FILES", nargs="*")
    parser.add_argument("--pairs", type=int, default=3, metavar="N", help="runs of each command")
    parser.add_argument(
        "--no-archive",
        dest="archive",
        action="store_false",
        help="leave out cleaning again in an archive",
    )
    return parser.parse_args(arguments)


def _write_pages(files: Sequence[str], folder: Path) -> int:
    """Write each page to a file of its own, as trafilatura needs it; return how many."""
    from pipeline.core.errors import NightdeskError
    from pipeline.formats.readers.extract_input import check_input, read_input

    try:
        check_input(files)
    except NightdeskError as error:
        exit_with_message(str(error))
    page_count = 0
    for page_count, page in enumerate(read_input(files, _print_problem), 1):
        (folder / f"{page_count:06}.html").write_bytes(page.body)
    return page_count


def _print_problem(sentence: str, _: object) -> None:
    sys.stderr.write(f"{sentence}\n")


def _compare(pages: Path, results: Path, pairs: int, page_count: int) -> None:
    """Run both commands alternately; they take turns in being the first of a pair."""
    _print(f"{'CPU seconds':>24}{'trafilatura':>13}{'ratio':>8}")
    ratios: list[float] = []
    last_cost = Cost(0.0, 0.0, 0.0)
    for pair in range(pairs):
        folder = results / str(pair)
        if pair % 2 == 0:
            ours = _run_extract(pages, folder)
            theirs = _run_trafilatura(pages, folder)
        else:
            theirs = _run_trafilatura(pages, folder)
            ours = _run_extract(pages, folder)
        ratios.append(ours.cpu / theirs.cpu)
        _print(f"{'extract':>13}{ours.cpu:>11.2f}{theirs.cpu:>13.2f}{ratios[-1]:>8.2f}")
        last_cost = ours
    _print(
        f"median ratio {statistics.median(ratios):.2f};"
        f" extract took {1000 * last_cost.cpu / page_count:.1f} ms a page,"
        f" {last_cost.wall:.1f} s in all"
    )


def _run_extract(pages: Path, results: Path) -> Cost:
    results.mkdir(parents=True, exist_ok=True)
    command = [_program("nightdesk"), "extract", str(pages)]
    command += ["--output", str(results / "ours.jsonl"), "--workers", str(PROCESSES)]
    return cost_of(command)


def _run_trafilatura(pages: Path, results: Path) -> Cost:
    results.mkdir(parents=True, exist_ok=True)
    command = [_program("trafilatura"), "--json", "--with-metadata", "--parallel", str(PROCESSES)]
    return cost_of([*command, "--input-dir", str(pages), "--output-dir", str(results)])


def _program(name: str) -> str:
    """Return the path of a program of this environment."""
    return str(Path(sys.executable).with_name(name))


def _print(line: str) -> None:
    sys.stdout.write(line + os.linesep)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
