"""Find which lines of a page the labelled text consists of.

All lines are aligned with the text in order. Of all alignments without overlap, the one that covers
most of the text is taken. So a line that stands twice on the page is found where its order fits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tests.bench.scoring import SHINGLE_WORDS, split_words

MAX_MATCHES = 8  # of one line in the text that are considered
MIN_PARTIAL_SHARE = 0.3  # of a line's shingles that the text must have
MIN_PARTIAL_WORDS = 6  # of a line that the text may have in part
UNKNOWN_SHARE = 0.5  # of a line without a label: it counts for nothing
PARTIAL_WEIGHT = 0.98  # a whole line counts more than a part of a longer one


class _Match(NamedTuple):
    start: int  # in words of the text
    end: int
    weight: float  # in words
    share: float


class _TakenLine(NamedTuple):
    line: int
    previous: int  # index of the taken line before it, or -1
    share: float


class _Coverage(NamedTuple):
    words: float
    last: int  # index of the last taken line, or -1


def line_shares(lines: Sequence[str], text: str) -> list[float]:
    """Return for each line the share of it that stands in the text, 0.0 to 1.0.

    Args:
        lines: The lines of a page in reading order.
        text: The labelled text.
    """
    gold = _LabelledText(split_words(text))
    best = _PrefixMaxima(len(gold.words) + 1)
    taken: list[_TakenLine] = []
    for number, line in enumerate(lines):
        additions = []
        for match in gold.matches(split_words(line)):
            before = best.until(match.start)
            taken.append(_TakenLine(number, before.last, match.share))
            coverage = _Coverage(before.words + match.weight, len(taken) - 1)
            additions.append((match.end, coverage))
        for end, coverage in additions:
            best.add(end, coverage)
    shares = [0.0] * len(lines)
    last = best.until(len(gold.words)).last
    while last >= 0:
        shares[taken[last].line] = taken[last].share
        last = taken[last].previous
    return shares


def is_in_pieces(page: Mapping[str, Any]) -> bool:
    """Tell whether a page is labelled by pieces that its text must have or must not have."""
    return "with" in page or "without" in page


def piece_shares(lines: Sequence[str], page: Mapping[str, Any]) -> list[float]:
    """Return 1.0 for lines with a piece that must be there, 0.0 for one that must not, else 0.5.

    Args:
        lines: The lines of a page.
        page: The page, with `with` and `without`.
    """
    wanted = [" ".join(piece.split()) for piece in page.get("with") or ()]
    unwanted = [" ".join(piece.split()) for piece in page.get("without") or ()]
    shares = []
    for line in lines:
        if any(piece in line for piece in wanted):
            shares.append(1.0)
        elif any(piece in line for piece in unwanted):
            shares.append(0.0)
        else:
            shares.append(UNKNOWN_SHARE)
    return shares


class _LabelledText:
    def __init__(self, words: list[str]) -> None:
        self.words = words
        self._joined = f" {' '.join(words)} "
        self._word_numbers: dict[int, int] = {}  # by offset in the joined text
        offset = 0
        for number, word in enumerate(words):
            self._word_numbers[offset] = number
            offset += len(word) + 1
        self._positions: dict[tuple[str, ...], list[int]] = {}  # by shingle
        for start in range(len(words) - SHINGLE_WORDS + 1):
            shingle = tuple(words[start : start + SHINGLE_WORDS])
            self._positions.setdefault(shingle, []).append(start)

    def matches(self, line: list[str]) -> Iterator[_Match]:
        """Yield where a line stands as a whole, else where its beginning and its end stand."""
        if not line:
            return
        joined_line, count = f" {' '.join(line)} ", 0
        offset = self._joined.find(joined_line)
        while offset >= 0 and count < MAX_MATCHES:
            start = self._word_numbers[offset]
            yield _Match(start, start + len(line), len(line), 1.0)
            offset, count = self._joined.find(joined_line, offset + 1), count + 1
        if not count and len(line) >= MIN_PARTIAL_WORDS:
            yield from self._partial_matches(line)

    def _partial_matches(self, line: list[str]) -> Iterator[_Match]:
        positions = []
        for start in range(len(line) - SHINGLE_WORDS + 1):
            shingle = tuple(line[start : start + SHINGLE_WORDS])
            if shingle in self._positions:
                positions.append(self._positions[shingle])
        share = len(positions) / (len(line) - SHINGLE_WORDS + 1)
        if share < MIN_PARTIAL_SHARE:
            return
        for start in positions[0][: MAX_MATCHES // 2]:
            ends = [end + SHINGLE_WORDS for end in positions[-1] if end + SHINGLE_WORDS > start]
            if ends:
                yield _Match(start, min(ends), PARTIAL_WEIGHT * len(positions), share)


class _PrefixMaxima:
    """The best coverage up to each word of the text, as a Fenwick tree."""

    def __init__(self, size: int) -> None:
        self._tree = [_Coverage(0.0, -1)] * (size + 1)

    def until(self, end: int) -> _Coverage:
        """Return the best coverage by lines that end at a word or before it."""
        best, node = _Coverage(0.0, -1), end + 1
        while node > 0:
            best = max(best, self._tree[node])
            node -= node & -node
        return best

    def add(self, end: int, coverage: _Coverage) -> None:
        """Add a coverage of the text up to a word."""
        node = end + 1
        while node < len(self._tree):
            self._tree[node] = max(self._tree[node], coverage)
            node += node & -node
