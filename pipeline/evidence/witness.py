"""What a witness checks: that each checkpoint of a log extends the one that it has seen last.

A witness trusts the first key that it sees, unless it was told the fingerprint. A log that was
put back to an older state is a fork, unless the archive declares that with its key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline.core.errors import NightdeskError
from pipeline.evidence import keys, merkle, notes
from pipeline.evidence.leaves import LeafType, commitment, leaf_data
from pipeline.evidence.notes import Checkpoint, from_base64


class LogForked(NightdeskError):
    """A log that does not extend what the witness has seen."""


class BadBundle(NightdeskError):
    """A reply that is no checkpoint with its proofs."""


class NeedsProof(BadBundle):
    """A reply without the proof that the log extends the one of a size.

    Attributes:
        size: The size.
    """

    def __init__(self, size: int) -> None:
        super().__init__(f"holds no proof that the log extends the one of {size} leaves")
        self.size = size


@dataclass(frozen=True, slots=True)
class Seen:
    """What a witness has seen last of a log.

    Attributes:
        checkpoint: The checkpoint.
        key: The public key of the archive, Base64; "" where checkpoints are not signed.
        older: Size and root of older checkpoints, by which a declared restore is checked.
        restores: The times of the restores in the log that was seen.
    """

    checkpoint: Checkpoint
    key: str
    older: tuple[tuple[int, bytes], ...] = ()
    restores: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Accepted:
    """A checkpoint that a witness accepts.

    Attributes:
        checkpoint: The checkpoint.
        key: The public key that signs from here on.
        is_new: Whether the log has grown.
        declared: Restores that were declared since the last checkpoint, a sentence each.
        restores: The times of all restores in the log.
    """

    checkpoint: Checkpoint
    key: str
    is_new: bool
    declared: tuple[str, ...] = field(default=())
    restores: frozenset[str] = frozenset()


def check(bundle: Mapping[str, Any], seen: Seen | None, fingerprint: str = "") -> Accepted:
    """Check a checkpoint against what was seen before.

    Args:
        bundle: The reply of `/api/checkpoints`, or a file of the archive's checkpoint folder.
        seen: What was seen last; None for a log that is new to the witness.
        fingerprint: The fingerprint that the key has to have; "" for any.

    Raises:
        LogForked: The log is another one, or was rewound.
        BadBundle: The reply lacks something, or its signature is wrong.
    """
    try:
        checkpoint = notes.parse_note(str(bundle["checkpoint"]))
        key = str(bundle.get("key", ""))
    except (KeyError, TypeError):
        raise BadBundle("holds no checkpoint") from None
    if fingerprint and (not key or keys.fingerprint(key) != fingerprint):
        raise BadBundle(f"is not signed with the key {fingerprint}")
    if key and not keys.is_signed_note(checkpoint, key):
        raise BadBundle("its checkpoint is not signed with the key that it names")
    restores = frozenset(
        str(event_of(shown, checkpoint).get("at")) for shown in bundle.get("restores", ())
    )
    if seen is None:
        return Accepted(checkpoint, key, is_new=True, restores=restores)
    last = seen.checkpoint
    if checkpoint.origin != last.origin:
        raise LogForked(f"is the log of {checkpoint.archive}, and {last.archive} was seen before")
    declared, oldest = _restores(bundle, checkpoint, seen)
    if declared:
        _check_restored(bundle, checkpoint, seen, oldest)
    else:
        _check_extends(bundle, checkpoint, last.size, last.root)
    if seen.key and key != seen.key:
        _check_key_change(bundle, checkpoint, seen.key, key)
    is_new = checkpoint.size != last.size
    return Accepted(checkpoint, key, is_new, tuple(declared), restores)


def _check_extends(bundle: Mapping[str, Any], new: Checkpoint, size: int, root: bytes) -> None:
    if new.size < size:
        raise LogForked(
            f"the log has {new.size} leaves, and {size} were seen: it was rewound, and nobody"
            " declared that"
        )
    proof = _proof(bundle, size, new)
    if not merkle.is_consistent(size, root, new.size, new.root, proof):
        raise LogForked(
            f"the log of {new.size} leaves does not extend the one of {size} that was seen: it is"
            " a fork"
        )


def _check_restored(bundle: Mapping[str, Any], new: Checkpoint, seen: Seen, oldest: int) -> None:
    """After a restore the log has to extend the newest one that was seen before its backup."""
    bases = [(size, root) for size, root in seen.older if size <= oldest]
    if not bases:
        return
    size, root = max(bases)
    consistency = bundle.get("consistency") or {}
    if consistency.get("old_size") != size:
        raise NeedsProof(size)
    _check_extends(bundle, new, size, root)


def _proof(bundle: Mapping[str, Any], old_size: int, new: Checkpoint) -> list[bytes]:
    if old_size == new.size:
        return []
    consistency = bundle.get("consistency") or {}
    if (consistency.get("old_size"), consistency.get("size")) != (old_size, new.size):
        raise NeedsProof(old_size)
    return [from_base64(str(node)) for node in consistency.get("proof", ())]


def _restores(bundle: Mapping[str, Any], new: Checkpoint, seen: Seen) -> tuple[list[str], int]:
    """Return the restores that explain why the log does not extend what was seen last.

    Returns:
        A sentence for each, and how many leaves the oldest of these backups had.
    """
    sentences: list[str] = []
    oldest = seen.checkpoint.size
    for restore in bundle.get("restores", ()):
        event = event_of(restore, new)
        number = int(restore["number"])
        if number >= seen.checkpoint.size or event.get("kind") != "restore":
            continue
        if str(event.get("at")) in seen.restores:  # it was accepted before
            continue
        if seen.key and not keys.is_signed_event(event, seen.key):
            raise BadBundle("a restore is not signed with the key of the archive")
        oldest = min(oldest, number)
        sentences.append(
            f"restored to {number} leaves, as declared on {event.get('at')}:"
            f" {event.get('reason', '')}"
        )
    return sentences, oldest


def _check_key_change(
    bundle: Mapping[str, Any], new: Checkpoint, old_key: str, new_key: str
) -> None:
    key = old_key
    for change in bundle.get("keys", ()):
        event = event_of(change, new)
        if event.get("previous") == key and keys.is_signed_event(event, key):
            key = str(event.get("public_key", ""))
    if key != new_key:
        raise BadBundle(
            f"the key changed to {keys.fingerprint(new_key) if new_key else 'none'}, and the old"
            " key did not sign that"
        )


def event_of(shown: Mapping[str, Any], checkpoint: Checkpoint) -> Mapping[str, Any]:
    """Return the private fields of an event, once its proof leads to the checkpoint.

    Raises:
        BadBundle: It does not.
    """
    try:
        event = dict(shown["fields"])
        salt = from_base64(str(shown["salt"]))
        number = int(shown["number"])
        path = [from_base64(str(node)) for node in shown["path"]]
        data = leaf_data(LeafType.EVENT, str(event["archive"]), number, commitment(salt, event))
        root = merkle.root_from_inclusion(merkle.leaf_hash(data), number, checkpoint.size, path)
    except (KeyError, TypeError, ValueError):
        raise BadBundle("holds an event that cannot be read") from None
    if root != checkpoint.root:
        raise BadBundle("holds an event that is not in its log")
    return event


def cosign(checkpoint: Checkpoint, name: str, key: keys.SigningKey, at: datetime) -> str:
    """Return the line by which a witness co-signs a checkpoint."""
    signature = key.sign(notes.cosigned_bytes(checkpoint.text, at))
    return notes.cosignature_line(name, key.public_bytes, at, signature)


def read_bundles(text: str) -> Sequence[Mapping[str, Any]]:
    """Return the bundle in a JSON text, or an unsigned bundle of a plain note.

    Raises:
        BadBundle: It is neither.
    """
    if not text.lstrip().startswith("{"):
        notes.parse_note(text)
        return ({"checkpoint": text},)
    try:
        return (json.loads(text),)
    except ValueError:
        raise BadBundle("is no JSON") from None
