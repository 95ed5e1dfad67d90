"""Checkpoints of the log at the end of a command: made, signed, written out, stamped.

A failure of the disk or of a timestamp authority is a sentence, and ends nothing. A checkpoint
that no authority has stamped is tried again by the next night.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.config.settings import Settings
from pipeline.core.errors import ConfigError, NightdeskError, StoreError
from pipeline.evidence import notes
from pipeline.evidence.leaves import EventKind
from pipeline.store.db.engine import Database, retry_while_unavailable
from pipeline.store.db.evidence import checkpoints, events, log, proofs, tree
from pipeline.store.db.evidence.checkpoints import StoredCheckpoint

if TYPE_CHECKING:
    from pipeline.evidence.keys import SigningKey

MAX_BUNDLE_RESTORES: Final = 100


@dataclass(frozen=True, slots=True)
class CheckpointResult:
    """The checkpoint at the end of a command.

    Attributes:
        checkpoint: The checkpoint; None where the archive has no log yet.
        is_signed: Whether the key of the archive signed it.
        errors: A sentence for each thing that went wrong.
    """

    checkpoint: StoredCheckpoint | None
    is_signed: bool = False
    errors: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The checkpoint on one line, which 'nightdesk verify --against' takes; "" without one."""
        if self.checkpoint is None:
            return ""
        return f"{self.checkpoint.size}:{notes.base64_text(self.checkpoint.root)}"


def load_signer(settings: Settings) -> SigningKey | None:
    """Return the key of the archive, or None where its file is not here.

    Raises:
        ConfigError: The file is no key.
    """
    if not settings.signing_key.is_file():
        return None
    from pipeline.evidence.keys import load_key

    return load_key(settings.signing_key)


def finish_with_checkpoint(settings: Settings, database: Database) -> CheckpointResult:
    """Make a checkpoint of what the log holds now, write it to the folder, and have it stamped.

    Waits while the database is unavailable.

    Args:
        settings: The settings with the key, the folder and the authorities.
        database: The archive.

    Returns:
        The checkpoint, and one sentence for each step that failed.
    """
    errors: list[str] = []
    signer: SigningKey | None = None
    try:
        signer = load_signer(settings)
    except ConfigError as error:
        errors.append(str(error))
    before = _newest(database)
    try:
        if signer is not None:
            signer = _announced(database, signer, settings.signing_key, errors)
        made = retry_while_unavailable(lambda: _make(database, signer))
    except NightdeskError as error:
        return CheckpointResult(None, errors=(*errors, f"no checkpoint was made: {error}"))
    if made is None:
        return CheckpointResult(None, errors=tuple(errors))
    if settings.checkpoint_folder and (before is None or before.id != made.id):
        error_sentence = write_bundle(database, Path(settings.checkpoint_folder), made)
        if error_sentence:
            errors.append(error_sentence)
    if settings.timestamps:
        from pipeline.jobs.evidence.timestamps import stamp_checkpoints

        errors += stamp_checkpoints(database, settings.timestamps)
    is_signed = bool(notes.parse_note(made.note).signatures)
    return CheckpointResult(made, is_signed, tuple(errors))


def _newest(database: Database) -> StoredCheckpoint | None:
    with database.read() as db:
        return checkpoints.newest(db)


def _make(database: Database, signer: SigningKey | None) -> StoredCheckpoint | None:
    with database.write() as db:
        return checkpoints.make(db, signer)


def _announced(
    database: Database, signer: SigningKey, path: Path, errors: list[str]
) -> SigningKey | None:
    """Return the key if it is the one of the log; a log without one gets it now."""
    with database.read() as db:
        current, has_log = events.current_key(db), bool(tree.size(db))
    if current == signer.public_key:
        return signer
    if current:
        errors.append(
            f"{path}: is not the key that the log names, so the checkpoint is not signed;"
            " 'nightdesk keys --lost' declares a new one"
        )
        return None
    if has_log:
        announce_key(database, signer)
    return signer


def announce_key(database: Database, key: SigningKey) -> None:
    """Log the first key of the archive."""
    details = {"public_key": key.public_key, "how": "first"}
    with database.write() as db:
        if not events.current_key(db):
            log.append_event(db, EventKind.KEY, details, key)


def rotate_key(database: Database, old: SigningKey, new: SigningKey) -> None:
    """Log that another key signs from now on. The old key signs that.

    Raises:
        StoreError: The old key is not the key of the log.
    """
    details = {"public_key": new.public_key, "previous": old.public_key, "how": "rotated"}
    with database.write() as db:
        if events.current_key(db) != old.public_key:
            raise StoreError(f"{database.name}: the log names another key than the one to replace")
        log.append_event(db, EventKind.KEY, details, old)


