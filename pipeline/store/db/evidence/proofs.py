"""Proofs of single leaves and entries, with their private fields: for a bundle or for a reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from pipeline.core.errors import StoreError
from pipeline.evidence import merkle
from pipeline.evidence.entries import (
    StoredEntry,
    entry_hashes,
    sort_entries,
    unpack_entries,
)
from pipeline.evidence.leaves import (
    KEY_BYTES,
    LeafType,
    commitment,
    entry_data,
    entry_hash,
    entry_key,
    leaf_data,
)
from pipeline.store.db.evidence import fields, tree
from pipeline.store.db.log_schema import LogEventRow, LogLeafRow, SealedRunRow
from pipeline.store.db.schema import CaptureRow, RunRow

AnyRow = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class LeafProof:
    """A leaf, its private fields, and the proof that it is in the log.

    Attributes:
        number: The number of the leaf in the log.
        size: The size of the log that the proof is for.
        data: The leaf itself, RFC 8785 JSON: see `leaves.leaf_data`.
        salt: The salt of its commit.
        fields: Its private fields.
        path: The audit path, lowest node first.
    """

    number: int
    size: int
    data: bytes
    salt: bytes
    fields: Mapping[str, Any]
    path: tuple[bytes, ...]

    @property
    def root(self) -> bytes:
        """The root of the log to which the proof leads."""
        hashed = merkle.leaf_hash(self.data)
        return merkle.root_from_inclusion(hashed, self.number, self.size, self.path)


@dataclass(frozen=True, slots=True)
class EntryProof:
    """An entry of a tree of one run, and the proof that it is there.

    Attributes:
        number: The number of the entry in the order of the keys.
        size: How many entries the tree has.
        data: The entry itself, RFC 8785 JSON: see `leaves.entry_data`.
        salt: The salt of its commit; b"" where only its key is shown.
        fields: Its private fields; None where only its key is shown.
        path: The audit path, lowest node first.
    """

    number: int
    size: int
    data: bytes
    salt: bytes
    fields: Mapping[str, Any] | None
    path: tuple[bytes, ...]

    @property
    def root(self) -> bytes:
        """The root of the tree to which the proof leads."""
        hashed = merkle.leaf_hash(self.data)
        return merkle.root_from_inclusion(hashed, self.number, self.size, self.path)


@dataclass(frozen=True, slots=True)
class LedgerProof:
    """What the ledger of a run says of a URL.

    Attributes:
        run: The leaf of the run, whose fields hold size and root of the ledger.
        url: The URL.
        entries: The entry of the URL. Where it has none, the entries before and after its key,
            without their private fields: the first or last one alone at an end of the ledger.
        is_listed: Whether the URL has an entry.
    """

    run: LeafProof
    url: str
    entries: tuple[EntryProof, ...]
    is_listed: bool


def capture_proof(db: Connection, capture: int, size: int | None = None) -> LeafProof:
    """Prove a capture.

    Args:
        db: A read transaction.
        capture: Its id.
        size: The size of the log to prove it in, such as that of a checkpoint. Default: all.

    Raises:
        StoreError: It is not sealed yet, or its private fields were deleted.
        ValueError: The log of that size has not got it yet.
    """
    query = select(LogLeafRow).where(LogLeafRow.capture_id == capture)
    leaf = db.execute(query).one_or_none()
    if leaf is None:
        raise StoreError(f"capture {capture} has no leaf: its run is not over, or it was removed")
    site = db.scalar(select(RunRow.site).where(RunRow.id == leaf.run_id)) or ""
    row = db.execute(fields.CAPTURES.where(CaptureRow.id == capture)).one()
    uuid = db.scalar(select(SealedRunRow.uuid).where(SealedRunRow.run_id == leaf.run_id)) or ""
    return _leaf_proof(db, leaf, uuid, fields.capture_fields(row[1:], site), size)


def run_proof(db: Connection, run: int, size: int | None = None) -> LeafProof:
    """Prove what the log says of a run: see `capture_proof`."""
    sealed = _sealed(db, run)
    leaf = db.execute(select(LogLeafRow).where(LogLeafRow.number == sealed.leaf)).one()
    return _leaf_proof(db, leaf, sealed.uuid, msgspec.json.decode(sealed.fields), size)


def event_proof(db: Connection, number: int, size: int | None = None) -> LeafProof:
    """Prove an event.

    Args:
        db: A read transaction.
        number: The number of its leaf.
        size: See `capture_proof`.

    Raises:
        StoreError: The leaf is no event.
    """
    text = db.scalar(select(LogEventRow.fields).where(LogEventRow.leaf == number))
    if text is None:
        raise StoreError(f"leaf {number} of the log is no event")
    leaf = db.execute(select(LogLeafRow).where(LogLeafRow.number == number)).one()
    event = msgspec.json.decode(text)
    return _leaf_proof(db, leaf, event_archive(event), event, size)


def event_archive(event: Mapping[str, Any]) -> str:
    """Return the UUID in the leaf of an event."""
    return str(event["archive"])


def ledger_proof(db: Connection, run: int, url: str, size: int | None = None) -> LedgerProof:
    """Prove what the ledger of a run says of a URL, or that it says nothing.

    Args:
        db: A read transaction.
        run: The run's id.
        url: A canonical URL.
        size: See `capture_proof`.

    Raises:
        StoreError: The ledger was pruned, or a neighbour of the URL was forgotten.
    """
    sealed = _sealed(db, run)
    if sealed.ledger is None:
        raise StoreError(f"the ledger of run {run} was pruned; the log has its size and root only")
    stored, hashes = unpack_entries(sealed.ledger), entry_hashes(sealed.ledger)
    key = entry_key(url)
    rows = dict(sort_entries(fields.ledger_of_run(db, run)))
    number = _position(stored, key)
    proof = run_proof(db, run, size)
    if number < len(stored) and stored[number].key == key[:KEY_BYTES] and key in rows:
        found = _entry_proof(stored, hashes, number, key, rows[key], show_fields=True)
        return LedgerProof(proof, url, (found,), is_listed=True)
    neighbours: list[EntryProof] = []
    for place in (number - 1, number):
        if 0 <= place < len(stored):
            near = _key_at(stored[place], rows, run)
            shown = _entry_proof(stored, hashes, place, near, rows[near], show_fields=False)
            neighbours.append(shown)
    return LedgerProof(proof, url, tuple(neighbours), is_listed=False)


def _position(stored: list[StoredEntry], key: bytes) -> int:
    """Return the number of the first entry with this key or a larger one."""
    for number, entry in enumerate(stored):
        if not entry.is_forgotten and entry.key >= key[:KEY_BYTES]:
            return number
    return len(stored)


def _key_at(entry: StoredEntry, rows: Mapping[bytes, Any], run: int) -> bytes:
    for key in rows:
        if key[:KEY_BYTES] == entry.key and not entry.is_forgotten:
            return key
    raise StoreError(
        f"run {run}: what is next to the URL in its ledger was forgotten or pruned, so that nothing"
        " proves its absence"
    )


def _entry_proof(
    stored: list[StoredEntry],
    hashes: list[bytes],
    number: int,
    key: bytes,
    entry_fields: Mapping[str, Any],
    *,
    show_fields: bool,
) -> EntryProof:
    entry = stored[number]
    if entry_hash(key, entry.salt, entry_fields) != entry.hash:
        raise StoreError(
            f"the ledger entry of {entry_fields['url']} is not the one that was sealed;"
            " 'nightdesk verify --log' says more"
        )
    path = merkle.inclusion_proof(number, len(hashes), merkle.range_hash_of(hashes))
    return EntryProof(
        number=number,
        size=len(hashes),
        data=entry_data(key, commitment(entry.salt, entry_fields)),
        salt=entry.salt if show_fields else b"",
        fields=entry_fields if show_fields else None,
        path=tuple(path),
    )


def _sealed(db: Connection, run: int) -> AnyRow:
    row = db.execute(select(SealedRunRow).where(SealedRunRow.run_id == run)).one_or_none()
    if row is None:
        raise StoreError(f"run {run} is not sealed: it is not over, or there is no such run")
    return row


def _leaf_proof(
    db: Connection, leaf: AnyRow, run: str, leaf_fields: Mapping[str, Any], size: int | None
) -> LeafProof:
    if leaf.salt is None:
        raise StoreError(f"the private fields of leaf {leaf.number} were deleted")
    at_size = tree.size(db) if size is None else size
    data = leaf_data(LeafType(leaf.type), run, leaf.n, commitment(leaf.salt, leaf_fields))
    if merkle.leaf_hash(data) != leaf.hash:
        raise StoreError(
            f"leaf {leaf.number} is not what its row says; 'nightdesk verify --log' says more"
        )
    path = tree.inclusion_proof(db, leaf.number, at_size)
    return LeafProof(leaf.number, at_size, data, leaf.salt, leaf_fields, tuple(path))
