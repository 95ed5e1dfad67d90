"""What each watch has found, and the messages that are to be sent.

New matches and their messages are saved in one transaction, so a match is in one message for each
address, whatever happens. A message is marked as begun before it is sent and as sent after it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import delete, func, insert, select, update

from pipeline.store.db.engine import Database
from pipeline.store.db.sql import chunks, fetch_as, insert_or_ignore, storable, upsert
from pipeline.store.db.watch_schema import WatchMatchRow, WatchMessageRow, WatchRow

KEEP_SENT: Final = timedelta(days=90)  # messages that were sent, and matches that were told

MatchValues = dict[str, Any]


@dataclass(frozen=True, slots=True)
class WatchProgress:
    """How far a watch has looked."""

    name: str
    query_digest: str
    since_at: datetime
    checked_at: datetime


@dataclass(frozen=True, slots=True)
class WatchMessage:
    """New matches of a watch for one address.

    Attributes:
        id: The number of the message.
        delivery_id: An id by which a receiver recognizes it if it comes twice.
        watch: The name of the watch.
        address: The digest of the address.
        matches: The matches, each with key, kind, title, site, url and at.
        created_at: When they were found.
        begun_at: When sending began; None before that, and after it has failed.
        attempts: How often it was tried.
    """

    id: int
    delivery_id: str
    watch: str
    address: str
    matches: list[MatchValues]
    created_at: datetime
    begun_at: datetime | None
    attempts: int


MESSAGE_COLUMNS: Final = tuple(
    getattr(WatchMessageRow, name) for name in WatchMessage.__dataclass_fields__
)


def progress_of_watches(database: Database) -> dict[str, WatchProgress]:
    """Return how far each watch has looked, by name."""
    query = select(WatchRow.name, WatchRow.query_digest, WatchRow.since_at, WatchRow.checked_at)
    with database.read() as db:
        return {row.name: row for row in fetch_as(db, query, WatchProgress)}


def known_keys(database: Database, watch: str, keys: Collection[str]) -> set[str]:
    """Return those of some matches that a watch has found before.

    Args:
        database: The archive.
        watch: The name of the watch.
        keys: Keys of matches.

    Returns:
        The keys that are stored already.
    """
    known: set[str] = set()
    query = select(WatchMatchRow.key).where(WatchMatchRow.watch == watch)
    with database.read() as db:
        for chunk in chunks(sorted(keys)):
            known.update(db.scalars(query.where(WatchMatchRow.key.in_(chunk))))
    return known


def save_matches(
    database: Database,
    progress: WatchProgress,
    matches: Sequence[MatchValues],
    addresses: Collection[str],
) -> None:
    """Save new matches with a message for each address, and how far the watch has looked.

    Args:
        database: The archive. The caller holds the lock of the watches.
        progress: How far the watch has looked now.
        matches: The new matches, each with its `key`.
        addresses: The digests of the addresses.
    """
    names = ["query_digest", "since_at", "checked_at"]
    values = {name: getattr(progress, name) for name in ("name", *names)}
    match_rows = [
        {"watch": progress.name, "key": match["key"], "found_at": progress.checked_at}
        for match in matches
    ]
    stored = [_storable(match) for match in matches]
    messages = [
        {
            "delivery_id": str(uuid4()),
            "watch": progress.name,
            "address": address,
            "matches": stored,
            "created_at": progress.checked_at,
        }
        for address in addresses
    ]
    with database.write() as db:
        db.execute(upsert(db, WatchRow, ["name"], names), values)
        if matches:
            db.execute(insert_or_ignore(db, WatchMatchRow, ["watch", "key"]), match_rows)
            db.execute(insert(WatchMessageRow), messages)


def forget_watch(database: Database, name: str) -> None:
    """Forget what a watch has found, since its query is another one now."""
    with database.write() as db:
        db.execute(delete(WatchRow).where(WatchRow.name == name))
        db.execute(delete(WatchMatchRow).where(WatchMatchRow.watch == name))


def unsent_messages(database: Database, watch: str) -> tuple[WatchMessage, ...]:
    """Return the messages of a watch that are not sent, oldest first."""
    query = (
        select(*MESSAGE_COLUMNS)
        .where(WatchMessageRow.watch == watch, WatchMessageRow.sent_at.is_(None))
        .order_by(WatchMessageRow.id)
    )
    with database.read() as db:
        return fetch_as(db, query, WatchMessage)


def begin_message(database: Database, message: int, at: datetime) -> None:
    """Save that a message is being sent from now on."""
    _update(database, message, {"begun_at": at, "attempts": WatchMessageRow.attempts + 1})


def end_message(database: Database, message: int, sent_at: datetime | None) -> None:
    """Save that a message was sent, or with None that it was not, so that it is tried again."""
    values: Mapping[str, Any] = {"sent_at": sent_at}
    if sent_at is None:
        values = {"begun_at": None}
    _update(database, message, values)


def _update(database: Database, message: int, values: Mapping[str, Any]) -> None:
    with database.write() as db:
        db.execute(update(WatchMessageRow).where(WatchMessageRow.id == message).values(values))


def count_told(database: Database, watch: str) -> int:
    """Count the matches of a watch that are kept."""
    query = select(func.count()).select_from(WatchMatchRow).where(WatchMatchRow.watch == watch)
    with database.read() as db:
        return db.scalar(query) or 0


def delete_old(database: Database, now: datetime) -> None:
    """Delete messages that were sent and matches that were found a long time ago."""
    before = now - KEEP_SENT
    with database.write() as db:
        db.execute(delete(WatchMessageRow).where(WatchMessageRow.sent_at < before))
        db.execute(delete(WatchMatchRow).where(WatchMatchRow.found_at < before))


def _storable(match: MatchValues) -> MatchValues:
    return {
        name: storable(value) if isinstance(value, str) else value for name, value in match.items()
    }
