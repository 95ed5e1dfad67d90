"""Matches by how much they are about what was asked for.

Promises an order that is the same on both databases, since it is computed here, and a bounded cost: the newest matches are
weighed, and beside them the newest that have all words in the title. A match that is older than all of these is not ranked.
The weight is that of Okapi BM25 (how often, in how long a text, how rare among the matches), with twice as much for the title.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from json import dumps
from math import log
from typing import Any as Row

from sqlalchemy import Connection, text

from pipeline.fulltext import tokenizer
from pipeline.fulltext.query_language import And, Node, Or, Query, Term, positive_terms
from pipeline.fulltext.tokenizer import field_token
from pipeline.store.db.sql import chunks
from pipeline.store.search import executor, planner
from pipeline.store.search.planner import IndexQuery

MAX_NEWEST = 200  # matches that are weighed
MAX_TITLED = 50  # more, that have all words in their titles
BM25_K1 = 1.2  # BM25's k1
BM25_B = 0.75  # BM25's b
TITLE_WEIGHT = 2.0
SCORE_SCALE = 1_000_000  # scores are whole numbers, so that a cursor holds them exactly
WORDS_SQL = {  # PostgreSQL leaves out what has no places
    "sqlite": """SELECT order_key, word_count, language, article_index.title AS heads, body AS words FROM json_each(:keys)
    CROSS JOIN article ON order_key = value CROSS JOIN article_index ON article_index.rowid = order_key""",
    "postgresql": """SELECT order_key, word_count, language, CAST(ts_filter(words, '{d}') AS text) AS words
    FROM article JOIN article_index ON rowid = order_key WHERE order_key = ANY(:keys)""",
}
TermCounts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ScoredMatch:
    """A match: how often each term stands in it, in which of them its title has part, and how many words it has."""

    key: int
    term_counts: tuple[int, ...]
    in_title: tuple[bool, ...]
    word_count: int


def has_terms(query: Query) -> bool:
    """Whether there is anything to weigh by."""
    return bool(_terms(query))


def _terms(query: Query) -> tuple[Term, ...]:
    return tuple(dict.fromkeys(term for term in positive_terms(query.tree) if term.field in ("", "title")))


def rank_matches(db: Connection, query: Query, plan: IndexQuery) -> list[tuple[int, int]]:
    """(score, order key) of the matches that are weighed, the best first, then the newest."""
    found = executor.newest_keys(db, plan, MAX_NEWEST)
    if len(found) == MAX_NEWEST and query.tree is not None:
        titled = planner.plan_query(db, Query("", _titled(query.tree)))
        if titled is not None:
            found += executor.newest_keys(db, titled.within(plan.start, min(plan.end, found[-1])), MAX_TITLED)
    return score_matches(_weighed(db, found, _terms(query)))


def _titled(node: Node) -> Node:
    """The same of titles; what must not be there, and filters, stay as they are."""
    if isinstance(node, Term) and not node.field:
        return replace(node, field="title")
    if isinstance(node, And):
        return And(tuple(map(_titled, node.nodes)))
    return Or(tuple(map(_titled, node.nodes))) if isinstance(node, Or) else node


def score_matches(matches: Sequence[ScoredMatch]) -> list[tuple[int, int]]:
    """(score, order key), the best first."""
    if not matches:
        return []
    usual = sum(match.word_count for match in matches) / len(matches) or 1.0
    has = [sum(1 for match in matches if match.term_counts[n]) for n in range(len(matches[0].term_counts))]
    rare = [1.0 + log((len(matches) + 1) / (number + 1)) for number in has]
    return sorted(((_score(match, rare, usual), match.key) for match in matches), reverse=True)


def _score(match: ScoredMatch, rare: Sequence[float], usual: float) -> int:
    damp = BM25_K1 * (1 - BM25_B + BM25_B * match.word_count / usual)
    text_part = sum(
        weight * times * (BM25_K1 + 1) / (times + damp)
        for weight, times in zip(rare, match.term_counts, strict=True)
    )
    title_part = sum(
        TITLE_WEIGHT * weight for weight, there in zip(rare, match.in_title, strict=True) if there
    )
    return round((text_part + title_part) * SCORE_SCALE)


def _weighed(db: Connection, keys: Sequence[int], terms: Sequence[Term]) -> list[ScoredMatch]:
    beginnings = sorted({token[:2] for term in terms for token in term.tokens})
    sqlite = db.dialect.name == "sqlite"
    statement, counted = text(WORDS_SQL[db.dialect.name]), _in_order if sqlite else _by_places
    found = list[ScoredMatch]()
    for chunk in chunks(keys):
        for row in db.execute(statement, {"keys": dumps(chunk) if sqlite else chunk}):
            titled, there = counted(row, beginnings)
            in_title = tuple(times > 0 for times in _times(titled, terms, row.language))
            found.append(
                ScoredMatch(row.order_key, _times(there, terms, row.language), in_title, row.word_count)
            )
    return found


def _times(counts: TermCounts, terms: Sequence[Term], language: str) -> tuple[int, ...]:
    """How often each term stands in a text; of a phrase, how often its rarest word does."""
    if not counts:
        return (0,) * len(terms)
    return tuple(
        min(_of_token(counts, term, n, language) for n in range(len(term.tokens))) for term in terms
    )


def _of_token(counts: TermCounts, term: Term, number: int, language: str) -> int:
    token = term.tokens[number]
    if term.prefix and number == len(term.tokens) - 1:
        return sum(times for each, times in counts.items() if each.startswith(token))
    if term.exact or len(term.tokens) > 1:
        return counts.get(token, 0)
    return sum(counts[each] for each in tokenizer.word_forms(token, counts, language))


def _in_order(row: Row, beginnings: Sequence[str]) -> tuple[TermCounts, TermCounts]:
    """Of words that stand in their order."""
    return _walked(f" {row.heads} ", beginnings), _walked(f" {row.heads} {row.words} ", beginnings)


def _walked(line: str, beginnings: Sequence[str]) -> TermCounts:
    found = Counter[str]()
    for beginning in beginnings:
        at = line.find(f" {beginning}")
        while at >= 0:
            end = line.index(" ", at + 1)
            found[line[at + 1 : end]] += 1
            at = line.find(f" {beginning}", end)
    return found


def _by_places(row: Row, beginnings: Sequence[str]) -> tuple[TermCounts, TermCounts]:
    """Of words with their places, as PostgreSQL writes them: `'h·ferry':3 'ferry':3,18 'levy':4`."""
    mark = field_token("title", "")
    titled = {
        word[len(mark) :]: 1
        for word in _placed(row.words, [mark + beginning for beginning in beginnings])
    }
    return titled, _placed(row.words, beginnings)


def _placed(line: str, beginnings: Sequence[str]) -> TermCounts:
    line = f" {line} "
    found = dict[str, int]()
    for beginning in beginnings:
        at = line.find(f" '{beginning}")
        while at >= 0:
            word = line.index("':", at)
            end = line.index(" ", word)
            found[line[at + 2 : word]] = line.count(",", word, end) + 1
            at = line.find(f" '{beginning}", end)
    return found
