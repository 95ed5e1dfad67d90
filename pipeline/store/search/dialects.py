"""The syntaxes in which SQLite and PostgreSQL take a full-text query."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise, starmap

from pipeline.fulltext import tokenizer
from pipeline.fulltext.query_language import DateRange, Node, Not, Or, Term
from pipeline.fulltext.tokenizer import EVERY_ARTICLE, field_token, pair_token

MIN_YEAR, MAX_YEAR = 1970, 2243  # an order key can hold no other years


@dataclass(frozen=True, slots=True)
class FtsDialect:
    """How one engine writes a full-text query.

    Attributes:
        and_, or_, not_: Operators between two parts.
        adjacent: Operator between the tokens of a phrase. " " means that the quotes hold them all.
        quote: The quote around a token.
        prefix_mark: What follows a token of which only the beginning is known.
        has_fast_phrases: Whether the index itself stores positions in a way that finds phrases.
        has_pairs: Whether the index has tokens for pairs of adjacent words, which narrow a phrase.
    """

    and_: str
    or_: str
    not_: str
    adjacent: str
    quote: str
    prefix_mark: str
    has_fast_phrases: bool = False
    has_pairs: bool = False

    def write(self, node: Node) -> str:
        """Write a query tree.

        Args:
            node: The root of the tree, or a part of it.

        Returns:
            An expression of FTS5, in which each token stands in quotes.
        """
        if isinstance(node, Term):
            return self._write_term(node)
        if isinstance(node, DateRange):
            return self._write_dates(node)
        if isinstance(node, Or):
            return self._join(self.or_, list(map(self.write, node.nodes)))
        if isinstance(node, Not):
            return self._write_and((node,))
        return self._write_and(node.nodes)

    def write_all(self, nodes: Sequence[Node]) -> str:
        """Write several query trees that must all hold. No trees are ""."""
        if not nodes:
            return ""
        return self._write_and(nodes)

    def any_of(self, tokens: Sequence[str]) -> str:
        """Write that at least one of these tokens occurs."""
        return self._join(self.or_, list(map(self._write_token, tokens)))

    def pair_tokens(self, term: Term) -> list[str]:
        """Return the pair tokens that each article with this phrase has."""
        if not self.has_pairs:
            return []
        complete = term.tokens[: len(term.tokens) - term.prefix]
        return list(starmap(pair_token, pairwise(_field_tokens(term.field, complete))))

    def _write_and(self, nodes: Sequence[Node]) -> str:
        required: list[str] = []
        excluded: list[str] = []
        for node in nodes:
            if isinstance(node, Not):
                excluded.append(self.write(node.node))
            else:
                required.append(self.write(node))
        if not required:
            required.append(self._write_token(EVERY_ARTICLE))
        written = self._join(self.and_, required)
        if not excluded:
            return written
        return f"({written}{self.not_}{self._join(self.or_, excluded)})"

    def _write_term(self, term: Term) -> str:
        tokens = _field_tokens(term.field, term.tokens)
        parts = list(map(self._write_token, self.pair_tokens(term)))
        parts.append(self._write_phrase(tokens, term.prefix))
        as_written = self._join(self.and_, parts)
        if len(tokens) > 1 or term.exact or term.prefix or term.field not in ("", "title"):
            return as_written
        stem = tokenizer.stem(term.tokens[0])
        if not stem:
            return as_written
        stem_token = self._write_token(field_token(term.field, stem))
        return self._join(self.or_, [as_written, stem_token])

    def _write_phrase(self, tokens: Sequence[str], is_prefix: bool) -> str:
        if self.adjacent == " ":
            return self._write_token(" ".join(tokens), is_prefix)
        parts = list(map(self._write_token, tokens[:-1]))
        parts.append(self._write_token(tokens[-1], is_prefix))
        return self._join(self.adjacent, parts)

    def _write_dates(self, dates: DateRange) -> str:
        """A time as beginnings of day tokens, which stand for whole months, years or decades."""
        start = dates.since or datetime(MIN_YEAR, 1, 1)  # noqa: DTZ001 - only its date counts
        end = dates.until or datetime(MAX_YEAR, 1, 1)  # noqa: DTZ001
        parts: list[str] = []
        for prefix in _date_prefixes(start, end):
            parts.append(self._write_token(f"d{tokenizer.MARK}{prefix}", is_prefix=True))
        if not parts:
            nothing = self._write_token(EVERY_ARTICLE)
            return f"({nothing}{self.not_}{nothing})"
        return self._join(self.or_, parts)

    def _write_token(self, token: str, is_prefix: bool = False) -> str:
        mark = self.prefix_mark if is_prefix else ""
        return f"{self.quote}{token}{self.quote}{mark}"

    def _join(self, operator: str, parts: Sequence[str]) -> str:
        if len(parts) == 1:
            return parts[0]
        return f"({operator.join(parts)})"


SQLITE_FTS5 = FtsDialect(
    and_=" AND ",
    or_=" OR ",
    not_=" NOT ",
    adjacent=" ",
    quote='"',
    prefix_mark=" *",
    has_fast_phrases=True,
)
PG_TSQUERY_NO_PAIRS = FtsDialect(
    and_=" & ",
    or_=" | ",
    not_=" & !",
    adjacent=" <-> ",
    quote="'",
    prefix_mark=":*",
)
PG_TSQUERY = replace(PG_TSQUERY_NO_PAIRS, has_pairs=True)


def _field_tokens(field: str, tokens: Sequence[str]) -> list[str]:
    return [field_token(field, token) for token in tokens]


def _date_prefixes(start: datetime, end: datetime) -> Iterator[str]:
    """The fewest beginnings of dates like 20260301 that cover `start` to the day before `end`."""
    year, month, day = start.year, start.month, start.day
    while (year, month, day) < (end.year, end.month, end.day):
        if month == day == 1 and year % 10 == 0 and year + 10 <= end.year:
            yield f"{year // 10:03}"
            year += 10
        elif month == day == 1 and year < end.year:
            yield f"{year:04}"
            year += 1
        elif day == 1 and (year, month) < (end.year, end.month):
            yield f"{year:04}{month:02}"
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)
        else:
            yield f"{year:04}{month:02}{day:02}"
            next_day = datetime(year, month, day) + timedelta(days=1)  # noqa: DTZ001
            year, month, day = next_day.year, next_day.month, next_day.day
