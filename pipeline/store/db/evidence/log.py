"""The one way to write an event into the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from pipeline.core.errors import StoreError
from pipeline.evidence.leaves import EventKind, utc_text
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
    events.require_open_log(db)
    archive = events.archive_id(db)
    fields: dict[str, Any] = {**details, "kind": kind, "archive": archive}
    fields["at"] = utc_text(events.next_time(db))
    if signer is not None:
        fields["key"] = signer.public_key
        fields[events.SIGNATURE] = signer.sign_text(events.signed_bytes(fields))
    elif kind in events.SIGNED_KINDS and events.current_key(db):
        raise StoreError(
            f"the log has a key, so '{kind}' has to be signed with it, and the file of the key is"
            " not here; 'signing_key' in the settings names it"
        )
    return events.write(db, archive, fields)
