"""Hints about a query: names that the archive lacks, and words that it spells another way.

A word that no article has is compared with the words of the archive that differ in one letter: one
that is missing, added or wrong, or two neighbours that changed places. The index is asked for each
of them, so the cost does not grow with the archive.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from json import dumps

from sqlalchemy import Connection, select, text

from pipeline.core.suggestions import did_you_mean
from pipeline.fulltext import query_language, tokenizer
from pipeline.fulltext.excerpts import WORD
from pipeline.fulltext.query_language import (
    SITE_GROUPS,
    And,
    DateRange,
    Node,
    Not,
    Or,
    Query,
    Term,
    positive_terms,
)
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import RunRow
from pipeline.store.db.site_labels import load_labels
from pipeline.store.search import executor, planner

MAX_NAMED = 20  # names of a kind that are listed where none is similar
MAX_CORRECTED = 4  # words of a query
MIN_LETTERS, MAX_LETTERS = 4, 30  # of a word that may be misspelled
MAX_COUNTED = 200  # articles of a similar word; more make it no better
ALPHABETS = ("abcdefghijklmnopqrstuvwxyz", "абвгдежзийклмнопрстуфхцчшщъыьэюя")
# Similar words that the index has, with the number of their articles up to a limit.
KNOWN_WORDS_SQL = {
    "sqlite": (
        "SELECT value, (SELECT count(*) FROM (SELECT 1 FROM article_index"
        " WHERE article_index MATCH '\"' || words.value || '\"' LIMIT :limit)) AS number"
        " FROM json_each(:words) AS words"
    ),
    "postgresql": (
        "SELECT value, (SELECT count(*) FROM (SELECT 1 FROM article_index"
        " WHERE words @@ CAST(quote_literal(value) AS tsquery) LIMIT :limit) AS first_ones)"
        " AS number"
        " FROM unnest(CAST(:words AS text[])) AS similar_words(value)"
    ),
}


def unknown_names(db: Connection, query: Query) -> Iterator[str]:
    """Yield a sentence about each site, group and country of a query that the archive lacks."""
    for term in dict.fromkeys(_terms(query.tree)):
        if term.field != "site" and term.field not in SITE_GROUPS:
            continue
        plan = planner.plan_query(db, Query("", term))
        if plan is not None and executor.newest_keys(db, plan, 1):
            continue
        name = term.tokens[0]
        names = _known_names(db, term.field)
        known = any(known.startswith(name) if term.prefix else known == name for known in names)
        if known:
            continue
        if len(names) > MAX_NAMED:
            names = (*names[:MAX_NAMED], "…")
        hint = did_you_mean(name, names)
        yield f"The archive knows no {term.field} '{name}'; {hint}"


def suggest_query(database: Database, query: str) -> str:
    """Return a query that finds nothing with its unknown words replaced by words of the archive.

    Returns:
        The text of a query, or "" if nothing can be improved.
    """
    with database.read() as db:
        replacements = _replacements(db, query_language.parse_query(query))
    if not replacements:
        return ""

    def replace_word(match: re.Match[str]) -> str:
        tokens = tokenizer.tokenize(match.group())
        if len(tokens) == 1:
            return replacements.get(tokens[0], match.group())
        return match.group()

    return WORD.sub(replace_word, query)


def _replacements(db: Connection, query: Query) -> dict[str, str]:
    """Return the nearest word of the archive for each word that no article has."""
    replacements: dict[str, str] = {}
    for term in dict.fromkeys(positive_terms(query.tree)):
        if term.field not in ("", "title") or term.prefix:
            continue
        for token in term.tokens:
            if len(replacements) < MAX_CORRECTED and not _has_word(db, token):
                similar = _most_frequent_similar(db, token)
                if similar:
                    replacements[token] = similar
    return replacements


def _has_word(db: Connection, token: str) -> bool:
    plan = planner.plan_query(db, Query("", Term((token,))))
    return plan is None or bool(executor.newest_keys(db, plan, 1))


def _most_frequent_similar(db: Connection, word: str) -> str:
    words = similar_words(word)
    if not words:
        return ""
    parameter = dumps(words) if db.dialect.name == "sqlite" else words
    rows = db.execute(
        text(KNOWN_WORDS_SQL[db.dialect.name]), {"words": parameter, "limit": MAX_COUNTED}
    )
    known = {row.value: row.number for row in rows if row.number}
    return max(sorted(known), key=lambda value: known[value], default="")


def similar_words(word: str) -> list[str]:
    """Return all words that differ from a word in one letter, or by two swapped neighbours.

    Args:
        word: A word as the index has it.

    Returns:
        The words, each once, without the word itself. Letters are those of the script of the word.
    """
    if not MIN_LETTERS <= len(word) <= MAX_LETTERS or not word.isalpha():
        return []
    alphabet = next((letters for letters in ALPHABETS if set(word) <= set(letters)), "")
    if not alphabet:
        alphabet = "".join(sorted(set(word)))
    words: set[str] = set()
    for place in range(len(word) + 1):
        before, after = word[:place], word[place:]
        words.update(before + letter + after for letter in alphabet)
        if after:
            words.add(before + after[1:])
            words.update(before + letter + after[1:] for letter in alphabet)
        if len(after) > 1:
            words.add(before + after[1] + after[0] + after[2:])
    return sorted(words - {word})


def _known_names(db: Connection, field: str) -> tuple[str, ...]:
    if field == "site":
        return tuple(db.scalars(select(RunRow.site).distinct().order_by(RunRow.site)))
    names: set[str] = set()
    names.update(*load_labels(db, field).values())
    return tuple(sorted(names))


def _terms(node: Node | None) -> Iterator[Term]:
    """Yield all terms of a query, also those that articles must not have."""
    if isinstance(node, Term):
        yield node
    elif isinstance(node, Not):
        yield from _terms(node.node)
    elif isinstance(node, And | Or):
        for child in node.nodes:
            yield from _terms(child)
    else:
        assert node is None or isinstance(node, DateRange)
