"""The full-text index, FTS5 on SQLite and tsvector on PostgreSQL, behind one small query language: words and "phrases", all of
which must stand in the article; newest first.

Both engines are given text and queries that `letters` has folded, so they find the same. No query can raise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from pipeline.letters import folded, words

MAX_LETTERS = 250_000  # of a text that are indexed: PostgreSQL refuses a tsvector of more than 1 MiB
MAX_TERMS = 32
PHRASE = re.compile(r'"([^"]*)"|(\S+)')


@dataclass(frozen=True, slots=True)
class Term:
    """One word, or a phrase of several."""

    words: tuple[str, ...]


def parse(query: str) -> tuple[Term, ...]:
    """The terms of a query. Text without a letter or digit yields none."""
    found = (tuple(words(phrase or word)) for phrase, word in PHRASE.findall(query))
    return tuple(Term(each) for each in found if each)[:MAX_TERMS]


def index(db: Connection, articles: Sequence[tuple[int, str, str]]) -> None:
    """Adds articles that are not there: (order key, title, body) of each."""
    if db.dialect.name == "sqlite":
        statement = "INSERT INTO article_index (rowid, title, body) VALUES (:key, :title, :body)"
    else:
        statement = (
            "INSERT INTO article_index (rowid, words) VALUES (:key,"
            " setweight(to_tsvector('simple', :title), 'A') || to_tsvector('simple', :body))"
        )
    rows = [
        {
            "key": key,
            "title": _indexed(title)[:2000],
            "body": _indexed(body[:MAX_LETTERS])[:MAX_LETTERS],  # ㌀ unfolds to five
        }
        for key, title, body in articles
    ]
    if rows:
        db.execute(text(statement), rows)


def unindex(db: Connection, order_keys: Sequence[int]) -> None:
    """Takes articles out, as far as they are there."""
    if order_keys:
        db.execute(text("DELETE FROM article_index WHERE rowid = :key"), [{"key": key} for key in order_keys])


def find(db: Connection, terms: tuple[Term, ...], limit: int, before: int | None = None) -> list[int]:
    """Order keys of the newest articles that have all terms, below `before` where that is given."""
    if not terms:
        return []
    if db.dialect.name == "sqlite":
        match = " ".join(f'"{" ".join(term.words)}"' for term in terms)
        statement = "SELECT rowid FROM article_index WHERE article_index MATCH :match"
        values: dict[str, object] = {"match": match}
    else:
        condition = " && ".join(f"phraseto_tsquery('simple', :t{n})" for n in range(len(terms)))
        statement = f"SELECT rowid FROM article_index WHERE words @@ ({condition})"
        values = {f"t{n}": " ".join(term.words) for n, term in enumerate(terms)}
    if before is not None:
        statement += " AND rowid < :before"
        values["before"] = before
    statement += " ORDER BY rowid DESC LIMIT :limit"
    return list(db.scalars(text(statement), values | {"limit": limit}))


def _indexed(value: str) -> str:
    """Folded words only: punctuation would let PostgreSQL's parser see hosts, paths and numbers of its own."""
    return " ".join(words(value))


def snippet(value: str, terms: tuple[Term, ...], width: int = 160) -> str:
    """A stretch of the text around the first term that stands in it, else its beginning; on one line."""
    line = " ".join(value.split())
    at = _first(line, terms)
    start = max(0, at - width // 3)
    if start:
        start = line.find(" ", start, at) + 1 or start
    cut = line[start : start + width]
    return ("…" if start else "") + cut + ("…" if start + width < len(line) else "")


def _first(line: str, terms: tuple[Term, ...]) -> int:
    places = [_place(line, term) for term in terms]
    return min((place for place in places if place >= 0), default=0)


def _place(line: str, term: Term) -> int:
    for match in re.finditer(r"\w+", line):
        if folded(match.group()) == term.words[0]:
            return match.start()
    return -1
