"""What is wrong with an archive, found out row by row: bytes, database, ledgers. What is made of bytes is left to `derived`.

Promises that nothing is written, that rows are read a few at a time whatever the size of the archive, so that a crawl may go on
meanwhile, and that each fault names what it is about and whether it can be made again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import InstrumentedAttribute

from pipeline.core.errors import StoreError
from pipeline.core.models import Outcome, UrlKind
from pipeline.store.codec.dictionaries import COMPRESSED_COLUMNS, DamagedDictionary, dictionary_content, decompress_payload
from pipeline.store.db import site_counts
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import (
    CaptureRow,
    DictionaryRow,
    LedgerEntryRow,
    PageRow,
    PayloadRow,
    RunRow,
)
from pipeline.store.db.sql import chunks

BATCH_SIZE = 200  # rows of one small transaction
MAX_BATCH_BYTES = 32 * 1024 * 1024  # bytes of bodies that are unpacked from one
MAX_CAPTURES = 3  # of damaged bytes, that are named
INDEX_CHECK_SECONDS = 20.0  # seconds that the full-text index may be looked through while writers wait

Tell = Callable[[str, int, int], None]  # (what, done, of)


@dataclass(frozen=True, slots=True)
class VerifyScope:
    """How much is looked at: what was kept or made since a time, and of that so many rows of each kind, by lot."""

    since: datetime | None = None
    sample: int | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. `mend` is what it takes to make it again: draft, result, article, index, stray, ledger, count,
    words or dictionary; "" where nothing helps."""

    kind: str  # database, dictionary, payload, draft, result, article, index, ledger, count, page
    id: int
    sentence: str
    repair: str = ""
    pages: tuple[int, ...] = ()


@dataclass(slots=True)
class VerifiedCounts:
    """How many rows of each kind were looked at."""

    rows: dict[str, int] = field(default_factory=dict)

    def add(self, what: str, number: int) -> int:
        self.rows[what] = self.rows.get(what, 0) + number
        return self.rows[what]


def id_batches(
    store: Database, number: InstrumentedAttribute[int], at: InstrumentedAttribute[datetime] | None, asked: VerifyScope,
    size: int = BATCH_SIZE,
) -> Iterator[tuple[int, Sequence[int]]]:  # fmt: skip
    """The numbers of a table's rows that are asked for, in order and a few at a time, with how many there are in all."""
    since = [at >= asked.since] if at is not None and asked.since is not None else []
    with store.read() as db:
        first, last, total = db.execute(
            select(func.min(number), func.max(number), func.count()).where(*since)
        ).one()
    if not total:
        return
    if asked.sample is not None and asked.sample < total:
        lot = sorted(random.sample(range(first, last + 1), min(asked.sample, last + 1 - first)))
        for some in chunks(lot, size):
            with store.read() as db:
                found = db.scalars(
                    select(number).where(number.in_(some), *since).order_by(number)
                ).all()
            yield len(lot), found
        return
    after = first - 1
    while True:
        with store.read() as db:
            found = db.scalars(
                select(number).where(number > after, *since).order_by(number).limit(size)
            ).all()
        if not found:
            return
        yield total, found
        after = found[-1]


def check_database(store: Database, asked: VerifyScope, tell: Tell) -> Iterator[Fault]:
    """What the database itself says of its file; PostgreSQL keeps its references and checks its pages on its own."""
    if not store.is_sqlite:
        return
    tell("the file", 0, 0)
    check = "integrity_check" if asked == VerifyScope() else "quick_check"
    with store.read() as db:
        said = list(db.exec_driver_sql(f"PRAGMA {check}(20)").scalars())
        lost = db.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(20)
    for each in said if said != ["ok"] else ():
        yield Fault(
            "database", 0, f"{store.name}: SQLite says: {' '.join(each.split())}; restore a backup"
        )
    for table, row, other, _ in lost:
        yield Fault(
            "database",
            row or 0,
            f"row {row} of '{table}' refers to a row of '{other}' that is not there",
        )


