"""What the leaves of the log say, and how their hashes are made.

A leaf of the log is the RFC 8785 JSON of `{v, type, run, n, commit}`. The commit is the SHA-256 of
a random salt and the RFC 8785 JSON of the private fields. Who has neither salt nor fields learns
nothing from a leaf, so both can be deleted and the hash of the leaf stays.

The ledger of a run and the results of a clean are trees of their own. Their leaves are entries,
RFC 8785 JSON of `{v, key, commit}`. They are sorted by key, the SHA-256 of the URL, so that two
neighbours prove that no entry is between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

import msgspec

from pipeline.evidence import merkle

VERSION: Final = 1
SALT_BYTES: Final = 16
KEY_BYTES: Final = 8  # of an entry's key, as the archive stores it to find the entry
SIGNATURE: Final = "signature"  # the field of an event that is not signed itself
SIGNED_PREFIX: Final = b"nightdesk event\n"
UTC_LENGTH: Final = len("2026-11-28T03:12:44.120000")
Fields = Mapping[str, Any]
"""Values by name: text, whole numbers, True, False, None, lists, and mappings of the same."""

_encoder = msgspec.json.Encoder(order="sorted")


class LeafType(StrEnum):
    """What a leaf of the log is about."""

    CAPTURE = "capture"
    RUN = "run"
    EVENT = "event"


class EventKind(StrEnum):
    """What happened to the archive beside its runs."""

    ADOPT = "adopt"  # the first leaf: what was there before the log, "existed by this time"
    IMPORT = "import"  # the archive is a copy of another one, and has a new id
    HAND_OVER = "hand-over"  # the log ends here, and goes on in a copy
    FORGET = "forget"
    HIDE = "hide"
    REDACT = "redact"
    PRUNE = "prune"
    REPAIR = "repair"
    RESTORE = "restore"  # of a backup: later leaves are lost
    KEY = "key"  # the key that signs from here on


def canonical_json(fields: Fields) -> bytes:
    """Return the RFC 8785 form of values. They must not contain fractions."""
    return _encoder.encode(fields)


def utc_text(moment: datetime | None) -> str | None:
    """Return a time as it stands in private fields: UTC with microseconds."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:UTC_LENGTH] + "Z"


def parse_utc(text: str) -> datetime:
    """Return the time that `utc_text` wrote.

    Raises:
        ValueError: It did not write this text.
    """
    moment = datetime.fromisoformat(text)
    if utc_text(moment) != text:
        raise ValueError(f"'{text}' is not a time as the log writes it")
    return moment


def commitment(salt: bytes, fields: Fields) -> bytes:
    """Return the commit of private fields."""
    return sha256(salt + canonical_json(fields)).digest()


def leaf_data(leaf_type: LeafType | str, run: str, number: int, commit: bytes) -> bytes:
    """Return a leaf of the log, RFC 8785 JSON: names in their order, and no value to escape.

    Args:
        leaf_type: What it is about.
        run: The UUID of the run; of an event, the UUID of the archive.
        number: The number of the capture in its run, from 0; of a run, how many captures it has;
            of an event, its number in the log.
        commit: The commit of its private fields.
    """
    return (
        f'{{"commit":"{commit.hex()}","n":{number},"run":"{run}","type":"{leaf_type}",'
        f'"v":{VERSION}}}'
    ).encode()


def leaf_hash(
    leaf_type: LeafType | str, run: str, number: int, salt: bytes, fields: Fields
) -> bytes:
    """Return the hash of a leaf of the log with these private fields: see `leaf_data`."""
    return merkle.leaf_hash(leaf_data(leaf_type, run, number, commitment(salt, fields)))


def entry_key(url: str) -> bytes:
    """Return the key of the entries of a URL, 32 bytes."""
    return sha256(url.encode("utf8", "replace")).digest()


def entry_data(key: bytes, commit: bytes) -> bytes:
    """Return an entry of a ledger or of the results of a clean."""
    return f'{{"commit":"{commit.hex()}","key":"{key.hex()}","v":{VERSION}}}'.encode()


def entry_hash(key: bytes, salt: bytes, fields: Fields) -> bytes:
    """Return the hash of an entry with these private fields."""
    return merkle.leaf_hash(entry_data(key, commitment(salt, fields)))


def signed_bytes(event: Fields) -> bytes:
    """Return the bytes of an event that its signature covers."""
    unsigned = {name: value for name, value in event.items() if name != SIGNATURE}
    return SIGNED_PREFIX + canonical_json(unsigned)
