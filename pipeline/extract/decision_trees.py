"""Decision trees that give the probability that a line belongs to the story, in plain Python.

The table `trees.json` has three rows of trees. The first sees each line alone, the second also what
the first says about the lines around it, the third also the votes of an extractor. An inner node is
[feature number, threshold, left, right]; a leaf is a value. A line goes left where its feature is
at most the threshold. Most lines of a page are plainly no story: where the sum over the first trees
of a row is very low, its other trees are not evaluated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from math import exp
from pathlib import Path
from typing import Any, Final, cast

from pipeline.extract.features.line_features import FEATURE_NAMES
from pipeline.extract.version import TREES_FILE

FIRST_TREES: Final = 24
HOPELESS_SCORE: Final = -2.6  # a sum over the first trees that the others hardly ever outweigh

Score = Callable[[Sequence[float]], float]


class DecisionTrees:
    """The three rows of trees of one table.

    `first`, `second` and `third` take the features of a line and return a probability from 0 to 1.
    They return 0 for a line that their first trees find hopeless.
    """

    def __init__(self, table: dict[str, Any]) -> None:
        """Compile the trees of a table.

        Args:
            table: The content of `trees.json`: `names` of the features, and the trees `first`,
                `second` and `third`.

        Raises:
            ValueError: The table was trained on other features.
        """
        if tuple(table["names"]) != FEATURE_NAMES:
            raise ValueError(
                "the trees were trained on other features than these: train them again"
            )
        self.first = compile_row(table["first"])
        self.second = compile_row(table["second"])
        self.third = compile_row(table["third"])


def compile_row(trees: Sequence[Any]) -> Score:
    """Compile a row of trees to a function from the features of a line to its probability.

    Args:
        trees: The trees as nested lists of numbers, as `trees.json` has them.

    Returns:
        A function of the features, in their fixed order, which returns a probability from 0.0 to
        1.0.
    """
    first_score = compile_trees(trees[:FIRST_TREES])
    other_score = compile_trees(trees[FIRST_TREES:])

    def probability(features: Sequence[float]) -> float:
        score = first_score(features)
        if score < HOPELESS_SCORE:
            return 0.0
        return 1 / (1 + exp(-score - other_score(features)))

    return probability


def compile_trees(trees: Sequence[Any]) -> Score:
    """Compile the sum of some trees to a function: a walk through lists takes thrice the time.

    Args:
        trees: The trees, as lists.
    """
    terms = "".join(f" total += {_expression(tree)}\n" for tree in trees)
    namespace: dict[str, Any] = {}
    # The source holds only numbers: `_expression` converts each of them.
    exec(f"def score(row):\n total = 0.0\n{terms} return total\n", namespace)
    return cast(Score, namespace["score"])


def _expression(node: Any) -> str:
    if not isinstance(node, list):
        return repr(float(node))
    feature, threshold, left, right = node
    condition = f"row[{int(feature)}] <= {float(threshold)!r}"
    return f"({_expression(left)} if {condition} else {_expression(right)})"


@cache
def bundled_trees() -> DecisionTrees:
    """Load the trees that Nightdesk comes with."""
    table = Path(__file__).with_name(TREES_FILE).read_text(encoding="utf8")
    return DecisionTrees(json.loads(table))
