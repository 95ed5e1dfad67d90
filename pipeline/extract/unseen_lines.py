"""Drop the lines of a page that its readers do not see, as far as the walk over it marked them.

What browsers show only without scripts stays where its text stands nowhere else. What is hidden
stays where it may be a large part of the story: scripts show it, or a click does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from itertools import groupby
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pipeline.extract.page_lines import PageElement, PageLine, PageLines

MAX_RESERVES: Final = 50  # runs of lines that are searched for elsewhere
MAX_SHOWN: Final = 200_000  # characters of a page in which a text is searched for
MIN_PROSE_LENGTH: Final = 60  # characters of a line that may be a paragraph
MIN_VISIBLE_LENGTH: Final = 200  # characters of paragraphs that a page shows, if it hides none
# Distinct ones in hidden elements of one kind; more may be answers that open by a click.
MAX_HIDDEN_PARAGRAPHS: Final = 2
CODES = re.compile(r"[0-9a-f]*\d[0-9a-f]*")  # in an id


def drop_lines(page_lines: PageLines, dropped: Set[int]) -> None:
    """Drop lines by their indexes, and move the pictures behind them.

    Args:
        page_lines: The lines and pictures of the page, which are changed.
        dropped: Indexes of lines.
    """
    if not dropped:
        return
    places: list[int] = []  # of each line among those that stay
    kept: list[PageLine] = []
    for index, line in enumerate(page_lines.lines):
        places.append(len(kept))
        if index not in dropped:
            kept.append(line)
    places.append(len(kept))
    page_lines.lines = kept
    for picture in page_lines.pictures:
        picture.line_index = places[min(picture.line_index, len(places) - 1)]


def shown_reserves(lines: Sequence[PageLine], region: int) -> set[int]:
    """Return the indexes of the lines of reserves whose longest line is shown elsewhere.

    Args:
        lines: All lines of a page.
        region: The bit of the region in which reserves lie.
    """
    others = [line.text for line in lines if not line.element.regions & region]
    shown = "".join("".join(others).split())[:MAX_SHOWN]
    dropped: set[int] = set()
    searches = 0
    runs = groupby(range(len(lines)), lambda index: lines[index].element.regions & region)
    for is_reserve, run in runs:
        if not is_reserve:
            continue
        indexes = list(run)
        searches += 1
        longest = max([lines[index].text for index in indexes], key=len)
        if searches > MAX_RESERVES or "".join(longest.split()) in shown:
            dropped.update(indexes)
    return dropped


def hidden_lines(lines: Sequence[PageLine], region: int) -> set[int]:
    """Return the indexes of hidden lines that are a small part of the page.

    Args:
        lines: All lines of a page.
        region: The bit of the region in which hidden lines lie.
    """
    hidden: dict[tuple[str, str], list[int]] = {}
    visible_length = 0
    for index, line in enumerate(lines):
        if not line.element.regions & region:
            visible_length += _prose_length(line)
        elif line.element.tag != "h1":  # the headline, where a picture shows it
            root = _hidden_root(line.element, region)
            if not _is_opened_by_click(root):
                hidden.setdefault((root.tag, CODES.sub("", root.marks)), []).append(index)
    dropped: set[int] = set()
    if visible_length < MIN_VISIBLE_LENGTH:
        return dropped
    for indexes in hidden.values():
        paragraphs = {lines[index].text for index in indexes if _prose_length(lines[index])}
        if len(paragraphs) <= MAX_HIDDEN_PARAGRAPHS:
            dropped.update(indexes)
    return dropped


def _hidden_root(element: PageElement, region: int) -> PageElement:
    """Return the outermost hidden element around a hidden one."""
    while element.parent is not None and element.parent.regions & region:
        element = element.parent
    return element


def _is_opened_by_click(element: PageElement) -> bool:
    """Tell whether a hidden element is the panel of a tab or of an accordion."""
    source = element.source
    if source is None:
        return False
    return source.get("role") in ("tabpanel", "region") or source.get("aria-labelledby") is not None


def _prose_length(line: PageLine) -> int:
    """Return the length of a line that may be a paragraph; else 0."""
    length = len(line.text)
    return length if length >= MIN_PROSE_LENGTH and line.linked * 2 < length else 0
