"""python -m tests.bench.train SETFILE…: trains the decision trees, and measures them.

The figures are of pages whose sites the trees have not seen: the sites are divided into folds, and
the pages of each fold are cleaned by all rules with trees of the other folds. The trees that are
written in the end are trained on all pages. This needs LightGBM and NumPy.

There are three rows of trees. The first sees each line of a page alone, the second what the first
says about the lines around it, and the third also the lines that trafilatura took. Trees know the
answers for the pages that they were trained on. So the later rows learn from probabilities of
trees that have not seen the site: the sites are divided once more for that.

The bundled trees come from the sets that `docs/explanation/performance.md` names, with
`--weight segments=2`: few lines of a page in pieces have a label.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any, cast

from pipeline.core.models import ExtractedPage
from pipeline.extract.charset import decode
from pipeline.extract.decision_trees import DecisionTrees, compile_row
from pipeline.extract.document import extract_page
from pipeline.extract.features.line_features import (
    FEATURE_NAMES,
    ExtractorLines,
    LineFeatures,
)
from pipeline.extract.html import parse_html
from pipeline.extract.line_classifier import trafilatura_lines
from pipeline.extract.metadata.metadata import read_metadata
from pipeline.extract.page_lines import Region
from pipeline.extract.readings.declared_text import find_article_body
from pipeline.extract.sanitize import repair_markup
from pipeline.extract.text_lines import read_lines
from pipeline.jobs.batch_clean import PageBatch
from pipeline.store.clean.types import PendingPayload
from tests.bench import scoring
from tests.bench.candidates import input_pages
from tests.bench.labels import is_in_pieces, line_shares, piece_shares
from tests.bench.sets import LabelledSet, Row, exit_with_message, load_set

TREES_FIRST, TREES_SECOND, TREES_THIRD = 60, 80, 150
PARTS = 4  # of the training; the first looks at each part come from trees of the others
OPTIONS: dict[str, Any] = {
    "objective": "binary",
    "num_leaves": 16,
    "learning_rate": 0.09,
    "min_data_in_leaf": 40,
    "lambda_l2": 5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "feature_fraction": 0.5,
    "max_bin": 63,
    "seed": 1,
    "num_threads": 1,
    "verbose": -1,
    "deterministic": True,
}
# Larger trees without evidence would learn the pages by heart.
OPTIONS_FIRST = OPTIONS | {
    "num_leaves": 8,
    "learning_rate": 0.2,
    "feature_fraction": 0.4,
}
# Some people stopped to label a page in mid-story. A line that trees of other sites find so surely
# story is left out of the later rows where its label says that it is none.
DOUBTFUL_LABEL = 0.96
STORY_SHARE = 0.5  # of a line that stands in the labelled text, for the line to count as story
TITLE_OVERLAP = 0.75  # of a heading that repeats the title
MEASURES = ("precision", "recall", "f1", "exact")


@dataclass(slots=True)
class Example:
    """The lines of one page for training.

    Attributes:
        fold: The fold of the page's site.
        part: The part of the training in which the page's site lies.
        lines: The lines of the page, with the votes of trafilatura.
        near: Indices of lines that are judged without votes.
        rows: The features of each line that is judged, by its index.
        shares: The share of each line of the page that is story.
        weights: How much each line that is judged counts, by its index.
        is_in_pieces: Whether people marked pieces of the page: they doubt none of them.
    """

    fold: int
    part: int
    lines: LineFeatures
    near: frozenset[int]
    rows: dict[int, list[float]]
    shares: list[float]
    weights: dict[int, float]
    is_in_pieces: bool = False

    def has_doubtful_label(self, i: int) -> bool:
        """Tell whether the first look contradicts the label of a line that shall be no story."""
        if self.is_in_pieces or self.shares[i] >= STORY_SHARE:
            return False
        return self.lines.first_look.likely[i] > DOUBTFUL_LABEL


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = _parse_options(arguments)
    if not options.sets:
        exit_with_message(
            "no set was given: name files of labelled pages; "
            "tests/bench/__init__.py says what they hold"
        )
    sets = [load_set(path) for path in options.sets]
    weights = _parse_weights(options.weight)
    examples: list[Example] = []
    for labelled_set in sets:
        weight = weights.get(labelled_set.name, 1.0)
        examples += _make_examples(labelled_set, weight, options.folds)
    if options.folds > 1:
        measure(sets, examples, options.folds)
    if options.out:
        table = json.dumps(train(examples), separators=(",", ":"))
        options.out.write_text(table + "\n", encoding="utf8")
    return 0


def _parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.train", description="Trains and measures the trees."
    )
    parser.add_argument("sets", metavar="SETFILE", nargs="*", type=Path)
    parser.add_argument(
        "--folds",
        type=int,
        default=5,
        help="parts into which the sites are divided; 1: do not measure",
    )
    parser.add_argument(
        "--weight",
        action="append",
        default=[],
        metavar="SET=N",
        help="how much the pages of a set count",
    )
    parser.add_argument(
        "--out", type=Path, help="file for the trees; without it they are only measured"
    )
    return parser.parse_args(arguments)


def _parse_weights(options: Iterable[str]) -> dict[str, float]:
    weights = {}
    for option in options:
        name, _, number = option.partition("=")
        try:
            weights[name] = float(number)
        except ValueError:
            exit_with_message("--weight: is a set's name, '=' and a number")
    return weights


def fold_of(page: Row, folds: int) -> int:
    """Return the fold of a page's site: the same in every run."""
    return zlib.crc32((page.get("site") or page["id"]).encode()) % folds


