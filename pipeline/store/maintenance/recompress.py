"""Stored bytes are packed anew, by dictionaries of their Site: those of its first nights, and those of an older archive.

Promises that no byte changes: what is written was unpacked again before, and has its digest. Each step is one small
transaction, so a kill loses nothing, the same call goes on from there, and crawls and cleans go on beside it. What is damaged,
and what a dictionary is made of, is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select, update

from pipeline.core.errors import AlreadyRunning
from pipeline.core.models import UrlKind
from pipeline.store.codec import dictionaries, dictionary_training
from pipeline.store.codec.compression import ZSTD_DICT, Words, pack
from pipeline.store.db import locks
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import CaptureRow, DictionaryRow, PageRow, PayloadRow
from pipeline.store.db.sql import chunks

PAGES = (
    64  # whose payloads are looked at together: pages that were met one after the other look alike
)
MOST = 16 << 20  # bytes that are unpacked together
SAMPLE = 4  # payloads by which a dictionary is chosen
LOOKS = 6  # stretches of a Site that a dry run looks at
SMALLER = 0.95  # of what there is, at the most, that is worth to be written

Tell = Callable[[str, int, int], None]  # (stage, done, of)
PACK = (
    update(PayloadRow.__table__)  # type: ignore[arg-type]
    .where(PayloadRow.id == bindparam("number"), PayloadRow.dictionary_id.is_(None))
    .values(coding=ZSTD_DICT, body=bindparam("packed"), dictionary_id=bindparam("dictionary"))
)


@dataclass(slots=True)
class Compacted:
    """What packing one Site's payloads came to: how many were without a dictionary, how many are packed anew, and the bytes
    that these took and take. Of a dry run these are estimates."""

    site: str
    looked: int = 0
    packed: int = 0
    before: int = 0
    after: int = 0
    dictionaries: int = 0

    @property
    def saved(self) -> int:
        return self.before - self.after


def compact(store: Database, site: str, tell: Tell, *, dry: bool = False) -> Compacted:
    """Packs what is packed without a dictionary. Raises AlreadyRunning where another one is at work on the Site."""
    if dry:
        return _estimated(store, site)
    try:
        lock = locks.acquire(store, f"compact:{site}")
    except AlreadyRunning as first:
        raise AlreadyRunning(
            f"{site}: is being compacted by {first.holder or 'another process'}; let it finish"
        ) from None
    done, pages = Compacted(site), 0
    try:
        with store.read() as db:
            total = db.scalar(select(func.count()).select_from(_stories(site).subquery())) or 0
        for stretch in _stretches(store, site):
            _compact(store, site, stretch, done)
            pages += len(stretch)
            tell("packing", pages, max(pages, total))
    finally:
        lock.release()
    return done


def _stories(site: str) -> Select[int]:
    return select(PageRow.id).where(
        PageRow.site == site, PageRow.payload_id.is_not(None), PageRow.kind == UrlKind.STORY
    )


def _stretches(store: Database, site: str) -> Iterator[Sequence[int]]:
    """Stored stories of a Site, a few at a time."""
    after = 0
    while True:
        with store.read() as db:
            found = db.scalars(
                _stories(site).where(PageRow.id > after).order_by(PageRow.id).limit(PAGES)
            ).all()
        if not found:
            return
        yield found
        after = found[-1]


def _compact(
    store: Database, site: str, pages: Sequence[int], done: Compacted, *, dry: bool = False
) -> None:
    with store.read() as db:
        wanted = _wanted(db, site, pages)
    if not wanted:
        return
    number, words, is_new = _words_for(store, site, list(wanted), dry=dry)
    done.dictionaries += is_new
    if words is None:
        done.looked += len(wanted)
        return
    if is_new and not dry:
        with store.read() as db:
            wanted = _wanted(db, site, pages)
    for some in _together(wanted):
        with store.read() as db:
            found = dictionary_training.bodies(db, some)
            lengths = select(PayloadRow.id, func.length(PayloadRow.body).label("held")).where(
                PayloadRow.id.in_(some)
            )
            held = {row.id: int(row.held) for row in db.execute(lengths)}
        rows = [_row(each, body, words, number, held[each]) for each, body in found.items()]
        fresh = [row for row in rows if row["packed"] is not None]
        if fresh and not dry:
            with store.write() as db:
                parts = _parts(db, site)  # of a dictionary that may have been made just now
                if rest := [row for row in fresh if row["number"] not in parts]:
                    db.execute(PACK, rest)
        done.looked += len(some)
        done.packed += len(fresh)
        done.before += sum(held[row["number"]] for row in fresh)
        done.after += sum(len(row["packed"]) for row in fresh)


def _wanted(db: Connection, site: str, pages: Sequence[int]) -> dict[int, int]:
    """Payloads of Pages that are packed without a dictionary, and that none is made of: their sizes."""
    parts = _parts(db, site)
    query = select(PayloadRow.id, PayloadRow.size).join(
        CaptureRow, CaptureRow.payload_id == PayloadRow.id
    )
    query = query.where(CaptureRow.page_id.in_(pages), PayloadRow.dictionary_id.is_(None))
    return {
        row.id: row.size for row in db.execute(query.order_by(PayloadRow.id)) if row.id not in parts
    }


def _parts(db: Connection, site: str) -> set[int]:
    """Payloads that the Site's dictionaries are made of."""
    return {
        part
        for row in db.scalars(select(DictionaryRow.parts).where(DictionaryRow.site == site))
        for part in row
    }


