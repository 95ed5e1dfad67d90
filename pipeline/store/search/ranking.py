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
from pipeline.fulltext.query_language import All, Any, Node, Query, Term, wanted
from pipeline.fulltext.tokenizer import field_token
from pipeline.store.db.sql import chunks
from pipeline.store.search import planner
from pipeline.store.search.planner import Plan

NEWEST = 200  # matches that are weighed
TITLED = 50  # more, that have all words in their titles
SHARP = 1.2  # BM25's k1
LONG = 0.75  # BM25's b
TITLE = 2.0
UNIT = 1_000_000  # scores are whole numbers, so that a cursor holds them exactly
COUNTED = {  # PostgreSQL leaves out what has no places
    "sqlite": """SELECT order_key, word_count, language, article_index.title AS heads, body AS words FROM json_each(:keys)
    CROSS JOIN article ON order_key = value CROSS JOIN article_index ON article_index.rowid = order_key""",
    "postgresql": """SELECT order_key, word_count, language, CAST(ts_filter(words, '{d}') AS text) AS words
    FROM article JOIN article_index ON rowid = order_key WHERE order_key = ANY(:keys)""",
}
Counted = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Weighed:
    """A match: how often each term stands in it, in which of them its title has part, and how many words it has."""

    key: int
    times: tuple[int, ...]
    titled: tuple[bool, ...]
    words: int


def has_words(query: Query) -> bool:
    """Whether there is anything to weigh by."""
    return bool(_terms(query))


def _terms(query: Query) -> tuple[Term, ...]:
    return tuple(dict.fromkeys(term for term in wanted(query.tree) if term.field in ("", "title")))


def ranked(db: Connection, query: Query, plan: Plan) -> list[tuple[int, int]]:
    """(score, order key) of the matches that are weighed, the best first, then the newest."""
    found = planner.keys(db, plan, NEWEST)
    if len(found) == NEWEST and query.tree is not None:
        titled = planner.plan(db, Query("", _titled(query.tree)))
        if titled is not None:
            found += planner.keys(db, titled.within(plan.start, min(plan.end, found[-1])), TITLED)
    return scores(_weighed(db, found, _terms(query)))


def _titled(node: Node) -> Node:
    """The same of titles; what must not be there, and filters, stay as they are."""
    if isinstance(node, Term) and not node.field:
        return replace(node, field="title")
    if isinstance(node, All):
        return All(tuple(map(_titled, node.nodes)))
    return Any(tuple(map(_titled, node.nodes))) if isinstance(node, Any) else node


def scores(matches: Sequence[Weighed]) -> list[tuple[int, int]]:
    """(score, order key), the best first."""
    if not matches:
        return []
    usual = sum(match.words for match in matches) / len(matches) or 1.0
    has = [sum(1 for match in matches if match.times[n]) for n in range(len(matches[0].times))]
    rare = [1.0 + log((len(matches) + 1) / (number + 1)) for number in has]
    return sorted(((_score(match, rare, usual), match.key) for match in matches), reverse=True)


def _score(match: Weighed, rare: Sequence[float], usual: float) -> int:
    damp = SHARP * (1 - LONG + LONG * match.words / usual)
    text_part = sum(
        weight * times * (SHARP + 1) / (times + damp)
        for weight, times in zip(rare, match.times, strict=True)
    )
    title_part = sum(
        TITLE * weight for weight, there in zip(rare, match.titled, strict=True) if there
    )
    return round((text_part + title_part) * UNIT)


def _weighed(db: Connection, keys: Sequence[int], terms: Sequence[Term]) -> list[Weighed]:
    beginnings = sorted({token[:2] for term in terms for token in term.tokens})
    sqlite = db.dialect.name == "sqlite"
    statement, counted = text(COUNTED[db.dialect.name]), _in_order if sqlite else _by_places
    found = list[Weighed]()
    for chunk in chunks(keys):
        for row in db.execute(statement, {"keys": dumps(chunk) if sqlite else chunk}):
            titled, there = counted(row, beginnings)
            in_title = tuple(times > 0 for times in _times(titled, terms, row.language))
            found.append(
                Weighed(row.order_key, _times(there, terms, row.language), in_title, row.word_count)
            )
    return found


def _times(counts: Counted, terms: Sequence[Term], language: str) -> tuple[int, ...]:
    """How often each term stands in a text; of a phrase, how often its rarest word does."""
    if not counts:
        return (0,) * len(terms)
    return tuple(
        min(_of_token(counts, term, n, language) for n in range(len(term.tokens))) for term in terms
    )


def _of_token(counts: Counted, term: Term, number: int, language: str) -> int:
    token = term.tokens[number]
    if term.prefix and number == len(term.tokens) - 1:
        return sum(times for each, times in counts.items() if each.startswith(token))
    if term.exact or len(term.tokens) > 1:
        return counts.get(token, 0)
    return sum(counts[each] for each in tokenizer.alike(token, counts, language))


def _in_order(row: Row, beginnings: Sequence[str]) -> tuple[Counted, Counted]:
    """Of words that stand in their order."""
    return _walked(f" {row.heads} ", beginnings), _walked(f" {row.heads} {row.words} ", beginnings)


def _walked(line: str, beginnings: Sequence[str]) -> Counted:
    found = Counter[str]()
    for beginning in beginnings:
        at = line.find(f" {beginning}")
        while at >= 0:
            end = line.index(" ", at + 1)
            found[line[at + 1 : end]] += 1
            at = line.find(f" {beginning}", end)
    return found


def _by_places(row: Row, beginnings: Sequence[str]) -> tuple[Counted, Counted]:
    """Of words with their places, as PostgreSQL writes them: `'h·ferry':3 'ferry':3,18 'levy':4`."""
    mark = field_token("title", "")
    titled = {
        word[len(mark) :]: 1
        for word in _placed(row.words, [mark + beginning for beginning in beginnings])
    }
    return titled, _placed(row.words, beginnings)


def _placed(line: str, beginnings: Sequence[str]) -> Counted:
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
