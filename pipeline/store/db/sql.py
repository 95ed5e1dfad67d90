"""Statements that each database spells differently, and values that both accept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Select

from pipeline.store.db.row_classes import Base

T = TypeVar("T")
CHUNK: Final = 500  # bound values in one statement, below the smallest limit of any database
# PostgreSQL refuses NUL; both drivers refuse lone surrogates
UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def insert_into(db: Connection, table: type[Base]) -> Any:
    """Return an INSERT of the database's own dialect, which has ON CONFLICT."""
    return insert_for(db.dialect.name, table)


def insert_or_ignore(db: Connection, table: type[Base], unique: Sequence[str]) -> Any:
    """Return an INSERT that leaves existing rows as they are.

    Args:
        db: The connection that will run it.
        table: The table.
        unique: The columns that identify an existing row.
    """
    return insert_into(db, table).on_conflict_do_nothing(index_elements=unique)


def upsert(db: Connection, table: type[Base], unique: Sequence[str], changed: Sequence[str]) -> Any:
    """Return an INSERT that rewrites some columns of existing rows.

    Args:
        db: The connection that will run it.
        table: The table.
        unique: The columns that identify an existing row.
        changed: The columns to rewrite.
    """
    return _upsert(db.dialect.name, table, tuple(unique), tuple(changed))


def upsert_ids(
    db: Connection, table: type[Base], unique: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> dict[Any, int]:
    """Insert rows, or rewrite existing ones.

    Returns:
        The ids of the rows by the values of their `unique` columns.
    """
    if not rows:
        return {}
    changed = tuple(name for name in rows[0] if name not in unique)
    statement = _upsert(db.dialect.name, table, tuple(unique), changed, ("id", *unique))
    return {tuple(key): int(row_id) for row_id, *key in db.execute(statement, list(rows))}


@lru_cache(maxsize=64)
def _upsert(
    dialect: str,
    table: type[Base],
    unique: tuple[str, ...],
    changed: tuple[str, ...],
    returning: tuple[str, ...] = (),
) -> Any:
    """Build the statement once: that costs more than running it, and it gets its values then."""
    statement = insert_for(dialect, table)
    new_values = {name: statement.excluded[name] for name in changed}
    statement = statement.on_conflict_do_update(index_elements=unique, set_=new_values)
    if returning:
        statement = statement.returning(*(getattr(table, name) for name in returning))
    return statement


def insert_for(dialect: str, table: type[Base]) -> Any:
    """Return an INSERT of a dialect by its name, "sqlite" or "postgresql"."""
    module = import_module(f"sqlalchemy.dialects.{dialect}")  # the other one is not needed
    return module.insert(table)


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """Yield the items in pieces of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def fetch_as(
    db: Connection, query: Select[*tuple[Any, ...]], make: Callable[..., T]
) -> tuple[T, ...]:
    """Run a query and make a value of each row.

    Args:
        make: Receives the columns of a row as positional arguments, for example a dataclass.
    """
    return tuple(make(*row) for row in db.execute(query))


def batches_by_size(
    items: Iterable[T], size_of: Callable[[T], int], max_size: int
) -> Iterator[list[T]]:
    """Yield the items in order, in batches that fit into memory together.

    Args:
        items: The items.
        size_of: Returns the size of an item in bytes.
        max_size: How many bytes a batch may have. A larger item is a batch of its own.
    """
    batch: list[T] = []
    batch_size = 0
    for item in items:
        size = size_of(item)
        if batch and batch_size + size > max_size:
            yield batch
            batch, batch_size = [], 0
        batch.append(item)
        batch_size += size
    if batch:
        yield batch


def storable(text: str) -> str:
    """Replace the characters that a database or its driver refuses."""
    return UNSTORABLE.sub("\ufffd", text)


def storable_all(texts: Iterable[str]) -> list[str]:
    """Replace the characters that a database or its driver refuses, in each text."""
    return [storable(text) for text in texts]
