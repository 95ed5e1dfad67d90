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

from pipeline.store.codec.compression import Words, unpack
from pipeline.store.db.schema import DictionaryRow, PayloadRow

HELD: Final = 48 << 20  # bytes of dictionaries at hand, of one archive
PACKED: Final = (
    PayloadRow.codec,
    PayloadRow.body,
    PayloadRow.dictionary_id,
)  # what it takes to have the bytes of a Payload


class DamagedDictionary(ValueError):
    """A dictionary that is not there, or not what it was."""


_at_hand: WeakKeyDictionary[Engine, OrderedDict[int, Words]] = WeakKeyDictionary()
_door = Lock()


def unpacked(db: Connection, coding: str, body: bytes, dictionary: int | None) -> bytes:
    """The bytes of a Payload as they were. Raises ValueError where they, or their dictionary, are damaged."""
    return unpack(coding, body, None if dictionary is None else words(db, dictionary))


def words(db: Connection, number: int) -> Words:
    """A dictionary, ready for use. Raises DamagedDictionary."""
    with _door:
        held = _at_hand.setdefault(db.engine, OrderedDict())
        if number in held:
            held.move_to_end(number)
            return held[number]
    found = Words(content(db, number))
    with _door:
        held[number] = found
        while len(held) > 1 and sum(each.size for each in held.values()) > HELD:
            held.popitem(last=False)
    return found


def content(db: Connection, number: int) -> bytes:
    """The bytes of a dictionary. Raises DamagedDictionary."""
    row = db.execute(
        select(DictionaryRow.digest, DictionaryRow.codec, DictionaryRow.body).where(
            DictionaryRow.id == number
        )
    ).first()
    if row is None:
        raise DamagedDictionary(f"dictionary {number} is not there")
    try:
        found = unpack(row.codec, row.body)
    except ValueError as error:
        raise DamagedDictionary(f"dictionary {number} cannot be unpacked: {error}") from None
    if sha256(found).hexdigest() != row.digest:
        raise DamagedDictionary(f"dictionary {number}: its bytes are not those of its digest")
    return found


def current(db: Connection, site: str) -> int | None:
    """The dictionary by which new Payloads of a Site are packed: the one that was made of its newest pages."""
    query = (
        select(DictionaryRow.id)
        .where(DictionaryRow.site == site)
        .order_by(DictionaryRow.tested_until_payload_id.desc(), DictionaryRow.id.desc())
    )
    return db.scalar(query.limit(1))
