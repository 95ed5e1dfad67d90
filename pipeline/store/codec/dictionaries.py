"""Dictionaries at hand: payloads of a Site share most of their bytes, so they are packed by earlier pages of it.

Promises that a dictionary is read once and then at hand for as long as it is in use, within a bound of memory; that one whose
bytes are not those of its digest is never used; and that payloads without one are read as ever. How one is made is left to
`training`.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256
from threading import Lock
from typing import Final
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, select

from pipeline.store.codec.compression import ZstdDictionary, decompress
from pipeline.store.db.schema import DictionaryRow, PayloadRow

MAX_CACHED_BYTES: Final = 48 << 20  # bytes of dictionaries at hand, of one archive
COMPRESSED_COLUMNS: Final = (
    PayloadRow.codec,
    PayloadRow.body,
    PayloadRow.dictionary_id,
)  # what it takes to have the bytes of a Payload


class DamagedDictionary(ValueError):
    """A dictionary that is not there, or not what it was."""


_cache: WeakKeyDictionary[Engine, OrderedDict[int, ZstdDictionary]] = WeakKeyDictionary()
_cache_lock = Lock()


def decompress_payload(db: Connection, coding: str, body: bytes, dictionary: int | None) -> bytes:
    """The bytes of a Payload as they were. Raises ValueError where they, or their dictionary, are damaged."""
    return decompress(coding, body, None if dictionary is None else load_dictionary(db, dictionary))


def load_dictionary(db: Connection, number: int) -> ZstdDictionary:
    """A dictionary, ready for use. Raises DamagedDictionary."""
    with _cache_lock:
        held = _cache.setdefault(db.engine, OrderedDict())
        if number in held:
            held.move_to_end(number)
            return held[number]
    found = ZstdDictionary(dictionary_content(db, number))
    with _cache_lock:
        held[number] = found
        while len(held) > 1 and sum(each.size for each in held.values()) > MAX_CACHED_BYTES:
            held.popitem(last=False)
    return found


def dictionary_content(db: Connection, number: int) -> bytes:
    """The bytes of a dictionary. Raises DamagedDictionary."""
    row = db.execute(
        select(DictionaryRow.digest, DictionaryRow.codec, DictionaryRow.body).where(
            DictionaryRow.id == number
        )
    ).first()
    if row is None:
        raise DamagedDictionary(f"dictionary {number} is not there")
    try:
        found = decompress(row.codec, row.body)
    except ValueError as error:
        raise DamagedDictionary(f"dictionary {number} cannot be unpacked: {error}") from None
    if sha256(found).hexdigest() != row.digest:
        raise DamagedDictionary(f"dictionary {number}: its bytes are not those of its digest")
    return found


def current_dictionary_id(db: Connection, site: str) -> int | None:
    """The dictionary by which new Payloads of a Site are packed: the one that was made of its newest pages."""
    query = (
        select(DictionaryRow.id)
        .where(DictionaryRow.site == site)
        .order_by(DictionaryRow.tested_until_payload_id.desc(), DictionaryRow.id.desc())
    )
    return db.scalar(query.limit(1))
