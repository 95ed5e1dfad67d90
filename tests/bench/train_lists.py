"""python -m tests.bench.train_lists --lists FILE… SETFILE…: trains the trees that detect lists.

FILE holds pages that are lists (section fronts, categories, search results …), SETFILE pages that
are articles; neither needs a text. The figures are of pages whose sites the trees have not seen:
the sites are divided into folds several times, each time in another way. This needs LightGBM and
NumPy.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipeline.extract.charset import decode
from pipeline.extract.features.line_features import LineFeatures
from pipeline.extract.html import parse_html
from pipeline.extract.lists.list_classifier import ListTrees, read_signs
from pipeline.extract.lists.page_shape import SHAPE_NAMES, PageShape
from pipeline.extract.metadata.metadata import read_metadata
from pipeline.extract.sanitize import repair_markup
from pipeline.extract.text_lines import read_lines
from tests.bench.sets import Row, exit_with_message, load_set
from tests.bench.train import tree_as_lists
from tests.support.list_pages import NOUNS, list_pages, story_pages

TREES = 100  # of each model
MODELS = 3
OPTIONS: dict[str, Any] = {
    "objective": "binary",
    "num_leaves": 6,
    "max_depth": 4,
    "learning_rate": 0.08,
    "min_data_in_leaf": 8,
    "lambda_l2": 5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "feature_fraction": 0.25,
    "seed": 1,
    "num_threads": 1,
    "verbose": -1,
    "deterministic": True,
}
LIST_WEIGHT = 8.0  # of a list: there are far fewer of them
DIVISIONS = 4  # of the sites into folds
PROBABILITIES = (0.4, 0.5, 0.6, 0.7, 0.8)  # for which the figures are printed
MADE_UP = "made up"
MADE_UP_COUNTS = (9, 33)  # modules of a made-up page
MADE_UP_WEIGHT = 1.0


@dataclass(frozen=True, slots=True)
class ShapeExample:
    """The shape of one page for training.

    Attributes:
        set_name: The set of the page.
        id: Its id there.
        site: Its site.
        is_list: Whether it is a list.
        features: Its features; () where one stretch of prose holds the page.
        weight: How much it counts; 0 where its label is doubtful.
    """

    set_name: str
    id: str
    site: str
    is_list: bool
    features: tuple[float, ...]
    weight: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = _parse_options(arguments)
    if not options.sets or not options.lists:
        exit_with_message("name files of articles, and with --lists files of lists")
    examples: list[ShapeExample] = []
    for path in options.lists:
        examples += _make_examples(path, is_list=True)
    for path in options.sets:
        examples += _make_examples(path, is_list=False)
    examples += made_up_examples()
    if options.folds > 1:
        measure(examples, options.folds)
    if options.out:
        table = json.dumps(train(examples), separators=(",", ":"))
        options.out.write_text(table + "\n", encoding="utf8")
    return 0


def _parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.train_lists",
        description="Trains and measures the trees that detect lists.",
    )
    parser.add_argument("sets", metavar="SETFILE", nargs="*", type=Path)
    parser.add_argument("--lists", metavar="FILE", nargs="+", type=Path, default=[])
    parser.add_argument("--folds", type=int, default=10, help="1: do not measure")
    parser.add_argument("--out", type=Path, help="file for the trees")
    return parser.parse_args(arguments)


def _make_examples(path: Path, *, is_list: bool) -> Iterable[ShapeExample]:
    labelled_set = load_set(path, labels=())
    sizes = Counter(page.get("site") for page in labelled_set.pages)
    for page in labelled_set.pages:
        weight = (LIST_WEIGHT if is_list else 1.0) / sqrt(sizes[page.get("site")])
        if not is_list and is_front_page(page.get("url") or ""):
            weight = 0.0
        features = shape_features(page)
        if features is not None:
            site = (page.get("site") or page["id"]).removeprefix("www.")
            yield ShapeExample(labelled_set.name, page["id"], site, is_list, features, weight)


def made_up_examples() -> Iterable[ShapeExample]:
    """Yield made-up lists and stories, for kinds and languages of which no set has a page.

    They count little. The tests of the detection use others.
    """
    for language in NOUNS:
        for count in MADE_UP_COUNTS:
            lists = list_pages(language, count)
            for kind, body in (lists | story_pages(language, count)).items():
                features = shape_features({"html": body.decode()})
                if features:
                    is_list = kind in lists
                    yield ShapeExample(
                        MADE_UP, kind, f"{MADE_UP} {language}", is_list, features, MADE_UP_WEIGHT
                    )


def is_front_page(url: str) -> bool:
    """Tell whether a URL is that of a whole site, whose page tells no story of its own."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme.startswith("http") and not parts.path.strip("/") and not parts.query


