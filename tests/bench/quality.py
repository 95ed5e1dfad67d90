"""python -m tests.bench.quality SETFILE… — how good the texts are, every candidate on the same pages.

Promises figures with the interval that chance leaves them, and the worth of each rule measured by leaving it out.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench import scoring
from tests.bench.candidates import CANDIDATES, OURS, Candidate, run
from tests.bench.scoring import Mark
from tests.bench.sets import Cache, LabelledSet, Row, load, refuse

SHOWN = ("precision", "recall", "f1", "exact", "title", "authors", "date")


def main(words: Sequence[str] | None = None) -> int:
    """The command."""
    options = _options(words)
    if not options.sets:
        refuse(
            "no set was given: name files of labelled pages; tests/bench/__init__.py says what they hold"
        )
    unknown = [name for name in options.candidates if name not in CANDIDATES]
    if unknown:
        refuse(f"there is no candidate {unknown[0]!r}; there are: {', '.join(CANDIDATES)}")
    chosen = [CANDIDATES[name] for name in options.candidates or CANDIDATES]
    for path in options.sets:
        pages = load(path)
        _quality(pages, chosen, options)
        if options.ablation:
            from tests.bench.ablation import (
                table as ablation,  # needs Nightdesk itself, which a candidate's own environment lacks
            )

            _print(ablation(pages, options.workers))
    return 0


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.quality", description="Scores extractors on labelled pages."
    )
    parser.add_argument("sets", metavar="SETFILE", nargs="*", type=Path)
    parser.add_argument(
        "--candidates",
        type=lambda text: text.split(","),
        default=[],
        help="some of: " + ", ".join(CANDIDATES),
    )
    parser.add_argument("--ablation", action="store_true", help="also leave out each rule in turn")
    parser.add_argument(
        "--bootstrap",
        type=int,
        default=1000,
        metavar="N",
        help="redrawings for the intervals; 0: none",
    )
    parser.add_argument("--cache", type=Path, help="folder that keeps the candidates' texts")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    return parser.parse_args(words)


def _quality(pages: LabelledSet, chosen: Sequence[Candidate], options: argparse.Namespace) -> None:
    cache, marks = Cache(options.cache), dict[str, list[Mark]]()
    for candidate in chosen:
        found = _found(candidate, pages, cache, options.workers)
        if found is None:
            sys.stderr.write(
                f"{candidate.name}: {candidate.package} is not installed here, and no text of it is cached\n"
            )
        else:
            marks[candidate.name] = [
                scoring.mark(page, found.get(page["id"], {})) for page in pages.pages
            ]
    draws = scoring.bootstrap(marks, options.bootstrap) if options.bootstrap else {}
    _print(table(pages, marks, draws))


def _found(
    candidate: Candidate, pages: LabelledSet, cache: Cache, processes: int
) -> dict[str, Row] | None:
    version = candidate.version
    kept = cache.get(pages, candidate.name, version)
    if kept is not None or not version:
        return kept
    rows = run(candidate, pages, processes)
    cache.put(pages, candidate.name, version, rows)
    return {row["id"]: row for row in rows}


def table(
    pages: LabelledSet,
    marks: Mapping[str, Sequence[Mark]],
    draws: Mapping[str, Sequence[Mapping[str, float]]],
) -> list[list[str]]:
    """The figures of one set, a line for each candidate, with the interval of F1 and of its distance to ours."""
    sites = {page.get("site") for page in pages.pages}
    head = [
        f"{pages.name}: {len(pages.pages)} pages of {len(sites)} sites",
        *SHOWN,
        "F1 between",
        "ours is better by",
    ]
    lines = [head]
    for name, each in marks.items():
        figures = scoring.score(each)
        shown = [f"{figures[measure]:.4f}" if measure in figures else "" for measure in SHOWN]
        lines.append([name, *shown, _between(draws, name), _better(draws, name)])
    return lines


def _between(draws: Mapping[str, Sequence[Mapping[str, float]]], name: str) -> str:
    return (
        "{:.4f} and {:.4f}".format(*scoring.interval([each["f1"] for each in draws[name]]))
        if name in draws
        else ""
    )


def _better(draws: Mapping[str, Sequence[Mapping[str, float]]], name: str) -> str:
    if name == OURS or not {name, OURS} <= draws.keys():
        return ""
    gains = [
        ours["f1"] - theirs["f1"] for ours, theirs in zip(draws[OURS], draws[name], strict=True)
    ]
    return "{:+.4f} to {:+.4f}".format(*scoring.interval(gains))


def _print(lines: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for first, *cells in lines:
        row = "  ".join(
            [
                first.ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)),
            ]
        )
        sys.stdout.write(row.rstrip() + "\n")
    sys.stdout.write("\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
