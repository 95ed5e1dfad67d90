"""python -m tests.bench.train SETFILE… — trains the trees that give each line its chance, and says what they are worth.

Promises figures of pages whose sites the trees have not seen: the sites are dealt into folds, and the pages of each are cleaned
whole, by all rules, with trees of the other folds. What is written in the end was trained on all. Needs LightGBM and NumPy.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any, cast

from pipeline.core.models import ExtractedPage
from pipeline.extract.charset import decode
from pipeline.extract.decision_trees import DecisionTrees
from pipeline.extract.document import extract_page
from pipeline.extract.html import parse_html
from pipeline.extract.line_classifier import trafilatura_lines
from pipeline.extract.line_features import FEATURE_NAMES, VOTE_FEATURES, ExtractorLines, LineFeatures
from pipeline.extract.metadata.metadata import read_metadata
from pipeline.extract.sanitize import repair_markup
from pipeline.extract.text_lines import Region, read_lines
from pipeline.jobs.batch_clean import PageBatch
from pipeline.store.clean.types import PendingPayload
from tests.bench import scoring
from tests.bench.candidates import inputs
from tests.bench.labels import shares
from tests.bench.sets import LabelledSet, Row, load, refuse

TREES, ALONE = 200, 60
OPTIONS: dict[str, Any] = {
    "objective": "binary", "num_leaves": 16, "learning_rate": 0.07, "min_data_in_leaf": 40, "lambda_l2": 5,
    "bagging_fraction": 0.8, "bagging_freq": 1, "feature_fraction": 0.5, "seed": 1, "num_threads": 1, "verbose": -1,
    "deterministic": True,
}  # fmt: skip
OPTIONS_ALONE = OPTIONS | {
    "num_leaves": 8,
    "learning_rate": 0.2,
    "feature_fraction": 0.4,
}  # larger ones learn the pages by heart
HALF = 0.5  # of a line in the labelled text, for it to count as story


@dataclass(frozen=True, slots=True)
class Example:
    """One page's lines as numbers, with the share of each that is story, and how much each weighs."""

    fold: int
    rows: list[list[float]]
    shares: list[float]
    weights: list[float]


def main(words: Sequence[str] | None = None) -> int:
    """The command."""
    options = _options(words)
    if not options.sets:
        refuse(
            "no set was given: name files of labelled pages; tests/bench/__init__.py says what they hold"
        )
    sets = [load(path) for path in options.sets]
    weights = _weights(options.weight)
    examples = [
        example
        for pages in sets
        for example in _examples(pages, weights.get(pages.name, 1.0), options.folds)
    ]
    if options.folds > 1:
        measure(sets, examples, options.folds)
    if options.out:
        options.out.write_text(
            json.dumps(train(examples), separators=(",", ":")) + "\n", encoding="utf8"
        )
    return 0


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.train", description="Trains and measures the trees."
    )
    parser.add_argument("sets", metavar="SETFILE", nargs="*", type=Path)
    parser.add_argument(
        "--folds",
        type=int,
        default=5,
        help="parts that the sites are dealt into; 1: do not measure",
    )
    parser.add_argument(
        "--weight",
        action="append",
        default=[],
        metavar="SET=N",
        help="how much the pages of a set count",
    )
    parser.add_argument(
        "--out", type=Path, help="where the trees are written; none: they are only measured"
    )
    return parser.parse_args(words)


def _weights(given: Iterable[str]) -> dict[str, float]:
    try:
        return {name: float(number) for name, _, number in (each.partition("=") for each in given)}
    except ValueError:
        refuse("--weight: is a set's name, '=' and a number")


def fold_of(page: Row, folds: int) -> int:
    """The part that a page's site was dealt into: the same in every run."""
    return zlib.crc32((page.get("site") or page["id"]).encode()) % folds


def _examples(pages: LabelledSet, weight: float, folds: int) -> Iterator[Example]:
    sizes = Counter(page.get("site") for page in pages.pages)
    for page in pages.pages:
        example = example_of(page, weight / sqrt(sizes[page.get("site")]), fold_of(page, folds))
        if example is not None:
            yield example


