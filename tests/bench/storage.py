"""python -m tests.bench.storage [SET…] — what stored pages take and cost: packed alone, or by earlier pages of their site.

Without sets: an archive of so many made-up pages of one site, kept through the crawler's own door, packed anew where they came
before there was a dictionary, and read back at random, each against its digest. Given sets of labelled pages: the same pages
packed in every way that was weighed, by site, half of the pages tried on what the other half gives.
Ends with 1 where pages of one site come to more than 0.65 of zstd alone, or one takes more than a millisecond to unpack.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

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
from pipeline.store.db.schema import PayloadRow
from pipeline.store.maintenance import recompress
from tests.bench.generated_site import page_of
from tests.bench.sets import load_set

SITE, FEED = "made-up", CrawlSource("https://made-up.example/feed.xml", UrlKind.FEED)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = 200  # pages that come before there is a dictionary
BATCH, READ, ENOUGH = 50, 2_000, 8
GOAL, SLOW = 0.65, 1.0  # of zstd alone; milliseconds
TRAINED = 112 << 10  # bytes of a trained dictionary, as zstd advises

T = TypeVar("T")


def main(words: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.storage", description="Measures how pages are stored."
    )
    parser.add_argument(
        "sets",
        nargs="*",
        type=Path,
        metavar="SET",
        help="labelled pages; without, an archive is made up",
    )
    parser.add_argument(
        "--pages", type=int, default=200_000, metavar="N", help="how many pages are made up"
    )
    parser.add_argument(
        "--database-url",
        default="",
        help="an empty database instead of a SQLite file that is thrown away",
    )
    options = parser.parse_args(words)
    if options.sets:
        return _compared(options.sets)
    with tempfile.TemporaryDirectory(prefix="nd-storage-") as folder:
        return _stored(options.database_url or f"sqlite:///{folder}/archive.db", options.pages)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _stored(address: str, number: int) -> int:
    archive = CrawlSession.open(address)
    store = archive.store
    plain = _night(archive, range(min(FIRST, number)))
    dictionary_training.retrain_if_needed(store, SITE)
    packed = _night(archive, range(FIRST, number))
    began = time.process_time()
    again = recompress.recompress_site(store, SITE, lambda *_: None)
    compacted = time.process_time() - began
    with store.read() as db:
        size, held, count = db.execute(
            select(func.sum(PayloadRow.size), func.sum(func.length(PayloadRow.body)), func.count())
        ).one()
        dictionary = db.scalar(select(func.count()).where(PayloadRow.dictionary_id.is_not(None)))
    alone = sum(
        len(compress(page_of(each, number))[1]) for each in range(0, number, max(1, number // 500))
    )
    alone /= len(range(0, number, max(1, number // 500)))
    ratio = held / count / alone
    slow, wrong = _read(archive, count)
    _say(
        f"{count:,} pages of {size / count / 1000:.0f} kB, {dictionary:,} of them packed by a dictionary"
    )
    _say(
        f"a page takes {alone / 1000:.1f} kB by zstd alone and {held / count / 1000:.1f} kB here: {ratio:.3f} of it"
    )
    _say(f"CPU to keep a page: {plain:.2f} ms the first {FIRST}, {packed:.2f} ms the others")
    _say(
        f"packed anew: {again.recompressed:,} from {again.bytes_before / 1e6:.1f} to {again.bytes_after / 1e6:.1f} MB in {compacted:.1f} s of CPU"
    )
    _say(
        f"to read one and unpack it, at random: {slow:.2f} ms; {wrong} of {min(READ, count)} were not those of their digest"
    )
    if store.file is not None:
        _say(f"the file: {store.file.stat().st_size / 1e6:,.0f} MB")
    archive.close()
    return int(ratio > GOAL or slow > SLOW or wrong > 0)


def _night(archive: CrawlSession, numbers: range) -> float:
    """Keeps these pages; milliseconds of CPU a page, without the making of it."""
    run, spent = archive.start_run(SITE), 0.0
    due = archive.register_source(run, FEED)
    for first in range(numbers.start, numbers.stop, 10_000):
        some = range(first, min(first + 10_000, numbers.stop))
        links = tuple(LinkDecision(Link(f"https://made-up.example/{each}")) for each in some)
        archive.save_source(
            run, Capture(due.page_id, NOW, Outcome.FETCHED, Reason.NEW, 200), links, UrlKind.FEED
        )
        while taken := archive.lease_due(run, BATCH):
            bodies = [page_of(int(each.url.rpartition("/")[2]), numbers.stop) for each in taken]
            page_of.cache_clear()
            began = time.process_time()
            archive.save_captures(
                run,
                [
                    FetchedPage(_capture(each.page_id, body), None)
                    for each, body in zip(taken, bodies, strict=True)
                ],
            )
            spent += time.process_time() - began
    archive.finish_run(run, "finished")
    return spent / max(1, len(numbers)) * 1000


def _capture(page: int, body: bytes) -> Capture:
    return Capture(
        page,
        NOW,
        Outcome.FETCHED,
        Reason.NEW,
        200,
        media_type="text/html",
        body=body,
        size=len(body),
    )


def _read(archive: CrawlSession, count: int) -> tuple[float, int]:
    """Milliseconds of CPU to read one payload and unpack it, and how many were not what they should be."""
    spent, wrong = 0.0, 0
    with archive.store.read() as db:
        first = db.scalar(select(func.min(PayloadRow.id))) or 1
        for number in random.Random(3).sample(range(first, first + count), min(READ, count)):
            began = time.process_time()
            digest, *row = db.execute(
                select(PayloadRow.digest, *COMPRESSED_COLUMNS).where(PayloadRow.id == number)
            ).one()
            body = decompress_payload(db, *row)
            spent += time.process_time() - began
            wrong += sha256(body).hexdigest() != digest
    return spent / min(READ, count) * 1000, wrong


Way = Callable[[bytes], bytes]


def _ways(pages: Sequence[bytes]) -> Iterator[tuple[str, Way, Way]]:
    """Name, packing and unpacking."""
    yield "zstd-3", lambda page: compress(page)[1], lambda body: decompress("zstd", body)
    yield "zstd-9", lambda page: zstd.compress(page, 9), zstd.decompress
    trained = _trained(pages)
    if trained is not None:
        yield (
            "trained",
            lambda page: zstd.compress(page, 3, zstd_dict=trained.as_digested_dict),
            lambda b: zstd.decompress(b, trained),
        )
    last = zstd.ZstdDict(pages[-1], is_raw=True)
    yield (
        "delta",
        lambda page: zstd.compress(page, 3, zstd_dict=last.as_prefix),
        lambda b: zstd.decompress(b, last.as_prefix),
    )
    for most in (1, 2, dictionary_training.MAX_DICTIONARY_PAGES):
        parts = select_dictionary_pages(
            pages[: dictionary_training.MAX_TEST_PAGES],
            most,
            dictionary_training.MAX_DICTIONARY_BYTES,
        )
        words = ZstdDictionary(concat(pages[each] for each in parts))
        yield (
            f"{most} pages" if most > 1 else "1 page",
            lambda page, w=words: w.compress(page)[1],
            words.decompress,
        )  # type: ignore[misc]


def _trained(pages: Sequence[bytes]) -> Any:
    try:
        return zstd.train_dict(pages, TRAINED)
    except (zstd.ZstdError, ValueError):
        return None  # too little to train of


def _compared(files: Sequence[Path]) -> int:
    sites = defaultdict[tuple[str, str], list[bytes]](list)
    for file in files:
        found = load_set(file)
        for page in found.pages:
            sites[found.name, page.get("site") or ""].append(page["html"].encode("utf8", "replace"))
    many = [pages for pages in sites.values() if len(pages) >= 2 * ENOUGH]
    if not many:
        _say(f"no site has {2 * ENOUGH} pages")
        return 2
    size, packing, unpacking, alone, tried = (
        Counter[str](),
        Counter[str](),
        Counter[str](),
        Counter[str](),
        Counter[str](),
    )
    for pages in many:
        random.Random(1).shuffle(pages)
        known, others = pages[: len(pages) // 2], pages[len(pages) // 2 :]
        for name, there, back in _ways(known):
            for page in others:
                body, seconds = _timed(lambda: there(page))  # noqa: B023 - called at once
                packing[name] += seconds
                same, seconds = _timed(lambda: back(body))  # noqa: B023
                assert same == page, name
                unpacking[name] += seconds
                size[name] += len(body)
                alone[name] += len(compress(page)[1])
                tried[name] += 1
    _say(f"{len(many)} sites, {max(tried.values())} pages tried")
    for name, number in tried.items():
        times = f"{packing[name] / number * 1e3:.2f} ms to pack, {unpacking[name] / number * 1e3:.2f} ms to unpack"
        share = (
            f"{size[name] / number / 1000:6.1f} kB a page, {size[name] / alone[name]:.3f} of zstd-3"
        )
        _say(f"{name:8} {share}, {times} ({number})")
    ours = f"{dictionary_training.MAX_DICTIONARY_PAGES} pages"
    return int(size[ours] > GOAL * alone[ours] or unpacking[ours] / tried[ours] * 1e3 > SLOW)


def _timed(call: Callable[[], T]) -> tuple[T, float]:
    began = time.process_time()
    return call(), time.process_time() - began


if __name__ == "__main__":
    sys.exit(main())
