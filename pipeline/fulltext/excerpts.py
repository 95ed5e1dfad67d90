"""Where in a text the words of a query stand, and the stretch of it that shows them best.

Promises plain values, (text, spans), so that each door marks up what was found in its own safe way; spans are half-open, in
letters of that text, in order, and never overlap. Reads no more of a text than was indexed.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pipeline.fulltext import tokenizer
from pipeline.fulltext.normalize import VOWEL_SIGNS
from pipeline.fulltext.query_language import Query, Term, positive_terms

RUN = re.compile(
    rf"[\w{VOWEL_SIGNS}\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u00ad]+"
)  # a word with its accents
EXCERPT_WIDTH = 200  # letters of an excerpt

Span = tuple[int, int]
Standing = tuple[str, int, int]  # a token, and the letters that it was made of


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A stretch of a text on one line, and the spans in it that were asked for."""

    text: str
    spans: tuple[Span, ...] = ()


def find_spans(text: str, query: Query, field: str = "", language: str = "") -> tuple[Span, ...]:
    """All that a query asks for and that stands in a text of this language; of a title with field "title" also what is asked of
    titles alone."""
    terms = [term for term in positive_terms(query.tree) if term.field in ("", field)]
    if not terms:
        return ()
    found = sorted(_found(tuple(_standing(text[: tokenizer.MAX_LETTERS])), terms, language))
    return tuple(_merged(found))


def make_excerpt(text: str, query: Query, width: int = EXCERPT_WIDTH, language: str = "") -> Excerpt:
    """The stretch of a text in which most of what is asked for stands, else its beginning."""
    line = " ".join(text.split())
    found = find_spans(line, query, language=language)
    start = _best(line, found, width)
    end = _word_end(line, start + width) if start + width < len(line) else len(line)
    before, after = "…" if start else "", "…" if end < len(line) else ""
    shift = len(before) - start
    inside = tuple((a + shift, b + shift) for a, b in found if a >= start and b <= end)
    return Excerpt(before + line[start:end] + after, inside)


def highlight(text: str, query: Query, field: str = "", language: str = "") -> Excerpt:
    """A whole text with what is asked for."""
    return Excerpt(text, find_spans(text, query, field, language))


def _best(line: str, found: Sequence[Span], width: int) -> int:
    """Where to begin: at most a third of the width before the first of as many spans as fit."""
    if not found:
        return 0
    starts = [a for a, _ in found]
    room = width * 2 // 3
    first = max(range(len(found)), key=lambda n: (bisect_left(starts, starts[n] + room) - n, -n))
    start = max(0, starts[first] - width // 3)
    if len(line) - start < width:
        start = max(0, min(start, len(line) - width))
    if start:
        start = line.find(" ", start, starts[first]) + 1 or start
    return start


def _word_end(line: str, end: int) -> int:
    return max(line.rfind(" ", end - 30, end + 1), 0) or end


def _found(standing: Sequence[Standing], terms: Sequence[Term], language: str) -> Iterator[Span]:
    firsts: dict[str, list[int]] = {}
    for n, (token, _, _) in enumerate(standing):
        firsts.setdefault(token, []).append(n)
    for term in terms:
        yield from _rows(standing, term, firsts, language)


def _rows(
    standing: Sequence[Standing], term: Term, firsts: dict[str, list[int]], language: str
) -> Iterator[Span]:
    length = len(term.tokens)
    if length == 1:
        yield from (
            standing[n][1:] for token in _asked(term, firsts, language) for n in firsts[token]
        )
        return
    for n in firsts.get(term.tokens[0], ()):
        row = standing[n : n + length]
        if len(row) == length and all(
            a[0] == b for a, b in zip(row[1:-1], term.tokens[1:-1], strict=True)
        ):
            last = row[-1][0]
            if last == term.tokens[-1] or (term.prefix and last.startswith(term.tokens[-1])):
                yield row[0][1], row[-1][2]


def _asked(term: Term, found: Iterable[str], language: str) -> list[str]:
    """Those tokens of a text of this language that a term of one token asks for."""
    (asked,) = term.tokens
    if term.prefix:
        return [token for token in found if token.startswith(asked)]
    return (
        [token for token in found if token == asked]
        if term.exact
        else tokenizer.word_forms(asked, found, language)
    )


def _standing(text: str) -> Iterator[Standing]:
    for match in RUN.finditer(text):
        start, end = match.span()
        found = _cut(match.group())
        if len(found) == 1:
            yield found[0], start, end
            continue
        for n, token in enumerate(
            found
        ):  # letters without spaces between words: each pair begins one letter on
            at = min(start + n, end)
            yield (
                (token, at, min(at + len(token), end))
                if len(found) <= end - start
                else (token, start, end)
            )


@lru_cache(maxsize=1 << 16)
def _cut(word: str) -> tuple[str, ...]:
    return tuple(tokenizer.tokenize(word))


def _merged(found: Sequence[Span]) -> Iterator[Span]:
    last: Span | None = None
    for start, end in found:
        if last is not None and start < last[1]:
            last = (last[0], max(last[1], end))
            continue
        if last is not None:
            yield last
        last = (start, end)
    if last is not None:
        yield last
