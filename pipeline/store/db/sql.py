"""Statements that each engine spells its own way, and values made fit for both."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from pipeline.store.db.types import Base

T = TypeVar("T")
CHUNK = 500  # bound values in one statement, below the smallest limit of any engine


def insert_into(db: Connection, table: type[Base]) -> Any:
    """An INSERT of the engine's own, which knows ON CONFLICT."""
    return sqlite.insert(table) if db.dialect.name == "sqlite" else postgresql.insert(table)


def insert_or_ignore(db: Connection, table: type[Base], unique: Sequence[str]) -> Any:
    """An INSERT that leaves rows alone which are there already."""
    return insert_into(db, table).on_conflict_do_nothing(index_elements=unique)


def upsert(db: Connection, table: type[Base], unique: Sequence[str], changed: Sequence[str]) -> Any:
    """An INSERT that rewrites the `changed` columns of a row that is there already."""
    return _upsert(db.dialect.name, table, tuple(unique), tuple(changed))


def upsert_ids(
    db: Connection, table: type[Base], unique: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> dict[Any, int]:
    """Inserts rows or rewrites those that are there already; their ids by the values of the `unique` columns."""
    if not rows:
        return {}
    changed = tuple(name for name in rows[0] if name not in unique)
    statement = _upsert(db.dialect.name, table, tuple(unique), changed, ("id", *unique))
    return {tuple(key): int(number) for number, *key in db.execute(statement, list(rows))}


@lru_cache(maxsize=64)
def _upsert(
    dialect: str,
    table: type[Base],
    unique: tuple[str, ...],
    changed: tuple[str, ...],
    returning: tuple[str, ...] = (),
) -> Any:
    """Built once: building it costs more than running it, and values are given to it when it runs."""
    statement = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    excluded = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=unique, set_={name: excluded[name] for name in changed}
    )
    return (
        statement.returning(*(getattr(table, name) for name in returning))
        if returning
        else statement
    )


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """The items in pieces of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """A text without what PostgreSQL (NUL) or either driver (lone surrogates) refuses."""
    return UNSTORABLE.sub("\ufffd", text)


def storable_all(texts: Iterable[str]) -> list[str]:
    """`storable` for each."""
    return [storable(text) for text in texts]
