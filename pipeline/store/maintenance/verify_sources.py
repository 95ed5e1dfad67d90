"""Verify what nothing else could make again: the database file, payloads, pages, ledgers.

It writes nothing and reads a few rows at a time, so that a crawl can go on meanwhile.
`verify_derived` verifies what is made from payloads.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, func, select, text
from sqlalchemy.exc import OperationalError

from pipeline.core.errors import StoreError
from pipeline.core.models import Outcome
from pipeline.store.codec.dictionaries import (
    COMPRESSED_COLUMNS,
    DamagedDictionary,
    decompress_payload,
    dictionary_content,
)
from pipeline.store.db import run_log, site_counts
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import (
    CaptureRow,
    DictionaryRow,
    LedgerEntryRow,
    PageRow,
    PayloadRow,
    RunRow,
)
from pipeline.store.db.site_counts import SiteCounts
from pipeline.store.db.sql import batches_by_size
from pipeline.store.maintenance.faults import (
    EVERYTHING,
    PAGE_BATCH_SIZE,
    Fault,
    RepairKind,
    VerifiedCounts,
    VerifyScope,
    id_batches,
)
from pipeline.store.maintenance.progress import ProgressCallback

MAX_BATCH_BYTES = 32 * 1024 * 1024  # decompressed bytes of payloads in one read
MAX_CAPTURES = 3  # captures of a damaged payload that a message names
MAX_MESSAGES = 20  # messages that are read from SQLite
INDEX_CHECK_SECONDS = 20.0  # how long writers wait for the check of the full-text index

AnyRow = Row[*tuple[Any, ...]]


def check_database(
    database: Database, scope: VerifyScope, progress: ProgressCallback
) -> Iterator[Fault]:
    """Ask SQLite about its file. PostgreSQL keeps references and checks its pages itself.

    Args:
        database: The archive.
        scope: What of the archive is verified.
        progress: Receives that the check goes on.

    Yields:
        One fault for each sentence of SQLite's `integrity_check` and `foreign_key_check`.
    """
    if not database.is_sqlite:
        return
    progress("the file", 0, 0)
    check = "integrity_check" if scope == EVERYTHING else "quick_check"
    with database.read() as db:
        messages = list(db.exec_driver_sql(f"PRAGMA {check}({MAX_MESSAGES})").scalars())
        references = db.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(MAX_MESSAGES)
    if messages != ["ok"]:
        for message in messages:
            sentence = f"SQLite says: {' '.join(message.split())}; restore a backup"
            yield Fault("database", 0, f"{database.name}: {sentence}")
    for table, row, parent, _ in references:
        sentence = f"row {row} of '{table}' refers to a row of '{parent}' that is not there"
        yield Fault("database", row or 0, sentence)


def check_fulltext_index(
    database: Database, timeout: float = INDEX_CHECK_SECONDS
) -> Iterator[Fault]:
    """Check whether SQLite's full-text index is consistent.

    Args:
        timeout: Writers wait meanwhile, so the check is given up after this many seconds.
    """
    if not database.is_sqlite:
        return
    end = time.monotonic() + timeout
    check = text("INSERT INTO article_index (article_index) VALUES ('integrity-check')")
    try:
        with database.write() as db:
            driver: Any = db.connection.driver_connection
            driver.set_progress_handler(lambda: time.monotonic() > end, 100_000)
            try:
                db.execute(check)
            finally:
                driver.set_progress_handler(None, 0)
    except StoreError as error:
        if not isinstance(error.__cause__, OperationalError):  # that says: interrupted, or locked
            sentence = f"{database.name}: the full-text index is damaged"
            yield Fault("index", 0, sentence, RepairKind.FULLTEXT)


def check_dictionaries(
    database: Database, counts: VerifiedCounts, progress: ProgressCallback
) -> Iterator[Fault]:
    """Check each dictionary against its digest."""
    for batch in id_batches(database, DictionaryRow.id, None, EVERYTHING):
        for number in batch.ids:
            with database.read() as db:
                damage = _dictionary_damage(db, number)
            if damage:
                yield Fault("dictionary", number, damage, RepairKind.DICTIONARY)
        progress("dictionaries", counts.add("dictionaries", len(batch.ids)), batch.total)


def _dictionary_damage(db: Connection, number: int) -> str:
    try:
        dictionary_content(db, number)
    except ValueError as error:
        users = select(func.count()).select_from(PayloadRow)
        count = db.scalar(users.where(PayloadRow.dictionary_id == number)) or 0
        return f"{error}; {count:,} payloads are compressed with it and cannot be read"
    return ""


def check_payloads(
    database: Database,
    scope: VerifyScope,
    counts: VerifiedCounts,
    progress: ProgressCallback,
) -> Iterator[Fault]:
    """Check the decompressed bytes of each payload against its digest and its size."""
    for batch in id_batches(database, PayloadRow.id, PayloadRow.first_seen_at, scope):
        query = select(PayloadRow.id, PayloadRow.size).where(PayloadRow.id.in_(batch.ids))
        with database.read() as db:
            rows = db.execute(query.order_by(PayloadRow.id)).all()
        for few in batches_by_size(rows, lambda row: int(row.size), MAX_BATCH_BYTES):
            yield from _check_bodies(database, [row.id for row in few])
        counts.add("bytes", sum(row.size for row in rows))
        progress("payloads", counts.add("payloads", len(batch.ids)), batch.total)


def _check_bodies(database: Database, ids: Sequence[int]) -> list[Fault]:
    columns = (PayloadRow.id, PayloadRow.digest, PayloadRow.size, *COMPRESSED_COLUMNS)
    query = select(*columns).where(PayloadRow.id.in_(ids))
    faults: list[Fault] = []
    with database.read() as db:
        for row in db.execute(query).all():
            damage = _payload_damage(db, row)
            if damage:
                sentence = (
                    f"payload {row.id} (sha256 {row.digest}): {damage}, and the archive has no"
                    f" other copy; a backup has it: {_describe_captures(db, row.id)}"
                )
                faults.append(Fault("payload", row.id, sentence))
    return faults


def _payload_damage(db: Connection, row: AnyRow) -> str:
    try:
        body = decompress_payload(db, row.codec, row.body, row.dictionary_id)
    except DamagedDictionary:
        return ""  # `check_dictionaries` reports it once
    except ValueError as error:
        return f"cannot be decompressed ({error})"
    if sha256(body).hexdigest() != row.digest:
        return "its bytes are not those of its digest"
    if len(body) != row.size:
        return f"has {len(body)} bytes and not {row.size}"
    return ""


def _describe_captures(db: Connection, payload: int) -> str:
    query = (
        select(PageRow.url, CaptureRow.id, CaptureRow.fetched_at)
        .join(PageRow, PageRow.id == CaptureRow.page_id)
        .where(CaptureRow.payload_id == payload)
        .order_by(CaptureRow.id)
        .limit(MAX_CAPTURES + 1)
    )
    rows = db.execute(query).all()
    if not rows:
        return "no fetch brought it"
    captures: list[str] = []
    for row in rows[:MAX_CAPTURES]:
        captures.append(f"{row.url} (capture {row.id} of {row.fetched_at:%Y-%m-%d %H:%M} UTC)")
    if len(rows) > MAX_CAPTURES:
        captures.append("…")
    return ", ".join(captures)


def check_pages(
    database: Database, counts: VerifiedCounts, progress: ProgressCallback
) -> Iterator[Fault]:
    """Check that a fetch brought the newest payload of each page.

    No reference of the database proves this.
    """
    capture = select(CaptureRow.id).where(
        CaptureRow.page_id == PageRow.id, CaptureRow.payload_id == PageRow.payload_id
    )
    query = select(PageRow.id, PageRow.url).where(
        PageRow.payload_id.is_not(None), ~capture.exists()
    )
    for batch in id_batches(database, PageRow.id, None, EVERYTHING, PAGE_BATCH_SIZE):
        with database.read() as db:
            rows = db.execute(query.where(PageRow.id.between(batch.ids[0], batch.ids[-1]))).all()
        for row in rows:
            sentence = f"page {row.id}: no fetch brought its newest payload: {row.url}"
            yield Fault("page", row.id, sentence)
        progress("pages", counts.add("pages", len(batch.ids)), batch.total)


def check_ledgers(
    database: Database,
    scope: VerifyScope,
    counts: VerifiedCounts,
    progress: ProgressCallback,
) -> Iterator[Fault]:
    """Check the ledger of each finished run.

    No entry is pending, each outcome is known, and the counts of the run are the sums of its
    entries.
    """
    for batch in id_batches(database, RunRow.id, RunRow.started_at, scope):
        query = (
            select(RunRow.id, RunRow.site, RunRow.kind, RunRow.counts)
            .where(
                RunRow.id.in_(batch.ids),
                RunRow.finished_at.is_not(None),
                RunRow.pruned_at.is_(None),
            )
            .order_by(RunRow.id)
        )
        with database.read() as db:
            sums_by_run = _sums_by_run(db, batch.ids)
            rows = db.execute(query).all()
        for row in rows:
            damage = _ledger_damage(dict(row.counts), sums_by_run.get(row.id, {}))
            if damage:
                sentence = f"run {row.id} ({row.kind} of {row.site}): {damage}"
                yield Fault("ledger", row.id, sentence, RepairKind.LEDGER)
        progress("ledgers", counts.add("runs", len(batch.ids)), batch.total)


def _sums_by_run(db: Connection, runs: Sequence[int]) -> dict[int, dict[str, int]]:
    columns = (LedgerEntryRow.run_id, LedgerEntryRow.outcome)
    query = (
        select(*columns, func.count())
        .where(LedgerEntryRow.run_id.in_(runs))
        .group_by(*columns)
        .order_by(LedgerEntryRow.run_id)
    )
    sums: dict[int, dict[str, int]] = {}
    for run, rows in groupby(db.execute(query), lambda row: int(row[0])):
        sums[run] = {row[1]: row[2] for row in rows}
    for run, forgotten in run_log.forgotten_counts(db, runs).items():
        counts = sums.setdefault(run, {})
        for outcome, entries in forgotten.items():
            counts[outcome] = counts.get(outcome, 0) + entries
    return sums


def _ledger_damage(counts: Mapping[str, int], sums: Mapping[str, int]) -> str:
    if Outcome.PENDING in sums:
        return f"{sums[Outcome.PENDING]} URLs have no outcome, though it is finished"
    unknown = set(sums) - set(Outcome)
    if unknown:
        return f"'{min(unknown)}' is no outcome"
    differences: list[str] = []
    for name in sorted({*counts, *sums}):
        counted, in_ledger = counts.get(name, 0), sums.get(name, 0)
        if counted != in_ledger:
            differences.append(f"{name} {counted} counted and {in_ledger} in the ledger")
    return "does not add up: " + ", ".join(differences) if differences else ""


def check_site_counts(database: Database, progress: ProgressCallback) -> Iterator[Fault]:
    """Check the stored counts of each site against its rows."""
    progress("the counts of sites", 0, 0)
    for site, stored, current in site_counts.mismatches(database):
        sentence = f"{site}: {_describe_differences(stored, current)}"
        yield Fault("count", 0, sentence, RepairKind.COUNT)


def _describe_differences(stored: SiteCounts, current: SiteCounts) -> str:
    differences: list[str] = []
    for name, old, new in zip(stored._fields, stored, current, strict=True):
        if old != new:
            differences.append(f"{name} {old} counted and {new} there")
    return ", ".join(differences)
