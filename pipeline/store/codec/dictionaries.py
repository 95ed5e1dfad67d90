"""Load the dictionaries that payloads are compressed with, and keep them in memory.

The payloads of a site share most of their bytes, so they are compressed with earlier pages of the
site. A dictionary is read once and stays in memory within a limit. One whose bytes do not have
its digest is never used. How a dictionary is made stands in `dictionary_training`.
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

MAX_CACHED_BYTES: Final = 48 << 20  # of the dictionaries of one archive
# what `decompress_payload` needs
COMPRESSED_COLUMNS: Final = (PayloadRow.codec, PayloadRow.body, PayloadRow.dictionary_id)


class DamagedDictionary(ValueError):
    """A dictionary is missing, or its bytes have changed."""


_cache: WeakKeyDictionary[Engine, OrderedDict[int, ZstdDictionary]] = WeakKeyDictionary()
_cache_lock = Lock()


def decompress_payload(db: Connection, codec: str, body: bytes, dictionary_id: int | None) -> bytes:
    """Decompress a payload, given its `COMPRESSED_COLUMNS`.

    Raises:
        ValueError: The payload or its dictionary is damaged.
    """
    if dictionary_id is None:
        return decompress(codec, body)
    return decompress(codec, body, load_dictionary(db, dictionary_id))


def load_dictionary(db: Connection, dictionary_id: int) -> ZstdDictionary:
    """Return a dictionary from memory or from the archive.

    Raises:
        DamagedDictionary: It is missing, or its bytes have changed.
    """
    with _cache_lock:
        cached = _cache.setdefault(db.engine, OrderedDict())
        if dictionary_id in cached:
            cached.move_to_end(dictionary_id)
            return cached[dictionary_id]
    dictionary = ZstdDictionary(dictionary_content(db, dictionary_id))
    with _cache_lock:
        cached[dictionary_id] = dictionary
        total = sum(entry.size for entry in cached.values())
        while len(cached) > 1 and total > MAX_CACHED_BYTES:
            _, oldest = cached.popitem(last=False)
            total -= oldest.size
    return dictionary


def dictionary_content(db: Connection, dictionary_id: int) -> bytes:
    """Read the bytes of a dictionary.

    Raises:
        DamagedDictionary: It is missing, or its bytes have changed.
    """
    columns = (DictionaryRow.digest, DictionaryRow.codec, DictionaryRow.body)
    row = db.execute(select(*columns).where(DictionaryRow.id == dictionary_id)).first()
    if row is None:
        raise DamagedDictionary(f"dictionary {dictionary_id} is missing")
    try:
        content = decompress(row.codec, row.body)
    except ValueError as error:
        raise DamagedDictionary(
            f"dictionary {dictionary_id} cannot be decompressed: {error}"
        ) from None
    if sha256(content).hexdigest() != row.digest:
        raise DamagedDictionary(
            f"dictionary {dictionary_id}: its bytes are not those of its digest"
        )
    return content


def current_dictionary_id(db: Connection, site: str) -> int | None:
    """Return the dictionary for new stories of a site: the one tested on its newest pages.

    Args:
        db: A connection that reads.
        site: The id of the site.

    Returns:
        The id of the dictionary; None while the site has too few pages for one.
    """
    newest_first = (DictionaryRow.tested_until_payload_id.desc(), DictionaryRow.id.desc())
    of_stories = (DictionaryRow.site == site, DictionaryRow.source_id.is_(None))
    query = select(DictionaryRow.id).where(*of_stories).order_by(*newest_first)
    return db.scalar(query.limit(1))