def _words_for(
    store: Database, site: str, payloads: Sequence[int], *, dry: bool
) -> tuple[int | None, Words | None, bool]:
    """The dictionary that fits these best, with its number, and whether it is new: one that is there, or else one that is made
    of them."""
    with store.read() as db:
        number, is_fit = _best(db, site, payloads)
        made = (
            None
            if is_fit or len(payloads) < dictionary_training.ENOUGH
            else dictionary_training.train(db, payloads, number)
        )
        if made is None:
            return number, dictionaries.words(db, number) if number is not None else None, False
    return None if dry else dictionary_training.keep(store, site, made), Words(made.content), True


def _best(db: Connection, site: str, payloads: Sequence[int]) -> tuple[int | None, bool]:
    """The dictionary of the Site that packs some of these best, and whether it does so as well as its own pages."""
    sample = list(
        dictionary_training.bodies(
            db, payloads[:: max(1, len(payloads) // SAMPLE)][:SAMPLE]
        ).values()
    )
    size, found = sum(map(len, sample)) or 1, list[tuple[float, int, float]]()
    for row in db.execute(
        select(DictionaryRow.id, DictionaryRow.ratio).where(DictionaryRow.site == site)
    ).all():
        try:
            words = dictionaries.words(db, row.id)
        except dictionaries.DamagedDictionary:
            continue
        found.append((sum(len(words.pack(body)[1]) for body in sample) / size, row.id, row.ratio))
    if (
        not found
        or min(found)[0]
        > dictionary_training.WORTH * sum(len(pack(body)[1]) for body in sample) / size
    ):
        return None, False
    ratio, number, own = min(found)
    return number, ratio <= own * dictionary_training.WORSE


def _together(sizes: dict[int, int]) -> Iterator[list[int]]:
    held, lot = 0, list[int]()
    for number, size in sizes.items():
        if lot and held + size > MOST:
            yield lot
            held, lot = 0, []
        held += size
        lot.append(number)
    yield from [lot] if lot else []


def _row(
    number: int, body: bytes, words: Words, dictionary: int | None, held: int
) -> dict[str, Any]:
    _, packed = words.pack(body)
    if (
        len(packed) > held * SMALLER
        or sha256(words.unpack(packed)).digest() != sha256(body).digest()
    ):
        return {"number": number, "packed": None}
    return {"number": number, "packed": packed, "dictionary": dictionary}


def _estimated(store: Database, site: str) -> Compacted:
    """What some stretches of a Site would come to, as if all of it were like them."""
    with store.read() as db:
        pages = db.scalars(_stories(site).order_by(PageRow.id)).all()
        whole = sum(len(_wanted(db, site, some)) for some in chunks(pages))
    looks, seen = list(chunks(pages, PAGES)), Compacted(site)
    for stretch in looks[:: max(1, -(-len(looks) // LOOKS))]:
        _compact(store, site, stretch, seen, dry=True)
    if not seen.looked:
        return Compacted(site)
    share = whole / seen.looked
    packed, before, after = (round(each * share) for each in (seen.packed, seen.before, seen.after))
    return Compacted(site, whole, packed, before, after, seen.dictionaries)
