"""Column types that work the same on SQLite and PostgreSQL, and the base class of all tables."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)
from sqlalchemy.orm import DeclarativeBase
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


BigId = BigInteger().with_variant(Integer(), "sqlite")  # only INTEGER is a rowid in SQLite
Json = JSON().with_variant(PostgresJson(), "postgresql")


class TableRole(StrEnum):
    """What a table is to the archive."""

    KEPT = "kept"  # recorded once and kept for ever: nothing else could make it again
    DERIVED = "derived"  # can be made again from the kept tables
    PRIVATE = "private"  # state of this installation, which says nothing about the sites' pages


class Base(DeclarativeBase):
    """The base class of all tables. Each table declares its `table_role`."""

    table_role: ClassVar[TableRole]
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's way to configure a declarative base
        datetime: UTCDateTime(),
        str: Text(),
        bytes: LargeBinary(),
        dict[str, Any]: Json,
        list[Any]: Json,
    }


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Return an index of the rows for which a condition holds."""
    return Index(name, *columns, unique=unique, info={"where": where})


def complete_indexes() -> None:
    """Set the conditions of the partial indexes, which only migrations read.

    They load the dialects of both databases, a twentieth of the start of a command.
    """
    for table in Base.metadata.tables.values():
        for index in table.indexes:
            if condition := index.info.get("where"):
                index.dialect_kwargs["postgresql_where"] = text(condition)
                index.dialect_kwargs["sqlite_where"] = text(condition)


def role_of(table: Table) -> TableRole:
    """Return the role of a table.

    Raises:
        LookupError: The table does not declare a role.
    """
    for mapper in Base.registry.mappers:
        if mapper.local_table is table and "table_role" in vars(mapper.class_):
            role: TableRole = mapper.class_.table_role
            return role
    raise LookupError(f"table '{table.name}' declares no role")


def tables_with_role(*roles: TableRole) -> tuple[Table, ...]:
    """Return the tables with one of these roles, each after the tables that it refers to."""
    tables = Base.metadata.sorted_tables
    return tuple(table for table in tables if role_of(table) in roles)
