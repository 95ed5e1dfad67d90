"""Keep or drop the rows of a table together: one row alone tells a reader nothing.

The trees judge each row as a line. Short rows of names and numbers look like no story to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pipeline.extract.features.line_features import LineFeatures
from pipeline.extract.page_lines import PageElement, Region

MIN_ROWS: Final = 3  # of a table that stands in a story
MAX_LINK_SHARE: Final = 0.3  # of its text; a table of links leads elsewhere
MAX_STEPS_DOWN: Final = 3  # from the element that holds the story to the table
MAX_LINES_AFTER_STORY: Final = 3  # between the last sentence and a table at the end: its heading
PROBABILITY_IN_STORY: Final = 0.6  # of a table that stands among the paragraphs of the story
OUTSIDE: Final = Region.HIDDEN | Region.NAV | Region.FOOTER | Region.ASIDE


def with_whole_tables(lines: LineFeatures, probabilities: Mapping[int, float]) -> dict[int, float]:
    """Return the probabilities with one value for all rows of each table.

    Args:
        lines: The lines of the page.
        probabilities: What the trees say of the lines near the story, by index.
    """
    rows_of: dict[PageElement, list[int]] = {}
    for i, line in enumerate(lines.lines):
        if line.element.is_row and (table := _table_around(line.element)) is not None:
            rows_of.setdefault(table, []).append(i)
    if not rows_of:
        return dict(probabilities)
    joined = dict(probabilities)
    for table, rows in rows_of.items():
        judged = [i for i in rows if i in probabilities]
        if len(rows) < 2 or not judged:
            continue
        words = sum(lines.words[i] for i in judged) or 1.0
        probability = sum(probabilities[i] * lines.words[i] for i in judged) / words
        if _stands_in_story(lines, table, rows):
            probability = max(probability, PROBABILITY_IN_STORY)
        joined |= dict.fromkeys(rows, probability)
    return joined


def _table_around(element: PageElement) -> PageElement | None:
    outer: PageElement | None = element
    while outer is not None and outer.tag != "table":
        outer = outer.parent
    return outer


def _stands_in_story(lines: LineFeatures, table: PageElement, rows: list[int]) -> bool:
    """Tell whether a table of data stands among or right below the paragraphs of the story."""
    if len(rows) < MIN_ROWS or table.steps_up or table.steps_down > MAX_STEPS_DOWN:
        return False
    if table.regions & OUTSIDE or table.linked > MAX_LINK_SHARE * table.chars:
        return False
    was_asked = any(lines.votes)
    if was_asked and not any(lines.votes[i] for i in rows):
        return False
    return lines.first_prose < rows[0] <= lines.last_prose + MAX_LINES_AFTER_STORY
