"""Decide how probable it is that a page is a list of other pages, and no story of its own.

Decision trees judge the shape of the page. Its address plays no part. Where prose that
no link interrupts holds half of the page in one element, the trees are not asked.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from math import exp
from pathlib import Path
from typing import Any, Final

from lxml.html import HtmlElement

from pipeline.core.models import ListEvidence, Metadata
from pipeline.extract.decision_trees import compile_trees
from pipeline.extract.features.line_features import LineFeatures
from pipeline.extract.lists.page_shape import SHAPE_NAMES, PageShape, PageSigns
from pipeline.extract.version import LIST_TREES_FILE

MAX_META: Final = 500


class ListTrees:
    """The trees of one table, which give the probability that a page is a list."""

    def __init__(self, table: dict[str, Any]) -> None:
        """Compile the trees of a table.

        Args:
            table: The content of `list_trees.json`: `names` of the features, and `trees`.

        Raises:
            ValueError: The table was trained on other features.
        """
        if tuple(table["names"]) != SHAPE_NAMES:
            raise ValueError("the trees of lists were trained on other features: train them again")
        self._score = compile_trees(table["trees"])

    def probability(self, features: Sequence[float]) -> float:
        """Return the probability from 0 to 1 that a page of this shape is a list."""
        return 1 / (1 + exp(-self._score(features)))


def judge_list(
    tree: HtmlElement, lines: LineFeatures, metadata: Metadata, trees: ListTrees | None = None
) -> ListEvidence:
    """Return how probable it is that a page is a list, with the evidence.

    Args:
        tree: The parsed page.
        lines: Its lines.
        metadata: What it declares.
        trees: Other trees than the bundled ones, for measurements.
    """
    shape = PageShape(lines, metadata, read_signs(tree))
    if shape.is_story:
        return shape.evidence(0.0)
    return shape.evidence((trees or bundled_list_trees()).probability(shape.features))


def read_signs(tree: HtmlElement) -> PageSigns:
    """Read what a page says of itself outside its lines."""
    og_type = ""
    for count, element in enumerate(tree.iter("meta")):
        if count >= MAX_META:
            break
        if (element.get("property") or element.get("name") or "").lower() == "og:type":
            og_type = (element.get("content") or "").strip().lower()
            break
    return PageSigns(og_type, sum(1 for _ in tree.iter("button")))


@cache
def bundled_list_trees() -> ListTrees:
    """Load the trees that Nightdesk comes with."""
    table = Path(__file__).parents[1].joinpath(LIST_TREES_FILE).read_text(encoding="utf8")
    return ListTrees(json.loads(table))
