"""How many characters of a line stand inside links, looked up on the page as it was parsed.

Promises a count for any line, 0 where the line cannot be found on the page. Cost is linear in the page:
lines come in page order, so each search starts where the last one ended, and the searches over the whole
page are limited.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

from lxml.etree import iterwalk
from lxml.html import HtmlElement

from pipeline.extract.repairs import CONTROLS, INVISIBLE

SKIPPED = {"script", "style", "noscript", "template", "head"}
MAX_MISSES = 200  # lines looked for over the whole page in vain, before we only look ahead
NEAR = 20_000  # characters ahead in which a line is looked for first


class LinkMap:
    """The letters of a page without white space, and which stretches of them are linked."""

    def __init__(self, tree: HtmlElement) -> None:
        pieces, self._starts, self._ends = _pieces(tree)
        self._text = "".join(pieces)
        self._before = [
            0,
            *accumulate(end - start for start, end in zip(self._starts, self._ends, strict=True)),
        ]
        self._here = 0
        self._misses = 0

    def linked(self, line: str) -> int:
        """Characters of the line inside links, white space within a link included."""
        if not self._starts:
            return 0
        letters = _letters(line.replace(" | ", ""))
        at = self._find(letters)
        if at < 0 or not letters:
            return 0
        self._here = at + len(letters)
        inside = self._covered(self._here) - self._covered(at)
        return min(len(line), round(inside * len(line) / len(letters)))

    def _find(self, letters: str) -> int:
        at = self._text.find(letters, self._here, self._here + NEAR + len(letters))
        if at < 0 and self._misses < MAX_MISSES:
            at = self._text.find(letters)
            self._misses += at < 0
        return at

    def _covered(self, position: int) -> int:
        """Linked letters before a position."""
        index = bisect_left(self._starts, position)
        total = self._before[index]
        return total - max(0, self._ends[index - 1] - position) if index else 0


def _pieces(tree: HtmlElement) -> tuple[list[str], list[int], list[int]]:
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    size = depth = skipped = 0
    for event, element in iterwalk(tree, events=("start", "end")):
        opens = event == "start"
        tag = element.tag
        if tag in SKIPPED:
            skipped += 1 if opens else -1
        if tag == "a":
            depth += 1 if opens else -1
            if opens and depth == 1:
                starts.append(size)
            elif not opens and depth == 0:
                ends.append(size)
        text = element.text if opens else element.tail
        if text and not skipped:
            letters = _letters(text)
            pieces.append(letters)
            size += len(letters)
    return pieces, starts, ends


def _letters(text: str) -> str:
    return "".join(CONTROLS.sub(" ", INVISIBLE.sub("", text)).split())