def example_of(page: Row, weight: float, fold: int) -> Example | None:
    """The numbers of one labelled page; None where nothing can be learnt from it."""
    tree = parse_html(repair_markup(decode(page["html"].encode("utf8", "replace"), "utf-8")))
    if tree is None:
        return None
    metadata = read_metadata(tree)
    view = LineFeatures(read_lines(tree), metadata)
    view.add_votes(ExtractorLines(trafilatura_lines(tree)))
    found = shares([piece.text for piece in view.lines], page["text"])
    asked = [i for i in range(len(view.lines)) if not view.is_far(i)]
    each = [_weight(view, i, found[i]) for i in asked]
    story = sum(w for i, w in zip(asked, each, strict=True) if found[i] >= HALF) + 1
    return Example(
        fold,
        [view.with_votes(i, view.features(i)) for i in asked],
        [found[i] for i in asked],
        [weight * w / sqrt(story) for w in each],
    )


def _weight(view: LineFeatures, i: int, share: float) -> float:
    """Long lines count more, half labelled ones less, and the title, which a rule strikes, not at all."""
    ours = view.letters[i] == view.title
    if view.title and (
        ours or (view.lines[i].element.regions & Region.HEADING and view.title_overlap(i) >= 0.75)
    ):
        return 0.0
    return (1 + sqrt(view.words[i])) * (abs(share - HALF) * 2 if 0 < share < 1 else 1)


def train(examples: Iterable[Example]) -> dict[str, Any]:
    """The table of trees that these pages teach."""
    import lightgbm
    import numpy

    pages = list(examples)
    rows = numpy.array([row for page in pages for row in page.rows], dtype=float)
    labels = numpy.array([share >= HALF for page in pages for share in page.shares])
    weights = numpy.array([weight for page in pages for weight in page.weights])
    counted = weights > 0

    def trees(rows: Any, options: dict[str, Any], number: int) -> list[Any]:
        taught = lightgbm.Dataset(
            rows[counted], labels[counted], weight=weights[counted], feature_name=list(FEATURE_NAMES)
        )
        dump = lightgbm.train(options, taught, num_boost_round=number).dump_model()
        return [_tree(tree["tree_structure"]) for tree in dump["tree_info"]]

    unheard = rows.copy()
    unheard[:, VOTE_FEATURES] = 0.0
    return {
        "names": list(FEATURE_NAMES),
        "alone": trees(unheard, OPTIONS_ALONE, ALONE),
        "trees": trees(rows, OPTIONS, TREES),
    }


def _tree(node: dict[str, Any]) -> Any:
    """A tree as lists. Thresholds are never rounded: numbers lie exactly on them."""
    if "leaf_value" in node:
        return round(node["leaf_value"], 4)
    return [
        node["split_feature"],
        node["threshold"],
        _tree(node["left_child"]),
        _tree(node["right_child"]),
    ]


class Here:
    """Extracts in this process, with given trees: what the benchmark hands to a batch in place of workers."""

    def __init__(self, trees: DecisionTrees) -> None:
        self.trees = trees

    def drafts(self, payloads: Iterable[PendingPayload]) -> Iterator[tuple[PendingPayload, ExtractedPage]]:
        """A Draft for each Payload."""
        for payload in payloads:
            yield payload, extract_page(payload.raw_page, self.trees)


def clean(pages: Iterable[Row], trees: DecisionTrees) -> dict[str | int, str]:
    """The clean text of each page, all cleaned as one batch with given trees."""
    with PageBatch() as batch:
        for _ in batch.extract(inputs(pages), cast(Any, Here(trees))):
            pass
        return {output.id: output.result.text for output in batch.clean()}


def measure(sets: Sequence[LabelledSet], examples: Sequence[Example], folds: int) -> None:
    """Prints how pages are cleaned whose sites were left out of the training."""
    texts: list[dict[str | int, str]] = [{} for _ in sets]
    for fold in range(folds):
        trees = DecisionTrees(train(example for example in examples if example.fold != fold))
        for pages, found in zip(sets, texts, strict=True):
            found |= clean((page for page in pages.pages if fold_of(page, folds) == fold), trees)
    for pages, found in zip(sets, texts, strict=True):
        figures = scoring.score(
            scoring.mark(page, {"text": found[page["id"]]}) for page in pages.pages
        )
        shown = "  ".join(
            f"{name} {figures[name]:.4f}" for name in ("precision", "recall", "f1", "exact")
        )
        sys.stdout.write(f"{pages.name}: {shown}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
