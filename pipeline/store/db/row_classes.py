"""Classes that declare tables, in the notation of SQLAlchemy's ORM, without the ORM.

Type checkers see the ORM's declarative classes. At run time a class makes a plain `Table`, and its
attributes are the columns: nothing here keeps objects, and loading the ORM takes a quarter of the
start of a command.
"""

from __future__ import annotations

import sys
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Double,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

from pipeline.store.db.types import Json, TableRole, UTCDateTime

BigId = BigInteger().with_variant(Integer(), "sqlite")  # only INTEGER is a rowid in SQLite
METADATA: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
# The type of a column whose declaration names none.
TYPES: Final[dict[Any, Any]] = {
    bool: Boolean(),
    int: Integer(),
    float: Double(),
    str: Text(),
    bytes: LargeBinary(),
    date: Date(),
    datetime: UTCDateTime(),
    dict[str, Any]: Json,
    list[Any]: Json,
}
ROW_CLASSES: Final[dict[Table, type[Base]]] = {}

if TYPE_CHECKING:
    from sqlalchemy.orm import DeclarativeBase, Mapped, aliased, mapped_column

    class Base(DeclarativeBase):
        """The base class of all tables. Each table declares its `table_role`."""

        table_role: ClassVar[TableRole]
        metadata = METADATA

else:

    class Mapped:
        """The type of a column's values, as in `Mapped[int | None]`."""

        def __class_getitem__(cls, item):
            """Return the type itself."""
            return item

    class _Declaration:
        def __init__(self, *arguments, **options):
            self.arguments = arguments
            self.options = options

    mapped_column = _Declaration

    class _RowClass(type):
        """Makes the table of each class that has a name of a table."""

        def __init__(cls, name, bases, namespace):
            super().__init__(name, bases, namespace)
            if "__tablename__" not in namespace:
                return
            names = vars(sys.modules[namespace["__module__"]])
            columns = []
            for column, annotation in namespace["__annotations__"].items():
                declared = namespace.get(column, _Declaration())
                columns.append(_column(column, _annotated_type(annotation, names), declared))
            *constraints, options = _table_arguments(namespace.get("__table_args__", ()))
            cls.__table__ = Table(cls.__tablename__, METADATA, *columns, *constraints, **options)
            for column in cls.__table__.columns:
                setattr(cls, column.key, column)
            ROW_CLASSES[cls.__table__] = cls

        def __clause_element__(cls):
            """Let statements take the class for its table."""
            return cls.__table__

    def _annotated_type(annotation, names):
        """Return the type that an annotation names, such as `int | None`."""
        key = annotation, names["Mapped"]
        if key not in _EVALUATED:
            _EVALUATED[key] = eval(annotation, names)
        return _EVALUATED[key]

    _EVALUATED = {}

    def _column(name, annotated, declared):
        types = getattr(annotated, "__args__", ())
        is_nullable = type(None) in types
        if is_nullable:
            (annotated,) = [other for other in types if other is not type(None)]
        arguments = list(declared.arguments)
        # The type of a foreign key is that of its column.
        if not arguments:
            arguments.append(TYPES[annotated])
        return Column(name, *arguments, nullable=is_nullable, **declared.options)

    def _table_arguments(declared):
        if isinstance(declared, dict):
            return [declared]
        if declared and isinstance(declared[-1], dict):
            return list(declared)
        return [*declared, {}]

    class Base(metaclass=_RowClass):
        """The base class of all tables. Each table declares its `table_role`."""

        metadata = METADATA

    class aliased:
        """A table under a further name, with its columns as attributes."""

        def __init__(self, row_class):
            self._alias = row_class.__table__.alias()
            for name, column in self._alias.columns.items():
                setattr(self, name, column)

        def __clause_element__(self):
            """Let statements take it for the table."""
            return self._alias


def complete_indexes() -> None:
    """Set the conditions of the partial indexes, which only migrations read.

    They load the dialects of both databases, a twentieth of the start of a command.
    """
    for table in METADATA.tables.values():
        for index in table.indexes:
            if condition := index.info.get("where"):
                index.dialect_kwargs["postgresql_where"] = text(condition)
                index.dialect_kwargs["sqlite_where"] = text(condition)


def role_of(table: Table) -> TableRole:
    """Return the role of a table.

    Raises:
        LookupError: The table does not declare a role.
    """
    row_class = ROW_CLASSES.get(table)
    if row_class is not None and "table_role" in vars(row_class):
        return row_class.table_role
    raise LookupError(f"table '{table.name}' declares no role")


def tables_with_role(*roles: TableRole) -> tuple[Table, ...]:
    """Return the tables with one of these roles, each after the tables that it refers to."""
    tables = METADATA.sorted_tables
    return tuple(table for table in tables if role_of(table) in roles)


__all__ = ["METADATA", "ROW_CLASSES", "Base", "BigId", "Mapped", "aliased", "mapped_column"]
