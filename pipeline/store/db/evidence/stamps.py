"""The timestamps of checkpoints in the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from pipeline.store.db.evidence.checkpoints import COLUMNS, StoredCheckpoint
from pipeline.store.db.log_schema import CheckpointRow, TimestampRow
from pipeline.store.db.sql import upsert


@dataclass(frozen=True, slots=True)
class StoredToken:
    """The token of an authority for a checkpoint: the note, and the reply of the authority."""

    note: str
    authority: str
    token: bytes
    stamped_at: datetime


def unstamped(db: Connection, authority: str, limit: int) -> tuple[StoredCheckpoint, ...]:
    """Return the newest checkpoint and those that the authority was asked in vain to stamp.

    Args:
        db: A read transaction.
        authority: The URL of the authority.
        limit: How many to return at most, newest first.
    """
    stamp = (TimestampRow.checkpoint_id == CheckpointRow.id) & (TimestampRow.authority == authority)
    newest = select(CheckpointRow.id).order_by(CheckpointRow.id.desc()).limit(1).scalar_subquery()
    query = (
        select(*COLUMNS)
        .join(TimestampRow, stamp, isouter=True)
        .where(
            TimestampRow.token.is_(None),
            TimestampRow.checkpoint_id.is_not(None) | (CheckpointRow.id == newest),
        )
        .order_by(CheckpointRow.id.desc())
        .limit(limit)
    )
    return tuple(StoredCheckpoint(*row) for row in db.execute(query))


def save(
    db: Connection,
    checkpoint: int,
    authority: str,
    token: bytes | None,
    stamped_at: datetime | None,
    detail: str,
    at: datetime,
) -> None:
    """Save the token of an authority, or why there is none yet."""
    values = {
        "checkpoint_id": checkpoint,
        "authority": authority,
        "token": token,
        "stamped_at": stamped_at,
        "detail": detail,
        "tried_at": at,
    }
    changed = ["token", "stamped_at", "detail", "tried_at"]
    db.execute(upsert(db, TimestampRow, ["checkpoint_id", "authority"], changed), [values])


def tokens(db: Connection) -> tuple[StoredToken, ...]:
    """Return all tokens, oldest first.

    Args:
        db: A connection that reads.

    Returns:
        Each token (RFC 3161) with the checkpoint that it stamps.
    """
    query = (
        select(
            CheckpointRow.note,
            TimestampRow.authority,
            TimestampRow.token,
            TimestampRow.stamped_at,
        )
        .join(CheckpointRow, CheckpointRow.id == TimestampRow.checkpoint_id)
        .where(TimestampRow.token.is_not(None))
        .order_by(CheckpointRow.id)
    )
    stored: list[StoredToken] = []
    for note, authority, token, at in db.execute(query):
        if token is not None and at is not None:
            stored.append(StoredToken(note, authority, token, at))
    return tuple(stored)