def _part_of(page: Row) -> int:
    return zlib.crc32(b"x" + (page.get("site") or page["id"]).encode()) % PARTS


def _make_examples(labelled_set: LabelledSet, weight: float, folds: int) -> Iterator[Example]:
    site_sizes = Counter(page.get("site") for page in labelled_set.pages)
    for page in labelled_set.pages:
        page_weight = weight / sqrt(site_sizes[page.get("site")])
        example = make_example(page, page_weight, fold_of(page, folds))
        if example is not None:
            yield example


def make_example(page: Row, weight: float, fold: int) -> Example | None:
    """Return the example of one labelled page, or None for a page without markup.

    Args:
        page: The page.
        weight: How much the page counts.
        fold: The fold of its site.
    """
    tree = parse_html(repair_markup(decode(page["html"].encode("utf8", "replace"), "utf-8")))
    if tree is None:
        return None
    lines = LineFeatures(read_lines(tree), read_metadata(tree), find_article_body(tree))
    near = frozenset(i for i in range(len(lines.lines)) if not lines.is_far(i))
    lines.add_votes(ExtractorLines(trafilatura_lines(tree)))
    judged = [i for i in range(len(lines.lines)) if not lines.is_far(i)]
    rows = {i: lines.features(i) for i in judged}
    texts = [line.text for line in lines.lines]
    shares = piece_shares(texts, page) if is_in_pieces(page) else line_shares(texts, page["text"])
    weights = {i: _line_weight(lines, i, shares[i]) for i in judged}
    story_weight = 1.0 + sum(weights[i] for i in judged if shares[i] >= STORY_SHARE)
    weights = {i: weight * weights[i] / sqrt(story_weight) for i in judged}
    return Example(fold, _part_of(page), lines, near, rows, shares, weights, is_in_pieces(page))


def _line_weight(lines: LineFeatures, i: int, share: float) -> float:
    """Weigh a line: long ones count more, half labelled ones less, and the title not at all.

    A rule removes the title.
    """
    is_title = lines.letters[i] == lines.title
    is_heading = lines.lines[i].element.regions & Region.HEADING
    is_title = is_title or bool(is_heading and lines.title_overlap(i) >= TITLE_OVERLAP)
    if lines.title and is_title:
        return 0.0
    weight = 1 + sqrt(lines.words[i])
    if 0 < share < 1:
        weight *= abs(share - STORY_SHARE) * 2
    return weight


def train(examples: Sequence[Example]) -> dict[str, Any]:
    """Train the trees on some pages, and return the table that `trees.json` holds."""
    first = _train_first(examples)
    _look_at_parts(examples)
    second = _TrainingRows()
    third = _TrainingRows()
    for example in examples:
        lines = example.lines
        for i, row in example.rows.items():
            if example.has_doubtful_label(i):
                continue
            row_in_context = lines.with_context(i, list(row))
            if i in example.near:
                second.add(example, i, row_in_context)
            third.add(example, i, lines.with_votes(i, row_in_context))
    return {
        "names": list(FEATURE_NAMES),
        "first": first,
        "second": second.train(OPTIONS, TREES_SECOND),
        "third": third.train(OPTIONS, TREES_THIRD),
    }


