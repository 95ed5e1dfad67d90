"""Column types that work the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    Dialect,
    Index,
)
from sqlalchemy.types import DateTime, TypeDecorator, TypeEngine


class UTCDateTime(TypeDecorator[datetime]):
    """Aware UTC times on both databases. SQLite would lose the zone; a naive time is a bug."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert an aware time to what the driver stores.

        Args:
            value: A time with a zone, or None.
            dialect: The dialect of the database.

        Returns:
            The time in UTC: without a zone for SQLite, which has no type for it.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without zone: {value!r}")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert what the driver read to an aware time."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class PostgresJson(TypeDecorator[Any]):
    """JSONB, whose dialect takes a twentieth of a start and loads where it is the archive's."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of the database."""
        from sqlalchemy.dialects.postgresql import JSONB

        return dialect.type_descriptor(JSONB())


Json = JSON().with_variant(PostgresJson(), "postgresql")


class TableRole(StrEnum):
    """What a table is to the archive."""

    KEPT = "kept"  # recorded once and kept for ever: nothing else could make it again
    DERIVED = "derived"  # can be made again from the kept tables
    PRIVATE = "private"  # state of this installation, which says nothing about the sites' pages


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Return an index of the rows for which a condition holds."""
    return Index(name, *columns, unique=unique, info={"where": where})