def check_fulltext_index(store: Database) -> Iterator[Fault]:
    """Whether SQLite's full-text index is whole in itself. Writers wait for it, so it is given up where it takes long."""
    if not store.is_sqlite:
        return
    end = time.monotonic() + INDEX_CHECK_SECONDS
    try:
        with store.write() as db:
            driver: Any = db.connection.driver_connection
            driver.set_progress_handler(lambda: time.monotonic() > end, 100_000)
            try:
                db.execute(
                    text("INSERT INTO article_index (article_index) VALUES ('integrity-check')")
                )
            finally:
                driver.set_progress_handler(None, 0)
    except StoreError as error:
        if not isinstance(error.__cause__, OperationalError):  # which says: interrupted, or locked
            yield Fault("index", 0, f"{store.name}: the full-text index is damaged", "words")


def check_dictionaries(store: Database, looked: VerifiedCounts, tell: Tell) -> Iterator[Fault]:
    """Each dictionary against its digest."""
    for total, ids in id_batches(store, DictionaryRow.id, None, VerifyScope()):
        for number in ids:
            with store.read() as db:
                said = _wrong_with_dictionary(db, number)
            if said:
                yield Fault("dictionary", number, said, "dictionary")
        tell("dictionaries", looked.add("dictionaries", len(ids)), total)


def _wrong_with_dictionary(db: Connection, number: int) -> str:
    try:
        dictionary_content(db, number)
    except ValueError as error:
        used = db.scalar(
            select(func.count()).select_from(PayloadRow).where(PayloadRow.dictionary_id == number)
        )
        return f"{error}; {used or 0:,} payloads are packed by it and cannot be read"
    return ""


def check_payloads(store: Database, asked: VerifyScope, looked: VerifiedCounts, tell: Tell) -> Iterator[Fault]:
    """Each Payload's digest and size against its unpacked bytes."""
    for total, ids in id_batches(store, PayloadRow.id, PayloadRow.first_seen_at, asked):
        with store.read() as db:
            sizes = db.execute(
                select(PayloadRow.id, PayloadRow.size)
                .where(PayloadRow.id.in_(ids))
                .order_by(PayloadRow.id)
            ).all()
        for some in _together(sizes):
            yield from _payloads(store, some)
        looked.add("bytes", sum(row.size for row in sizes))
        tell("payloads", looked.add("payloads", len(ids)), total)


def _together(rows: Sequence[Any]) -> Iterator[list[int]]:
    """As many as may be in memory at the same time."""
    held, lot = 0, list[int]()
    for row in rows:
        if lot and held + row.size > MAX_BATCH_BYTES:
            yield lot
            held, lot = 0, []
        held += row.size
        lot.append(row.id)
    if lot:
        yield lot


def _payloads(store: Database, ids: Sequence[int]) -> Iterator[Fault]:
    query = select(PayloadRow.id, PayloadRow.digest, PayloadRow.size, *COMPRESSED_COLUMNS).where(
        PayloadRow.id.in_(ids)
    )
    with store.read() as db:
        wrong = [
            (row.id, row.digest, said)
            for row in db.execute(query).all()
            if (said := _wrong_with(db, row))
        ]
        for number, digest, said in wrong:
            where = _visits(db, number)
            sentence = f"payload {number} (sha256 {digest}): {said}, and no other copy is here; a backup has it: {where}"
            yield Fault("payload", number, sentence)


def _wrong_with(db: Connection, row: Any) -> str:
    try:
        body = decompress_payload(db, *row[3:])
    except DamagedDictionary:
        return ""  # `dictionaries` says so, once
    except ValueError as error:
        return f"cannot be unpacked ({error})"
    if sha256(body).hexdigest() != row.digest:
        return "its bytes are not those of its digest"
    return "" if len(body) == row.size else f"has {len(body)} bytes and not {row.size}"