def shape_features(page: Row) -> tuple[float, ...] | None:
    """Return the features of a page; () where one stretch of prose holds it, None without markup.

    Args:
        page: The page.
    """
    tree = parse_html(repair_markup(decode(page["html"].encode("utf8", "replace"), "utf-8")))
    if tree is None:
        return None
    metadata = read_metadata(tree)
    shape = PageShape(LineFeatures(read_lines(tree), metadata), metadata, read_signs(tree))
    return tuple(shape.features)


def train(examples: Iterable[ShapeExample], seed: int = 1) -> dict[str, Any]:
    """Train the trees on some pages, and return the table that `list_trees.json` holds.

    It is the mean of several models, since one of so few lists depends much on chance.
    """
    import lightgbm
    import numpy

    used = [example for example in examples if example.features and example.weight]
    dataset = lightgbm.Dataset(
        numpy.array([example.features for example in used], dtype=float),
        numpy.array([example.is_list for example in used]),
        weight=numpy.array([example.weight for example in used]),
        feature_name=list(SHAPE_NAMES),
    )
    trees: list[Any] = []
    for number in range(MODELS):
        options = OPTIONS | {"seed": seed * MODELS + number}
        model = lightgbm.train(options, dataset, num_boost_round=TREES).dump_model()
        for tree in model["tree_info"]:
            trees.append(_part_of_mean(tree_as_lists(tree["tree_structure"])))
    return {"names": list(SHAPE_NAMES), "trees": trees}


def _part_of_mean(node: Any) -> Any:
    """Return a tree whose values are those of one of MODELS models."""
    if not isinstance(node, list):
        return round(node / MODELS, 5)
    feature, threshold, left, right = node
    return [feature, threshold, _part_of_mean(left), _part_of_mean(right)]


def measure(examples: Sequence[ShapeExample], folds: int) -> None:
    """Print how many lists and articles of unseen sites would be refused."""
    totals = [0.0] * len(examples)
    for division in range(DIVISIONS):
        fold_by_site = {
            example.site: zlib.crc32(f"{example.site}{division}".encode()) % folds
            for example in examples
        }
        for fold in range(folds):
            seen = [example for example in examples if fold_by_site[example.site] != fold]
            trees = ListTrees(train(seen, division + 1))
            for number, example in enumerate(examples):
                if example.features and fold_by_site[example.site] == fold:
                    totals[number] += trees.probability(example.features) / DIVISIONS
    _print_figures(examples, totals)


def _print_figures(examples: Sequence[ShapeExample], probabilities: Sequence[float]) -> None:
    for limit in PROBABILITIES:
        refused = Counter[str]()
        for example, probability in zip(examples, probabilities, strict=True):
            refused[example.set_name] += probability >= limit
        sizes = Counter(example.set_name for example in examples)
        figures = "  ".join(f"{name} {refused[name]}/{size}" for name, size in sizes.items())
        sys.stdout.write(f"{limit}: {figures}\n")
    ranked = sorted(zip(probabilities, examples, strict=True), key=lambda pair: -pair[0])
    for probability, example in ranked:
        if not example.is_list and probability >= min(PROBABILITIES):
            sys.stdout.write(f"  {probability:.2f}  {example.set_name}  {example.id}\n")
    for probability, example in ranked:
        if example.is_list and probability < max(PROBABILITIES):
            sys.stdout.write(f"  {probability:.2f}  {example.set_name}  {example.id}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
