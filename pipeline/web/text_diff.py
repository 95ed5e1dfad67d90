"""Two revisions side by side in one text: which words went and which came.

Promises a pure function whose cost is bounded, whatever the texts are: what is too long to be compared word by word is shown
paragraph by paragraph.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

SAME, GONE, NEW = "same", "gone", "new"
WORD = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\\w+|\\s+|[^\\w\\s]")
LINES = 2000  # of a text that are compared; what follows is left out
WORDS = 1000  # of one paragraph
BUDGET = 12_000  # words of all paragraphs
AKIN = 0.4  # from this likeness on, one paragraph is the other one changed
ALIGNED = 30  # paragraphs in a row that are paired by their likeness


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of words that stayed, went or came."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The paragraphs in reading order, each as its pieces, and how many words went and came."""

    paragraphs: tuple[tuple[Piece, ...], ...]
    gone: int
    new: int
    cut: bool  # whether the texts were too long to be shown whole


def compare(old: str, new: str) -> Comparison:
    """What became of one text in another."""
    one, other = old.split("\n"), new.split("\n")
    cut = max(len(one), len(other)) > LINES
    found = tuple(_paragraphs(one[:LINES], other[:LINES]))
    sums = {
        kind: sum(len(p.text.split()) for pieces in found for p in pieces if p.kind == kind)
        for kind in (GONE, NEW)
    }
    return Comparison(found, sums[GONE], sums[NEW], cut)


def _paragraphs(one: Sequence[str], other: Sequence[str]) -> Iterator[tuple[Piece, ...]]:
    left = BUDGET
    for what, a, b, c, d in SequenceMatcher(None, one, other).get_opcodes():
        if what == "equal":
            yield from ((Piece(SAME, line),) for line in one[a:b])
            continue
        for before, after in _pairs(one[a:b], other[c:d]):
            if not before or not after:
                yield (Piece(NEW, after) if after else Piece(GONE, before),)
                continue
            words = [WORD.findall(before), WORD.findall(after)]
            left -= sum(map(len, words))
            whole = left < 0 or max(map(len, words)) > WORDS
            yield (Piece(GONE, before), Piece(NEW, after)) if whole else tuple(_pieces(*words))


def _pairs(one: Sequence[str], other: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Paragraphs that became one another; "" where there is none."""
    if max(len(one), len(other)) > ALIGNED:
        yield from zip_longest(one, other, fillvalue="")
        return
    start = 0
    for before in one:
        at = next((n for n in range(start, len(other)) if _akin(before, other[n])), None)
        if at is None:
            yield before, ""
            continue
        yield from (("", line) for line in other[start:at])
        yield before, other[at]
        start = at + 1
    yield from (("", line) for line in other[start:])


def _akin(one: str, other: str) -> bool:
    matcher = SequenceMatcher(None, one[:2000].split(), other[:2000].split())
    return matcher.real_quick_ratio() > AKIN and matcher.quick_ratio() > AKIN


def _pieces(one: Sequence[str], other: Sequence[str]) -> Iterator[Piece]:
    """Words that stayed, went and came; a space between two changes is part of them."""
    gone, new = "", ""
    for what, a, b, c, d in SequenceMatcher(None, one, other).get_opcodes():
        same = "".join(one[a:b])
        if what == "equal" and (same.strip() or not (gone or new)):
            yield from _changed(gone, new)
            yield Piece(SAME, same)
            gone = new = ""
        else:
            gone, new = gone + same, new + "".join(other[c:d])
    yield from _changed(gone, new)


def _changed(gone: str, new: str) -> Iterator[Piece]:
    if gone:
        yield Piece(GONE, gone)
    if new:
        yield Piece(NEW, new)
