"""The hashes of the log: leaves are appended, and roots and proofs are read.

Beside the leaves, the hash of each 256 leaves is stored, and that of each 256 such hashes, and so
on. So a root or a proof reads some hundred rows of a log of any size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select

from pipeline.core.errors import StoreError
from pipeline.evidence import merkle
from pipeline.store.db import locks
from pipeline.store.db.log_schema import LogLeafRow, LogNodeRow
from pipeline.store.db.sql import chunks

LOG_LOCK: Final = "evidence log"
FANOUT: Final = 256  # hashes of one level that a node of the next level stands for
INSERT_LEAVES: Final = insert(LogLeafRow)


def lock(db: Connection) -> None:
    """Wait until no other transaction appends to the log; hold that to the end of this one."""
    locks.advisory_xact_lock(db, LOG_LOCK)


def size(db: Connection) -> int:
    """Return how many leaves the log has."""
    last = db.scalar(select(func.max(LogLeafRow.number)))
    return 0 if last is None else int(last) + 1


def append(db: Connection, leaves: Sequence[Mapping[str, Any]], at_size: int | None = None) -> int:
    """Append leaves. The caller holds `lock`.

    Args:
        db: A write transaction.
        leaves: The columns of each leaf, without its number.
        at_size: How many leaves the log has, where the caller knows that.

    Returns:
        The number of the first one.
    """
    first = size(db) if at_size is None else at_size
    rows: list[dict[str, Any]] = []
    for number, leaf in enumerate(leaves, first):
        rows.append({"number": number, "run_id": None, "capture_id": None, **leaf})
    for chunk in chunks(rows):
        db.execute(INSERT_LEAVES, list(chunk))
    _add_nodes(db, first, first + len(rows))
    return first


def _add_nodes(db: Connection, old_size: int, new_size: int) -> None:
    """Store the nodes that are full now, level by level."""
    level = 1
    while new_size >= FANOUT:
        old_count, new_count = old_size // FANOUT, new_size // FANOUT
        rows: list[dict[str, Any]] = []
        for number in range(old_count, new_count):
            start = number * FANOUT
            node = merkle.root(_hashes(db, level - 1, start, start + FANOUT))
            rows.append({"level": level, "number": number, "hash": node})
        if rows:
            db.execute(insert(LogNodeRow), rows)
        old_size, new_size = old_count, new_count
        level += 1


def _hashes(db: Connection, level: int, start: int, end: int) -> list[bytes]:
    """Return the hashes of some leaves, or of some nodes of a higher level."""
    if level:
        number = LogNodeRow.number
        query = select(LogNodeRow.hash).where(LogNodeRow.level == level)
    else:
        number = LogLeafRow.number
        query = select(LogLeafRow.hash)
    hashes = list(db.scalars(query.where(number >= start, number < end).order_by(number)))
    if len(hashes) != end - start:
        raise StoreError(
            f"the log has lost hashes (level {level}, {start} to {end - 1});"
            " 'nightdesk verify --log' says more"
        )
    return hashes


def range_hash(db: Connection) -> merkle.RangeHash:
    """Return the function that reads the hash of a range of leaves.

    The function raises StoreError where stored hashes are missing.
    """

    def read(start: int, end: int) -> bytes:
        unit, level = 1, 0
        while start % (unit * FANOUT) == 0 and end - start >= unit * FANOUT:
            unit *= FANOUT
            level += 1
        if (end - start) % unit == 0 and (end - start) // unit <= FANOUT:
            return merkle.root(_hashes(db, level, start // unit, end // unit))
        middle = start + merkle.split_point(end - start)
        return merkle.node_hash(read(start, middle), read(middle, end))

    return read


def root(db: Connection, at_size: int) -> bytes:
    """Return the root of the first leaves of the log.

    Raises:
        StoreError: The log is shorter, or has lost hashes.
    """
    return range_hash(db)(0, at_size) if at_size else merkle.EMPTY_ROOT


def inclusion_proof(db: Connection, number: int, at_size: int) -> list[bytes]:
    """Return the proof that a leaf is in the first `at_size` leaves: see `merkle`.

    Raises:
        ValueError: These have no such leaf.
        StoreError: The log is shorter, or has lost hashes.
    """
    return merkle.inclusion_proof(number, at_size, range_hash(db))


def consistency_proof(db: Connection, old_size: int, at_size: int) -> list[bytes]:
    """Return the proof that the log of one size extends that of another: see `merkle`.

    Raises:
        ValueError: The older one is larger.
        StoreError: The log is shorter, or has lost hashes.
    """
    return merkle.consistency_proof(old_size, at_size, range_hash(db))
