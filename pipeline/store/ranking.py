"""Matches by how much they are about what was asked for.

Promises an order that is the same on both databases, since it is computed here, and a bounded cost: the newest matches are
weighed, and beside them the newest that have all words in the title. A match that is older than all of these is not ranked.
The weight is that of Okapi BM25 (how often, in how long a text, how rare among the matches), with twice as much for the title.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log

from sqlalchemy import Connection, bindparam, select, text

from pipeline.store import finding
from pipeline.store.finding import Plan
from pipeline.store.schema import Article
from pipeline.store.sql import chunks
from pipeline.words import tokens
from pipeline.words.queries import All, Any, Node, Query, Term, wanted

NEWEST = 200  # matches that are weighed
TITLED = 50  # more, that have all words in their titles
SHARP = 1.2  # BM25's k1
LONG = 0.75  # BM25's b
TITLE = 2.0
UNIT = 1_000_000  # scores are whole numbers, so that a cursor holds them exactly


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
    found = finding.keys(db, plan, NEWEST)
    if len(found) == NEWEST and query.tree is not None:
        titled = finding.plan(db, Query("", _titled(query.tree)))
        if titled is not None:
            found += finding.keys(db, titled.within(plan.start, min(plan.end, found[-1])), TITLED)
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
    text_part = sum(weight * times * (SHARP + 1) / (times + damp) for weight, times in zip(rare, match.times, strict=True))
    title_part = sum(TITLE * weight for weight, there in zip(rare, match.titled, strict=True) if there)
    return round((text_part + title_part) * UNIT)


def _weighed(db: Connection, keys: Sequence[int], terms: Sequence[Term]) -> list[Weighed]:
    counts = _counts(db, keys, terms)
    columns = (Article.order_key, Article.title, Article.word_count, Article.language)
    rows = [row for chunk in chunks(keys) for row in db.execute(select(*columns).where(Article.order_key.in_(chunk)))]
    return [
        Weighed(
            row.order_key,
            _times(counts.get(row.order_key, {}), terms, row.language),
            tuple(times > 0 for times in _times(Counter(tokens.cut(row.title)), terms, row.language)),
            row.word_count,
        )
        for row in rows
    ]


def _times(counts: Mapping[str, int], terms: Sequence[Term], language: str) -> tuple[int, ...]:
    """How often each term stands in a text; of a phrase, how often its rarest word does."""
    return tuple(min(_of_token(counts, term, n, language) for n in range(len(term.tokens))) for term in terms)


def _of_token(counts: Mapping[str, int], term: Term, number: int, language: str) -> int:
    token = term.tokens[number]
    if term.prefix and number == len(term.tokens) - 1:
        return sum(times for each, times in counts.items() if each.startswith(token))
    if term.exact or len(term.tokens) > 1:
        return counts.get(token, 0)
    return sum(counts[each] for each in tokens.alike(token, counts, language))


def _counts(db: Connection, keys: Sequence[int], terms: Sequence[Term]) -> dict[int, Mapping[str, int]]:
    """Order key → word → how often, of words that begin like one of those that are asked for."""
    beginnings = sorted({token[:2] for term in terms for token in term.tokens})
    if db.dialect.name != "sqlite":
        return _lexemes(db, keys, beginnings)
    statement = text("SELECT rowid, title || ' ' || body AS words FROM article_index WHERE rowid IN :keys")
    statement = statement.bindparams(bindparam("keys", expanding=True))
    wanted = re.compile(rf"(?<!\S)(?:{'|'.join(map(re.escape, beginnings))})\S*")
    rows = [row for chunk in chunks(keys) for row in db.execute(statement, {"keys": chunk})]
    return {row.rowid: Counter(wanted.findall(row.words)) for row in rows}


def _lexemes(db: Connection, keys: Sequence[int], beginnings: Sequence[str]) -> dict[int, Mapping[str, int]]:
    statement = text("""SELECT rowid, lexeme, cardinality(positions) AS times FROM article_index, unnest(words)
    WHERE rowid = ANY(:keys) AND left(lexeme, 2) = ANY(:beginnings) AND positions IS NOT NULL""")
    found = dict[int, dict[str, int]]()
    for row in db.execute(statement, {"keys": list(keys), "beginnings": list(beginnings)}):
        found.setdefault(row.rowid, {})[row.lexeme] = row.times
    return dict(found)
