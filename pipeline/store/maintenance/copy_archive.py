"""Copy one archive into another, row by row: from SQLite to PostgreSQL and back, ids included.

The copy is one state of the source, even while a crawl writes there. If it is killed, the same call
finishes it. A target that holds another archive is left alone. At the end both are compared, table
by table, by the number of rows and a digest of all values. The full-text index is built again,
because each engine has its own kind.

The log is copied, too. Then the copy logs that it is one: it gets an id of its own, and names the
log that it was made of. An archive that is handed over keeps its id in the copy, and its own log
ends.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
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
from pipeline.evidence.leaves import EventKind
from pipeline.store.db import locks, log_schema, migrate
from pipeline.store.db.engine import Database
from pipeline.store.db.evidence import events, log, tree
from pipeline.store.db.evidence.events import Signer
from pipeline.store.db.row_classes import Base, tables_with_role
from pipeline.store.db.schema import PageRow, PayloadRow, RunRow
from pipeline.store.db.types import TableRole
from pipeline.store.search import index

BATCH_SIZE = 500  # rows of one transaction
LARGE_BATCH_SIZE = 16  # rows of a table with large values
LOG_TABLES = tuple(model.__table__ for model in log_schema.TABLES)
LARGE_TABLES = ("payload", "extracted_page", "dictionary")
OVERLAP = 1000  # ids that two writers may have finished in another order
TARGET_COLUMNS = {"index_version"}  # columns whose values are the target's own

AnyRow = Row[*tuple[Any, ...]]
RowProgress = Callable[[str, int], None]
"""Receives the name of a table, and how many of its rows are done."""


@dataclass(frozen=True, slots=True)
class TableCopy:
    """One table of both archives: how many rows each has, and whether all values are the same."""

    table: str
    rows: int
    target_rows: int
    is_identical: bool


@dataclass(frozen=True, slots=True)
class _TableDigest:
    rows: int
    digest: int


def copy_rows(
    source: Database,
    target: Database,
    progress: RowProgress = lambda *_: None,
    *,
    hand_over: bool = False,
    signer: Signer | None = None,
) -> tuple[TableCopy, ...]:
    """Copy an archive into one that is empty or that holds a part of the same archive.

    Args:
        source: The archive to copy.
        target: The archive that becomes the copy.
        progress: Receives how many rows are done.
        hand_over: Whether the copy is the archive from now on, and the source takes no more runs.
        signer: The key of the source, which signs that it is handed over.

    Returns:
        The comparison of each table.

    Raises:
        StoreError: The target holds another archive, or the schemas differ; or the source is handed
            over while a run is open there, or without its key.
        AlreadyRunning: Another import writes to the target.
    """
    _check_source(source, target)
    if hand_over:
        _hand_over(source, target, signer)
    with _import_lock(target), source.read() as db:
        if not source.is_sqlite:
            # one state of the source, however long the copy takes
            db.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        _check_target(db, source, target)
        _clear_derived(target)
        _clear_log(target)
        tables = Base.metadata.sorted_tables
        for table in tables:
            _copy_table(db, target, table, progress)
        _copy_redirects(db, target)
        _set_sequences(target)
        _index_articles(target, progress)
        copies = tuple(_compare_table(db, target, table, progress) for table in tables)
        _log_copy(db, target, handed_over=hand_over)
    return copies


def _hand_over(source: Database, target: Database, signer: Signer | None) -> None:
    """Close the log of the source, unless an earlier, killed call has done it."""
    with source.write() as db:
        if events.is_handed_over(db):
            return
        open_run = db.scalar(select(RunRow.id).where(RunRow.status == "running").limit(1))
        if open_run is not None:
            raise StoreError(
                f"{source.name}: run {open_run} is not over, so the archive cannot be handed over;"
                " let it finish, or let the next run of its site close it"
            )
        log.append_event(db, EventKind.HAND_OVER, {"to": target.name}, signer)


def _clear_log(target: Database) -> None:
    """Delete the log that an earlier copy left. It is copied again as a whole."""
    with target.write() as db:
        for table in reversed(Base.metadata.sorted_tables):
            if table in LOG_TABLES:
                db.execute(delete(table))


def _log_copy(db: Connection, target: Database, *, handed_over: bool) -> None:
    size = tree.size(db)
    if not size:  # neither archive has a log: the first run of the copy begins it
        return
    parent, root = events.archive_id(db), tree.root(db, size)
    with target.write() as target_db:
        log.append_import(target_db, parent, size, root, handed_over=handed_over)


@contextmanager
def _import_lock(target: Database) -> Iterator[None]:
    try:
        lock = locks.acquire(target, "import")
    except AlreadyRunning:
        raise AlreadyRunning(f"{target.name}: another import is running; let it finish") from None
    try:
        yield
    finally:
        lock.release()


def _check_source(source: Database, target: Database) -> None:
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
            f"{source.name}: its schema is {version or 'not of Nightdesk'}, and this version copies"
            f" {migrate.head()}; to upgrade an older one, run any command on it, for example"
            " 'nightdesk --database-url … status'"
        )


def _check_target(db: Connection, source: Database, target: Database) -> None:
    """Compare the first and the last row of what never changes."""
    with target.read() as target_db:
        for row_id, column in (
            (PayloadRow.id, PayloadRow.digest),
            (PageRow.id, PageRow.url_key),
            (RunRow.id, RunRow.started_at),
        ):
            for end in (func.min(row_id), func.max(row_id)):
                number = target_db.scalar(select(end))
                value = select(column).where(row_id == number)
                if number is not None and target_db.scalar(value) != db.scalar(value):
                    raise StoreError(
                        f"{target.name}: holds another archive than {source.name}, and two archives"
                        " are not mixed; name an empty database, or copy the pages as WARC with"
                        " 'nightdesk export' there and 'nightdesk import' here"
                    )


def _clear_derived(target: Database) -> None:
    """Delete rows that may have disappeared from the source since the last, killed copy."""
    with target.write() as db:
        db.execute(text("DELETE FROM article_index"))
        for table in reversed(tables_with_role(TableRole.DERIVED)):
            db.execute(delete(table))


def _copy_table(db: Connection, target: Database, table: Table, progress: RowProgress) -> None:
    after: tuple[int] | None = None
    if table.name == "payload":  # a payload never changes, so those in the target can stay
        with target.read() as target_db:
            last = target_db.scalar(select(func.max(table.c.id)))
            if last is not None and _is_compressed_alike(db, target_db, last):
                after = (last - OVERLAP,)
    done = 0
    for rows in _batches(db, table, after):
        with target.write() as target_db:
            target_db.execute(_upsert(target_db, table), [_target_values(row) for row in rows])
        done += len(rows)
        progress(table.name, done)


def _is_compressed_alike(db: Connection, target_db: Connection, last: int) -> bool:
    """Whether both have compressed these payloads alike.

    The source may have been compressed again since the copy was killed.
    """
    totals = select(
        func.count(),
        func.sum(func.length(PayloadRow.body)),
        func.sum(PayloadRow.dictionary_id),
    ).where(PayloadRow.id <= last)
    return tuple(db.execute(totals).one()) == tuple(target_db.execute(totals).one())


def _batches(
    db: Connection, table: Table, after: Sequence[Any] | None = None
) -> Iterator[Sequence[AnyRow]]:
    """All rows after a primary key, in its order, a few at a time."""
    keys = list(table.primary_key.columns)
    size = LARGE_BATCH_SIZE if table.name in LARGE_TABLES else BATCH_SIZE
    while True:
        query = select(table).order_by(*keys).limit(size)
        if after is not None:
            query = query.where(_is_after(keys, after))
        rows = db.execute(query).all()
        if rows:
            yield rows
        if len(rows) < size:
            return
        last = rows[-1]._mapping
        after = [last[name] for name in _key_names(table)]


def _key_names(table: Table) -> list[str]:
    return [key.name for key in table.primary_key.columns]


def _is_after(keys: Sequence[Column[Any]], after: Sequence[Any]) -> Any:
    if len(keys) == 1:
        return keys[0] > after[0]
    return tuple_(*keys) > tuple_(*after)


def _target_values(row: AnyRow) -> dict[str, Any]:
    """The values to write. A redirect may lead to a page that is not copied yet."""
    values = dict(row._mapping)
    for name, blank in (("redirect_to", None), ("index_version", "")):
        if name in values:
            values[name] = blank
    return values


def _upsert(db: Connection, table: Table) -> Any:
    statement = sqlite.insert(table) if db.dialect.name == "sqlite" else postgresql.insert(table)
    keys = _key_names(table)
    changed: dict[str, Any] = {}
    for column in table.columns:
        if column.name not in keys:
            changed[column.name] = statement.excluded[column.name]
    if not changed:
        return statement.on_conflict_do_nothing(index_elements=keys)
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


def _copy_redirects(db: Connection, target: Database) -> None:
    set_redirect = (
        update(PageRow).where(PageRow.id == bindparam("page")).values(redirect_to=bindparam("to"))
    )
    after = 0
    while True:
        query = select(PageRow.id, PageRow.redirect_to).where(
            PageRow.id > after, PageRow.redirect_to.is_not(None)
        )
        rows = db.execute(query.order_by(PageRow.id).limit(BATCH_SIZE)).all()
        if not rows:
            return
        with target.write() as target_db:
            target_db.execute(
                set_redirect, [{"page": row.id, "to": row.redirect_to} for row in rows]
            )
        after = rows[-1].id


def _set_sequences(target: Database) -> None:
    """Let PostgreSQL count on after the copied ids. SQLite does so by itself."""
    if target.is_sqlite:
        return
    with target.write() as db:
        for table in Base.metadata.sorted_tables:
            if _key_names(table) == ["id"]:
                sequence = f"pg_get_serial_sequence('{table.name}', 'id')"
                next_id = "coalesce(max(id), 0) + 1"
                db.execute(text(f"SELECT setval({sequence}, {next_id}, false) FROM {table.name}"))


def _index_articles(target: Database, progress: RowProgress) -> None:
    done = 0
    while indexed := index.index_pending(target):
        done += indexed
        progress("index", done)


def _compare_table(
    db: Connection, target: Database, table: Table, progress: RowProgress
) -> TableCopy:
    source_digest = _digest_table(db, table)
    with target.read() as target_db:
        target_digest = _digest_table(target_db, table)
    progress(f"{table.name} compared", source_digest.rows)
    return TableCopy(
        table=table.name,
        rows=source_digest.rows,
        target_rows=target_digest.rows,
        is_identical=source_digest == target_digest,
    )


def _digest_table(db: Connection, table: Table) -> _TableDigest:
    """Add up the digests of all rows in any order: each engine sorts text its own way."""
    count, total = 0, 0
    for rows in _batches(db, table):
        count += len(rows)
        for row in rows:
            values: list[Any] = []
            for name, value in row._mapping.items():
                if name not in TARGET_COLUMNS:
                    values.append(_json_value(value))
            encoded = json.dumps(values, sort_keys=True, ensure_ascii=True).encode()
            total += int.from_bytes(blake2b(encoded, digest_size=16).digest())
    return _TableDigest(count, total % (1 << 128))


def _json_value(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return blake2b(value, digest_size=16).hexdigest()
    return value.isoformat() if isinstance(value, date) else value
