"""The proofs of an evidence bundle: captures, what runs say of a URL, the result of the text.

All are for one size of the log: that of the newest checkpoint, or of the whole log where there is
none. `pipeline.evidence.bundle_verifier` checks them.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, select

from pipeline.core.errors import StoreError
from pipeline.evidence import merkle
from pipeline.evidence.entries import entry_hashes, sort_entries, unpack_entries
from pipeline.evidence.leaves import KEY_BYTES, commitment, entry_data, entry_hash, entry_key
from pipeline.store.db.evidence import events, fields, proofs, tree
from pipeline.store.db.evidence.proofs import EntryProof, LeafProof
from pipeline.store.db.log_schema import CheckpointRow, SealedRunRow, TimestampRow
from pipeline.store.db.schema import (
    ArticleRow,
    CaptureRow,
    CleanResultRow,
    PageRow,
    PayloadRow,
    RunRow,
)

MAX_RUNS: Final = 60  # newest crawls of a site whose ledgers are read

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ProvenState:
    """The state of the log to which the proofs lead.

    Attributes:
        archive: The UUID of the archive.
        size: The size of the log.
        note: The checkpoint, signed or not.
        key: The public key of the archive, Base64; "" without one.
        tokens: Timestamps of the checkpoint, by authority.
    """

    archive: str
    size: int
    note: str
    key: str
    tokens: dict[str, bytes] = field(default_factory=dict)


def proven_state(db: Connection) -> ProvenState:
    """Return the newest checkpoint, or an unsigned one of the log as it is.

    Raises:
        StoreError: The archive has no log yet.
    """
    archive = events.archive_id(db)
    if not archive:
        raise StoreError("the archive has no log yet; it begins with the next crawl or clean")
    columns = (CheckpointRow.id, CheckpointRow.size, CheckpointRow.note)
    row = db.execute(select(*columns).order_by(CheckpointRow.id.desc()).limit(1)).first()
    if row is None:
        size = tree.size(db)
        root = b64encode(tree.root(db, size)).decode()
        return ProvenState(archive, size, f"nightdesk/{archive}\n{size}\n{root}\n\n", "")
    stamped = select(TimestampRow.authority, TimestampRow.token).where(
        TimestampRow.checkpoint_id == row.id, TimestampRow.token.is_not(None)
    )
    tokens = {authority: token for authority, token in db.execute(stamped) if token}
    note = row.note if "\n\n" in row.note else f"{row.note.rstrip()}\n\n"
    key = events.current_key(db) if note.partition("\n\n")[2].strip() else ""
    return ProvenState(archive, row.size, note, key, tokens)


def captures_of(db: Connection, pages: Sequence[int]) -> list[int]:
    """Return the captures of pages by time."""
    query = select(CaptureRow.id).where(CaptureRow.page_id.in_(pages))
    return list(db.scalars(query.order_by(CaptureRow.fetched_at, CaptureRow.id)))


def capture_proofs(db: Connection, captures: Sequence[int], size: int) -> list[Json]:
    """Return proofs of captures. One that is not sealed at this size is left out."""
    found: list[Json] = []
    for capture in captures:
        with suppress(StoreError, ValueError):
            found.append(_leaf_json(proofs.capture_proof(db, capture, size)))
    return found


def ledger_proofs(db: Connection, site: str, url: str, size: int) -> list[Json]:
    """Return what the newest crawls of a site say of a URL, or prove that they say nothing.

    Args:
        db: A connection that reads.
        site: The id of the site.
        url: The canonical URL.
        size: The size of the checkpoint to which the proofs lead, in leaves.

    Returns:
        One value of JSON for each crawl, oldest first. A crawl of which the proof was pruned or
        forgotten is left out.
    """
    query = (
        select(SealedRunRow.run_id)
        .join(RunRow, RunRow.id == SealedRunRow.run_id)
        .where(RunRow.site == site, RunRow.kind == "crawl", SealedRunRow.leaf < size)
        .order_by(SealedRunRow.run_id.desc())
        .limit(MAX_RUNS)
    )
    found: list[Json] = []
    for run in sorted(db.scalars(query).all()):
        with suppress(StoreError, ValueError):  # pruned, or a neighbour was forgotten
            proof = proofs.ledger_proof(db, run, url, size)
            found.append(
                {
                    "tree": "ledger",
                    "url": url,
                    "is_listed": proof.is_listed,
                    "run": _leaf_json(proof.run),
                    "entries": [_entry_json(entry) for entry in proof.entries],
                }
            )
    return found


def result_proofs(db: Connection, page: int, size: int) -> list[Json]:
    """Return the proof that a clean recorded the text of an article; none where it is not sealed.

    A later clean may have made the same text under a newer recipe. That is no new result.

    Args:
        db: A connection that reads.
        page: The id of the article.
        size: The size of the checkpoint to which the proofs lead, in leaves.

    Returns:
        At most one value of JSON.
    """
    query = (
        select(CleanResultRow.run_id, PageRow.url, PayloadRow.digest, CleanResultRow.text_digest)
        .join(ArticleRow, ArticleRow.clean_result_id == CleanResultRow.id)
        .join(PageRow, PageRow.id == ArticleRow.page_id)
        .join(PayloadRow, PayloadRow.id == CleanResultRow.payload_id)
        .where(ArticleRow.page_id == page)
    )
    row = db.execute(query).first()
    if row is None or row.run_id is None:
        return []
    packed = select(SealedRunRow.results).where(
        SealedRunRow.run_id == row.run_id, SealedRunRow.leaf < size
    )
    results = db.scalar(packed)
    if not results:
        return []
    entry = _result_entry(db, row.run_id, row.url, row.text_digest, results)
    if entry is None:
        return []
    run = _leaf_json(proofs.run_proof(db, row.run_id, size))
    shown = {"tree": "results", "url": row.url, "is_listed": True, "run": run}
    return [shown | {"entries": [_entry_json(entry)]}]


def _result_entry(
    db: Connection, run: int, url: str, text_digest: str, packed: bytes
) -> EntryProof | None:
    stored, hashes = unpack_entries(packed), entry_hashes(packed)
    key = entry_key(url)
    said = [one for found, one in sort_entries(fields.results_of_run(db, run)) if found == key]
    for number, entry in enumerate(stored):
        if entry.key != key[:KEY_BYTES]:
            continue
        for one in said:
            is_sealed = entry_hash(key, entry.salt, one) == entry.hash
            if is_sealed and one["text"] == text_digest:
                path = merkle.inclusion_proof(number, len(hashes), merkle.range_hash_of(hashes))
                data = entry_data(key, commitment(entry.salt, one))
                return EntryProof(number, len(hashes), data, entry.salt, one, tuple(path))
    return None


def _leaf_json(proof: LeafProof) -> Json:
    return {
        "number": proof.number,
        "size": proof.size,
        "data": proof.data.decode(),
        "salt": proof.salt.hex(),
        "fields": proof.fields,
        "path": [node.hex() for node in proof.path],
    }


def _entry_json(proof: EntryProof) -> Json:
    return {
        "number": proof.number,
        "size": proof.size,
        "data": proof.data.decode(),
        "salt": proof.salt.hex(),
        "fields": proof.fields,
        "path": [node.hex() for node in proof.path],
    }
