"""Dictionaries are made: of some stored pages of a Site, when it has enough of them and whenever its pages have changed.

Promises that a dictionary is kept only where it packs pages that it was not made of clearly smaller than what there is, and
that the payloads it is made of are packed without any, in the same transaction: so it can be made again from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from statistics import median
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from pipeline.core.models import UrlKind
from pipeline.store.codec import dictionaries
from pipeline.store.codec.compression import ZstdDictionary, select_dictionary_pages, concat, compress
from pipeline.store.codec.dictionaries import COMPRESSED_COLUMNS, decompress_payload
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import DictionaryRow, PageRow, PayloadRow
from pipeline.store.db.sql import chunks

MIN_PAGES = 8  # pages of a Site, for its first dictionary
MAX_NEWEST_PAGES = 32  # pages that are looked at, and that have to be new for another dictionary
MAX_TEST_PAGES = 8  # pages that a dictionary may be made of, and as many that it is tried on
MAX_DICTIONARY_PAGES, MAX_DICTIONARY_BYTES = 4, 1 << 20  # pages in a dictionary, and bytes
MAX_RELATIVE_SIZE = 0.9  # of what there is, at the most, that a new one has to come to
MAX_DRIFT = (
    1.25  # times what a dictionary came to on its first pages, from where on another one is tried
)

AnyRow = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class TrainedDictionary:
    """A dictionary that would pay: the Payloads that it is made of, its bytes, and what one byte comes to by it."""

    page_payload_ids: tuple[int, ...]
    content: bytes
    median_ratio: float
    tested_until_payload_id: int


def retrain_if_needed(store: Database, site: str) -> int | None:
    """Gives a Site a dictionary where it needs one; the number of a new one. Cheap where nothing is to be done."""
    with store.read() as db:
        payloads = _newest(db, site)
        number = dictionaries.current_dictionary_id(db, site)
        if number is not None:
            payloads = _new_and_worse(db, number, payloads)
        if len(payloads) < MIN_PAGES:
            return None
        made = train(db, payloads, number)
        if made is None and number is not None:
            ratio = _ratio(db, payloads)
    if made is not None:
        return save(store, site, made)
    if (
        number is not None
    ):  # its pages do not get better by another one: so this is what they come to
        with store.write() as db:
            db.execute(
                update(DictionaryRow)
                .where(DictionaryRow.id == number)
                .values(tested_until_payload_id=max(payloads), median_ratio=ratio)
            )
    return None


def _newest(db: Connection, site: str) -> list[int]:
    """Payloads of the newest stories of a Site."""
    query = select(PageRow.payload_id).where(
        PageRow.site == site, PageRow.payload_id.is_not(None), PageRow.kind == UrlKind.STORY
    )
    return sorted(
        {
            number
            for number in db.scalars(query.order_by(PageRow.id.desc()).limit(MAX_NEWEST_PAGES))
            if number is not None
        }
    )


def _new_and_worse(db: Connection, number: int, payloads: Sequence[int]) -> list[int]:
    """Those that came since a dictionary was made, where there are many and they come to much more than they should."""
    known = db.execute(
        select(DictionaryRow.tested_until_payload_id, DictionaryRow.median_ratio).where(
            DictionaryRow.id == number
        )
    ).one()
    new = [each for each in payloads if each > known.tested_until_payload_id]
    return new if len(new) >= MAX_NEWEST_PAGES // 2 and _ratio(db, new) > known.median_ratio * MAX_DRIFT else []


def _ratio(db: Connection, payloads: Sequence[int]) -> float:
    """What one byte of these Payloads comes to as they are packed now, in the middle."""
    rows = db.execute(
        select(func.length(PayloadRow.body), PayloadRow.size).where(PayloadRow.id.in_(payloads))
    ).all()
    return float(median(packed / (size or 1) for packed, size in rows))


def payload_bodies(db: Connection, payloads: Sequence[int]) -> dict[int, bytes]:
    """The bytes of Payloads by number, without those that are damaged."""
    found = dict[int, bytes]()
    for some in chunks(payloads):
        for row in db.execute(
            select(PayloadRow.id, PayloadRow.digest, *COMPRESSED_COLUMNS).where(PayloadRow.id.in_(some))
        ).all():
            try:
                body = decompress_payload(db, *row[2:])
            except ValueError:
                continue
            if sha256(body).hexdigest() == row.digest:
                found[row.id] = body
    return found


def train(db: Connection, payloads: Sequence[int], number: int | None = None) -> TrainedDictionary | None:
    """A dictionary for Payloads like these that packs better than the one of that number, or than none; None where there is
    none such."""
    sample = sorted(payloads)[-2 * MAX_TEST_PAGES :]
    pages = payload_bodies(db, sample)
    numbers = list(pages)
    made_of, tried = numbers[::2], [pages[each] for each in numbers[1::2]]
    chosen = select_dictionary_pages([pages[each] for each in made_of], MAX_DICTIONARY_PAGES, MAX_DICTIONARY_BYTES)
    if not chosen or not tried:
        return None
    parts = tuple(made_of[each] for each in chosen)
    content = concat(pages[each] for each in parts)
    packed = _packed(ZstdDictionary(content), tried)
    if sum(packed) > MAX_RELATIVE_SIZE * sum(
        _packed(dictionaries.load_dictionary(db, number) if number is not None else None, tried)
    ):
        return None
    ratio = median(each / (len(page) or 1) for each, page in zip(packed, tried, strict=True))
    return TrainedDictionary(parts, content, ratio, max(payloads))


def _packed(words: ZstdDictionary | None, pages: Sequence[bytes]) -> list[int]:
    return [len((words.compress(page) if words else compress(page))[1]) for page in pages]


def save(store: Database, site: str, made: TrainedDictionary) -> int:
    """Keeps a dictionary, and packs what it is made of without any. Returns its number."""
    coding, body = compress(made.content)
    values = {
        "site": site, "digest": sha256(made.content).hexdigest(), "size": len(made.content), "codec": coding, "body": body,
        "page_payload_ids": list(made.page_payload_ids), "created_at": datetime.now(UTC), "tested_until_payload_id": made.tested_until_payload_id, "median_ratio": made.median_ratio,
    }  # fmt: skip
    with store.write() as db:
        for number, page in payload_bodies(db, sorted(set(made.page_payload_ids))).items():
            db.execute(update(PayloadRow).where(PayloadRow.id == number).values(_plain(page)))
        return db.execute(
            insert(DictionaryRow).values(values).returning(DictionaryRow.id)
        ).scalar_one()


def _plain(page: bytes) -> dict[str, Any]:
    coding, body = compress(page)
    return {"codec": coding, "body": body, "dictionary_id": None}


def rebuild(store: Database, number: int) -> bool:
    """Makes a damaged dictionary again of its parts; whether that could be done."""
    with store.write() as db:
        row = db.execute(
            select(DictionaryRow.digest, DictionaryRow.page_payload_ids).where(
                DictionaryRow.id == number
            )
        ).one()
        found = payload_bodies(db, row.page_payload_ids)
        content = concat(found.get(each, b"") for each in row.page_payload_ids)
        if sha256(content).hexdigest() != row.digest:
            return False
        coding, body = compress(content)
        db.execute(
            update(DictionaryRow).where(DictionaryRow.id == number).values(codec=coding, body=body)
        )
    return True
