"""A table of small decision trees → the chance that a line belongs to the story, in plain Python.

Promises the trainer's own numbers. There are two rows of trees: those that judge a line alone, and those that know which lines
the extractor took. In the table an inner node is [number, threshold, left, right] and a leaf is a value; the numbers of a line
go left where theirs is at most the threshold. Most lines of a page are plainly no story: where the sum over the FIRST
trees is low, the others are not asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from math import exp
from pathlib import Path
from typing import Any, Final, cast

from pipeline.extract.line_features import FEATURE_NAMES
from pipeline.extract.version import TREES_FILE

FIRST_TREES: Final = 24
HOPELESS_SCORE: Final = -2.6  # a sum over the first that the others hardly ever make good


Sum = Callable[[Sequence[float]], float]


class DecisionTrees:
    """Both rows of trees of one table: numbers of a line → chance from 0 to 1, 0 for a hopeless one. Raises ValueError for a
    table that was made for other numbers."""

    def __init__(self, table: dict[str, Any]) -> None:
        if tuple(table["names"]) != FEATURE_NAMES:
            raise ValueError("the trees were trained on other numbers than these; train them again")
        self.probability_without_votes = _chance(table["alone"])
        self.probability_with_votes = _chance(table["trees"])


def _chance(trees: Sequence[Any]) -> Sum:
    first, rest = _compiled(trees[:FIRST_TREES]), _compiled(trees[FIRST_TREES:])

    def chance(row: Sequence[float]) -> float:
        total = first(row)
        return 0.0 if total < HOPELESS_SCORE else 1 / (1 + exp(-total - rest(row)))

    return chance


def _compiled(trees: Sequence[Any]) -> Sum:
    """The sum of some trees as one function: as code of its own, it takes a third of the time of walking through lists."""
    terms = "".join(f" total += {_term(tree)}\n" for tree in trees)
    made: dict[str, Any] = {}
    exec(
        f"def sum_of(row):\n total = 0.0\n{terms} return total\n", made
    )  # of numbers alone: _term sees to that
    return cast(Sum, made["sum_of"])


def _term(node: Any) -> str:
    if not isinstance(node, list):
        return repr(float(node))
    number, threshold, left, right = node
    return f"({_term(left)} if row[{int(number)}] <= {float(threshold)!r} else {_term(right)})"


@cache
def bundled_trees() -> DecisionTrees:
    """The trees that Nightdesk comes with."""
    return DecisionTrees(json.loads(Path(__file__).with_name(TREES_FILE).read_text(encoding="utf8")))
