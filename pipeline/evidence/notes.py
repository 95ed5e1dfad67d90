"""Checkpoints of the log as signed notes, in the forms of C2SP.

See https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint and, for witnesses,
https://c2sp.org/tlog-cosignature. Two lines follow the root: the time, and the SHA-256 of the
checkpoint before, so that checkpoints form a chain.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from pipeline.core.errors import NightdeskError
from pipeline.evidence.leaves import parse_utc, utc_text

ORIGIN_PREFIX: Final = "nightdesk/"
SIGNATURE_LINE: Final = "\N{EM DASH} "
ED25519: Final = b"\x01"
COSIGNATURE: Final = b"\x04"
KEY_ID_BYTES: Final = 4
TIME_BYTES: Final = 8  # of a cosignature


class BadNote(NightdeskError):
    """A text that is no checkpoint."""


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """A signature below a note: the name of the key, its id, and the signature itself."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The size and the root of a log at a time.

    Attributes:
        origin: The log: `nightdesk/` and the UUID of the archive.
        size: How many leaves it has.
        root: Its root.
        at: The time, as the archive says it; None in a checkpoint of another program.
        previous: The SHA-256 of the text of the checkpoint before; b"" of the first one.
        signatures: The signatures below it.
        text: The signed text, up to the empty line.
    """

    origin: str
    size: int
    root: bytes
    at: datetime | None = None
    previous: bytes = b""
    signatures: tuple[NoteSignature, ...] = ()
    text: str = ""

    @property
    def archive(self) -> str:
        """The UUID of the archive."""
        return self.origin.removeprefix(ORIGIN_PREFIX)

    @property
    def digest(self) -> bytes:
        """What the next checkpoint says of this one."""
        return sha256(self.text.encode()).digest()


def base64_text(data: bytes) -> str:
    """Return bytes as Base64."""
    return b64encode(data).decode()


def from_base64(text: str) -> bytes:
    """Return the bytes of a Base64 text.

    Raises:
        BadNote: It is none.
    """
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError):
        raise BadNote(f"'{text[:60]}' is not Base64") from None


def origin_of(archive: str) -> str:
    """Return the origin of the log of an archive."""
    return f"{ORIGIN_PREFIX}{archive}"


def checkpoint_text(archive: str, size: int, root: bytes, at: datetime, previous: bytes) -> str:
    """Return the text of a checkpoint, which is signed: see `Checkpoint`."""
    lines = [origin_of(archive), str(size), base64_text(root), f"time {utc_text(at)}"]
    if previous:
        lines.append(f"previous {base64_text(previous)}")
    return "\n".join(lines) + "\n"


def key_id(name: str, public_key: bytes, kind: bytes = ED25519) -> bytes:
    """Return the id of a key in a note."""
    return sha256(name.encode() + b"\n" + kind + public_key).digest()[:KEY_ID_BYTES]


def signature_line(name: str, public_key: bytes, signature: bytes) -> str:
    """Return the line of an Ed25519 signature."""
    return _line(name, key_id(name, public_key) + signature)


def cosignature_line(name: str, public_key: bytes, at: datetime, signature: bytes) -> str:
    """Return the line of a witness's cosignature."""
    seconds = int(at.timestamp()).to_bytes(TIME_BYTES)
    return _line(name, key_id(name, public_key, COSIGNATURE) + seconds + signature)


def cosigned_bytes(text: str, at: datetime) -> bytes:
    """Return what a witness signs."""
    return f"cosignature/v1\ntime {int(at.timestamp())}\n{text}".encode()


def cosigned_at(signature: NoteSignature) -> datetime:
    """Return the time of a cosignature."""
    return datetime.fromtimestamp(int.from_bytes(signature.signature[:TIME_BYTES]), UTC)


def line_of(signature: NoteSignature) -> str:
    """Return the line of a signature that was read."""
    return _line(signature.name, signature.key_id + signature.signature)


def _line(name: str, data: bytes) -> str:
    return f"{SIGNATURE_LINE}{name} {base64_text(data)}\n"


def note_of(text: str, lines: Sequence[str]) -> str:
    """Return a note: its text, an empty line, and signatures; the text alone without any."""
    return text + ("\n" + "".join(lines) if lines else "")


def parse_note(note: str) -> Checkpoint:
    """Return the checkpoint in a note. Nothing is checked but its form.

    Raises:
        BadNote: It is no checkpoint.
    """
    text, empty_line, below = note.partition("\n\n")
    text = text.rstrip("\n") + "\n"
    lines = text.split("\n")[:-1]
    if len(lines) < 3 or not lines[1].isdecimal():
        raise BadNote("a checkpoint has the origin, the size and the root on its first three lines")
    signatures: list[NoteSignature] = []
    for line in below.splitlines() if empty_line else ():
        if line.startswith(SIGNATURE_LINE):
            name, _, data = line.removeprefix(SIGNATURE_LINE).rpartition(" ")
            decoded = from_base64(data)
            signatures.append(NoteSignature(name, decoded[:KEY_ID_BYTES], decoded[KEY_ID_BYTES:]))
    at, previous = None, b""
    for line in lines[3:]:
        name, _, value = line.partition(" ")
        if name == "time":
            try:
                at = parse_utc(value)
            except ValueError:
                raise BadNote(f"'{value[:60]}' is no time of a checkpoint") from None
        elif name == "previous":
            previous = from_base64(value)
    root = from_base64(lines[2])
    size = int(lines[1])
    return Checkpoint(lines[0], size, root, at, previous, tuple(signatures), text)
