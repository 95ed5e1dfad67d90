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
from pipeline.store.codec.compression import Words, choose, joined, pack
from pipeline.store.codec.dictionaries import PACKED, unpacked
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import DictionaryRow, PageRow, PayloadRow
from pipeline.store.db.sql import chunks

ENOUGH = 8  # pages of a Site, for its first dictionary
NEWEST = 32  # pages that are looked at, and that have to be new for another dictionary
TRIED = 8  # pages that a dictionary may be made of, and as many that it is tried on
PARTS, LARGEST = 4, 1 << 20  # pages in a dictionary, and bytes
WORTH = 0.9  # of what there is, at the most, that a new one has to come to
WORSE = (
    1.25  # times what a dictionary came to on its first pages, from where on another one is tried
)

AnyRow = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Made:
    """A dictionary that would pay: the Payloads that it is made of, its bytes, and what one byte comes to by it."""

    parts: tuple[int, ...]
    content: bytes
    ratio: float
    until: int


def keep_up(store: Database, site: str) -> int | None:
    """Gives a Site a dictionary where it needs one; the number of a new one. Cheap where nothing is to be done."""
    with store.read() as db:
        payloads = _newest(db, site)
        number = dictionaries.current(db, site)
        if number is not None:
            payloads = _new_and_worse(db, number, payloads)
        if len(payloads) < ENOUGH:
            return None
        made = train(db, payloads, number)
        if made is None and number is not None:
            ratio = _ratio(db, payloads)
    if made is not None:
        return keep(store, site, made)
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
            for number in db.scalars(query.order_by(PageRow.id.desc()).limit(NEWEST))
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
    return new if len(new) >= NEWEST // 2 and _ratio(db, new) > known.median_ratio * WORSE else []


def _ratio(db: Connection, payloads: Sequence[int]) -> float:
    """What one byte of these Payloads comes to as they are packed now, in the middle."""
    rows = db.execute(
        select(func.length(PayloadRow.body), PayloadRow.size).where(PayloadRow.id.in_(payloads))
    ).all()
    return float(median(packed / (size or 1) for packed, size in rows))


def bodies(db: Connection, payloads: Sequence[int]) -> dict[int, bytes]:
    """The bytes of Payloads by number, without those that are damaged."""
    found = dict[int, bytes]()
    for some in chunks(payloads):
        for row in db.execute(
            select(PayloadRow.id, PayloadRow.digest, *PACKED).where(PayloadRow.id.in_(some))
        ).all():
            try:
                body = unpacked(db, *row[2:])
            except ValueError:
                continue
            if sha256(body).hexdigest() == row.digest:
                found[row.id] = body
    return found


def train(db: Connection, payloads: Sequence[int], number: int | None = None) -> Made | None:
    """A dictionary for Payloads like these that packs better than the one of that number, or than none; None where there is
    none such."""
    sample = sorted(payloads)[-2 * TRIED :]
    pages = bodies(db, sample)
    numbers = list(pages)
    made_of, tried = numbers[::2], [pages[each] for each in numbers[1::2]]
    chosen = choose([pages[each] for each in made_of], PARTS, LARGEST)
    if not chosen or not tried:
        return None
    parts = tuple(made_of[each] for each in chosen)
    content = joined(pages[each] for each in parts)
    packed = _packed(Words(content), tried)
    if sum(packed) > WORTH * sum(
        _packed(dictionaries.words(db, number) if number is not None else None, tried)
    ):
        return None
    ratio = median(each / (len(page) or 1) for each, page in zip(packed, tried, strict=True))
    return Made(parts, content, ratio, max(payloads))


def _packed(words: Words | None, pages: Sequence[bytes]) -> list[int]:
    return [len((words.pack(page) if words else pack(page))[1]) for page in pages]


def keep(store: Database, site: str, made: Made) -> int:
    """Keeps a dictionary, and packs what it is made of without any. Returns its number."""
    coding, body = pack(made.content)
    values = {
        "site": site, "digest": sha256(made.content).hexdigest(), "size": len(made.content), "codec": coding, "body": body,
        "page_payload_ids": list(made.parts), "created_at": datetime.now(UTC), "tested_until_payload_id": made.until, "median_ratio": made.ratio,
    }  # fmt: skip
    with store.write() as db:
        for number, page in bodies(db, sorted(set(made.parts))).items():
            db.execute(update(PayloadRow).where(PayloadRow.id == number).values(_plain(page)))
        return db.execute(
            insert(DictionaryRow).values(values).returning(DictionaryRow.id)
        ).scalar_one()


def _plain(page: bytes) -> dict[str, Any]:
    coding, body = pack(page)
    return {"codec": coding, "body": body, "dictionary_id": None}


def make_again(store: Database, number: int) -> bool:
    """Makes a damaged dictionary again of its parts; whether that could be done."""
    with store.write() as db:
        row = db.execute(
            select(DictionaryRow.digest, DictionaryRow.page_payload_ids).where(
                DictionaryRow.id == number
            )
        ).one()
        found = bodies(db, row.page_payload_ids)
        content = joined(found.get(each, b"") for each in row.page_payload_ids)
        if sha256(content).hexdigest() != row.digest:
            return False
        coding, body = pack(content)
        db.execute(
            update(DictionaryRow).where(DictionaryRow.id == number).values(codec=coding, body=body)
        )
    return True
