"""Make compression dictionaries from stored pages of a site.

A site gets its first dictionary when it has enough pages, and another one when its pages have
changed. A dictionary is saved only where it makes pages that are not part of it clearly smaller.
The payloads that it consists of are compressed without a dictionary, in the same transaction, so
that it can be made again from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from statistics import median
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select, update

from pipeline.core.models import UrlKind
from pipeline.store.codec import dictionaries
from pipeline.store.codec.compression import (
    ZstdDictionary,
    compress,
    concat,
    select_dictionary_pages,
)
from pipeline.store.codec.dictionaries import COMPRESSED_COLUMNS, decompress_payload
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import DictionaryRow, PageRow, PayloadRow
from pipeline.store.db.sql import chunks

MIN_PAGES: Final = 8  # of a site for its first dictionary
MAX_NEWEST_PAGES: Final = 32  # pages looked at; half of them have to be new for another dictionary
MAX_TEST_PAGES: Final = 8  # candidates for a dictionary, and as many pages to test it on
MAX_DICTIONARY_PAGES: Final = 4
MAX_DICTIONARY_BYTES: Final = 1 << 20
MAX_RELATIVE_SIZE: Final = 0.9  # of a new dictionary's test pages, against the compression before
# Another dictionary is tried where new pages compress to more than this times the median ratio of
# the first pages.
MAX_DRIFT: Final = 1.25


@dataclass(frozen=True, slots=True)
class TrainedDictionary:
    """A dictionary worth saving."""

    page_payload_ids: tuple[int, ...]  # the payloads that it consists of, in order
    content: bytes
    median_ratio: float  # of compressed size / size
    tested_until_payload_id: int


def retrain_if_needed(store: Database, site: str) -> int | None:
    """Give a site a dictionary where it needs one. Cheap where there is nothing to do.

    Returns:
        The id of a new dictionary, or None.
    """
    ratio = 0.0
    with store.read() as db:
        payload_ids = _newest_payload_ids(db, site)
        current_id = dictionaries.current_dictionary_id(db, site)
        if current_id is not None:
            payload_ids = _drifted_payload_ids(db, current_id, payload_ids)
        if len(payload_ids) < MIN_PAGES:
            return None
        trained = train(db, payload_ids, current_id)
        if trained is None and current_id is not None:
            ratio = _median_ratio(db, payload_ids)
    if trained is not None:
        return save(store, site, trained)
    if current_id is not None:
        # another dictionary does not help: this ratio is what the pages compress to now
        values = {"tested_until_payload_id": max(payload_ids), "median_ratio": ratio}
        with store.write() as db:
            db.execute(update(DictionaryRow).where(DictionaryRow.id == current_id).values(values))
    return None


def _newest_payload_ids(db: Connection, site: str) -> list[int]:
    """Return the payloads of the newest stories of a site, sorted."""
    query = select(PageRow.payload_id).where(
        PageRow.site == site, PageRow.payload_id.is_not(None), PageRow.kind == UrlKind.STORY
    )
    newest = db.scalars(query.order_by(PageRow.id.desc()).limit(MAX_NEWEST_PAGES))
    return sorted({payload_id for payload_id in newest if payload_id is not None})


def _drifted_payload_ids(
    db: Connection, dictionary_id: int, payload_ids: Sequence[int]
) -> list[int]:
    """Return the payloads that are newer than a dictionary, where they compress badly with it."""
    tested = db.execute(
        select(DictionaryRow.tested_until_payload_id, DictionaryRow.median_ratio).where(
            DictionaryRow.id == dictionary_id
        )
    ).one()
    newer = [number for number in payload_ids if number > tested.tested_until_payload_id]
    if len(newer) < MAX_NEWEST_PAGES // 2:
        return []
    if _median_ratio(db, newer) <= tested.median_ratio * MAX_DRIFT:
        return []
    return newer


def _median_ratio(db: Connection, payload_ids: Sequence[int]) -> float:
    """Return the median of compressed size / size of payloads, as they are stored now."""
    sizes = (func.length(PayloadRow.body), PayloadRow.size)
    rows = db.execute(select(*sizes).where(PayloadRow.id.in_(payload_ids))).all()
    return float(median(compressed / (size or 1) for compressed, size in rows))


def payload_bodies(db: Connection, payload_ids: Sequence[int]) -> dict[int, bytes]:
    """Return the bytes of payloads by id. Damaged ones are left out.

    Args:
        db: A connection that reads.
        payload_ids: Ids of payloads.

    Returns:
        The bytes as the server sent them, without compression.
    """
    bodies: dict[int, bytes] = {}
    query = select(PayloadRow.id, PayloadRow.digest, *COMPRESSED_COLUMNS)
    for chunk in chunks(payload_ids):
        for row in db.execute(query.where(PayloadRow.id.in_(chunk))).all():
            try:
                body = decompress_payload(db, row.codec, row.body, row.dictionary_id)
            except ValueError:
                continue
            if sha256(body).hexdigest() == row.digest:
                bodies[row.id] = body
    return bodies


def train(
    db: Connection, payload_ids: Sequence[int], current_id: int | None = None
) -> TrainedDictionary | None:
    """Make a dictionary for payloads like these.

    Args:
        db: A read transaction.
        payload_ids: Payloads of one site.
        current_id: The dictionary to compare with; None compares with no dictionary.

    Returns:
        A dictionary that compresses clearly better, or None where there is none.
    """
    sample = sorted(payload_ids)[-2 * MAX_TEST_PAGES :]
    pages = payload_bodies(db, sample)
    loaded_ids = list(pages)
    candidates = loaded_ids[::2]
    test_pages = [pages[payload_id] for payload_id in loaded_ids[1::2]]
    selected = select_dictionary_pages(
        [pages[payload_id] for payload_id in candidates], MAX_DICTIONARY_PAGES, MAX_DICTIONARY_BYTES
    )
    if not selected or not test_pages:
        return None
    page_payload_ids = tuple(candidates[index] for index in selected)
    content = concat(pages[payload_id] for payload_id in page_payload_ids)
    sizes = _compressed_sizes(ZstdDictionary(content), test_pages)
    current = None if current_id is None else dictionaries.load_dictionary(db, current_id)
    if sum(sizes) > MAX_RELATIVE_SIZE * sum(_compressed_sizes(current, test_pages)):
        return None
    ratio = median(size / (len(page) or 1) for size, page in zip(sizes, test_pages, strict=True))
    return TrainedDictionary(page_payload_ids, content, ratio, max(payload_ids))


def _compressed_sizes(dictionary: ZstdDictionary | None, pages: Sequence[bytes]) -> list[int]:
    compress_page = compress if dictionary is None else dictionary.compress
    return [len(compress_page(page)[1]) for page in pages]


def save(
    store: Database, site: str, trained: TrainedDictionary, source_id: int | None = None
) -> int:
    """Save a dictionary, and compress the payloads that it consists of without one.

    Args:
        store: The archive.
        site: The site.
        trained: The dictionary.
        source_id: The source whose versions it is for; None for a dictionary of stories.

    Returns:
        The id of the dictionary.
    """
    codec, body = compress(trained.content)
    values = {
        "site": site,
        "digest": sha256(trained.content).hexdigest(),
        "size": len(trained.content),
        "codec": codec,
        "body": body,
        "page_payload_ids": list(trained.page_payload_ids),
        "created_at": datetime.now(UTC),
        "tested_until_payload_id": trained.tested_until_payload_id,
        "median_ratio": trained.median_ratio,
        "source_id": source_id,
    }
    with store.write() as db:
        pages = payload_bodies(db, sorted(set(trained.page_payload_ids)))
        for payload_id, page in pages.items():
            columns = _compressed_without_dictionary(page)
            db.execute(update(PayloadRow).where(PayloadRow.id == payload_id).values(columns))
        return db.execute(
            insert(DictionaryRow).values(values).returning(DictionaryRow.id)
        ).scalar_one()


def _compressed_without_dictionary(page: bytes) -> dict[str, Any]:
    codec, body = compress(page)
    return {"codec": codec, "body": body, "dictionary_id": None}


def rebuild(store: Database, dictionary_id: int) -> bool:
    """Make a damaged dictionary again from its pages.

    Returns:
        Whether that was possible.
    """
    this_dictionary = DictionaryRow.id == dictionary_id
    with store.write() as db:
        row = db.execute(
            select(DictionaryRow.digest, DictionaryRow.page_payload_ids).where(this_dictionary)
        ).one()
        pages = payload_bodies(db, row.page_payload_ids)
        content = concat(pages.get(payload_id, b"") for payload_id in row.page_payload_ids)
        if sha256(content).hexdigest() != row.digest:
            return False
        codec, body = compress(content)
        db.execute(update(DictionaryRow).where(this_dictionary).values(codec=codec, body=body))
    return True
