"""Write events into the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection

from pipeline.core.errors import StoreError
from pipeline.evidence.leaves import SIGNATURE, EventKind, signed_bytes, utc_text
from pipeline.store.db.evidence import events, sealing, tree


def append_event(
    db: Connection,
    kind: EventKind,
    details: Mapping[str, Any],
    signer: events.Signer | None = None,
) -> int:
    """Append an event to the log, and begin the log where there is none.

    The event becomes part of the transaction, so call it in the one that does what it says.

    Args:
        db: A write transaction. Its log is locked from here on.
        kind: What happened.
        details: Values for `canonical_json`. They are the private fields of the leaf, together
            with `kind`, `at`, `archive`, and `key` and `signature` where it is signed.
        signer: The key of the archive.

    Returns:
        The number of the leaf.

    Raises:
        StoreError: The log has a key, the event has to be signed, and the key is not here; or the
            log was handed over.
    """
    sealing.start(db)
    tree.lock(db)
    end = events.read_end(db)
    end.require_open()
    archive = events.archive_id(db)
    fields: dict[str, Any] = {**details, "kind": kind, "archive": archive}
    fields["at"] = utc_text(end.next_time)
    if signer is not None:
        fields["key"] = signer.public_key
        fields[SIGNATURE] = signer.sign_text(signed_bytes(fields))
    elif kind in events.SIGNED_KINDS and events.current_key(db):
        raise StoreError(
            f"the log has a key, so '{kind}' has to be signed with it, and the file of the key is"
            " not here; 'signing_key' in the settings names it"
        )
    return events.write(db, archive, fields)


def append_import(db: Connection, parent: str, size: int, root: bytes, *, handed_over: bool) -> int:
    """Append to a copied log that this archive is a copy.

    Args:
        db: A write transaction.
        parent: The UUID of the archive that was copied.
        size: How many leaves its log had.
        root: The root of its log.
        handed_over: Whether the copy goes on as the same archive. Otherwise it gets a UUID of its
            own.

    Returns:
        The number of the leaf.
    """
    tree.lock(db)
    archive = parent if handed_over else str(uuid4())
    fields = {
        "kind": EventKind.IMPORT,
        "at": utc_text(events.read_end(db).next_time),
        "archive": archive,
        "parent": parent,
        "size": size,
        "root": root.hex(),
        "handed_over": handed_over,
    }
    return events.write(db, archive, fields)
