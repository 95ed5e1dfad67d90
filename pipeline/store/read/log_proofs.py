"""Proofs of the captures of a page and of entries of a ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from pipeline.store.db.engine import Database
from pipeline.store.db.evidence import checkpoints, proofs, tree
from pipeline.store.db.evidence.proofs import LeafProof, LedgerProof
from pipeline.store.db.log_schema import LogLeafRow
from pipeline.store.db.schema import CaptureRow


@dataclass(frozen=True, slots=True)
class ProvenLog:
    """The log that proofs lead to.

    Attributes:
        size: How many leaves it has.
        root: Its root.
        checkpoint: The note of the checkpoint of this size; "" where there is none.
    """

    size: int
    root: bytes
    checkpoint: str


def _proven_log(db: Connection, needed: int) -> ProvenLog:
    """Return the newest checkpoint, or the whole log where that does not reach far enough."""
    newest = checkpoints.newest(db)
    if newest is not None and newest.size >= needed:
        return ProvenLog(newest.size, newest.root, newest.note)
    size = tree.size(db)
    return ProvenLog(size, tree.root(db, size), "")


def prove_page(database: Database, page: int) -> tuple[ProvenLog, Sequence[LeafProof]]:
    """Prove the sealed captures of a page, oldest first.

    Raises:
        StoreError: A row is not what was sealed.
    """
    query = (
        select(CaptureRow.id, LogLeafRow.number)
        .join(LogLeafRow, LogLeafRow.capture_id == CaptureRow.id)
        .where(CaptureRow.page_id == page)
        .order_by(CaptureRow.fetched_at, CaptureRow.id)
    )
    with database.read() as db:
        rows = db.execute(query).all()
        proven = _proven_log(db, max((row.number + 1 for row in rows), default=0))
        found = [proofs.capture_proof(db, row.id, proven.size) for row in rows]
    return proven, found


def prove_ledger(database: Database, run: int, url: str) -> tuple[ProvenLog, LedgerProof]:
    """Prove what the ledger of a run says of a URL, or that it says nothing.

    Raises:
        StoreError: The run is not sealed, its ledger was pruned, or a row is not what was sealed.
    """
    with database.read() as db:
        leaf = proofs.run_proof(db, run).number
        proven = _proven_log(db, leaf + 1)
        return proven, proofs.ledger_proof(db, run, url, proven.size)