def _visits(db: Connection, payload: int) -> str:
    query = select(PageRow.url, CaptureRow.id, CaptureRow.fetched_at).join(
        PageRow, PageRow.id == CaptureRow.page_id
    )
    rows = db.execute(
        query.where(CaptureRow.payload_id == payload).order_by(CaptureRow.id).limit(MAX_CAPTURES + 1)
    ).all()
    told = [
        f"{row.url} (capture {row.id} of {row.fetched_at:%Y-%m-%d %H:%M} UTC)"
        for row in rows[:MAX_CAPTURES]
    ]
    return (
        ", ".join(told + ["…"][: len(rows) - MAX_CAPTURES if len(rows) > MAX_CAPTURES else 0])
        or "no visit brought them"
    )


def check_pages(store: Database, looked: VerifiedCounts, tell: Tell) -> Iterator[Fault]:
    """What no reference of the database proves: a Page's newest bytes are those of one of its visits."""
    visit = select(CaptureRow.id).where(
        CaptureRow.page_id == PageRow.id, CaptureRow.payload_id == PageRow.payload_id
    )
    query = select(PageRow.id, PageRow.url).where(PageRow.payload_id.is_not(None), ~visit.exists())
    for total, ids in id_batches(store, PageRow.id, None, VerifyScope(), 5000):
        with store.read() as db:
            rows = db.execute(query.where(PageRow.id.between(ids[0], ids[-1]))).all()
        yield from (
            Fault("page", row.id, f"page {row.id}: no visit brought its newest bytes: {row.url}")
            for row in rows
        )
        tell("pages", looked.add("pages", len(ids)), total)


def check_ledgers(store: Database, asked: VerifyScope, looked: VerifiedCounts, tell: Tell) -> Iterator[Fault]:
    """Each Run that is over: no entry pending, each outcome one of ours, and its counts the sums of its entries."""
    for total, ids in id_batches(store, RunRow.id, RunRow.started_at, asked):
        with store.read() as db:
            sums = _sums(db, ids)
            over = select(RunRow.id, RunRow.site, RunRow.kind, RunRow.counts).where(
                RunRow.id.in_(ids), RunRow.finished_at.is_not(None)
            )
            over = over.where(RunRow.pruned_at.is_(None))
            rows = db.execute(over.order_by(RunRow.id)).all()
        for row in rows:
            if said := _unsettled(dict(row.counts), sums.get(row.id, {})):
                yield Fault(
                    "ledger", row.id, f"run {row.id} ({row.kind} of {row.site}): {said}", "ledger"
                )
        tell("ledgers", looked.add("runs", len(ids)), total)


def check_site_counts(store: Database, tell: Tell) -> Iterator[Fault]:
    """What each Site has, as it was counted once its last Run was over, against what is there."""
    tell("the counts of sites", 0, 0)
    for site, kept, there in site_counts.mismatches(store):
        said = ", ".join(f"{name} {one} counted and {other} there" for name, one, other in zip(
            kept._fields, kept, there, strict=True) if one != other)  # fmt: skip
        yield Fault("count", 0, f"{site}: {said}", "count")


def _sums(db: Connection, runs: Sequence[int]) -> dict[int, dict[str, int]]:
    entry = (LedgerEntryRow.run_id, LedgerEntryRow.outcome)
    query = (
        select(*entry, func.count())
        .where(LedgerEntryRow.run_id.in_(runs))
        .group_by(*entry)
        .order_by(LedgerEntryRow.run_id)
    )
    return {
        run: {row[1]: row[2] for row in rows}
        for run, rows in groupby(db.execute(query), lambda row: row[0])
    }


def _unsettled(counts: Mapping[str, int], sums: Mapping[str, int]) -> str:
    if Outcome.PENDING in sums:
        return f"{sums[Outcome.PENDING]} URLs have no outcome, though it is over"
    if strange := set(sums) - set(Outcome):
        return f"'{min(strange)}' is no outcome"
    differ = [
        f"{name} {counts.get(name, 0)} counted and {sums.get(name, 0)} in the ledger"
        for name in sorted({*counts, *sums})
        if counts.get(name, 0) != sums.get(name, 0)
    ]
    return "does not add up: " + ", ".join(differ) if differ else ""


STORED = (PageRow.kind == UrlKind.STORY, PageRow.payload_id.is_not(None))
