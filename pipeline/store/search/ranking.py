"""Matches ordered by relevance with Okapi BM25.

The order is the same on both databases, since it is computed here. The cost is bounded: only the
newest matches are scored, and the newest ones that have all words in the title. An older match is
not ranked.

BM25: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009). It
weighs how often a term occurs, in how long a text, and how rare it is, here among the matches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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

MAX_NEWEST = 200  # newest matches that are scored
MAX_TITLED = 50  # further matches that have all words in their titles
BM25_K1 = 1.2
BM25_B = 0.75
TITLE_WEIGHT = 2.0
SCORE_SCALE = 1_000_000  # scores are whole numbers, so that a cursor can hold them exactly
# ts_filter drops words without positions, which are not part of the text
WORDS_SQL = {
    "sqlite": (
        "SELECT order_key, word_count, language, article_index.title AS title_words,"
        " body AS words FROM json_each(:keys)"
        " CROSS JOIN article ON order_key = value"
        " CROSS JOIN article_index ON article_index.rowid = order_key"
    ),
    "postgresql": (
        "SELECT order_key, word_count, language, CAST(ts_filter(words, '{d}') AS text) AS words"
        " FROM article JOIN article_index ON rowid = order_key WHERE order_key = ANY(:keys)"
    ),
}
TermCounts = Mapping[str, int]
"""Words that begin like a term, and how often each occurs."""


@dataclass(frozen=True, slots=True)
class ScoredMatch:
    """A match to be scored.

    Attributes:
        key: The order key of the article.
        term_counts: How often each term of the query occurs.
        in_title: Whether each term occurs in the title.
        word_count: How many words the article has.
    """

    key: int
    term_counts: tuple[int, ...]
    in_title: tuple[bool, ...]
    word_count: int


@dataclass(frozen=True, slots=True)
class _ArticleWords:
    title: TermCounts
    whole: TermCounts  # title and text


def has_terms(query: Query) -> bool:
    """Return whether the query has any term to score by."""
    return bool(_scored_terms(query))


def rank_matches(db: Connection, query: Query, plan: IndexQuery) -> list[tuple[int, int]]:
    """Return (score, order key) of the matches that are scored: the best first, then the newest."""
    keys = executor.newest_keys(db, plan, MAX_NEWEST)
    if len(keys) == MAX_NEWEST and query.tree is not None:
        title_plan = planner.plan_query(db, Query("", _in_titles(query.tree)))
        if title_plan is not None:
            older = title_plan.within(plan.start, min(plan.end, keys[-1]))
            keys += executor.newest_keys(db, older, MAX_TITLED)
    return score_matches(_load_matches(db, keys, _scored_terms(query)))


def score_matches(matches: Sequence[ScoredMatch]) -> list[tuple[int, int]]:
    """Return (score, order key) of some matches, the best first.

    Args:
        matches: Matches with the places and numbers of their words.

    Returns:
        Pairs in descending order; equal scores have the newest first.
    """
    if not matches:
        return []
    average_words = sum(match.word_count for match in matches) / len(matches) or 1.0
    weights: list[float] = []
    for number in range(len(matches[0].term_counts)):
        matches_with_term = sum(1 for match in matches if match.term_counts[number])
        weights.append(1.0 + log((len(matches) + 1) / (matches_with_term + 1)))
    scores = [(_score(match, weights, average_words), match.key) for match in matches]
    return sorted(scores, reverse=True)


def _score(match: ScoredMatch, weights: Sequence[float], average_words: float) -> int:
    damping = BM25_K1 * (1 - BM25_B + BM25_B * match.word_count / average_words)
    text_score = 0.0
    title_score = 0.0
    for weight, count, in_title in zip(weights, match.term_counts, match.in_title, strict=True):
        text_score += weight * count * (BM25_K1 + 1) / (count + damping)
        if in_title:
            title_score += TITLE_WEIGHT * weight
    return round((text_score + title_score) * SCORE_SCALE)


def _scored_terms(query: Query) -> tuple[Term, ...]:
    terms = [term for term in positive_terms(query.tree) if term.field in ("", "title")]
    return tuple(dict.fromkeys(terms))


def _in_titles(node: Node) -> Node:
    """The same query of titles. Excluded terms and filters stay as they are."""
    if isinstance(node, Term) and not node.field:
        return replace(node, field="title")
    if isinstance(node, And):
        return And(tuple(map(_in_titles, node.nodes)))
    if isinstance(node, Or):
        return Or(tuple(map(_in_titles, node.nodes)))
    return node


def _load_matches(db: Connection, keys: Sequence[int], terms: Sequence[Term]) -> list[ScoredMatch]:
    beginnings = _beginnings(terms)
    is_sqlite = db.dialect.name == "sqlite"
    statement = text(WORDS_SQL[db.dialect.name])
    count_words = _words_of_sqlite if is_sqlite else _words_of_postgres
    matches: list[ScoredMatch] = []
    for chunk in chunks(keys):
        parameter = dumps(chunk) if is_sqlite else chunk
        for row in db.execute(statement, {"keys": parameter}):
            words = count_words(row, beginnings)
            title_counts = _count_terms(words.title, terms, row.language)
            matches.append(
                ScoredMatch(
                    key=row.order_key,
                    term_counts=_count_terms(words.whole, terms, row.language),
                    in_title=tuple(count > 0 for count in title_counts),
                    word_count=row.word_count,
                )
            )
    return matches


def _beginnings(terms: Sequence[Term]) -> list[str]:
    """The first two letters of the terms' words. Only words that begin so are counted."""
    beginnings: set[str] = set()
    for term in terms:
        beginnings.update(token[:2] for token in term.tokens)
    return sorted(beginnings)


