"""Tell whether one article matches a query, from its tokens alone.

This agrees with both databases on every query: the tests compare them with it. Searches use it
where a database would first have to collect all articles with a word that begins in some way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.fulltext import tokenizer
from pipeline.fulltext.query_language import And, DateRange, Node, Not, Or, Term
from pipeline.fulltext.tokenizer import DAY_PREFIX, FILLER, ArticleTokens, field_token


@dataclass(frozen=True, slots=True)
class SearchableTokens:
    """The tokens of an article: its parts in order, and all tokens."""

    parts: tuple[Sequence[str], ...]
    all: frozenset[str]


def searchable_tokens(tokens: ArticleTokens) -> SearchableTokens:
    """Arrange the tokens of an article as the index has them."""
    parts = (tokens.title, tokens.body, tokens.names)
    return SearchableTokens(parts, frozenset().union(*parts, tokens.marks) - {FILLER})


def matches(node: Node, tokens: SearchableTokens) -> bool:
    """Tell whether an article matches a query.

    Args:
        node: The query's tree or a part of it.
        tokens: The tokens of the article.
    """
    if isinstance(node, And):
        return all(matches(child, tokens) for child in node.nodes)
    if isinstance(node, Or):
        return any(matches(child, tokens) for child in node.nodes)
    if isinstance(node, DateRange):
        return _is_in_range(node, tokens)
    if isinstance(node, Not):
        return not matches(node.node, tokens)
    return _has_term(node, tokens)


def _is_in_range(dates: DateRange, tokens: SearchableTokens) -> bool:
    day = ""
    for token in tokens.all:
        if token.startswith(DAY_PREFIX):
            day = token.removeprefix(DAY_PREFIX)
    if dates.since is not None and day < f"{dates.since:%Y%m%d}":
        return False
    return dates.until is None or day < f"{dates.until:%Y%m%d}"


def _has_term(term: Term, tokens: SearchableTokens) -> bool:
    wanted = [field_token(term.field, token) for token in term.tokens]
    if len(wanted) > 1:
        return any(_has_phrase(wanted, term.prefix, part) for part in tokens.parts)
    if term.prefix:
        return any(token.startswith(wanted[0]) for token in tokens.all)
    if wanted[0] in tokens.all:
        return True
    if term.exact or term.field not in ("", "title"):
        return False
    stem = tokenizer.stem(term.tokens[0])
    return bool(stem) and field_token(term.field, stem) in tokens.all


def _has_phrase(wanted: Sequence[str], prefix: bool, part: Sequence[str]) -> bool:
    """Tell whether tokens stand side by side in a part.

    Args:
        wanted: The tokens.
        prefix: Whether the last token may be the beginning of another one.
        part: The tokens of one part of the article.
    """
    *first_tokens, last = wanted
    for start in _positions(wanted[0], part):
        row = part[start : start + len(wanted)]
        if len(row) < len(wanted) or list(row[:-1]) != first_tokens:
            continue
        if row[-1] == last or (prefix and row[-1].startswith(last)):
            return True
    return False


def _positions(token: str, part: Sequence[str]) -> Iterator[int]:
    position = -1
    while True:
        try:
            position = part.index(token, position + 1)
        except ValueError:
            return
        yield position
