"""python -m tests.bench.speed FILES… — what cleaning costs.

Promises CPU seconds, children included, of `nightdesk extract` and of the trafilatura command on the same files, in alternating
runs, so that a busy machine troubles both; and of cleaning again in an archive, after a change of rules and after none.
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


def main(words: Sequence[str] | None = None) -> int:
    """The command."""
    options = _options(words)
    if not options.files:
        exit_with_message(
            "no files were given: name HTML files, folders of them, WARC files, or files of labelled pages"
        )
    with tempfile.TemporaryDirectory(prefix="nightdesk-speed-") as scratch:
        pages, results = Path(scratch, "pages"), Path(scratch, "results")
        pages.mkdir()
        number = _spread(options.files, pages)
        if not number:
            exit_with_message("the files hold no page")
        _say(
            f"{number} pages, {sum(path.stat().st_size for path in pages.iterdir()) / number / 1000:.0f} kB each"
        )
        try:
            _pairs(pages, results, options.pairs, number)
            if options.archive:
                from tests.bench.second_night import measure  # needs a database

                measure(pages, Path(scratch, "home"), _say)
        except subprocess.CalledProcessError as error:
            exit_with_message(
                f"{error.cmd[0]} failed: {error.stderr.decode(errors='replace').strip()[-300:]}"
            )
    return 0


def _options(words: Sequence[str] | None) -> argparse.Namespace:
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
    return parser.parse_args(words)


def _spread(files: Sequence[str], folder: Path) -> int:
    """Writes each page to a file of its own, which is what the other command reads."""
    from pipeline.core.errors import NightdeskError
    from pipeline.formats.readers.extract_input import check_input as check
    from pipeline.formats.readers.extract_input import read_input as read

    number = 0
    try:
        check(files)
    except NightdeskError as error:
        exit_with_message(str(error))
    for number, page in enumerate(read(files, _complain), 1):
        (folder / f"{number:06}.html").write_bytes(page.body)
    return number


def _complain(sentence: str, _: object) -> None:
    sys.stderr.write(f"{sentence}\n")


def _pairs(pages: Path, results: Path, times: int, number: int) -> None:
    """Alternating runs, the first command of a pair in turn."""
    _say(f"{'CPU seconds':>24}{'trafilatura':>13}{'ratio':>8}")
    ratios = []
    for turn in range(times):
        order = (_ours, _theirs) if turn % 2 == 0 else (_theirs, _ours)
        cost = {run: run(pages, results / f"{turn}") for run in order}
        ours, theirs = cost[_ours], cost[_theirs]
        ratios.append(ours.cpu / theirs.cpu)
        _say(f"{'extract':>13}{ours.cpu:>11.2f}{theirs.cpu:>13.2f}{ratios[-1]:>8.2f}")
    each = 1000 * ours.cpu / number
    _say(
        f"median ratio {statistics.median(ratios):.2f}; extract took {each:.1f} ms a page, {ours.wall:.1f} s in all"
    )


def _ours(pages: Path, results: Path) -> Cost:
    results.mkdir(parents=True, exist_ok=True)
    command = [_beside("nightdesk"), "extract", str(pages), "--output", str(results / "ours.jsonl")]
    return cost_of([*command, "--workers", str(PROCESSES)])


def _theirs(pages: Path, results: Path) -> Cost:
    results.mkdir(parents=True, exist_ok=True)
    command = [_beside("trafilatura"), "--json", "--with-metadata", "--parallel", str(PROCESSES)]
    return cost_of([*command, "--input-dir", str(pages), "--output-dir", str(results)])


def _beside(name: str) -> str:
    """A command of this environment, as people call it."""
    return str(Path(sys.executable).with_name(name))


def _say(line: str) -> None:
    sys.stdout.write(line + os.linesep)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
