"""Articles that have exactly this author or tag, among those that the index finds by its words.

The index knows the words of a name in their order, so `author:"Ana Li"` also finds "Maria Ana Li".
Case, accents and punctuation make no difference here either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, select

from pipeline.fulltext import tokenizer
from pipeline.store.db.schema import ArticleRow
from pipeline.store.db.sql import chunks

NAMES = {"author": ArticleRow.authors, "tag": ArticleRow.tags}


@dataclass(frozen=True, slots=True)
class ExactName:
    """A whole name in a field."""

    field: Literal["author", "tag"]
    name: str


def keys_with_name(db: Connection, keys: Iterable[int], exact: ExactName) -> Iterator[int]:
    """Yield those of some order keys whose articles have a name, in the same order.

    Args:
        db: A connection that reads.
        keys: Order keys of articles.
        exact: The name, and its field.
    """
    wanted = tokenizer.tokenize(exact.name)
    query = select(ArticleRow.order_key, NAMES[exact.field])
    for chunk in chunks(list(keys)):
        having: set[int] = set()
        for key, names in db.execute(query.where(ArticleRow.order_key.in_(chunk))):
            if _has_name(names, wanted):
                having.add(key)
        yield from filter(having.__contains__, chunk)


def _has_name(names: Sequence[str], wanted: Sequence[str]) -> bool:
    return any(tokenizer.tokenize(name) == wanted for name in names)
