"""Entries of one run, sorted by key, as the archive stores them: 56 bytes for each.

An entry is the first 8 bytes of its key, its salt, and its hash. A forgotten entry has zeros
instead of key and salt, and keeps its hash.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.evidence import merkle
from pipeline.evidence.leaves import (
    KEY_BYTES,
    SALT_BYTES,
    Fields,
    canonical_json,
    entry_hash,
    entry_key,
)

HASH_BYTES: Final = 32
ENTRY_BYTES: Final = KEY_BYTES + SALT_BYTES + HASH_BYTES
BLANK: Final = bytes(KEY_BYTES + SALT_BYTES)


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """One entry as it is stored.

    Attributes:
        key: The first 8 bytes of its key.
        salt: The salt of its commit.
        hash: Its hash.
    """

    key: bytes
    salt: bytes
    hash: bytes

    @property
    def is_forgotten(self) -> bool:
        """Whether only the hash is left."""
        return self.key + self.salt == BLANK


def sort_entries(entries: Iterable[tuple[str, Fields]]) -> list[tuple[bytes, Fields]]:
    """Return the keys and fields of entries in the order of their tree.

    Args:
        entries: The URL and the private fields of each.
    """
    keyed = [(entry_key(url), fields) for url, fields in entries]
    keyed.sort(key=lambda entry: entry[0])
    if len({key for key, _ in keyed}) < len(keyed):  # entries of one URL: their values decide
        keyed.sort(key=lambda entry: (entry[0], canonical_json(entry[1])))
    return keyed


def pack_entries(entries: Iterable[tuple[str, Fields]]) -> bytes:
    """Give each entry a random salt, and return all of them as they are stored.

    Args:
        entries: Pairs of the key of an entry, such as a URL, and its private fields.

    Returns:
        For each entry the hash of its key, its salt and its hash, in the order of the tree.
    """
    ordered = sort_entries(entries)
    salts = os.urandom(SALT_BYTES * len(ordered))
    packed: list[bytes] = []
    for number, (key, fields) in enumerate(ordered):
        salt = salts[number * SALT_BYTES : (number + 1) * SALT_BYTES]
        packed += (key[:KEY_BYTES], salt, entry_hash(key, salt, fields))
    return b"".join(packed)


def unpack_entries(packed: bytes) -> list[StoredEntry]:
    """Return the stored entries in their order.

    Raises:
        ValueError: The bytes are no entries.
    """
    if len(packed) % ENTRY_BYTES:
        raise ValueError(f"{len(packed)} bytes are not a whole number of entries")
    entries: list[StoredEntry] = []
    salt_end = KEY_BYTES + SALT_BYTES
    for start in range(0, len(packed), ENTRY_BYTES):
        entry = packed[start : start + ENTRY_BYTES]
        stored = StoredEntry(entry[:KEY_BYTES], entry[KEY_BYTES:salt_end], entry[salt_end:])
        entries.append(stored)
    return entries


def entry_hashes(packed: bytes) -> list[bytes]:
    """Return the hashes of stored entries in their order."""
    ends = range(ENTRY_BYTES, len(packed) + 1, ENTRY_BYTES)
    return [packed[end - HASH_BYTES : end] for end in ends]


def entries_root(packed: bytes) -> bytes:
    """Return the root of the tree of stored entries."""
    return merkle.root(entry_hashes(packed))


def forget_entries(packed: bytes, numbers: Sequence[int]) -> bytes:
    """Return stored entries without the keys and salts of some of them. All hashes stay."""
    changed = bytearray(packed)
    for number in numbers:
        start = number * ENTRY_BYTES
        changed[start : start + len(BLANK)] = BLANK
    return bytes(changed)
