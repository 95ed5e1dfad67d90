"""Payloads compressed with a dictionary are smaller, and every reader gets the same bytes."""

from __future__ import annotations

from hashlib import sha256
from random import Random

import pytest

from pipeline.core.errors import AlreadyRunning
from pipeline.jobs import repair
from pipeline.store.clean.session import CleanSession
from pipeline.store.codec import dictionaries, dictionary_training
from pipeline.store.codec.compression import ZstdDictionary, compress, decompress
from pipeline.store.crawl import import_session
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db import locks
from pipeline.store.db.engine import Database
from pipeline.store.maintenance import recompress
from pipeline.store.maintenance.faults import Fault, VerifiedCounts, VerifyScope
from pipeline.store.read import export_articles, origins, page_history
from tests.support.archive_factory import (
    DAY,
    NIGHT,
    RECIPE,
    SITE,
    body_of,
    do,
    dump,
    night,
    one,
    rows,
    url,
)
from tests.support.reclean_factory import Extractors, reclean, site

BYTES = ("codec", "body", "dictionary_id")


def page(number: int, layout: str = "first") -> bytes:
    """Return a story of some hundred bytes in a frame of 8 kB that all pages of a layout share."""
    frame, own = Random(layout), Random(number)
    lines = [
        f"<li class='{frame.randbytes(20).hex()}'>{frame.randbytes(20).hex()}</li>"
        for _ in range(80)
    ]
    return "\n".join([f"Story {number}", *lines, own.randbytes(200).hex()]).encode()


def pages(*numbers: int, layout: str = "first") -> dict[str, bytes]:
    return {url(f"{layout}-{number}"): page(number, layout) for number in numbers}


def codecs(store: Database) -> list[tuple[str, int | None]]:
    return [
        (row[0], row[1])
        for row in rows(store, "SELECT codec, dictionary_id FROM payload ORDER BY id")
    ]


def faults(store: Database) -> list[Fault]:
    return list(repair.verify_archive(store, VerifyScope(), VerifiedCounts(), lambda *_: None))


def recompress_site(store: Database, *, dry: bool = False) -> recompress.RecompressStats:
    if dry:
        return recompress.estimate_recompression(store, SITE, pages_per_step=10)
    return recompress.recompress_site(store, SITE, lambda *_: None, pages_per_step=10)


@pytest.fixture
def second(archive: CrawlSession, store: Database) -> Database:
    """An archive with a night of ten pages and one of four."""
    night(archive, pages(*range(10)))
    reclean(store, site())
    night(archive, pages(*range(10, 14)), NIGHT + DAY)
    return store


def test_pages_of_a_few_bytes_are_no_part_of_a_dictionary(
    archive: CrawlSession, store: Database
) -> None:
    tiny = {url(f"tiny-{number}"): b"<p>%d" % number for number in range(10)}
    night(archive, tiny)
    reclean(store, site())
    assert one(store, "SELECT count(*) FROM dictionary") == 0
    night(archive, pages(*range(10)), NIGHT + DAY)
    reclean(store, site())
    assert one(store, "SELECT count(*) FROM dictionary") == 1


def test_the_second_night_is_compressed_with_pages_of_the_first_and_every_reader_can_read_it(
    second: Database,
) -> None:
    assert codecs(second) == [("zstd", None)] * 10 + [("zstd+dict", 1)] * 4
    stored = one(second, "SELECT sum(length(body)) FROM payload WHERE dictionary_id = 1")
    assert stored < 0.65 * sum(len(compress(page(number))[1]) for number in range(10, 14))
    for number in range(10, 14):
        body, address = page(number), url(f"first-{number}")
        found_page = one(second, "SELECT id FROM page WHERE url = :url", url=address)
        digest = sha256(body).hexdigest()
        assert page_history.payload_bytes(second, digest) == body
        assert origins.article_payload(second, found_page) == ("text/html", "", body)
        assert page_history.page_payload(second, found_page, digest) == ("text/html", "", body)
        assert import_session.body_of(second, address, NIGHT + DAY) == body
    told = {
        seen.url: seen.body
        for seen in export_articles.iter_fetches(second, export_articles.ExportQuery())
    }
    assert told == pages(*range(14))
    fresh = CleanSession(second, SITE).pending_payloads(RECIPE, 0, 100)
    assert {body_of(each) for each in fresh} == {page(number) for number in range(14)}
    assert faults(second) == []


