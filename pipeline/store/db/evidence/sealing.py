"""Seal a run when it is closed: its captures, its ledger and its results get their leaves.

This is part of the transaction that closes the run. What a run writes before that is not sealed
yet.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import Connection, bindparam, insert, select

from pipeline.evidence.entries import ENTRY_BYTES, entries_root, pack_entries
from pipeline.evidence.leaves import (
    SALT_BYTES,
    EventKind,
    LeafType,
    canonical_json,
    leaf_hash,
    utc_text,
)
from pipeline.store.db.evidence import events, fields, tree
from pipeline.store.db.log_schema import SealedRunRow
from pipeline.store.db.schema import RunRow

READ_RUN: Final = select(
    RunRow.site,
    RunRow.kind,
    RunRow.scope,
    RunRow.recipe,
    RunRow.started_at,
    RunRow.finished_at,
    RunRow.pruned_at,
    RunRow.status,
    RunRow.counts,
).where(RunRow.id == bindparam("run"))
INSERT_SEALED: Final = insert(SealedRunRow)
CLEAN_KINDS: Final = frozenset({"clean", "review", "rollback"})


def seal_run(db: Connection, run: int, *, is_adopted: bool = False) -> None:
    """Append the leaves of a closed run: one for each capture, and one for the run.

    Does nothing where it has its leaves.

    Args:
        db: A write transaction.
        run: The run's id.
        is_adopted: Whether the run was closed before the log began.

    Raises:
        StoreError: The log was handed over.
    """
    tree.lock(db)
    end = events.read_end(db, run)
    if end.is_sealed:
        return
    if not is_adopted:
        if not end.size:
            start(db, closing=run)
            end = events.read_end(db, run)
        end.require_open()
    row = db.execute(READ_RUN, {"run": run}).one()
    uuid = str(uuid4())
    captures = fields.captures_of_run(db, run, row.site)
    leaves = _capture_leaves(run, uuid, captures)
    ledger = pack_entries(fields.ledger_of_run(db, run))
    results: bytes | None = None
    if row.kind in CLEAN_KINDS:
        results = pack_entries(fields.results_of_run(db, run))
    sealed_at = datetime.now(UTC) if is_adopted else end.next_time
    run_fields = {
        "site": row.site,
        "kind": row.kind,
        "scope": row.scope,
        "recipe": row.recipe,
        "started_at": utc_text(row.started_at),
        "finished_at": utc_text(row.finished_at),
        "sealed_at": utc_text(sealed_at),
        "adopted": is_adopted,
        "pruned": row.pruned_at is not None,
        "status": row.status,
        "counts": row.counts,
        "captures": len(captures),
        "ledger": _tree_fields(ledger),
        "results": None if results is None else _tree_fields(results),
    }
    salt = os.urandom(SALT_BYTES)
    leaf = {
        "type": LeafType.RUN,
        "n": len(captures),
        "run_id": run,
        "hash": leaf_hash(LeafType.RUN, uuid, len(captures), salt, run_fields),
        "salt": salt,
    }
    first = tree.append(db, [*leaves, leaf], end.size)
    sealed = {
        "run_id": run,
        "uuid": uuid,
        "leaf": first + len(leaves),
        "fields": canonical_json(run_fields).decode(),
        "ledger": ledger,
        "results": results,
    }
    db.execute(INSERT_SEALED, sealed)


def start(db: Connection, closing: int | None = None) -> None:
    """Begin the log with the event `adopt`, and adopt what was there before.

    The runs that were closed before the log began get their leaves now. The log proves that they
    existed by now, and nothing more. Does nothing where there is a log.

    Args:
        db: A write transaction.
        closing: The run that is being closed. It is not adopted.
    """
    if tree.size(db):
        return
    tree.lock(db)
    if tree.size(db):  # another process has begun it meanwhile
        return
    query = select(RunRow.id).where(RunRow.finished_at.is_not(None)).order_by(RunRow.id)
    runs = [run for run in db.scalars(query) if run != closing]
    archive = str(uuid4())
    adoption = {
        "kind": EventKind.ADOPT,
        "at": utc_text(datetime.now(UTC)),
        "archive": archive,
        "runs": len(runs),
    }
    events.write(db, archive, adoption)
    for run in runs:
        seal_run(db, run, is_adopted=True)


def _capture_leaves(
    run: int, uuid: str, captures: list[fields.CaptureFields]
) -> list[dict[str, Any]]:
    salts = os.urandom(SALT_BYTES * len(captures))
    leaves: list[dict[str, Any]] = []
    for number, capture in enumerate(captures):
        salt = salts[number * SALT_BYTES : (number + 1) * SALT_BYTES]
        leaves.append(
            {
                "type": LeafType.CAPTURE,
                "n": number,
                "run_id": run,
                "capture_id": capture.capture_id,
                "hash": leaf_hash(LeafType.CAPTURE, uuid, number, salt, capture.fields),
                "salt": salt,
            }
        )
    return leaves


def _tree_fields(packed: bytes) -> dict[str, Any]:
    return {"size": len(packed) // ENTRY_BYTES, "root": entries_root(packed).hex()}
