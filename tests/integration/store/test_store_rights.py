"""The rights of articles in an archive: put together, found, exported, and kept up to date."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.core.models import Capture, CrawlSource, DueUrl, UrlKind
from pipeline.formats.export import write_export
from pipeline.store import read
from pipeline.store.clean import rights
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.maintenance import verify_derived
from pipeline.store.maintenance.faults import EVERYTHING, VerifiedCounts
from pipeline.store.read import ExportQuery
from pipeline.store.search import index
from tests.support.archive_factory import (
    DAY,
    GONE,
    NIGHT,
    SITE,
    Reply,
    capture,
    clean,
    do,
    night,
    one,
    url,
)

ROBOTS = CrawlSource(url("robots.txt"), UrlKind.ROBOTS)
TDMREP = CrawlSource(url(".well-known/tdmrep.json"), UrlKind.TDMREP)
FERRY, TRAM = url("ferry"), url("tram")


def declare(archive: CrawlSession, source: CrawlSource, reply: Reply) -> None:
    """Save a file of the host."""
    run = archive.start_run(SITE)
    due = archive.register_source(run, source)
    archive.save_source(run, capture(due, reply), (), source.kind)
    archive.finish_run(run, "finished")


def follow(store: Database) -> int:
    """Do what the end of a clean does."""
    changed = rights.follow_declarations(store, SITE)
    while index.index_pending(store, SITE):
        pass
    return changed


def titles(store: Database, query: str) -> list[str]:
    return [hit.article.title for hit in read.search_articles(store, query, 10).hits]


@pytest.fixture
def two_articles(archive: CrawlSession, store: Database) -> None:
    declare(archive, ROBOTS, Reply(b"User-agent: GPTBot\nDisallow: /ferry"))
    night(archive, {FERRY: b"The ferry\nIt sails", TRAM: b"The tram\nIt rings"})
    clean(store)
    follow(store)


@pytest.mark.usefixtures("two_articles")
def test_articles_have_the_rights_of_their_urls(store: Database) -> None:
    assert titles(store, "rights:no-train") == ["The ferry"]
    assert titles(store, "-rights:no-train") == ["The tram"]
    (hit,) = read.search_articles(store, "ferry", 10).hits
    assert [one.source for one in hit.article.rights] == ["robots.txt: GPTBot"]
    view = one(store, "SELECT rights FROM articles WHERE title = 'The ferry'")
    rows = json.loads(view) if isinstance(view, str) else view
    assert rows == [{"use": "train", "value": "no", "source": "robots.txt: GPTBot"}]


@pytest.mark.usefixtures("two_articles")
def test_rights_follow_the_files_of_a_host(archive: CrawlSession, store: Database) -> None:
    assert follow(store) == 0
    declare(archive, TDMREP, Reply(b'[{"location": "/tram", "tdm-reservation": 1}]'))
    assert follow(store) == 1
    assert titles(store, "rights:no-tdm") == ["The tram"]
    declare(archive, ROBOTS, GONE)
    assert follow(store) == 1
    assert titles(store, "rights:no-train") == []
    assert titles(store, "ferry") == ["The ferry"]


@pytest.mark.usefixtures("two_articles")
def test_new_bytes_with_the_same_text_can_declare_something(
    archive: CrawlSession, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opted_out(due: DueUrl, reply: Reply, at: object = NIGHT) -> Capture:
        return replace(capture(due, reply, NIGHT + DAY), opt_outs=("noai",))

    monkeypatch.setattr("tests.support.archive_factory.capture", opted_out)
    night(archive, {TRAM: b"The tram\nIt rings twice"}, NIGHT + DAY)
    clean(store)
    assert titles(store, "rights:no-train tram") == ["The tram"]


@pytest.mark.usefixtures("two_articles")
def test_an_export_respects_reservations_and_counts_them(store: Database, tmp_path: Path) -> None:
    out = tmp_path / "corpus.jsonl"
    result = write_export(store, ExportQuery(respect=("train", "noarchive")), "jsonl", out)
    assert result["left_out"] == {"train": 1, "noarchive": 0}
    assert result["selection"]["respect"] == ["train", "noarchive"]
    (line,) = out.read_text(encoding="utf8").splitlines()
    assert json.loads(line)["title"] == "The tram"
    everything = tmp_path / "all.jsonl"
    assert "left_out" not in write_export(store, ExportQuery(), "jsonl", everything)
    records = [json.loads(row) for row in everything.read_text(encoding="utf8").splitlines()]
    assert [record["rights"] for record in records].count([]) == 1
    assert ["train: no (robots.txt: GPTBot)"] in [record["rights"] for record in records]


@pytest.mark.usefixtures("two_articles")
def test_verification_finds_rights_that_nobody_declared(
    archive: CrawlSession, store: Database
) -> None:
    def wrong() -> list[str]:
        counts = VerifiedCounts()
        faults = verify_derived.check_articles(store, EVERYTHING, counts, lambda *_: None)
        return [fault.sentence for fault in faults]

    assert wrong() == []
    do(store, "UPDATE article SET rights = '[]'")
    (sentence,) = wrong()
    assert "its rights are others than were declared" in sentence
    # a new robots.txt waits for the next clean, which is no fault
    declare(archive, ROBOTS, Reply(b"User-agent: CCBot\nDisallow: /tram"))
    assert wrong() == []
    follow(store)
    assert wrong() == []
