"""The changes of a newsroom over four nights are listed, all of them and nothing else."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import pytest
from alembic import command
from lxml import etree
from starlette.testclient import TestClient

import nightdesk as nightdesk_package
from pipeline.core.errors import ConfigError
from pipeline.formats.export import write_export
from pipeline.jobs import repair
from pipeline.store import read
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from pipeline.store.maintenance.faults import EVERYTHING, VerifiedCounts
from pipeline.store.read import ChangeQuery, ExportQuery
from pipeline.web.app import create_app
from tests.conftest import GrowOnce
from tests.support.archive_factory import DAY, NIGHT, dump, night, one, rows
from tests.support.cli import nightdesk
from tests.support.newsroom import (
    COURIER,
    NIGHTS,
    SITES,
    build_newsroom,
    expected_changes,
    feed_of,
    pages_of,
    reclean_site,
)

Found = set[tuple[str, int, str]]
pytestmark = pytest.mark.xdist_group("newsroom")  # one worker makes the archives


@pytest.fixture
def newsroom(store: Database, archive: CrawlSession, grow_once: GrowOnce) -> Database:
    def build() -> None:
        build_newsroom(store, archive)

    grow_once(build)
    return store


def number_of(at: str | datetime) -> int:
    """Return the number of the night of a time."""
    if isinstance(at, str):
        at = datetime.fromisoformat(at)
    at = at if at.tzinfo else at.replace(tzinfo=NIGHT.tzinfo)
    return (at - NIGHT) // DAY + 1


def found(records: Iterable[dict[str, str]]) -> Found:
    return {(each["url"], number_of(each["at"]), each["kind"]) for each in records}


def test_all_planted_edits_and_nothing_else_are_listed_everywhere(
    newsroom: Database, home: Path
) -> None:
    expected = expected_changes()
    assert len(expected) == 14
    address = newsroom.url.render_as_string(hide_password=False)

    def run(*words: str) -> str:
        result = nightdesk(home, "--database-url", address, "changes", *words)
        assert (result.code, result.err) == (0, "")
        return result.out

    assert found(json.loads(run("--json"))) == expected
    table = list(csv.DictReader(io.StringIO(run("--csv"))))
    assert (found(table), len(table)) == (expected, len(expected))
    assert sum(" UTC  " in line for line in run().splitlines()) == len(expected)
    view = rows(newsroom, "SELECT url, at, kind FROM changes")
    assert {(url, number_of(at), kind) for url, at, kind in view} == expected
    assert found(json.loads(run("--json", "--site", COURIER, "--kind", "gone"))) == {
        each for each in expected if each[2] == "gone"
    }
    assert found(json.loads(run("--json", "harbour", "levy"))) == {
        each for each in expected if "harbour-levy" in each[0]
    }
    assert json.loads(run("--json", "--min-words", "500")) == []
    with nightdesk_package.open_archive(address) as archive:
        python = [(each.url, number_of(each.at), str(each.kind)) for each in archive.changes()]
        titles = {each.url for each in archive.changes(kind="title", site=COURIER)}
    assert (set(python), len(python)) == (expected, len(expected))
    assert titles == {url for url, _, kind in expected if kind == "title"}


def test_the_page_the_feed_and_the_api_list_the_same(newsroom: Database) -> None:
    expected = expected_changes()
    with TestClient(create_app(newsroom), base_url="http://127.0.0.1:8642") as web:
        document = web.get("/api/changes").json()
        assert (found(document["changes"]), document["next"]) == (expected, None)
        feed = etree.fromstring(web.get("/changes.atom").content)
        entries = feed.findall("{*}entry")
        listed = {
            (
                entry.find("{*}link[@rel='via']").get("href"),
                number_of(entry.find("{*}updated").text),
                entry.find("{*}category").get("term"),
            )
            for entry in entries
        }
        assert (listed, len(entries)) == (expected, len(expected))
        times = [entry.find("{*}updated").text for entry in entries]
        assert times == sorted(times, reverse=True)
        assert len({entry.find("{*}id").text for entry in entries}) == len(entries)
        page = web.get("/changes").text
        assert page.count('<article class="change">') == len(expected)
        assert "<del>9,4</del><ins>7,8</ins>" in page
        gone = web.get("/changes?kind=gone&site=harbour-courier").text
        assert gone.count('<article class="change">') == 2
        pieces, after = [], ""
        while after is not None:
            part = web.get(f"/api/changes?limit=4&after={after}").json()
            pieces += part["changes"]
            after = part["next"]
        assert pieces == document["changes"]
        for wrong in ("kind=x", "since=2026-02-31", "after=1-2-text-3", "min_words=-1"):
            assert web.get(f"/api/changes?{wrong}").status_code in (400, 422), wrong


def test_an_export_of_revisions_has_every_text(newsroom: Database, tmp_path: Path) -> None:
    result = write_export(
        newsroom, ExportQuery(revisions=True), "jsonl", tmp_path / "revisions.jsonl"
    )
    lines = (tmp_path / "revisions.jsonl").read_text(encoding="utf8").splitlines()
    records = [json.loads(line) for line in lines]
    view = rows(newsroom, "SELECT article, number, title, text, payload FROM revisions")
    assert sorted(map(tuple, view)) == sorted(
        tuple(record[name] for name in ("id", "revisions", "title", "text", "payload_sha256"))
        for record in records
    )
    assert result["counts"] == {"revisions": len(view)}
    begun = {(record["url"], number_of(record["first_seen_at"])) for record in records}
    edits = {each[:2] for each in expected_changes() if each[2] not in ("gone", "back")}
    assert edits <= begun
    with pytest.raises(ConfigError, match="--revisions fits jsonl, csv and parquet"):
        write_export(newsroom, ExportQuery(revisions=True), "atom", tmp_path / "x.atom")


def test_the_list_is_made_again_by_a_repair_an_upgrade_and_a_clean(newsroom: Database) -> None:
    before = dump(newsroom, "change")
    found_before = dump(newsroom)["article_index"]
    assert not list(repair.verify_archive(newsroom, EVERYTHING, VerifiedCounts(), lambda *_: None))
    with newsroom.migration_transaction() as connection:
        settings = migrate.config()
        settings.attributes["connection"] = connection
        command.downgrade(settings, "1008")
        command.upgrade(settings, "head")
    assert one(newsroom, "SELECT count(*) FROM changes") == 0
    for site_id in SITES:
        reclean_site(newsroom, site_id)
    assert dump(newsroom, "change") == before
    assert dump(newsroom)["article_index"] == found_before
    assert one(newsroom, "SELECT count(*) FROM article WHERE changes_pending") == 0


def test_a_clean_by_other_rules_is_no_change(newsroom: Database) -> None:
    before = dump(newsroom, "change")
    with newsroom.write() as db:
        db.exec_driver_sql("UPDATE page SET needs_clean = true")
    for site_id in SITES:
        reclean_site(newsroom, site_id)
    assert dump(newsroom, "change") == before


def test_searches_find_what_was_edited_and_what_is_gone(
    newsroom: Database, archive: CrawlSession
) -> None:
    def urls(query: str) -> set[str]:
        return {article.url for article in read.find_articles(newsroom, query, 100)}

    expected = expected_changes()
    edited = {url for url, _, kind in expected if kind not in ("gone", "back")}
    assert urls("edited:yes") == edited
    assert urls("edited:no") == urls("") - edited
    assert urls("edited:title") == {url for url, _, kind in expected if kind == "title"}
    assert urls("edited:number OR edited:correction") == {
        url for url, _, kind in expected if kind in ("number", "correction")
    }
    back = {url for url, _, kind in expected if kind == "back"}
    gone = {url for url, _, kind in expected if kind == "gone"} - back
    assert urls("gone:yes") == gone
    assert urls("gone:no") == urls("") - gone
    # back on the fifth night, with the bytes of before
    (url,) = gone
    pages = {url: pages_of(COURIER, 1)[url]}
    night(archive, pages, NIGHT + NIGHTS * DAY, site=COURIER, source=feed_of(COURIER))
    kinds = [
        (str(change.kind), number_of(change.at), number_of(change.before_at))
        for change in read.iter_changes(newsroom, ChangeQuery())
        if change.url == url
    ]
    assert kinds == [("back", 5, 4), ("gone", 3, 2)]
    reclean_site(newsroom, COURIER)
    assert urls("gone:yes") == set()


def test_pages_of_changes_follow_each_other_without_a_gap(newsroom: Database) -> None:
    whole = [change.key for change in read.iter_changes(newsroom, ChangeQuery())]
    assert whole == sorted(whole, key=lambda key: int(key.split("-")[0]), reverse=True)
    after, pieces = "", []
    while True:
        page = read.list_changes(newsroom, ChangeQuery(), 3, after)
        pieces += [change.key for change in page.changes]
        after = page.next
        if not after:
            break
    assert pieces == whole
    counts = read.count_changes(newsroom, ChangeQuery())
    assert counts.total() == len(whole)
