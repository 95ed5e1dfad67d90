"""Checkpoints: the size and root of the log at a time, signed where there is a key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, insert, select, update

from pipeline.evidence import notes
from pipeline.store.db.evidence import events, tree
from pipeline.store.db.log_schema import CheckpointRow


class NoteSigner(events.Signer, Protocol):
    """The key of the archive, which also signs notes."""

    def sign_note(self, name: str, text: str) -> str:
        """Return the signed note of a text."""


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A checkpoint in the archive.

    Attributes:
        id: Its id.
        size: How many leaves the log had.
        root: The root of the log.
        at: When it was made.
        note: The note.
    """

    id: int
    size: int
    root: bytes
    at: datetime
    note: str


COLUMNS = (
    CheckpointRow.id,
    CheckpointRow.size,
    CheckpointRow.root,
    CheckpointRow.at,
    CheckpointRow.note,
)


def newest(db: Connection) -> StoredCheckpoint | None:
    """Return the newest checkpoint, or None without one."""
    row = db.execute(select(*COLUMNS).order_by(CheckpointRow.id.desc()).limit(1)).first()
    return None if row is None else StoredCheckpoint(*row)


def all_checkpoints(db: Connection) -> tuple[StoredCheckpoint, ...]:
    """Return all checkpoints, oldest first."""
    rows = db.execute(select(*COLUMNS).order_by(CheckpointRow.id))
    return tuple(StoredCheckpoint(*row) for row in rows)


def find_by_text(db: Connection, size: int, text: str) -> StoredCheckpoint | None:
    """Return the checkpoint with a text, whoever signed it; None where there is none."""
    rows = db.execute(select(*COLUMNS).where(CheckpointRow.size == size))
    found = [StoredCheckpoint(*row) for row in rows if notes.parse_note(row.note).text == text]
    return found[-1] if found else None


def set_note(db: Connection, checkpoint: int, note: str) -> None:
    """Write the note of a checkpoint with more signatures. Its text stays."""
    db.execute(update(CheckpointRow).where(CheckpointRow.id == checkpoint).values(note=note))


def make(db: Connection, signer: NoteSigner | None) -> StoredCheckpoint | None:
    """Make a checkpoint of the log as it is.

    Args:
        db: A write transaction.
        signer: The key of the archive; None where it is not here.

    Returns:
        The newest checkpoint: an older one where the log has not grown and has its signature;
        None where there is no log.
    """
    tree.lock(db)
    size = tree.size(db)
    if not size:
        return None
    last = newest(db)
    if last is not None and last.size == size:
        has_signature = bool(notes.parse_note(last.note).signatures)
        if has_signature or signer is None:
            return last
    root, at, archive = tree.root(db, size), events.read_end(db).next_time, events.archive_id(db)
    previous = b"" if last is None else notes.parse_note(last.note).digest
    text = notes.checkpoint_text(archive, size, root, at, previous)
    note = text if signer is None else signer.sign_note(notes.origin_of(archive), text)
    values = {"size": size, "root": root, "at": at, "note": note}
    new_id = db.execute(insert(CheckpointRow).values(values).returning(CheckpointRow.id))
    return StoredCheckpoint(int(new_id.scalar_one()), size, root, at, note)