def test_a_dictionary_is_made_when_it_helps_and_again_when_the_pages_have_changed(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, pages(*range(7)))
    assert dictionary_training.retrain_if_needed(store, SITE) is None  # too few
    night(archive, {url("noise"): Random(1).randbytes(9000), **pages(7)}, NIGHT + DAY)
    assert dictionary_training.retrain_if_needed(store, SITE) == 1
    assert dictionary_training.retrain_if_needed(store, SITE) is None  # nothing is new
    night(archive, pages(*range(20, 40)), NIGHT + 2 * DAY)
    assert (
        dictionary_training.retrain_if_needed(store, SITE) is None
    )  # they compress as well as expected
    night(archive, pages(*range(20), layout="second"), NIGHT + 3 * DAY)
    assert dictionary_training.retrain_if_needed(store, SITE) == 2
    night(
        archive, {url(f"noise-{n}"): Random(n).randbytes(9000) for n in range(40)}, NIGHT + 4 * DAY
    )
    before = dictionaries_of(store)
    assert (
        dictionary_training.retrain_if_needed(store, SITE) is None
    )  # no dictionary helps, so this is their ratio from now on
    assert dictionaries_of(store) == before
    assert one(store, "SELECT median_ratio FROM dictionary WHERE id = 2") > 1


def dictionaries_of(store: Database) -> list[tuple[object, ...]]:
    return rows(store, "SELECT id, digest, body FROM dictionary ORDER BY id")


def test_recompressed_payloads_keep_their_bytes_and_a_kill_costs_one_step(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, pages(*range(15)) | pages(*range(15), layout="second"))
    before = dump(store, "payload", without=BYTES)
    plain = dump(store, "payload")
    told = recompress_site(store, dry=True)
    assert (told.examined, dump(store, "payload"), dictionaries_of(store)) == (30, plain, [])
    assert 0.01 < told.bytes_after / told.bytes_before < 0.65

    def kill(_stage: str, done: int, of: int) -> None:
        assert of == 30
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recompress.recompress_site(store, SITE, kill, pages_per_step=10)
    stopped = codecs(store)
    assert {None} < {number for _, number in stopped}
    lock = locks.acquire(store, f"compact:{SITE}")
    with pytest.raises(AlreadyRunning, match="let it finish"):
        recompress_site(store)
    lock.release()
    assert recompress_site(store).recompressed > 0
    assert [now for was, now in zip(stopped, codecs(store), strict=True) if was[1]] == [
        was for was in stopped if was[1]
    ]
    parts = {part for (few,) in parts_of(store) for part in few}
    assert {
        row[0] for row in rows(store, "SELECT id FROM payload WHERE dictionary_id IS NULL")
    } == parts
    assert recompress_site(store).recompressed == 0
    assert dump(store, "payload", without=BYTES) == before
    assert faults(store) == []


def parts_of(store: Database) -> list[tuple[list[int]]]:
    return [(dictionary[6],) for dictionary in dump(store, "dictionary")["dictionary"]]


def test_a_damaged_dictionary_is_reported_and_made_again_and_one_in_use_cannot_be_deleted(
    second: Database,
) -> None:
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        do(second, "DELETE FROM dictionary")
    before = dump(second, "dictionary")
    do(
        second,
        "UPDATE dictionary SET body = :junk",
        junk=compress(b"other pages than these" * 500)[1],
    )
    again = Database(second.url.render_as_string(hide_password=False))
    (wrong,) = faults(again)
    assert (wrong.kind, wrong.repair) == ("dictionary", "dictionary")
    assert "4 payloads are compressed with it" in wrong.sentence
    with again.read() as db, pytest.raises(dictionaries.DamagedDictionary):
        dictionaries.load_dictionary(db, 1)
    assert [each[0] for each in codecs(again)][-1] == "zstd+dict"
    archive = CrawlSession(again)
    night(
        archive, pages(50), NIGHT + 2 * DAY
    )  # it is not lost, but compressed without a dictionary
    assert codecs(again)[-1] == ("zstd", None)
    mended = repair.repair_archive(again, (site(),), [wrong], Extractors(), lambda *_: None)  # type: ignore[arg-type]
    assert (mended.counts["dictionaries made again"], mended.problems) == (1, [])
    assert dump(again, "dictionary") == before
    assert faults(again) == []
    part = parts_of(again)[0][0][0]
    do(again, "UPDATE payload SET body = :junk WHERE id = :part", junk=b"junk", part=part)
    do(again, "UPDATE dictionary SET body = :junk", junk=b"junk")
    mended = repair.repair_archive(again, (site(),), [wrong], Extractors(), lambda *_: None)  # type: ignore[arg-type]
    assert "a backup has it" in mended.problems[0]
    archive.close()


def test_another_dictionary_gives_an_error_and_never_other_bytes() -> None:
    codec, body = ZstdDictionary(page(1)).compress(page(2))
    assert decompress(codec, body, ZstdDictionary(page(1))) == page(2)
    for wrong in (ZstdDictionary(page(1)[::-1]), ZstdDictionary(page(1) + b"x"), None):
        with pytest.raises(ValueError, match=r"damaged|missing"):
            decompress(codec, body, wrong)
