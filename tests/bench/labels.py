"""Which lines of a page the labelled text consists of: an alignment of all lines with the text, in order.

Promises for each line the share of it that stands in the text, 0.0 to 1.0. Of all ways to lay lines over the text one after
another without overlap, the one that covers most is taken; a line that stands twice on the page is found where its order fits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tests.bench.scoring import SIZE, words

PLACES = 8  # of one line in the text that are looked at
PARTLY = 0.3  # share of a long line's runs of words that must stand in the text
LONG = 6  # words of a line that may be there in part


class _Match(NamedTuple):
    start: int  # words of the text
    end: int
    covers: float  # words
    share: float


def shares(lines: Sequence[str], text: str) -> list[float]:
    """The share of each line that stands in the text."""
    gold = _Gold(words(text))
    best = _Best(len(gold.words) + 1)
    taken: list[tuple[int, int, float]] = []  # line, the one taken before it, its share
    for number, line in enumerate(lines):
        ends = []
        for match in gold.matches(words(line)):
            covered, before = best.until(match.start)
            taken.append((number, before, match.share))
            ends.append((match.end, covered + match.covers, len(taken) - 1))
        for end, covered, last in ends:
            best.put(end, covered, last)
    found = [0.0] * len(lines)
    _, last = best.until(len(gold.words))
    while last >= 0:
        number, last, found[number] = taken[last]
    return found


class _Gold:
    def __init__(self, found: list[str]) -> None:
        self.words = found
        self._joined = f" {' '.join(found)} "
        self._offsets: dict[int, int] = {}
        at = 0
        for number, word in enumerate(found):
            self._offsets[at] = number
            at += len(word) + 1
        self._runs: dict[tuple[str, ...], list[int]] = {}
        for start in range(len(found) - SIZE + 1):
            self._runs.setdefault(tuple(found[start : start + SIZE]), []).append(start)

    def matches(self, line: list[str]) -> Iterator[_Match]:
        """Where a line stands as a whole, else where its beginning and its end stand."""
        if not line:
            return
        wanted, count = f" {' '.join(line)} ", 0
        at = self._joined.find(wanted)
        while at >= 0 and count < PLACES:
            start = self._offsets[at]
            yield _Match(start, start + len(line), len(line), 1.0)
            at, count = self._joined.find(wanted, at + 1), count + 1
        if not count and len(line) >= LONG:
            yield from self._parts(line)

    def _parts(self, line: list[str]) -> Iterator[_Match]:
        runs = [
            self._runs[run]
            for run in zip(*(line[i:] for i in range(SIZE)), strict=False)
            if run in self._runs
        ]
        share = len(runs) / (len(line) - SIZE + 1)
        if share < PARTLY:
            return
        for start in runs[0][: PLACES // 2]:
            ends = [end + SIZE for end in runs[-1] if end + SIZE > start]
            if ends:
                yield _Match(start, min(ends), 0.98 * len(runs), share)


class _Best:
    """The best coverage up to each word of the text: a tree of prefix maxima."""

    def __init__(self, size: int) -> None:
        self._tree = [(0.0, -1)] * (size + 1)

    def until(self, end: int) -> tuple[float, int]:
        """Words covered by lines that end here or before, and the last of these lines."""
        found, at = (0.0, -1), end + 1
        while at > 0:
            found = max(found, self._tree[at])
            at -= at & -at
        return found

    def put(self, end: int, covered: float, last: int) -> None:
        """Notes what covers the text up to a word."""
        at = end + 1
        while at < len(self._tree):
            self._tree[at] = max(self._tree[at], (covered, last))
            at += at & -at
