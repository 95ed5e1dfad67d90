"""Ed25519 keys: of an archive, which signs checkpoints and events, and of a witness.

A key is a PEM file outside of the database. Who can write to the database cannot sign.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from pipeline.core.errors import ConfigError
from pipeline.evidence import notes
from pipeline.evidence.leaves import SIGNATURE, Fields, signed_bytes
from pipeline.evidence.notes import Checkpoint, base64_text, from_base64

FINGERPRINT_LENGTH: Final = 16  # hex digits


class SigningKey:
    """A private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public_bytes = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def public_key(self) -> str:
        """The public key, Base64."""
        return base64_text(self.public_bytes)

    def sign(self, data: bytes) -> bytes:
        """Return the signature of some bytes."""
        return self._key.sign(data)

    def sign_text(self, data: bytes) -> str:
        """Return the signature of some bytes, Base64."""
        return base64_text(self.sign(data))

    def sign_note(self, name: str, text: str) -> str:
        """Return the signed note of a text."""
        line = notes.signature_line(name, self.public_bytes, self.sign(text.encode()))
        return notes.note_of(text, [line])

    def private_pem(self) -> bytes:
        """Return the private key as it is stored."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def new_key() -> SigningKey:
    """Return a new random key."""
    return SigningKey(Ed25519PrivateKey.generate())


def save_key(path: Path, key: SigningKey) -> None:
    """Write a key to a new file that only its owner can read.

    Raises:
        ConfigError: The file exists or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(key.private_pem())
            stream.flush()
            os.fsync(stream.fileno())
    except FileExistsError:
        raise ConfigError(f"{path}: there is a key already, and it is not overwritten") from None
    except OSError as error:
        raise ConfigError(f"{path}: the key cannot be written ({error.strerror})") from None


def load_key(path: Path) -> SigningKey | None:
    """Return the key in a file, or None where there is no file.

    Raises:
        ConfigError: The file is no Ed25519 key, or cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path}: the key cannot be read ({error.strerror})") from None
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError):
        raise ConfigError(f"{path}: is no key that 'nightdesk keys' made") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{path}: is another kind of key; Ed25519 is asked for")
    return SigningKey(key)


def fingerprint(public_key: str) -> str:
    """Return the short form by which people compare public keys."""
    return sha256(from_base64(public_key)).hexdigest()[:FINGERPRINT_LENGTH]


def is_signed(data: bytes, signature: bytes, public_key: str) -> bool:
    """Return whether a key made a signature."""
    try:
        Ed25519PublicKey.from_public_bytes(from_base64(public_key)).verify(signature, data)
    except (InvalidSignature, ValueError, notes.BadNote):
        return False
    return True


def is_signed_note(checkpoint: Checkpoint, public_key: str) -> bool:
    """Return whether a key signed a checkpoint as its origin."""
    for line in checkpoint.signatures:
        wanted = notes.key_id(checkpoint.origin, from_base64(public_key))
        if line.key_id == wanted and is_signed(
            checkpoint.text.encode(), line.signature, public_key
        ):
            return True
    return False


def is_signed_event(event: Fields, public_key: str) -> bool:
    """Return whether a key signed the private fields of an event."""
    if event.get("key") != public_key:
        return False
    try:
        signature = from_base64(str(event.get(SIGNATURE, "")))
    except notes.BadNote:
        return False
    return is_signed(signed_bytes(event), signature, public_key)
