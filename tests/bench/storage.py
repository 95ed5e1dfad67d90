"""Measure the size and the cost of stored pages: `python -m tests.bench.storage [SET…]`.

Without sets, it makes an archive with invented pages of one site, stored as the crawler stores
them. Pages that came before there was a dictionary are compressed again. Then random pages are read
and checked against their digests. With sets of labelled pages, it compares several ways of
compression by site: half of the pages is compressed with what the other half gives.

The exit code is 1 if pages of one site take more than 0.65 of zstd without a dictionary, or if it
takes more than a millisecond to decompress one.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from pipeline.core.models import Capture, CrawlSource, Link, LinkDecision, Outcome, Reason, UrlKind
from pipeline.store.codec import dictionary_training
from pipeline.store.codec.compression import (
    ZstdDictionary,
    compress,
    concat,
    decompress,
    select_dictionary_pages,
    zstd,
)
from pipeline.store.codec.dictionaries import COMPRESSED_COLUMNS, decompress_payload
from pipeline.store.crawl.session import CrawlSession, FetchedPage
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import PayloadRow
from pipeline.store.maintenance import recompress
from tests.bench.generated_site import page_of
from tests.bench.sets import load_set

SITE = "made-up"
FEED = CrawlSource("https://made-up.example/feed.xml", UrlKind.FEED)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PAGES_BEFORE_DICTIONARY = 200
SOURCE_LINKS = 10_000  # listed at once
LEASED_PAGES = 50  # at once
READ_PAGES = 2_000
SAMPLE_PAGES = 500  # for the size without a dictionary
MIN_PAGES_OF_HALF = 8  # of a site of labelled pages
MAX_SIZE_RATIO = 0.65  # to zstd without a dictionary
MAX_MILLISECONDS = 1.0  # to read and decompress a page
TRAINED_BYTES = 112 << 10  # of a trained dictionary; zstd's default is 110 KiB

Convert = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Method:
    """One way of compression."""

    name: str
    compress: Convert
    decompress: Convert


@dataclass
class MethodCosts:
    """What a method costs for all pages together; times are CPU seconds."""

    pages: int = 0
    size: int = 0
    plain_size: int = 0  # by zstd without a dictionary
    compressing: float = 0.0
    decompressing: float = 0.0

    @property
    def ratio(self) -> float:
        """Return the size, compared with zstd without a dictionary."""
        return self.size / self.plain_size


@dataclass(frozen=True)
class StoredSize:
    """The payloads of an archive."""

    pages: int
    size: int  # bytes of the pages
    stored: int  # bytes after compression
    with_dictionary: int  # pages


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.storage", description="Measures how pages are stored."
    )
    parser.add_argument(
        "sets",
        nargs="*",
        type=Path,
        metavar="SET",
        help="labelled pages; without them, the pages of an archive are invented",
    )
    parser.add_argument(
        "--pages", type=int, default=200_000, metavar="N", help="number of invented pages"
    )
    parser.add_argument(
        "--database-url", default="", help="an empty database, instead of a temporary SQLite file"
    )
    options = parser.parse_args(arguments)
    if options.sets:
        return _compare_methods(options.sets)
    with tempfile.TemporaryDirectory(prefix="nd-storage-") as folder:
        address = options.database_url or f"sqlite:///{folder}/archive.db"
        return _measure_archive(address, options.pages)


def _measure_archive(address: str, page_count: int) -> int:
    archive = CrawlSession.open(address)
    store = archive.store
    first_ms = _store_pages(archive, range(min(PAGES_BEFORE_DICTIONARY, page_count)))
    dictionary_training.retrain_if_needed(store, SITE)
    later_ms = _store_pages(archive, range(PAGES_BEFORE_DICTIONARY, page_count))
    began = time.process_time()
    recompressed = recompress.recompress_site(store, SITE, lambda *_: None)
    recompression_seconds = time.process_time() - began
    total = _stored_size(store)
    plain_bytes = _plain_bytes(page_count)
    stored_bytes = total.stored / total.pages
    ratio = stored_bytes / plain_bytes
    read_ms, damaged = _read_pages(archive, total.pages)
    _print(
        f"{total.pages:,} pages of {total.size / total.pages / 1000:.0f} kB,"
        f" {total.with_dictionary:,} of them compressed with a dictionary"
    )
    _print(
        f"a page takes {plain_bytes / 1000:.1f} kB with zstd alone and"
        f" {stored_bytes / 1000:.1f} kB here: {ratio:.3f} of it"
    )
    _print(
        f"CPU to store a page: {first_ms:.2f} ms for the first {PAGES_BEFORE_DICTIONARY},"
        f" {later_ms:.2f} ms for the others"
    )
    _print(
        f"compressed again: {recompressed.recompressed:,} from"
        f" {recompressed.bytes_before / 1e6:.1f} to {recompressed.bytes_after / 1e6:.1f} MB"
        f" in {recompression_seconds:.1f} s of CPU"
    )
    _print(
        f"to read and decompress a random page: {read_ms:.2f} ms;"
        f" {damaged} of {min(READ_PAGES, total.pages)} did not match their digest"
    )
    if store.file is not None:
        _print(f"the file: {store.file.stat().st_size / 1e6:,.0f} MB")
    archive.close()
    return int(ratio > MAX_SIZE_RATIO or read_ms > MAX_MILLISECONDS or damaged > 0)


def _stored_size(store: Database) -> StoredSize:
    with_dictionary = func.count(PayloadRow.dictionary_id)  # does not count NULL
    stored = func.sum(func.length(PayloadRow.body))
    query = select(func.count(), func.sum(PayloadRow.size), stored, with_dictionary)
    with store.read() as db:
        return StoredSize(*db.execute(query.select_from(PayloadRow)).one())


def _plain_bytes(page_count: int) -> float:
    """Return the average size of a page with zstd and without a dictionary."""
    numbers = range(0, page_count, max(1, page_count // SAMPLE_PAGES))
    return sum(len(compress(page_of(number, page_count))[1]) for number in numbers) / len(numbers)


def _store_pages(archive: CrawlSession, numbers: range) -> float:
    """Store pages in one run; return milliseconds of CPU for one, without making it."""
    run, seconds = archive.start_run(SITE), 0.0
    feed = archive.register_source(run, FEED)
    feed_capture = Capture(feed.page_id, NOW, Outcome.FETCHED, Reason.NEW, 200)
    for first in range(numbers.start, numbers.stop, SOURCE_LINKS):
        listed = range(first, min(first + SOURCE_LINKS, numbers.stop))
        links = [LinkDecision(Link(f"https://made-up.example/{number}")) for number in listed]
        archive.save_source(run, feed_capture, tuple(links), UrlKind.FEED)
        while due := archive.lease_due(run, LEASED_PAGES):
            fetched = []
            for page in due:
                body = page_of(int(page.url.rpartition("/")[2]), numbers.stop)
                fetched.append(FetchedPage(_capture(page.page_id, body), None))
            page_of.cache_clear()
            began = time.process_time()
            archive.save_captures(run, fetched)
            seconds += time.process_time() - began
    archive.finish_run(run, "finished")
    return seconds / max(1, len(numbers)) * 1000


def _capture(page_id: int, body: bytes) -> Capture:
    return Capture(
        page_id,
        NOW,
        Outcome.FETCHED,
        Reason.NEW,
        200,
        media_type="text/html",
        body=body,
        size=len(body),
    )


def _read_pages(archive: CrawlSession, page_count: int) -> tuple[float, int]:
    """Read random pages; return milliseconds of CPU for one, and how many are damaged."""
    seconds, damaged = 0.0, 0
    read_count = min(READ_PAGES, page_count)
    with archive.store.read() as db:
        first = db.scalar(select(func.min(PayloadRow.id))) or 1
        for number in random.Random(3).sample(range(first, first + page_count), read_count):
            query = select(PayloadRow.digest, *COMPRESSED_COLUMNS).where(PayloadRow.id == number)
            began = time.process_time()
            digest, *columns = db.execute(query).one()
            body = decompress_payload(db, *columns)
            seconds += time.process_time() - began
            damaged += sha256(body).hexdigest() != digest
    return seconds / read_count * 1000, damaged


def _methods(pages: Sequence[bytes]) -> list[Method]:
    """Return all methods, with dictionaries of some pages of a site."""
    methods = [
        Method("zstd-3", lambda page: compress(page)[1], lambda body: decompress("zstd", body)),
        Method("zstd-9", lambda page: zstd.compress(page, 9), zstd.decompress),
    ]
    trained = _train_dictionary(pages)
    if trained is not None:
        methods.append(_method("trained", trained.as_digested_dict, trained))
    last_page = zstd.ZstdDict(pages[-1], is_raw=True)
    methods.append(_method("delta", last_page.as_prefix, last_page.as_prefix))
    methods.append(_pages_method("1 page", pages, 1))
    for page_count in (2, dictionary_training.MAX_DICTIONARY_PAGES):
        methods.append(_pages_method(f"{page_count} pages", pages, page_count))
    return methods


def _method(name: str, compression_dict: Any, decompression_dict: Any) -> Method:
    return Method(
        name,
        lambda page: zstd.compress(page, 3, zstd_dict=compression_dict),
        lambda body: zstd.decompress(body, decompression_dict),
    )


def _pages_method(name: str, pages: Sequence[bytes], page_count: int) -> Method:
    """Return the method of the archive: some pages are the dictionary."""
    numbers = select_dictionary_pages(
        pages[: dictionary_training.MAX_TEST_PAGES],
        page_count,
        dictionary_training.MAX_DICTIONARY_BYTES,
    )
    dictionary = ZstdDictionary(concat(pages[number] for number in numbers))
    return Method(name, lambda page: dictionary.compress(page)[1], dictionary.decompress)


def _train_dictionary(pages: Sequence[bytes]) -> Any:
    try:
        return zstd.train_dict(pages, TRAINED_BYTES)
    except (zstd.ZstdError, ValueError):
        return None  # there are too few data


def _compare_methods(files: Iterable[Path]) -> int:
    sites = _load_sites(files)
    if not sites:
        _print(f"no site has {2 * MIN_PAGES_OF_HALF} pages")
        return 2
    costs: dict[str, MethodCosts] = defaultdict(MethodCosts)
    for pages in sites:
        random.Random(1).shuffle(pages)
        half = len(pages) // 2
        for method in _methods(pages[:half]):
            _try_method(method, pages[half:], costs[method.name])
    page_count = max(method_costs.pages for method_costs in costs.values())
    _print(f"{len(sites)} sites, {page_count} pages compressed")
    for name, method_costs in costs.items():
        number = method_costs.pages
        _print(
            f"{name:8} {method_costs.size / number / 1000:6.1f} kB a page,"
            f" {method_costs.ratio:.3f} of zstd-3,"
            f" {method_costs.compressing / number * 1e3:.2f} ms to compress,"
            f" {method_costs.decompressing / number * 1e3:.2f} ms to decompress ({number})"
        )
    ours = costs[f"{dictionary_training.MAX_DICTIONARY_PAGES} pages"]
    is_slow = ours.decompressing / ours.pages * 1e3 > MAX_MILLISECONDS
    return int(ours.ratio > MAX_SIZE_RATIO or is_slow)


def _load_sites(files: Iterable[Path]) -> list[list[bytes]]:
    """Return the pages of each site that has enough of them."""
    sites: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    for file in files:
        labelled_set = load_set(file)
        for page in labelled_set.pages:
            body = page["html"].encode("utf8", "replace")
            sites[labelled_set.name, page.get("site") or ""].append(body)
    return [pages for pages in sites.values() if len(pages) >= 2 * MIN_PAGES_OF_HALF]


def _try_method(method: Method, pages: Iterable[bytes], costs: MethodCosts) -> None:
    for page in pages:
        body, seconds = _timed(method.compress, page)
        costs.compressing += seconds
        restored, seconds = _timed(method.decompress, body)
        assert restored == page, method.name
        costs.decompressing += seconds
        costs.size += len(body)
        costs.plain_size += len(compress(page)[1])
        costs.pages += 1


def _timed(convert: Convert, data: bytes) -> tuple[bytes, float]:
    began = time.process_time()
    return convert(data), time.process_time() - began


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
