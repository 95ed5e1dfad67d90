"""Compress stored payloads again with dictionaries of their site, as for those of its first nights.

No byte is lost: each new body is decompressed and compared before it is stored. Each step is one
small transaction, so that crawls and cleans can go on, and a killed run resumes with the same call.
Damaged payloads, and those that a dictionary is made of, stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select, update

from pipeline.core.errors import AlreadyRunning
from pipeline.core.models import UrlKind
from pipeline.store.codec import dictionaries, dictionary_training
from pipeline.store.codec.compression import ZSTD_DICT, ZstdDictionary, compress
from pipeline.store.db import locks
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import CaptureRow, DictionaryRow, PageRow, PayloadRow
from pipeline.store.db.sql import batches_by_size, chunks
from pipeline.store.maintenance.progress import ProgressCallback

PAGES_PER_STEP = 64  # pages fetched one after the other look alike, so they share a dictionary
MAX_BATCH_BYTES = 16 << 20  # decompressed bytes in memory
SAMPLE_SIZE = 4  # payloads by which a dictionary is chosen
ESTIMATE_STEPS = 6  # steps of a site that an estimate looks at
MAX_SHARE = 0.95  # a body is only written if it shrinks to this share or less
UPDATE_BODY = (
    update(PayloadRow)
    .where(PayloadRow.id == bindparam("number"), PayloadRow.dictionary_id.is_(None))
    .values(codec=ZSTD_DICT, body=bindparam("compressed"), dictionary_id=bindparam("dictionary"))
)


@dataclass(slots=True)
class RecompressStats:
    """What compressing the payloads of one site again came to. In an estimate all are estimates.

    Attributes:
        site: The site.
        examined: Payloads that were compressed without a dictionary.
        recompressed: Payloads that were compressed again.
        bytes_before: Stored bytes of the recompressed payloads before.
        bytes_after: Stored bytes of the recompressed payloads now.
        new_dictionaries: Dictionaries that were made.
    """

    site: str
    examined: int = 0
    recompressed: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    new_dictionaries: int = 0

    @property
    def bytes_saved(self) -> int:
        """How many bytes smaller the payloads are."""
        return self.bytes_before - self.bytes_after


@dataclass(frozen=True, slots=True)
class _SelectedDictionary:
    """A dictionary for some payloads. It has no id while it is not stored."""

    id: int | None
    dictionary: ZstdDictionary | None
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class _DictionaryRatio:
    """What a dictionary makes of a sample, and what it made of the pages it was trained for."""

    sample_ratio: float
    id: int
    own_ratio: float


def recompress_site(
    database: Database,
    site: str,
    progress: ProgressCallback,
    *,
    pages_per_step: int = PAGES_PER_STEP,
) -> RecompressStats:
    """Compress what a site has stored without a dictionary.

    Args:
        progress: Receives how many pages are done.
        pages_per_step: How many pages are looked at together.

    Raises:
        AlreadyRunning: Another process does this for the site.
    """
    try:
        lock = locks.acquire(database, f"compact:{site}")
    except AlreadyRunning as error:
        raise AlreadyRunning(
            f"{site}: is being compacted by {error.holder or 'another process'}; let it finish"
        ) from None
    stats = RecompressStats(site)
    done = 0
    try:
        with database.read() as db:
            stories = select(func.count()).select_from(_select_stories(site).subquery())
            total = db.scalar(stories) or 0
        for pages in _steps(database, site, pages_per_step):
            _recompress_pages(database, site, pages, stats)
            done += len(pages)
            progress("packing", done, max(done, total))
    finally:
        lock.release()
    return stats


def estimate_recompression(
    database: Database, site: str, *, pages_per_step: int = PAGES_PER_STEP
) -> RecompressStats:
    """Estimate from a few parts of a site what `recompress_site` would save. It changes nothing.

    Args:
        database: The archive.
        site: The id of the site.
        pages_per_step: How many payloads one part holds.

    Returns:
        Figures for the whole site, extrapolated from the parts.
    """
    with database.read() as db:
        pages = db.scalars(_select_stories(site).order_by(PageRow.id)).all()
        total = sum(len(_uncompressed_sizes(db, site, chunk)) for chunk in chunks(pages))
    steps = list(chunks(pages, pages_per_step))
    stats = RecompressStats(site)
    for step in steps[:: max(1, -(-len(steps) // ESTIMATE_STEPS))]:
        _recompress_pages(database, site, step, stats, dry=True)
    if not stats.examined:
        return RecompressStats(site)
    share = total / stats.examined
    return RecompressStats(
        site=site,
        examined=total,
        recompressed=round(stats.recompressed * share),
        bytes_before=round(stats.bytes_before * share),
        bytes_after=round(stats.bytes_after * share),
        new_dictionaries=stats.new_dictionaries,
    )


def _select_stories(site: str) -> Select[int]:
    return select(PageRow.id).where(
        PageRow.site == site, PageRow.payload_id.is_not(None), PageRow.kind == UrlKind.STORY
    )


def _steps(database: Database, site: str, size: int) -> Iterator[Sequence[int]]:
    """The stored stories of a site, a few at a time."""
    after = 0
    while True:
        query = _select_stories(site).where(PageRow.id > after).order_by(PageRow.id)
        with database.read() as db:
            pages = db.scalars(query.limit(size)).all()
        if not pages:
            return
        yield pages
        after = pages[-1]


def _recompress_pages(
    database: Database,
    site: str,
    pages: Sequence[int],
    stats: RecompressStats,
    *,
    dry: bool = False,
) -> None:
    with database.read() as db:
        sizes = _uncompressed_sizes(db, site, pages)
    if not sizes:
        return
    selected = _select_dictionary(database, site, list(sizes), dry=dry)
    stats.new_dictionaries += selected.is_new
    if selected.dictionary is None:
        stats.examined += len(sizes)
        return
    if selected.is_new and not dry:
        with database.read() as db:
            sizes = _uncompressed_sizes(db, site, pages)
    for payloads in batches_by_size(sizes, sizes.__getitem__, MAX_BATCH_BYTES):
        with database.read() as db:
            bodies = dictionary_training.payload_bodies(db, payloads)
            stored_sizes = _stored_sizes(db, payloads)
        rows = _smaller_bodies(bodies, selected, stored_sizes)
        if rows and not dry:
            _save(database, site, rows)
        stats.examined += len(payloads)
        stats.recompressed += len(rows)
        for row in rows:
            stats.bytes_before += stored_sizes[row["number"]]
            stats.bytes_after += len(row["compressed"])


def _uncompressed_sizes(db: Connection, site: str, pages: Sequence[int]) -> dict[int, int]:
    """Sizes of the pages' payloads that use no dictionary and that no dictionary is made of."""
    dictionary_pages = _dictionary_pages(db, site)
    query = (
        select(PayloadRow.id, PayloadRow.size)
        .join(CaptureRow, CaptureRow.payload_id == PayloadRow.id)
        .where(CaptureRow.page_id.in_(pages), PayloadRow.dictionary_id.is_(None))
        .order_by(PayloadRow.id)
    )
    sizes: dict[int, int] = {}
    for row in db.execute(query):
        if row.id not in dictionary_pages:
            sizes[row.id] = row.size
    return sizes


