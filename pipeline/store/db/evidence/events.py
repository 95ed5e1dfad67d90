"""Events of the log, and its beginning.

Where the log has a key, an event that removes, rewinds or moves something is signed, so that
nobody without the key can declare it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import msgspec
from sqlalchemy import Connection, insert, select, text, update

from pipeline.core.errors import StoreError
from pipeline.evidence.entries import forget_entries
from pipeline.evidence.leaves import (
    SALT_BYTES,
    EventKind,
    LeafType,
    canonical_json,
    leaf_hash,
    parse_utc,
)
from pipeline.store.db.evidence import tree
from pipeline.store.db.log_schema import LogEventRow, LogLeafRow, SealedRunRow
from pipeline.store.db.sql import chunks

SIGNED_KINDS: Final = frozenset(
    {
        EventKind.HAND_OVER,
        EventKind.FORGET,
        EventKind.HIDE,
        EventKind.REDACT,
        EventKind.PRUNE,
        EventKind.REPAIR,
        EventKind.RESTORE,
    }
)


# One statement, and no expression of SQLAlchemy: to build those costs more than to run this, and
# each crawler seals one run.
READ_END: Final = text(
    "SELECT (SELECT max(number) FROM log_leaf),"
    " (SELECT max(leaf) FROM log_event),"
    " (SELECT fields FROM log_event ORDER BY leaf DESC LIMIT 1),"
    " (SELECT fields FROM sealed_run ORDER BY leaf DESC LIMIT 1),"
    " (SELECT run_id FROM sealed_run WHERE run_id = :run)"
)


class Signer(Protocol):
    """The key of the archive, as `pipeline.evidence.keys` loads it."""

    @property
    def public_key(self) -> str:
        """The public key, Base64."""

    def sign_text(self, data: bytes) -> str:
        """Return the signature of some bytes, Base64."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event of the log."""

    leaf: int
    kind: EventKind
    at: datetime
    fields: Mapping[str, Any]


def write(db: Connection, archive: str, fields: Mapping[str, Any]) -> int:
    """Append an event with these private fields, and return the number of its leaf.

    Args:
        db: A connection in a transaction.
        archive: The UUID of the archive.
        fields: What the event is about, as values of JSON. Its kind is among them.

    Returns:
        The number of the leaf, from 0.
    """
    number, salt = read_end(db).size, os.urandom(SALT_BYTES)
    leaf = {
        "type": LeafType.EVENT,
        "n": number,
        "hash": leaf_hash(LeafType.EVENT, archive, number, salt, fields),
        "salt": salt,
    }
    tree.append(db, [leaf])
    row = {
        "leaf": number,
        "kind": fields["kind"],
        "at": parse_utc(fields["at"]),
        "fields": canonical_json(fields).decode(),
    }
    db.execute(insert(LogEventRow).values(row))
    return number


@dataclass(frozen=True, slots=True)
class LogEnd:
    """The end of the log, as far as the next leaf depends on it.

    Attributes:
        size: How many leaves the log has.
        last_at: The time of the last run or event.
        handed_over: The private fields of the event that handed the archive over; None without.
        is_sealed: Whether the run that was asked about has its leaves.
    """

    size: int
    last_at: datetime | None
    handed_over: Mapping[str, Any] | None
    is_sealed: bool

    @property
    def next_time(self) -> datetime:
        """The time of the next run or event: now, but never before the last one."""
        now = datetime.now(UTC)
        return now if self.last_at is None else max(now, self.last_at)

    def require_open(self) -> None:
        """Check that the archive was not handed over.

        Raises:
            StoreError: It was.
        """
        if self.handed_over is not None:
            raise StoreError(
                f"this archive was handed over to {self.handed_over.get('to', 'a copy')} on"
                f" {self.handed_over['at'][:10]}, and its log is closed; work with that copy"
            )


def read_end(db: Connection, run: int = 0) -> LogEnd:
    """Return the end of the log, in one statement.

    Args:
        db: A transaction.
        run: The id of a run.
    """
    last, event_leaf, event, sealed, is_sealed = db.execute(READ_END, {"run": run}).one()
    times: list[datetime] = []
    said: Mapping[str, Any] = {} if event is None else msgspec.json.decode(event)
    if said:
        times.append(parse_utc(said["at"]))
    if sealed is not None:
        times.append(parse_utc(msgspec.json.decode(sealed)["sealed_at"]))
    is_over = said.get("kind") == EventKind.HAND_OVER and event_leaf == last
    return LogEnd(
        size=0 if last is None else int(last) + 1,
        last_at=max(times, default=None),
        handed_over=said if is_over else None,
        is_sealed=is_sealed is not None,
    )