def _count_terms(words: TermCounts, terms: Sequence[Term], language: str) -> tuple[int, ...]:
    """How often each term occurs in a text. For a phrase it is how often its rarest word does."""
    if not words:
        return (0,) * len(terms)
    counts: list[int] = []
    for term in terms:
        per_token = [_count_token(words, term, n, language) for n in range(len(term.tokens))]
        counts.append(min(per_token))
    return tuple(counts)


def _count_token(words: TermCounts, term: Term, number: int, language: str) -> int:
    token = term.tokens[number]
    if term.prefix and number == len(term.tokens) - 1:
        return sum(count for word, count in words.items() if word.startswith(token))
    if term.exact or len(term.tokens) > 1:
        return words.get(token, 0)
    return sum(words[word] for word in tokenizer.word_forms(token, words, language))


def _words_of_sqlite(row: Row, beginnings: Sequence[str]) -> _ArticleWords:
    """SQLite stores the words in their order."""
    title = _count_in_order(f" {row.title_words} ", beginnings)
    whole = _count_in_order(f" {row.title_words} {row.words} ", beginnings)
    return _ArticleWords(title, whole)


def _count_in_order(line: str, beginnings: Iterable[str]) -> TermCounts:
    counts: Counter[str] = Counter()
    for beginning in beginnings:
        start = line.find(f" {beginning}")
        while start >= 0:
            end = line.index(" ", start + 1)
            counts[line[start + 1 : end]] += 1
            start = line.find(f" {beginning}", end)
    return counts


def _words_of_postgres(row: Row, beginnings: Sequence[str]) -> _ArticleWords:
    """PostgreSQL writes words with their positions: `'h·ferry':3 'ferry':3,18 'levy':4`."""
    mark = field_token("title", "")
    marked = _count_positions(row.words, [mark + beginning for beginning in beginnings])
    title = {word[len(mark) :]: 1 for word in marked}
    return _ArticleWords(title, _count_positions(row.words, beginnings))


def _count_positions(line: str, beginnings: Iterable[str]) -> TermCounts:
    line = f" {line} "
    counts: dict[str, int] = {}
    for beginning in beginnings:
        start = line.find(f" '{beginning}")
        while start >= 0:
            word_end = line.index("':", start)
            end = line.index(" ", word_end)
            counts[line[start + 2 : word_end]] = line.count(",", word_end, end) + 1
            start = line.find(f" '{beginning}", end)
    return counts