def _dictionary_pages(db: Connection, site: str) -> set[int]:
    """Payloads that the site's dictionaries are made of."""
    query = select(DictionaryRow.page_payload_ids).where(DictionaryRow.site == site)
    payloads: set[int] = set()
    for ids in db.scalars(query):
        payloads.update(ids)
    return payloads


def _stored_sizes(db: Connection, payloads: Sequence[int]) -> dict[int, int]:
    lengths = select(PayloadRow.id, func.length(PayloadRow.body).label("stored"))
    rows = db.execute(lengths.where(PayloadRow.id.in_(payloads)))
    return {row.id: int(row.stored) for row in rows}


def _select_dictionary(
    database: Database, site: str, payloads: Sequence[int], *, dry: bool
) -> _SelectedDictionary:
    """The dictionary that fits these payloads best: one of the site, or a new one made of them."""
    with database.read() as db:
        best, is_fit = _best_dictionary(db, site, payloads)
        trained = None
        if not is_fit and len(payloads) >= dictionary_training.MIN_PAGES:
            trained = dictionary_training.train(db, payloads, best)
        if trained is None:
            if best is None:
                return _SelectedDictionary(None, None)
            return _SelectedDictionary(best, dictionaries.load_dictionary(db, best))
    new_id = None if dry else dictionary_training.save(database, site, trained)
    return _SelectedDictionary(new_id, ZstdDictionary(trained.content), is_new=True)


def _best_dictionary(db: Connection, site: str, payloads: Sequence[int]) -> tuple[int | None, bool]:
    """The site's dictionary that compresses a sample best, and if it does as well as on its own."""
    step = max(1, len(payloads) // SAMPLE_SIZE)
    sample_ids = payloads[::step][:SAMPLE_SIZE]
    sample = list(dictionary_training.payload_bodies(db, sample_ids).values())
    size = sum(map(len, sample)) or 1
    ratios: list[_DictionaryRatio] = []
    query = select(DictionaryRow.id, DictionaryRow.median_ratio).where(
        DictionaryRow.site == site, DictionaryRow.source_id.is_(None)
    )
    for row in db.execute(query).all():
        try:
            dictionary = dictionaries.load_dictionary(db, row.id)
        except dictionaries.DamagedDictionary:
            continue
        compressed = _compressed_size(sample, dictionary.compress)
        ratios.append(_DictionaryRatio(compressed / size, row.id, row.median_ratio))
    if not ratios:
        return None, False
    best = min(ratios, key=lambda ratio: (ratio.sample_ratio, ratio.id))
    without = _compressed_size(sample, compress)
    if best.sample_ratio > dictionary_training.MAX_RELATIVE_SIZE * without / size:
        return None, False
    return best.id, best.sample_ratio <= best.own_ratio * dictionary_training.MAX_DRIFT


def _compressed_size(
    bodies: Sequence[bytes], compress_body: Callable[[bytes], tuple[str, bytes]]
) -> int:
    return sum(len(compress_body(body)[1]) for body in bodies)


def _smaller_bodies(
    bodies: Mapping[int, bytes], selected: _SelectedDictionary, stored_sizes: Mapping[int, int]
) -> list[dict[str, Any]]:
    """Rows to write: bodies that became smaller and that decompress to the same bytes."""
    dictionary = selected.dictionary
    assert dictionary is not None
    rows: list[dict[str, Any]] = []
    for number, body in bodies.items():
        _, compressed = dictionary.compress(body)
        if len(compressed) > stored_sizes[number] * MAX_SHARE:
            continue
        if sha256(dictionary.decompress(compressed)).digest() != sha256(body).digest():
            continue
        rows.append({"number": number, "compressed": compressed, "dictionary": selected.id})
    return rows


def _save(database: Database, site: str, rows: Sequence[dict[str, Any]]) -> None:
    with database.write() as db:
        dictionary_pages = _dictionary_pages(db, site)  # a dictionary may have been made just now
        rows = [row for row in rows if row["number"] not in dictionary_pages]
        if rows:
            db.execute(UPDATE_BODY, rows)
