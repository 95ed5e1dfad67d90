"""python -m tests.bench.quality SETFILE…: measures how good the texts of all candidates are.

All candidates run on the same pages. Each figure has the interval that chance leaves it. With
`--ablation`, each rule is left out in turn to measure what it is worth.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench import scoring
from tests.bench.candidates import CANDIDATES, OURS, Candidate, run_candidate
from tests.bench.scoring import PageScore
from tests.bench.sets import Cache, LabelledSet, Row, exit_with_message, load_set

COLUMNS = ("precision", "recall", "f1", "exact", "title", "authors", "date")
Samples = Mapping[str, Sequence[Mapping[str, float]]]  # averages of each sample by candidate


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = _parse_options(arguments)
    if not options.sets:
        exit_with_message(
            "no set was given: name files of labelled pages; "
            "tests/bench/__init__.py says what they hold"
        )
    for name in options.candidates:
        if name not in CANDIDATES:
            names = ", ".join(CANDIDATES)
            exit_with_message(f"there is no candidate {name!r}; there are: {names}")
    candidates = [CANDIDATES[name] for name in options.candidates or CANDIDATES]
    for path in options.sets:
        labelled_set = load_set(path)
        _measure(labelled_set, candidates, options)
        if options.ablation:
            # The environment of another candidate may lack Nightdesk itself.
            from tests.bench import ablation

            _print_table(ablation.table(labelled_set, options.workers))
    return 0


def _parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
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
        help="random samples for the intervals; 0: no intervals",
    )
    parser.add_argument("--cache", type=Path, help="folder that stores the candidates' texts")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    return parser.parse_args(arguments)


def _measure(
    labelled_set: LabelledSet, candidates: Sequence[Candidate], options: argparse.Namespace
) -> None:
    cache = Cache(options.cache)
    scores: dict[str, list[PageScore]] = {}
    for candidate in candidates:
        rows = candidate_rows(candidate, labelled_set, cache, options.workers)
        if rows is None:
            sys.stderr.write(
                f"{candidate.name}: {candidate.package} is not installed here, "
                "and the cache has no text of it\n"
            )
            continue
        scores[candidate.name] = []
        for page in labelled_set.pages:
            page_score = scoring.score_page(page, rows.get(page["id"], {}))
            scores[candidate.name].append(page_score)
    samples: Samples = {}
    if options.bootstrap:
        samples = scoring.bootstrap(scores, options.bootstrap)
    _print_table(table(labelled_set, scores, samples))


def candidate_rows(
    candidate: Candidate, labelled_set: LabelledSet, cache: Cache, processes: int
) -> dict[str, Row] | None:
    """Return a candidate's rows by page id, from the cache or by a run.

    None means that it is not installed, and the cache has no rows.
    """
    version = candidate.version
    cached = cache.get(labelled_set, candidate.name, version)
    if cached is not None or not version:
        return cached
    rows = run_candidate(candidate, labelled_set, processes)
    cache.put(labelled_set, candidate.name, version, rows)
    return {row["id"]: row for row in rows}


def table(
    labelled_set: LabelledSet, scores: Mapping[str, Sequence[PageScore]], samples: Samples
) -> list[list[str]]:
    """Return the figures of one set, a row for each candidate.

    The last columns are the intervals of F1 and of its distance to Nightdesk's.
    """
    sites = {page.get("site") for page in labelled_set.pages}
    title = f"{labelled_set.name}: {len(labelled_set.pages)} pages of {len(sites)} sites"
    rows = [[title, *COLUMNS, "F1 between", "ours is better by"]]
    for name, candidate_scores in scores.items():
        averages = scoring.average_scores(candidate_scores)
        row = [name]
        for measure in COLUMNS:
            row.append(f"{averages[measure]:.4f}" if measure in averages else "")
        row += [_f1_interval(samples, name), _advantage_interval(samples, name)]
        rows.append(row)
    return rows


def _f1_interval(samples: Samples, name: str) -> str:
    if name not in samples:
        return ""
    low, high = scoring.interval([sample["f1"] for sample in samples[name]])
    return f"{low:.4f} and {high:.4f}"


def _advantage_interval(samples: Samples, name: str) -> str:
    if name == OURS or name not in samples or OURS not in samples:
        return ""
    differences = []
    for ours, theirs in zip(samples[OURS], samples[name], strict=True):
        differences.append(ours["f1"] - theirs["f1"])
    low, high = scoring.interval(differences)
    return f"{low:+.4f} to {high:+.4f}"


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        for cell, width in zip(row[1:], widths[1:], strict=True):
            cells.append(cell.rjust(width))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
    sys.stdout.write("\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
