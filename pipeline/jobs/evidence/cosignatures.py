"""Bring the cosignatures of witnesses back into the archive, for its API and its bundles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.request import urlopen

from pipeline.core.errors import ConfigError
from pipeline.evidence import keys, notes, witness
from pipeline.evidence.notes import Checkpoint, NoteSignature
from pipeline.evidence.witness import BadBundle
from pipeline.store.db.engine import Database
from pipeline.store.db.evidence import checkpoints

TIMEOUT: Final = 30.0  # seconds
MAX_FILE_BYTES: Final = 4 << 20
MAX_COSIGNATURES: Final = 32  # of one checkpoint


def add_cosignatures(database: Database, source: str) -> int:
    """Add the cosignatures in files of a witness to the checkpoints of the archive.

    Args:
        database: The archive.
        source: A file that `nightdesk witness` keeps, its folder, or the address of the file.

    Returns:
        How many are new.

    Raises:
        ConfigError: It cannot be read, or has no file.
        BadBundle: It is of another archive or of a checkpoint that this archive did not sign, or
            its witness did not sign it.
    """
    texts = _read(source)
    if not texts:
        raise ConfigError(f"{source}: has no file of a witness")
    return sum(_add(database, place, text) for place, text in texts)


def _read(source: str) -> list[tuple[str, str]]:
    """Return the places and texts of files."""
    try:
        if source.startswith(("http://", "https://")):
            with urlopen(source, timeout=TIMEOUT) as response:
                return [(source, response.read(MAX_FILE_BYTES).decode())]
        path = Path(source)
        files = sorted(path.glob("*.json")) if path.is_dir() else [path]
        return [(str(file), file.read_text(encoding="utf8")) for file in files]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", "") or error
        raise ConfigError(f"{source}: cannot be read ({reason})") from None


def _add(database: Database, place: str, text: str) -> int:
    (bundle,) = witness.read_bundles(text)
    public_key = bundle.get("witness_key")
    if not isinstance(public_key, str) or "checkpoint" not in bundle:
        raise BadBundle(f"{place}: is no file of 'nightdesk witness': it names no 'witness_key'")
    shown = notes.parse_note(str(bundle["checkpoint"]))
    cosigned = _signature_of(shown, public_key)
    if cosigned is None:
        raise BadBundle(f"{place}: the cosignature is not by the key that the file names")
    with database.write() as db:
        stored = checkpoints.find_by_text(db, shown.size, shown.text)
        if stored is None:
            raise BadBundle(f"{place}: is about a checkpoint that this archive did not make")
        signatures = notes.parse_note(stored.note).signatures
        known = {(one.name, one.key_id) for one in signatures}
        if (cosigned.name, cosigned.key_id) in known:
            return 0
        _check_room(place, signatures)
        checkpoints.set_note(db, stored.id, stored.note + notes.line_of(cosigned))
    return 1


def _check_room(place: str, signatures: Sequence[NoteSignature]) -> None:
    if not signatures:
        raise BadBundle(
            f"{place}: is about a checkpoint that this archive did not sign; 'nightdesk keys'"
            " makes a key, and the next checkpoint can be co-signed"
        )
    if len(signatures) > MAX_COSIGNATURES:
        raise BadBundle(f"{place}: the checkpoint has {MAX_COSIGNATURES} cosignatures already")


def _signature_of(shown: Checkpoint, public_key: str) -> NoteSignature | None:
    """Return the cosignature by a key."""
    key = notes.from_base64(public_key)
    for one in shown.signatures:
        if one.key_id != notes.key_id(one.name, key, notes.COSIGNATURE):
            continue
        said = notes.cosigned_bytes(shown.text, notes.cosigned_at(one))
        if keys.is_signed(said, one.signature[notes.TIME_BYTES :], public_key):
            return one
    return None