def _train_first(examples: Sequence[Example]) -> list[Any]:
    rows = _TrainingRows()
    for example in examples:
        for i in sorted(example.near):
            rows.add(example, i, example.rows[i])
    return rows.train(OPTIONS_FIRST, TREES_FIRST)


def _look_at_parts(examples: Sequence[Example]) -> None:
    """Give the lines of each part the probabilities by trees that were trained on the others."""
    for part in range(PARTS):
        others = [example for example in examples if example.part != part]
        probability = compile_row(_train_first(others))
        for example in examples:
            if example.part == part:
                scores = {i: probability(example.rows[i]) for i in example.near}
                example.lines.add_probabilities(scores)


class _TrainingRows:
    """The features of lines, with their labels and weights."""

    def __init__(self) -> None:
        self._values = array("d")  # a tenth of the memory of lists
        self._labels: list[bool] = []
        self._weights: list[float] = []

    def add(self, example: Example, i: int, row: Sequence[float]) -> None:
        """Add a line of a page; one without weight is left out."""
        if example.weights[i]:
            self._values.extend(row)
            self._labels.append(example.shares[i] >= STORY_SHARE)
            self._weights.append(example.weights[i])

    def train(self, options: dict[str, Any], number: int) -> list[Any]:
        """Train some trees with options of LightGBM."""
        import lightgbm
        import numpy

        values = numpy.frombuffer(self._values).reshape(len(self._labels), len(FEATURE_NAMES))
        dataset = lightgbm.Dataset(
            values, self._labels, weight=self._weights, feature_name=list(FEATURE_NAMES)
        )
        dump = lightgbm.train(options, dataset, num_boost_round=number).dump_model()
        return [tree_as_lists(tree["tree_structure"]) for tree in dump["tree_info"]]


def tree_as_lists(node: dict[str, Any]) -> Any:
    """Return a tree as lists. Thresholds are never rounded: features can be equal to them."""
    if "leaf_value" in node:
        return round(node["leaf_value"], 4)
    return [
        node["split_feature"],
        node["threshold"],
        tree_as_lists(node["left_child"]),
        tree_as_lists(node["right_child"]),
    ]


class InProcessExtractor:
    """Extracts in this process with given trees, in place of the workers of a batch."""

    def __init__(self, trees: DecisionTrees) -> None:
        """Use the given trees."""
        self.trees = trees

    def extract(
        self, payloads: Iterable[PendingPayload]
    ) -> Iterator[tuple[PendingPayload, ExtractedPage]]:
        """Yield each payload with its extracted page."""
        for payload in payloads:
            yield payload, extract_page(payload.raw_page, self.trees)


def clean(pages: Iterable[Row], trees: DecisionTrees) -> dict[str | int, str]:
    """Return the clean text of each page by its id, all cleaned as one batch with given trees."""
    extractor = cast(Any, InProcessExtractor(trees))
    with PageBatch() as batch:
        for _ in batch.extract(input_pages(pages), extractor):
            pass
        return {cleaned.id: cleaned.result.text for cleaned in batch.clean()}


def measure(sets: Sequence[LabelledSet], examples: Sequence[Example], folds: int) -> None:
    """Print how pages are cleaned whose sites were left out of the training."""
    texts: list[dict[str | int, str]] = [{} for _ in sets]
    for fold in range(folds):
        trees = DecisionTrees(train([example for example in examples if example.fold != fold]))
        for labelled_set, set_texts in zip(sets, texts, strict=True):
            pages = [page for page in labelled_set.pages if fold_of(page, folds) == fold]
            set_texts |= clean(pages, trees)
    for labelled_set, set_texts in zip(sets, texts, strict=True):
        scores = []
        for page in labelled_set.pages:
            scores.append(scoring.score_page(page, {"text": set_texts[page["id"]]}))
        averages = scoring.average_scores(scores)
        known = [name for name in MEASURES if name in averages]
        figures = "  ".join(f"{name} {averages[name]:.4f}" for name in known)
        sys.stdout.write(f"{labelled_set.name}: {figures}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
