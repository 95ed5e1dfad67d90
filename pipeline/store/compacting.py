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

from pipeline.errors import AlreadyRunning
from pipeline.model import Kind
from pipeline.store import dictionaries, locks, training
from pipeline.store.coding import ZSTD_DICT, Words, pack
from pipeline.store.engine import Store
from pipeline.store.schema import Capture, Dictionary, Page, Payload
from pipeline.store.sql import chunks

PAGES = 64  # whose payloads are looked at together: pages that were met one after the other look alike
MOST = 16 << 20  # bytes that are unpacked together
SAMPLE = 4  # payloads by which a dictionary is chosen
LOOKS = 6  # stretches of a Site that a dry run looks at
SMALLER = 0.95  # of what there is, at the most, that is worth to be written

Tell = Callable[[str, int, int], None]  # (stage, done, of)
PACK = (
    update(Payload.__table__)  # type: ignore[arg-type]
    .where(Payload.id == bindparam("number"), Payload.dictionary_id.is_(None))
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


def compact(store: Store, site: str, tell: Tell, *, dry: bool = False) -> Compacted:
    """Packs what is packed without a dictionary. Raises AlreadyRunning where another one is at work on the Site."""
    if dry:
        return _estimated(store, site)
    try:
        lock = locks.acquire(store, f"compact:{site}")
    except AlreadyRunning as first:
        raise AlreadyRunning(f"{site}: is being compacted by {first.holder or 'another process'}; let it finish") from None
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
    return select(Page.id).where(Page.site == site, Page.payload_id.is_not(None), Page.kind == Kind.STORY)


def _stretches(store: Store, site: str) -> Iterator[Sequence[int]]:
    """Stored stories of a Site, a few at a time."""
    after = 0
    while True:
        with store.read() as db:
            found = db.scalars(_stories(site).where(Page.id > after).order_by(Page.id).limit(PAGES)).all()
        if not found:
            return
        yield found
        after = found[-1]


def _compact(store: Store, site: str, pages: Sequence[int], done: Compacted, *, dry: bool = False) -> None:
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
            found = training.bodies(db, some)
            lengths = select(Payload.id, func.length(Payload.body).label("held")).where(Payload.id.in_(some))
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
    query = select(Payload.id, Payload.size).join(Capture, Capture.payload_id == Payload.id)
    query = query.where(Capture.page_id.in_(pages), Payload.dictionary_id.is_(None))
    return {row.id: row.size for row in db.execute(query.order_by(Payload.id)) if row.id not in parts}


def _parts(db: Connection, site: str) -> set[int]:
    """Payloads that the Site's dictionaries are made of."""
    return {part for row in db.scalars(select(Dictionary.parts).where(Dictionary.site == site)) for part in row}


def _words_for(store: Store, site: str, payloads: Sequence[int], *, dry: bool) -> tuple[int | None, Words | None, bool]:
    """The dictionary that fits these best, with its number, and whether it is new: one that is there, or else one that is made
    of them."""
    with store.read() as db:
        number, is_fit = _best(db, site, payloads)
        made = None if is_fit or len(payloads) < training.ENOUGH else training.train(db, payloads, number)
        if made is None:
            return number, dictionaries.words(db, number) if number is not None else None, False
    return None if dry else training.keep(store, site, made), Words(made.content), True


def _best(db: Connection, site: str, payloads: Sequence[int]) -> tuple[int | None, bool]:
    """The dictionary of the Site that packs some of these best, and whether it does so as well as its own pages."""
    sample = list(training.bodies(db, payloads[:: max(1, len(payloads) // SAMPLE)][:SAMPLE]).values())
    size, found = sum(map(len, sample)) or 1, list[tuple[float, int, float]]()
    for row in db.execute(select(Dictionary.id, Dictionary.ratio).where(Dictionary.site == site)).all():
        try:
            words = dictionaries.words(db, row.id)
        except dictionaries.DamagedDictionary:
            continue
        found.append((sum(len(words.pack(body)[1]) for body in sample) / size, row.id, row.ratio))
    if not found or min(found)[0] > training.WORTH * sum(len(pack(body)[1]) for body in sample) / size:
        return None, False
    ratio, number, own = min(found)
    return number, ratio <= own * training.WORSE


def _together(sizes: dict[int, int]) -> Iterator[list[int]]:
    held, lot = 0, list[int]()
    for number, size in sizes.items():
        if lot and held + size > MOST:
            yield lot
            held, lot = 0, []
        held += size
        lot.append(number)
    yield from [lot] if lot else []


def _row(number: int, body: bytes, words: Words, dictionary: int | None, held: int) -> dict[str, Any]:
    _, packed = words.pack(body)
    if len(packed) > held * SMALLER or sha256(words.unpack(packed)).digest() != sha256(body).digest():
        return {"number": number, "packed": None}
    return {"number": number, "packed": packed, "dictionary": dictionary}


def _estimated(store: Store, site: str) -> Compacted:
    """What some stretches of a Site would come to, as if all of it were like them."""
    with store.read() as db:
        pages = db.scalars(_stories(site).order_by(Page.id)).all()
        whole = sum(len(_wanted(db, site, some)) for some in chunks(pages))
    looks, seen = list(chunks(pages, PAGES)), Compacted(site)
    for stretch in looks[:: max(1, -(-len(looks) // LOOKS))]:
        _compact(store, site, stretch, seen, dry=True)
    if not seen.looked:
        return Compacted(site)
    share = whole / seen.looked
    packed, before, after = (round(each * share) for each in (seen.packed, seen.before, seen.after))
    return Compacted(site, whole, packed, before, after, seen.dictionaries)
