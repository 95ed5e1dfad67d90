"""Proofs of the captures of a page and of entries of a ledger, as JSON for programs."""

from __future__ import annotations

from typing import Any

from pipeline.core.urls import canonicalize
from pipeline.evidence import notes
from pipeline.jobs.evidence.checkpoints import leaf_json
from pipeline.store.db.engine import Database
from pipeline.store.db.evidence.proofs import EntryProof
from pipeline.store.read import log_proofs
from pipeline.store.read.log_proofs import ProvenLog


def prove_page(database: Database, page: int) -> dict[str, Any]:
    """Prove the sealed captures of a page.

    Returns:
        JSON: `size`, `root` and `checkpoint` of the log, and `captures`, a proof for each.

    Raises:
        StoreError: A row is not what was sealed.
    """
    proven, found = log_proofs.prove_page(database, page)
    return _log_json(proven) | {"captures": [leaf_json(proof) for proof in found]}


def prove_ledger(database: Database, run: int, url: str) -> dict[str, Any]:
    """Prove what the ledger of a run says of a URL, or that it says nothing.

    Returns:
        JSON: `size`, `root` and `checkpoint` of the log, `url`, `is_listed`, the proof of the
        `run`, and `entries`: the entry of the URL, or its neighbours.

    Raises:
        StoreError: The run is not sealed, its ledger was pruned, or a row is not what was sealed.
        ValueError: It is no URL.
    """
    proven, proof = log_proofs.prove_ledger(database, run, canonicalize(url))
    return _log_json(proven) | {
        "url": proof.url,
        "is_listed": proof.is_listed,
        "run": leaf_json(proof.run),
        "entries": [entry_json(entry) for entry in proof.entries],
    }


def _log_json(proven: ProvenLog) -> dict[str, Any]:
    root = notes.base64_text(proven.root)
    return {"size": proven.size, "root": root, "checkpoint": proven.checkpoint}


def entry_json(proof: EntryProof) -> dict[str, Any]:
    """Return a proof of an entry for programs."""
    return {
        "number": proof.number,
        "size": proof.size,
        "entry": proof.data.decode(),
        "salt": notes.base64_text(proof.salt),
        "fields": proof.fields,
        "path": [notes.base64_text(node) for node in proof.path],
    }
