"""What somebody without the key can do to the log of a sealed archive, for `log_forgeries`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from pipeline.evidence import keys
from pipeline.evidence.leaves import (
    canonical_json,
    leaf_hash,
)
from pipeline.evidence.notes import checkpoint_text, origin_of, parse_note
from pipeline.jobs.evidence.checkpoints import announce_key
from pipeline.store.codec.compression import compress
from pipeline.store.db.engine import Database
from pipeline.store.db.evidence import checkpoints, fields, tree
from pipeline.store.db.log_schema import (
    CheckpointRow,
    LogEventRow,
    LogLeafRow,
    SealedRunRow,
)
from pipeline.store.db.schema import (
    CaptureRow,
    CleanResultRow,
    LedgerEntryRow,
    PayloadRow,
    RunRow,
)
from pipeline.store.maintenance.log_report import OutsideView
from tests.support.archive_factory import FAILED, GONE, Reply, clean, night, url

FOREIGN_KEY = keys.new_key()
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class SealedArchive:
    """An archive with three nights, its key, and the checkpoint that a reader kept."""

    store: Database
    key: keys.SigningKey
    view: OutsideView


def view_of(stored: checkpoints.StoredCheckpoint) -> OutsideView:
    """Return what a reader knows who kept a checkpoint."""
    note = parse_note(stored.note)
    return OutsideView("a reader", note.size, note.root, note.archive, note.at)


def build(store: Database, key: keys.SigningKey) -> OutsideView:
    """Archive three nights with a checkpoint after each, and return the last one."""
    from pipeline.store.crawl.session import CrawlSession

    archive = CrawlSession(store)
    nights: tuple[dict[str, bytes | Reply], ...] = (
        {url(name): f"Story {name}\nA price of £12".encode() for name in "abcdef"},
        {url("a"): "Story a\nA price of £13".encode(), url("b"): GONE, url("c"): FAILED},
        {url("d"): b"Story d\nCorrected", url("g"): b"Story g\nNew"},
    )
    view: OutsideView | None = None
    for number, replies in enumerate(nights):
        night(archive, replies, datetime.now(UTC))
        clean(store)
        if number == 0:
            announce_key(store, key)
        view = checkpoint(store, key)
    assert view is not None
    return view


def checkpoint(store: Database, key: keys.SigningKey) -> OutsideView:
    """Make a signed checkpoint."""
    with store.write() as db:
        made = checkpoints.make(db, key)
    assert made is not None
    return view_of(made)


# --- what a forger does to the log itself ---


def rehash(db: Connection, capture: int) -> None:
    """Compute the leaf of a capture again, with its own salt."""
    leaf = db.execute(select(LogLeafRow).where(LogLeafRow.capture_id == capture)).one()
    sealed = db.execute(select(SealedRunRow).where(SealedRunRow.run_id == leaf.run_id)).one()
    row = db.execute(fields.CAPTURES.where(CaptureRow.id == capture)).one()
    site = msgspec.json.decode(sealed.fields)["site"]
    hashed = leaf_hash(
        "capture", sealed.uuid, leaf.n, leaf.salt, fields.capture_fields(row[1:], site)
    )
    db.execute(update(LogLeafRow).where(LogLeafRow.number == leaf.number).values(hash=hashed))


def reseal(db: Connection, run: int, **changes: Any) -> None:
    """Write other private fields of a run, and the leaf that fits them."""
    sealed = db.execute(select(SealedRunRow).where(SealedRunRow.run_id == run)).one()
    leaf = db.execute(select(LogLeafRow).where(LogLeafRow.number == sealed.leaf)).one()
    said = msgspec.json.decode(sealed.fields) | changes
    hashed = leaf_hash("run", sealed.uuid, leaf.n, leaf.salt, said)
    db.execute(update(LogLeafRow).where(LogLeafRow.number == leaf.number).values(hash=hashed))
    values = {"fields": canonical_json(said).decode()}
    db.execute(update(SealedRunRow).where(SealedRunRow.run_id == run).values(values))


def resign(db: Connection) -> None:
    """Write all checkpoints again for the log as it is, signed with a key of the forger."""
    size = tree.size(db)
    for row in db.execute(select(CheckpointRow)).all():
        at_size = min(row.size, size)
        root = tree.root(db, at_size)
        archive = parse_note(row.note).archive
        note = checkpoint_text(archive, at_size, root, row.at, b"")
        values = {
            "size": at_size,
            "root": root,
            "note": FOREIGN_KEY.sign_note(origin_of(archive), note),
        }
        db.execute(update(CheckpointRow).where(CheckpointRow.id == row.id).values(values))


def renumber(db: Connection) -> None:
    """Close the gaps between the numbers of leaves."""
    numbers = db.scalars(select(LogLeafRow.number).order_by(LogLeafRow.number)).all()
    for new, old in enumerate(numbers):
        for column in (LogLeafRow.number, SealedRunRow.leaf, LogEventRow.leaf):
            table = column.table
            db.execute(update(table).where(column == old).values({column.key: new}))


def drop_runs(db: Connection, runs: list[int]) -> None:
    """Delete runs with all that they recorded, and their leaves."""
    db.execute(delete(LogLeafRow).where(LogLeafRow.run_id.in_(runs)))
    db.execute(delete(SealedRunRow).where(SealedRunRow.run_id.in_(runs)))
    db.execute(update(CleanResultRow).where(CleanResultRow.run_id.in_(runs)).values(run_id=None))
    db.execute(delete(CaptureRow).where(CaptureRow.run_id.in_(runs)))
    db.execute(delete(LedgerEntryRow).where(LedgerEntryRow.run_id.in_(runs)))
    db.execute(delete(RunRow).where(RunRow.id.in_(runs)))


def new_payload(db: Connection, body: bytes) -> int:
    """Store bytes."""
    codec, packed = compress(body)
    first = db.execute(select(PayloadRow).order_by(PayloadRow.id).limit(1)).one()
    values = dict(first._mapping) | {
        "digest": sha256(body).hexdigest(),
        "size": len(body),
        "codec": codec,
        "body": packed,
        "dictionary_id": None,
    }
    values.pop("id")
    return int(db.execute(insert(PayloadRow).values(values).returning(PayloadRow.id)).scalar_one())


def changed(table: Any, row: int, **values: Any) -> Callable[[Connection], None]:
    """Return a forgery that changes one row."""

    def forge(db: Connection) -> None:
        db.execute(update(table).where(table.id == row).values(values))

    return forge
