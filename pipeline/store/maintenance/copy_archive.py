"""One archive copied into another, row by row: from SQLite to PostgreSQL and back, with all numbers as they were.

Promises that what is copied is one state of the source, even while a crawl writes there; that a copy which is killed is
finished by the same call; that an archive which holds something else is left alone; and that at the end both are compared,
table by table, by the number of rows and by digests of all values. The full-text index, which is of each engine's own kind, is
made anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Row,
    Table,
    bindparam,
    delete,
    func,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from pipeline.core.errors import AlreadyRunning, StoreError
from pipeline.store.db import locks, migrate
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import PageRow, PayloadRow, RunRow
from pipeline.store.db.types import Base, TableRole, tables_with_role
from pipeline.store.search import index

STEP = 500  # rows of one transaction
FEW = 16  # rows of a table with large values
OVERLAP = 1000  # numbers that two writers may have finished in another order
LARGE = ("payload", "extracted_page", "dictionary")
OTHER = {"index_version"}  # columns that are the target's own

AnyRow = Row[*tuple[Any, ...]]
Tell = Callable[[str, int], None]  # (table, rows so far)


@dataclass(frozen=True, slots=True)
class TableCopy:
    """One table of both archives: rows, and whether all values are the same."""

    table: str
    rows: int
    target_rows: int
    is_identical: bool


def copy_rows(source: Database, target: Database, tell: Tell = lambda *_: None) -> tuple[TableCopy, ...]:
    """Copies an archive into another one that is empty or holds a part of the same. Raises StoreError where it holds something
    else, or where the schemas differ, and AlreadyRunning."""
    _check(source, target)
    try:
        lock = locks.acquire(target, "import")
    except AlreadyRunning:
        raise AlreadyRunning(f"{target.name}: another import is at work; let it finish") from None
    try:
        with source.read() as db:
            if not source.is_sqlite:
                db.execute(
                    text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                )  # one state, however long it takes
            _must_be_part(db, source, target)
            _forget_derived(target)
            for table in Base.metadata.sorted_tables:
                _copy_table(db, target, table, tell)
            _point_redirects(db, target)
            _settle_numbers(target)
            _index(target, tell)
            return tuple(
                _compared(db, target, table, tell) for table in Base.metadata.sorted_tables
            )
    finally:
        lock.release()


def _check(source: Database, target: Database) -> None:
    if source.url == target.url:
        raise StoreError(f"{source.name}: is the archive itself; name another one as source")
    if source.file is not None and not source.file.is_file():
        raise StoreError(f"{source.name}: there is no archive here; --from names one")
    with source.read() as db:
        version = migrate.current(db)
    if migrate.is_development_version(version):
        raise StoreError(migrate.development_message(source, version))
    if version != migrate.head():
        raise StoreError(
            f"{source.name}: its schema is {version or 'none of ours'}, and this Nightdesk copies {migrate.head()}; an older"
            " one is upgraded by any command, as in 'nightdesk --database-url … status'"
        )


def _must_be_part(db: Connection, source: Database, target: Database) -> None:
    """The first and the last row of what never changes tell whether the target holds something else."""
    with target.read() as there:
        for column in (PayloadRow.digest, PageRow.url_key, RunRow.started_at):
            table = column.class_
            for end in (func.min(table.id), func.max(table.id)):
                number = there.scalar(select(end))
                value = select(column).where(table.id == number)
                if number is not None and there.scalar(value) != db.scalar(value):
                    raise StoreError(
                        f"{target.name}: holds another archive than {source.name}, and two are not mixed; name an empty"
                        " database, or take the pages as WARC, by 'nightdesk export' there and 'nightdesk import' here"
                    )


def _forget_derived(target: Database) -> None:
    with target.write() as db:
        db.execute(text("DELETE FROM article_index"))
        for table in reversed(tables_with_role(TableRole.DERIVED)):
            db.execute(delete(table))


def _copy_table(db: Connection, target: Database, table: Table, tell: Tell) -> None:
    after, done = None, 0
    if table.name == "payload":  # written once, so what is there need not be written again
        with target.read() as there:
            last = there.scalar(select(func.max(table.c.id)))
            after = (
                (last - OVERLAP,) if last is not None and _same_packing(db, there, last) else None
            )
    for rows in _pieces(db, table, after):
        with target.write() as there:
            there.execute(_insert(there, table), [_values(row) for row in rows])
        done += len(rows)
        tell(table.name, done)


def _same_packing(db: Connection, there: Connection, last: int) -> bool:
    """Whether what is there is packed as it is here: since a copy was killed the source may have been packed anew."""
    sums = (
        func.count(),
        func.sum(func.length(PayloadRow.body)),
        func.sum(PayloadRow.dictionary_id),
    )
    query = select(*sums).where(PayloadRow.id <= last)
    return tuple(db.execute(query).one()) == tuple(there.execute(query).one())


def _pieces(
    db: Connection, table: Table, after: Sequence[Any] | None = None
) -> Iterator[Sequence[AnyRow]]:
    """All rows, by the primary key, a few at a time."""
    keys = list(table.primary_key.columns)
    size = FEW if table.name in LARGE else STEP
    while True:
        query = select(table).order_by(*keys).limit(size)
        rows = db.execute(query.where(_behind(keys, after)) if after is not None else query).all()
        if rows:
            yield rows
        if len(rows) < size:
            return
        after = [rows[-1]._mapping[key.name] for key in keys]


def _behind(keys: Sequence[Column[Any]], after: Sequence[Any]) -> Any:
    return keys[0] > after[0] if len(keys) == 1 else tuple_(*keys) > tuple_(*after)


def _values(row: AnyRow) -> dict[str, Any]:
    """What is written: a redirect may lead to a Page that is not there yet, and the index waits."""
    blank = {"redirect_to": None, "index_version": ""}
    return {name: blank.get(name, value) for name, value in row._mapping.items()}


def _insert(db: Connection, table: Table) -> Any:
    statement = sqlite.insert(table) if db.dialect.name == "sqlite" else postgresql.insert(table)
    keys = [key.name for key in table.primary_key.columns]
    changed = {
        name: statement.excluded[name]
        for name in (column.name for column in table.columns)
        if name not in keys
    }
    if not changed:
        return statement.on_conflict_do_nothing(index_elements=keys)
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


def _point_redirects(db: Connection, target: Database) -> None:
    statement = (
        update(PageRow.__table__)
        .where(PageRow.id == bindparam("page"))
        .values(redirect_to=bindparam("to"))
    )  # type: ignore[arg-type]
    after = 0
    while True:
        query = select(PageRow.id, PageRow.redirect_to).where(
            PageRow.id > after, PageRow.redirect_to.is_not(None)
        )
        rows = db.execute(query.order_by(PageRow.id).limit(STEP)).all()
        if not rows:
            return
        with target.write() as there:
            there.execute(statement, [{"page": row.id, "to": row.redirect_to} for row in rows])
        after = rows[-1].id


def _settle_numbers(target: Database) -> None:
    """PostgreSQL goes on counting behind what was copied; SQLite does so by itself."""
    if target.is_sqlite:
        return
    with target.write() as db:
        for table in Base.metadata.sorted_tables:
            if [key.name for key in table.primary_key.columns] == ["id"]:
                counter = f"pg_get_serial_sequence('{table.name}', 'id')"
                db.execute(
                    text(
                        f"SELECT setval({counter}, coalesce(max(id), 0) + 1, false) FROM {table.name}"
                    )
                )


def _index(target: Database, tell: Tell) -> None:
    done = 0
    while made := index.index_pending(target):
        done += made
        tell("index", done)


def _compared(db: Connection, target: Database, table: Table, tell: Tell) -> TableCopy:
    rows, digest = _summed(db, table)
    with target.read() as there:
        others, other = _summed(there, table)
    tell(f"{table.name} compared", rows)
    return TableCopy(table.name, rows, others, (rows, digest) == (others, other))


def _summed(db: Connection, table: Table) -> tuple[int, int]:
    """The number of rows, and the sum of their digests, in any order: each engine sorts texts its own way."""
    rows, total = 0, 0
    for piece in _pieces(db, table):
        rows += len(piece)
        for row in piece:
            values = [_plain(value) for name, value in row._mapping.items() if name not in OTHER]
            made = blake2b(
                json.dumps(values, sort_keys=True, ensure_ascii=True).encode(), digest_size=16
            )
            total += int.from_bytes(made.digest())
    return rows, total % (1 << 128)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return blake2b(value, digest_size=16).hexdigest()
    return value.isoformat() if isinstance(value, datetime) else value