def replace_lost_key(database: Database, new: SigningKey, reason: str) -> None:
    """Log a new key where the old one is lost. Readers have to be told its fingerprint."""
    with database.write() as db:
        previous = events.current_key(db)
        details = {"public_key": new.public_key, "previous": previous, "how": "lost"}
        log.append_event(db, EventKind.KEY, {**details, "reason": reason}, new)


def declare_restore(database: Database, reason: str, signer: SigningKey | None) -> int:
    """Log that this archive is a restored backup, so that witnesses show it as declared.

    Returns:
        The number of the leaf.

    Raises:
        StoreError: The log has a key, and it is not here; or there is no log.
    """
    with database.write() as db:
        if not tree.size(db):
            raise StoreError(f"{database.name}: has no log yet, so there is nothing to declare")
        return log.append_event(db, EventKind.RESTORE, {"reason": reason}, signer)


def bundle(database: Database, after: int = 0) -> dict[str, Any]:
    """Return the newest checkpoint with what a witness needs to check it.

    Args:
        database: The archive.
        after: The size of the checkpoint that the witness knows; 0 for none.

    Returns:
        JSON: `checkpoint` (the note), `key` (the public key, Base64), `keys` and `restores` (the
        events, each with its leaf and proof), and `consistency`: `old_size`, `size` and `proof`.
        Without a checkpoint, an empty object.
    """
    with database.read() as db:
        newest = checkpoints.newest(db)
        if newest is None:
            return {}
        size = newest.size
        declared = events.events(db, EventKind.RESTORE, EventKind.KEY)[-MAX_BUNDLE_RESTORES:]
        shown: dict[EventKind, list[dict[str, Any]]] = {
            EventKind.RESTORE: [],
            EventKind.KEY: [],
        }
        for event in declared:
            if event.leaf < size:
                shown[event.kind].append(leaf_json(proofs.event_proof(db, event.leaf, size)))
        return {
            "checkpoint": newest.note,
            "key": events.current_key(db),
            "keys": shown[EventKind.KEY],
            "restores": shown[EventKind.RESTORE],
            "consistency": consistency_json(database, after, size),
        }


def consistency_json(database: Database, old_size: int, size: int) -> dict[str, Any] | None:
    """Return the proof that the log of one size extends that of another; None without one.

    Args:
        database: The archive.
        old_size: The size of the older log, in leaves.
        size: The size of the newer one.

    Returns:
        Values of JSON with the hashes of the proof (RFC 9162, 2.1.4).
    """
    if not 0 < old_size <= size:
        return None
    with database.read() as db:
        proof = tree.consistency_proof(db, old_size, size)
    hashes = [notes.base64_text(node) for node in proof]
    return {"old_size": old_size, "size": size, "proof": hashes}


def leaf_json(proof: proofs.LeafProof) -> dict[str, Any]:
    """Return a proof of a leaf for programs."""
    return {
        "number": proof.number,
        "size": proof.size,
        "leaf": proof.data.decode(),
        "salt": notes.base64_text(proof.salt),
        "fields": proof.fields,
        "path": [notes.base64_text(node) for node in proof.path],
    }


def write_bundle(database: Database, folder: Path, made: StoredCheckpoint) -> str:
    """Write the newest checkpoint into a folder: a file for each, and `latest.json`.

    Returns:
        What went wrong, or "".
    """
    previous = 0
    with database.read() as db:
        for stored in checkpoints.all_checkpoints(db):
            if stored.size < made.size:
                previous = stored.size
    content = json.dumps(bundle(database, previous), ensure_ascii=False, indent=1) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (f"{made.size:012}.json", "latest.json"):
            part = folder / f".{name}.part"
            part.write_text(content, encoding="utf8")
            part.replace(folder / name)
    except OSError as error:
        return f"{folder}: the checkpoint cannot be written ({error.strerror})"
    return ""


def logged_key(database: Database) -> str:
    """Return the public key that the log names, Base64; "" where it names none."""
    with database.read() as db:
        return events.current_key(db)


def log_state(database: Database) -> dict[str, Any]:
    """Return size, root, key, newest checkpoint and events of the log, as JSON."""
    from pipeline.evidence.keys import fingerprint

    with database.read() as db:
        size = tree.size(db)
        newest = checkpoints.newest(db)
        key = events.current_key(db)
        rows: list[dict[str, Any]] = []
        for event in events.events(db):
            rows.append(
                {
                    "leaf": event.leaf,
                    "at": f"{event.at:%Y-%m-%d %H:%M}",
                    "kind": str(event.kind),
                    "reason": str(event.fields.get("reason", "")),
                }
            )
        return {
            "archive": events.archive_id(db),
            "size": size,
            "root": notes.base64_text(tree.root(db, size)),
            "key": key,
            "fingerprint": fingerprint(key) if key else "",
            "checkpoint": "" if newest is None else newest.note,
            "events": rows,
        }
