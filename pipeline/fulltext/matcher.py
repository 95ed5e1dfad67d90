"""Whether one article is what a query asks for, by its tokens alone: what both databases compute, said plainly.

Promises a pure function that agrees with them on every query: it is their judge in the tests, and tests articles one by one
where a database would first have to gather all articles with a word that begins somehow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.fulltext import tokenizer
from pipeline.fulltext.query_language import And, Or, DateRange, Node, Term
from pipeline.fulltext.tokenizer import FILLER, MARK, ArticleTokens, field_token


@dataclass(frozen=True, slots=True)
class SearchableTokens:
    """An Article's tokens: those in order, part by part, and all of them."""

    rows: tuple[Sequence[str], ...]
    all: frozenset[str]


def searchable_tokens(made: ArticleTokens) -> SearchableTokens:
    """As they are indexed."""
    rows = (made.title, made.body, made.names)
    return SearchableTokens(
        rows, frozenset(token for row in (*rows, made.marks) for token in row if token != FILLER)
    )


def matches(node: Node, of: SearchableTokens) -> bool:
    """Whether an Article is what a node asks for."""
    if isinstance(node, And):
        return all(matches(each, of) for each in node.nodes)
    if isinstance(node, Or):
        return any(matches(each, of) for each in node.nodes)
    if isinstance(node, DateRange):
        return _dated(node, of)
    return _has(node, of) if isinstance(node, Term) else not matches(node.node, of)


def _dated(dates: DateRange, of: SearchableTokens) -> bool:
    """By the day, as the index knows it."""
    day = next((token[2:] for token in of.all if token.startswith(f"d{MARK}")), "")
    after = dates.since is None or day >= f"{dates.since:%Y%m%d}"
    return after and (dates.until is None or day < f"{dates.until:%Y%m%d}")


def _has(term: Term, of: SearchableTokens) -> bool:
    wanted = [field_token(term.field, token) for token in term.tokens]
    if len(wanted) > 1:
        return any(_row(wanted, term.prefix, row) for row in of.rows)
    if term.prefix:
        return any(token.startswith(wanted[0]) for token in of.all)
    if wanted[0] in of.all:
        return True
    stem = "" if term.exact or term.field not in ("", "title") else tokenizer.stem(term.tokens[0])
    return bool(stem) and field_token(term.field, stem) in of.all


def _row(wanted: Sequence[str], prefix: bool, row: Sequence[str]) -> bool:
    """Whether tokens stand beside each other in a row, the last of them perhaps as a beginning."""
    first, last = wanted[0], wanted[-1]
    for n in _places(first, row):
        found = row[n : n + len(wanted)]
        ends = len(found) == len(wanted) and (
            found[-1] == last or (prefix and found[-1].startswith(last))
        )
        if ends and list(found[:-1]) == list(wanted[:-1]):
            return True
    return False


def _places(token: str, row: Sequence[str]) -> Iterator[int]:
    at = -1
    while True:
        try:
            at = row.index(token, at + 1)
        except ValueError:
            return
        yield at
