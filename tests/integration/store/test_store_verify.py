"""Verification finds damage of every kind, and repair makes again what can be made again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.config.site import Site
from pipeline.jobs import repair
from pipeline.jobs.repair import RepairStats
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.maintenance.faults import EVERYTHING, Fault, VerifiedCounts, VerifyScope
from tests.support.archive_factory import DAY, NIGHT, SITE, do, night, one, url
from tests.support.reclean_factory import (
    ADVERT,
    STORY,
    Extractors,
    articles,
    payloads_and_captures,
    reclean,
    site,
    site_removing,
)

DAMAGE = {  # what is done to a whole archive → the kinds of the faults
    "UPDATE extracted_page SET body = :junk WHERE id = (SELECT min(id) FROM extracted_page)": {
        "extracted_page"
    },
    "DELETE FROM article_index": {"index"},
    "UPDATE clean_result SET removed = '[]'": {"result"},
    'UPDATE clean_result SET removed = \'[[999, "wanted", ""]]\'': {"result"},
    "UPDATE revision SET text = 'another' WHERE id = (SELECT min(id) FROM revision)": {"article"},
    "UPDATE article SET title = 'another', index_version = index_version": {"article"},
    "DELETE FROM revision WHERE number = 1"
    " AND page_id IN (SELECT page_id FROM revision WHERE number = 2)": {"article", "change"},
    "DELETE FROM article": {"article", "index", "count"},
    "DELETE FROM change": {"change"},
    "UPDATE change SET kind = 'typo'": {"change"},
    "UPDATE change SET at = '2020-01-01 00:00:00'": {"change"},
    "UPDATE site_counts SET articles = articles + 1": {"count"},
    "UPDATE run SET counts = '{}' WHERE kind = 'crawl'": {"ledger"},
    "DELETE FROM ledger_entry WHERE run_id = 1": {"ledger"},
}


def faults(store: Database, scope: VerifyScope = EVERYTHING) -> list[Fault]:
    return list(repair.verify_archive(store, scope, VerifiedCounts(), lambda *_: None))


def kinds(store: Database, scope: VerifyScope = EVERYTHING) -> list[str]:
    return [fault.kind for fault in faults(store, scope)]


def repaired(store: Database, wrong: list[Fault], *sites: Site) -> RepairStats:
    return repair.repair_archive(store, sites, wrong, Extractors(), lambda *_: None)  # type: ignore[arg-type]


def filled(archive: CrawlSession, store: Database) -> None:
    """Add two nights with an edit, a removed line, and a change of rules between them."""
    night(
        archive,
        {
            url("a"): f"{STORY}\n{ADVERT}".encode(),
            url("b"): STORY.replace("ferries", "trams").encode(),
        },
    )
    reclean(store, site())
    reclean(store, site_removing(0))
    night(archive, {url("a"): f"{STORY} Again.\n{ADVERT}".encode()}, NIGHT + DAY)
    reclean(store, site_removing(0))


def row_counts(tables: dict[str, list[Any]]) -> dict[str, int]:
    return {name: len(rows) for name, rows in tables.items()}


def without_title(tables: dict[str, list[Any]]) -> list[Any]:
    return [row[:1] + row[2:] for row in tables["articles"]]


@pytest.fixture
def whole(archive: CrawlSession, store: Database) -> Database:
    filled(archive, store)
    return store


def test_repair_makes_each_kind_of_damage_good_and_keeps_the_sources(whole: Database) -> None:
    assert faults(whole) == []
    before, sources = articles(whole), payloads_and_captures(whole)
    for damage, expected in DAMAGE.items():
        do(whole, damage, **({"junk": b"junk"} if ":junk" in damage else {}))
        wrong = faults(whole)
        assert {fault.kind for fault in wrong} == expected, damage
        stats = repaired(whole, wrong, site_removing(0))
        assert faults(whole) == [], (damage, stats)
        if "revision" not in damage:
            assert row_counts(articles(whole)) == row_counts(before)
        assert without_title(articles(whole)) == without_title(before)
    assert payloads_and_captures(whole) == sources
    assert "entries were missing" in one(whole, "SELECT detail FROM run WHERE id = 1")


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_damaged_payload_is_reported_with_its_captures_and_nothing_is_made_from_it(
    whole: Database,
) -> None:
    digest = one(whole, "SELECT digest FROM payload WHERE id = 1")
    before = articles(whole)
    do(whole, "UPDATE payload SET body = (SELECT body FROM payload WHERE id = 2) WHERE id = 1")
    do(whole, "UPDATE extracted_page SET body = :junk WHERE payload_id = 1", junk=b"junk")
    wrong = faults(whole)
    (permanent,) = [fault for fault in wrong if not fault.repair]
    assert permanent.kind == "payload"
    assert all(part in permanent.sentence for part in (digest, url(""), "capture 1", "backup"))
    stats = repaired(whole, wrong, site_removing(0))
    assert kinds(whole) == ["payload", "extracted_page"]
    assert "damaged themselves" in stats.problems[0]
    assert articles(whole) == before


@pytest.mark.parametrize("engine", ["sqlite"])
def test_the_pages_of_a_site_without_a_site_file_are_not_repaired(whole: Database) -> None:
    do(whole, "UPDATE article SET title = 'another'")
    before = articles(whole)
    stats = repaired(whole, faults(whole))
    assert stats.problems[0].startswith(f"{SITE}: has no site file")
    assert articles(whole) == before


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_part_of_the_archive_can_be_verified(whole: Database, tmp_path: Path) -> None:
    counts = VerifiedCounts()
    assert not list(repair.verify_archive(whole, VerifyScope(sample=1), counts, lambda *_: None))
    assert (counts.rows["payloads"], counts.rows["results"]) == (1, 1)
    do(whole, "UPDATE payload SET body = :junk WHERE id = 1", junk=b"junk")
    assert kinds(whole) == ["payload"]
    assert faults(whole, VerifyScope(since=NIGHT + DAY / 2)) == []