def events(db: Connection, *kinds: EventKind) -> tuple[Event, ...]:
    """Return the events of some kinds in the order of the log; of all kinds without any.

    Args:
        db: A connection that reads.
        *kinds: The kinds to return.

    Returns:
        The events with their private fields, as far as these were not deleted.
    """
    query = select(LogEventRow.leaf, LogEventRow.kind, LogEventRow.at, LogEventRow.fields)
    if kinds:
        query = query.where(LogEventRow.kind.in_(kinds))
    rows = db.execute(query.order_by(LogEventRow.leaf))
    made: list[Event] = []
    for row in rows:
        made.append(Event(row.leaf, EventKind(row.kind), row.at, msgspec.json.decode(row.fields)))
    return tuple(made)


def archive_id(db: Connection) -> str:
    """Return the UUID of the archive: that of its last import, or of its beginning; "" without."""
    named = events(db, EventKind.ADOPT, EventKind.IMPORT)
    return str(named[-1].fields["archive"]) if named else ""


def current_key(db: Connection) -> str:
    """Return the public key that signs now, Base64; "" where there is none.

    A copy has no key until it logs one, unless the archive was handed over to it.

    Args:
        db: A connection that reads.

    Returns:
        The 32 bytes of an Ed25519 key (RFC 8032) in Base64.
    """
    changes = events(db, EventKind.KEY, EventKind.IMPORT)
    key = ""
    for event in changes:
        if event.kind is EventKind.KEY:
            key = str(event.fields["public_key"])
        elif not event.fields.get("handed_over"):
            key = ""
    return key


def is_handed_over(db: Connection) -> bool:
    """Return whether the log ends with the event that hands the archive over."""
    return read_end(db).handed_over is not None


def require_open_log(db: Connection) -> None:
    """Check that the archive was not handed over: see `LogEnd.require_open`."""
    read_end(db).require_open()


def remove_private_fields(db: Connection, leaves: Sequence[int], event: int) -> None:
    """Delete the salts of leaves, and note the event that says why. The hashes stay.

    The event has to name the same leaves in its field `leaves`: see `ranges_of`. The caller
    deletes the rows that hold the private fields.

    Args:
        db: A write transaction.
        leaves: Numbers of leaves.
        event: The leaf of the event.
    """
    for chunk in chunks(leaves):
        removal = {"salt": None, "removed_by": event, "capture_id": None}
        db.execute(update(LogLeafRow).where(LogLeafRow.number.in_(chunk)).values(removal))


def remove_entries(
    db: Connection, run: int, ledger: Sequence[int] = (), results: Sequence[int] = ()
) -> None:
    """Delete keys and salts of entries of a sealed run. The hashes stay.

    The event of it has to name them in its field `entries`: `{uuid of the run: {"ledger": [number
    of the entry, …], "results": […]}}`. The caller deletes the rows.

    Args:
        db: A write transaction.
        run: The run's id.
        ledger: Numbers of entries of its ledger, from 0 in the order of their keys.
        results: The same for its results.
    """
    query = select(SealedRunRow.ledger, SealedRunRow.results).where(SealedRunRow.run_id == run)
    row = db.execute(query).one()
    values: dict[str, bytes] = {}
    if ledger and row.ledger is not None:
        values["ledger"] = forget_entries(row.ledger, ledger)
    if results and row.results is not None:
        values["results"] = forget_entries(row.results, results)
    if values:
        db.execute(update(SealedRunRow).where(SealedRunRow.run_id == run).values(values))


def leaves_of_captures(db: Connection, captures: Sequence[int]) -> list[int]:
    """Return the numbers of the leaves of captures, in order. Those of open runs have none."""
    numbers: list[int] = []
    for chunk in chunks(captures):
        numbers += db.scalars(select(LogLeafRow.number).where(LogLeafRow.capture_id.in_(chunk)))
    return sorted(numbers)


def ranges_of(numbers: Sequence[int]) -> list[list[int]]:
    """Return numbers as ranges `[first, last]`, as the field `leaves` of an event holds them."""
    ranges: list[list[int]] = []
    for number in sorted(set(numbers)):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ranges
