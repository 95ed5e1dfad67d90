"""Find where the words of a query stand in a text, and the stretch that shows them best.

Results are plain values (text and spans), so that each user interface can mark the words in its own
safe way. Spans are half-open, in characters of their text, in order, and never overlap. No more of
a text is read than is indexed.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from pipeline.fulltext import tokenizer
from pipeline.fulltext.normalize import VOWEL_SIGNS
from pipeline.fulltext.query_language import Query, Term, positive_terms

# A word with its accents.
WORD = re.compile(
    rf"[\w{VOWEL_SIGNS}\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u00ad]+"
)
EXCERPT_WIDTH = 200  # characters
MAX_CUT_WORD = 30  # characters at the end of an excerpt that are left out rather than cut

Span = tuple[int, int]  # start and end in characters


class TextToken(NamedTuple):
    """A token with the stretch of the text from which it was made."""

    token: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A stretch of a text, and the spans in it that the query asks for."""

    text: str
    spans: tuple[Span, ...] = ()


def find_spans(text: str, query: Query, field: str = "", language: str = "") -> tuple[Span, ...]:
    """Return the spans of a text that a query asks for.

    Args:
        text: The text.
        query: The query.
        field: "title" where the text is a title: then terms of titles count, too.
        language: The language of the text.
    """
    terms = [term for term in positive_terms(query.tree) if term.field in ("", field)]
    if not terms:
        return ()
    tokens = tuple(_text_tokens(text[: tokenizer.MAX_LETTERS]))
    return tuple(_merge(sorted(_term_spans(tokens, terms, language))))


def make_excerpt(
    text: str, query: Query, width: int = EXCERPT_WIDTH, language: str = ""
) -> Excerpt:
    """Return the stretch of a text with most of what a query asks for, else its beginning.

    Args:
        text: The text; the excerpt is on one line.
        query: The query.
        width: Characters of the excerpt.
        language: The language of the text.
    """
    line = " ".join(text.split())
    spans = find_spans(line, query, language=language)
    start, end = _best_start(line, spans, width), len(line)
    if start + width < len(line):
        end = _word_end(line, start + width)
    before = "…" if start else ""
    after = "…" if end < len(line) else ""
    shift = len(before) - start
    inside = [(a + shift, b + shift) for a, b in spans if a >= start and b <= end]
    return Excerpt(before + line[start:end] + after, tuple(inside))


def highlight(text: str, query: Query, field: str = "", language: str = "") -> Excerpt:
    """Return a whole text with the spans that a query asks for; the arguments are `find_spans`'."""
    return Excerpt(text, find_spans(text, query, field, language))


def _best_start(line: str, spans: Sequence[Span], width: int) -> int:
    """Return where to begin so that most spans fit: the first of them in the first third."""
    if not spans:
        return 0
    starts = [start for start, _ in spans]
    room = width * 2 // 3
    best, best_count = 0, 0
    for number, span_start in enumerate(starts):
        count = bisect_left(starts, span_start + room) - number
        if count > best_count:
            best, best_count = number, count
    start = max(0, starts[best] - width // 3)
    if len(line) - start < width:
        start = max(0, min(start, len(line) - width))
    if start:
        start = line.find(" ", start, starts[best]) + 1 or start
    return start


def _word_end(line: str, end: int) -> int:
    return max(line.rfind(" ", end - MAX_CUT_WORD, end + 1), 0) or end


def _term_spans(
    tokens: Sequence[TextToken], terms: Sequence[Term], language: str
) -> Iterator[Span]:
    positions: dict[str, list[int]] = {}
    for number, token in enumerate(tokens):
        positions.setdefault(token.token, []).append(number)
    for term in terms:
        if len(term.tokens) > 1:
            yield from _phrase_spans(tokens, term, positions)
            continue
        for token_text in _matching_tokens(term, positions, language):
            for number in positions[token_text]:
                yield tokens[number].start, tokens[number].end


def _phrase_spans(
    tokens: Sequence[TextToken], term: Term, positions: dict[str, list[int]]
) -> Iterator[Span]:
    *first_tokens, last_token = term.tokens
    for number in positions.get(first_tokens[0], ()):
        row = tokens[number : number + len(term.tokens)]
        texts = [token.token for token in row]
        if len(row) < len(term.tokens) or texts[:-1] != first_tokens:
            continue
        if texts[-1] == last_token or (term.prefix and texts[-1].startswith(last_token)):
            yield row[0].start, row[-1].end


def _matching_tokens(term: Term, tokens: Collection[str], language: str) -> list[str]:
    """Return the tokens of a text in this language that a term of one token asks for."""
    (wanted,) = term.tokens
    if term.prefix:
        return [token for token in tokens if token.startswith(wanted)]
    if term.exact:
        return [wanted] if wanted in tokens else []
    return tokenizer.word_forms(wanted, tokens, language)


def _text_tokens(text: str) -> Iterator[TextToken]:
    for match in WORD.finditer(text):
        start, end = match.span()
        tokens = _tokenize(match.group())
        if len(tokens) == 1:
            yield TextToken(tokens[0], start, end)
            continue
        # Letters without spaces between words: each pair begins one letter after the one before.
        for offset, token in enumerate(tokens):
            if len(tokens) > end - start:  # normalizing made letters longer
                yield TextToken(token, start, end)
            else:
                token_start = min(start + offset, end)
                yield TextToken(token, token_start, min(token_start + len(token), end))


@lru_cache(maxsize=1 << 16)
def _tokenize(word: str) -> tuple[str, ...]:
    return tuple(tokenizer.tokenize(word))


def _merge(spans: Sequence[Span]) -> Iterator[Span]:
    """Merge spans that overlap."""
    last: Span | None = None
    for start, end in spans:
        if last is not None and start < last[1]:
            last = (last[0], max(last[1], end))
            continue
        if last is not None:
            yield last
        last = (start, end)
    if last is not None:
        yield last
