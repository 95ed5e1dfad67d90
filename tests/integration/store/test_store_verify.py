"""Damage of every kind is found, named, and made again as far as it can be; a whole archive has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.jobs import repair
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.maintenance.faults import VerifyScope, Fault, VerifiedCounts
from tests.support.archive_factory import DAY, NIGHT, SITE, do, night, one, url
from tests.support.reclean_factory import (
    ADVERT,
    STORY,
    Extractors,
    articles,
    reclean,
    site,
    striking,
    waterline,
)

DAMAGE = {  # what is done to a whole archive → the kinds of what is found
    "UPDATE extracted_page SET body = :junk WHERE id = (SELECT min(id) FROM extracted_page)": {
        "extracted_page"
    },
    "DELETE FROM article_index": {"index"},
    "UPDATE clean_result SET removed = '[]'": {"result"},
    'UPDATE clean_result SET removed = \'[[999, "wanted", ""]]\'': {"result"},
    "UPDATE revision SET text = 'another' WHERE id = (SELECT min(id) FROM revision)": {"article"},
    "UPDATE article SET title = 'another', index_version = index_version": {"article"},
    "DELETE FROM revision WHERE number = 1 AND page_id IN (SELECT page_id FROM revision WHERE number = 2)": {
        "article"
    },
    "DELETE FROM article": {"article", "index", "count"},
    "UPDATE site_counts SET articles = articles + 1": {"count"},
    "UPDATE run SET counts = '{}' WHERE kind = 'crawl'": {"ledger"},
    "DELETE FROM ledger_entry WHERE run_id = 1": {"ledger"},
}


def found(store: Database, asked: VerifyScope | None = None) -> list[Fault]:
    return list(repair.verify_archive(store, asked or VerifyScope(), VerifiedCounts(), lambda *_: None))


def filled(archive: CrawlSession, store: Database) -> None:
    """Two nights with an edit, a line that is struck, and a change of rules in between."""
    night(
        archive,
        {
            url("a"): f"{STORY}\n{ADVERT}".encode(),
            url("b"): STORY.replace("ferries", "trams").encode(),
        },
    )
    reclean(store, site())
    reclean(store, striking(0))
    night(archive, {url("a"): f"{STORY} Again.\n{ADVERT}".encode()}, NIGHT + DAY)
    reclean(store, striking(0))


@pytest.fixture
def whole(archive: CrawlSession, store: Database) -> Database:
    filled(archive, store)
    return store


def test_all_that_can_be_made_again_is_found_and_made_again(whole: Database) -> None:
    assert found(whole) == []
    before, kept = articles(whole), waterline(whole)
    for damage, kinds in DAMAGE.items():
        do(whole, damage, **({"junk": b"junk"} if ":junk" in damage else {}))
        wrong = found(whole)
        assert {each.kind for each in wrong} == kinds, damage
        mended = repair.repair_archive(whole, (striking(0),), wrong, Extractors(), lambda *_: None)  # type: ignore[arg-type]
        assert found(whole) == [], (damage, mended)
        if "revision" not in damage and "extraction" not in damage:
            assert {name: len(rows) for name, rows in articles(whole).items()} == {
                n: len(rows) for n, rows in before.items()
            }
        assert [row[:1] + row[2:] for row in articles(whole)["articles"]] == [
            row[:1] + row[2:] for row in before["articles"]
        ]
    assert waterline(whole) == kept
    assert "entries were missing" in one(whole, "SELECT detail FROM run WHERE id = 1")


@pytest.mark.parametrize("engine", ["sqlite"])
def test_bytes_that_are_damaged_are_named_with_where_they_came_from_and_nothing_is_made_of_them(
    whole: Database,
) -> None:
    digest = one(whole, "SELECT digest FROM payload WHERE id = 1")
    before = articles(whole)
    do(whole, "UPDATE payload SET body = (SELECT body FROM payload WHERE id = 2) WHERE id = 1")
    do(whole, "UPDATE extracted_page SET body = :junk WHERE payload_id = 1", junk=b"junk")
    wrong = found(whole)
    (lost,) = [each for each in wrong if not each.repair]
    assert lost.kind == "payload"
    assert all(part in lost.sentence for part in (digest, url(""), "capture 1", "backup"))
    mended = repair.repair_archive(whole, (striking(0),), wrong, Extractors(), lambda *_: None)  # type: ignore[arg-type]
    assert [each.kind for each in found(whole)] == ["payload", "extracted_page"]
    assert "damaged themselves" in mended.problems[0]
    assert articles(whole) == before


@pytest.mark.parametrize("engine", ["sqlite"])
def test_the_pages_of_a_site_without_a_file_are_left_as_they_are(whole: Database) -> None:
    do(whole, "UPDATE article SET title = 'another'")
    before = articles(whole)
    mended = repair.repair_archive(whole, (), found(whole), Extractors(), lambda *_: None)  # type: ignore[arg-type]
    assert mended.problems[0].startswith(f"{SITE}: has no site file")
    assert articles(whole) == before


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_part_of_the_archive_can_be_looked_at(whole: Database, tmp_path: Path) -> None:
    looked = VerifiedCounts()
    assert not list(repair.verify_archive(whole, VerifyScope(sample=1), looked, lambda *_: None))
    assert (looked.rows["payloads"], looked.rows["results"]) == (1, 1)
    do(whole, "UPDATE payload SET body = :junk WHERE id = 1", junk=b"junk")
    assert [each.kind for each in found(whole)] == ["payload"]
    assert found(whole, VerifyScope(since=NIGHT + DAY / 2)) == []
