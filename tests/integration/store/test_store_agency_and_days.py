"""A date without a time stays a day, and an agency can be searched, on both databases and in each
way of reading an archive."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from alembic import command
from starlette.testclient import TestClient

from pipeline.cli.commands import explain, search, show
from pipeline.cli.views import probe_report
from pipeline.core.models import (
    CleanResult,
    DateConfidence,
    ExtractedPage,
    Metadata,
    Outcome,
    Recipe,
)
from pipeline.formats import export
from pipeline.jobs.batch_clean import CleanedPage
from pipeline.reader import Reader
from pipeline.store import read
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from pipeline.store.read import ExportQuery
from pipeline.store.search.index import index_pending
from pipeline.web.app import create_app
from tests.support import archive_factory
from tests.support.archive_factory import RECIPE, clean, night, rows, url
from tests.support.hostile_archive import EXTRACTOR

ATOM = "{http://www.w3.org/2005/Atom}"
DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"
LATE_EVENING = datetime(2024, 3, 5, 20, 30, tzinfo=UTC)
MIDNIGHT = datetime(2024, 3, 5, tzinfo=UTC)
DAY_ONLY = Metadata(
    agency="dpa, AFP",
    published_at=MIDNIGHT,
    published_source="shown",
    published_precision="day",
    published_confidence=DateConfidence.MEDIUM,
    modified_at=datetime(2024, 3, 7, tzinfo=UTC),
    modified_precision="day",
)
TIMED = Metadata(
    agency="Reuters",
    published_at=LATE_EVENING,
    published_source="json-ld",
    published_precision="second",
    published_offset=300,
)
STORIES = {"day": DAY_ONLY, "timed": TIMED, "undated": Metadata()}
extracted_of = archive_factory.extracted_of


def _extracted(body: bytes, recipe: Recipe = RECIPE) -> ExtractedPage:
    page = extracted_of(body, recipe)
    name = page.metadata.title
    return replace(page, metadata=replace(STORIES[name], title=name))


@pytest.fixture
def stories(archive: CrawlSession, store: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """An archive with a story of a day, one of an evening, and one without a date."""
    monkeypatch.setattr(EXTRACTOR, _extracted)
    night(archive, {url(name): f"{name}\nThe ferry {name} left.".encode() for name in STORIES})
    clean(store)
    return store


def titles(store: Database, query: str) -> list[str]:
    return sorted(hit.article.title for hit in read.search_articles(store, query).hits)


def records(store: Database, target: Path, name: str, **limits: Any) -> dict[str, Any]:
    export.write_export(store, ExportQuery(**limits), name, target)
    return {record["title"]: record for record in map(json.loads, target.open())}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("agency:reuters", ["timed"]),
        ("agency:dpa", ["day"]),
        ("agency:AFP", ["day"]),
        ('agency:"dpa afp"', []),  # two agencies are two names
        ("-agency:dpa ferry", ["timed", "undated"]),
        ("dpa", []),  # the text does not name it
        ("author:dpa", []),
        ("after:2024-03-05 before:2024-03-06", ["day", "timed"]),
        ("after:2024-03-06", []),
        ("before:2024-03-05", ["undated"]),
    ],
)
def test_queries_know_agencies_and_days(stories: Database, query: str, expected: list[str]) -> None:
    assert titles(stories, query) == expected


def test_the_view_has_agency_precision_and_day(stories: Database) -> None:
    columns = "title, agency, published_precision, published_day, modified_precision"
    found = rows(stories, f"SELECT {columns} FROM articles ORDER BY title")
    assert [(row[0], row[1], row[2], str(row[3] or ""), row[4]) for row in found] == [
        ("day", "dpa, AFP", "day", "2024-03-05", "day"),
        ("timed", "Reuters", "second", "2024-03-06", ""),  # the evening of UTC is their morning
        ("undated", "", "", "", ""),
    ]


def test_exports_write_a_day_without_a_time(stories: Database, tmp_path: Path) -> None:
    found = records(stories, tmp_path / "all.jsonl", "jsonl")
    day, timed, undated = found["day"], found["timed"], found["undated"]
    assert (day["published_at"], day["published_day"]) == ("2024-03-05", "2024-03-05")
    assert (day["modified_at"], day["agency"]) == ("2024-03-07", "dpa, AFP")
    assert timed["published_at"] == "2024-03-05T20:30:00Z"
    assert timed["published_day"] == "2024-03-06"
    assert (undated["published_at"], undated["published_day"], undated["agency"]) == (
        None,
        None,
        "",
    )
    export.write_export(stories, ExportQuery(), "csv", tmp_path / "all.csv")
    with (tmp_path / "all.csv").open(encoding="utf-8-sig") as stream:
        cells = {row["title"]: row for row in csv.DictReader(stream)}
    assert (cells["day"]["published_at"], cells["day"]["agency"]) == ("2024-03-05", "dpa, AFP")
    within = {"since": MIDNIGHT, "until": datetime(2024, 3, 6, tzinfo=UTC)}
    assert sorted(records(stories, tmp_path / "one.jsonl", "jsonl", **within)) == ["day", "timed"]


def test_text_files_have_a_day_without_a_time(stories: Database, tmp_path: Path) -> None:
    export.write_export(stories, ExportQuery(), "text", tmp_path / "all")
    lines: list[str] = []
    for path in (tmp_path / "all").rglob("*.txt"):
        lines += path.read_text(encoding="utf8").split("\n")
    dates = sorted(line for line in lines if line.startswith("published_at:"))
    assert dates == ["published_at: 2024-03-05", "published_at: 2024-03-05T20:30:00Z"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("day", "2024-03-05,"), ("timed", "2024-03-06 01:30,"), ("undated", "no date")],
)
def test_a_probe_shows_a_day_without_a_time(
    name: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    page = extracted_of(f"{name}\nThe ferry left.".encode())
    metadata = replace(STORIES[name], title=name, authors=("A",))
    result = CleanResult(
        recipe=RECIPE,
        profile_digest="",
        removed=(),
        metadata=metadata,
        text="The ferry left.",
        outcome=Outcome.ARCHIVED,
    )
    probe_report._print_sample(CleanedPage(name, "courier", page, result, url(name)))
    printed = capsys.readouterr().out
    assert f"{name}  {expected}" in printed
    assert "00:00" not in printed


def test_parquet_has_a_column_of_days(stories: Database, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    export.write_export(stories, ExportQuery(), "parquet", tmp_path / "all")
    found = parquet.read_table(tmp_path / "all").to_pylist()
    days = {row["title"]: (row["published_day"], row["agency"]) for row in found}
    assert days == {
        "day": (date(2024, 3, 5), "dpa, AFP"),
        "timed": (date(2024, 3, 6), "Reuters"),
        "undated": (None, ""),
    }


def test_the_web_app_shows_a_day_without_a_time(stories: Database) -> None:
    with TestClient(create_app(stories), base_url="http://127.0.0.1:8642") as web:
        by_title = {each["title"]: each for each in web.get("/api/articles").json()["articles"]}
        day, timed = by_title["day"], by_title["timed"]
        assert (day["published_at"], day["published_precision"]) == ("2024-03-05", "day")
        assert (day["modified_at"], day["agency"]) == ("2024-03-07", "dpa, AFP")
        assert timed["published_at"] == "2024-03-05T20:30:00Z"
        whole = web.get(f"/api/articles/{day['id']}").json()
        assert (whole["published_at"], whole["metadata"]["published_at"]) == ("2024-03-05",) * 2
        page = web.get(f"/articles/{day['id']}").text
        assert "dpa, AFP" in page
        assert '<time datetime="2024-03-05">2024-03-05</time>' in page
        assert "00:00" not in page.replace("02:30", "")
        counts = web.get("/api/search?q=ferry&facets=1").json()["facets"]
        assert {each["value"] for each in counts["agencies"]} == {"dpa", "AFP", "Reuters"}


def test_a_feed_gives_a_day_as_noon_without_a_zone_and_as_a_day(stories: Database) -> None:
    with TestClient(create_app(stories), base_url="http://127.0.0.1:8642") as web:
        feed = ElementTree.fromstring(web.get("/feed.atom").text)
        items = {each["title"]: each for each in web.get("/feed.json").json()["items"]}
    entries = {entry.findtext(f"{ATOM}title"): entry for entry in feed.iter(f"{ATOM}entry")}
    day, timed = entries["day"], entries["timed"]
    assert day.findtext(f"{ATOM}published") == "2024-03-05T12:00:00-00:00"
    assert day.findtext(f"{DUBLIN_CORE}date") == "2024-03-05"
    assert day.findtext(f"{ATOM}updated") == "2024-03-07T12:00:00Z"
    assert timed.findtext(f"{ATOM}published") == "2024-03-05T20:30:00Z"
    assert timed.find(f"{DUBLIN_CORE}date") is None
    assert items["day"]["date_published"] == "2024-03-05T12:00:00-00:00"
    assert "date_published" not in items["undated"]


def test_commands_show_a_day_without_a_time(
    stories: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    (hit,) = read.search_articles(stories, "agency:dpa").hits
    search._print_hit(hit)
    printed = capsys.readouterr().out
    assert "2024-03-05  courier  dpa, AFP" in printed
    assert show._published(hit.article) == "2024-03-05 (from shown)"
    shown = read.article_values(hit.article)
    assert (shown["published_at"], shown["modified_at"]) == (date(2024, 3, 5), date(2024, 3, 7))
    page = read.find_page(stories, str(hit.article.id))
    assert page is not None
    explanation = read.explain_page(stories, page)
    assert explanation is not None
    head = dict(explain._head(explanation))
    assert head["Dated"] == "2024-03-05 (from shown, confidence medium)"


def test_python_says_how_precise_a_date_is(stories: Database) -> None:
    articles = {article.title: article for article in Reader(stories).articles()}
    assert (articles["day"].published_precision, articles["day"].published_day) == (
        "day",
        date(2024, 3, 5),
    )
    assert articles["timed"].published_day == date(2024, 3, 6)
    in_march = Reader(stories).articles(since="2024-03-05", until="2024-03-06")
    assert sorted(article.title for article in in_march) == ["day", "timed"]


def test_an_older_archive_gets_what_its_results_say(stories: Database) -> None:
    """The rest is filled when its pages are cleaned again."""
    columns = "title, agency, published_day, published_precision"
    before = rows(stories, f"SELECT {columns} FROM articles ORDER BY title")
    for name, version in (("downgrade", "1003"), ("upgrade", "head")):
        with stories.migration_transaction() as connection:
            settings = migrate.config(migrate.SCRIPTS)
            settings.attributes["connection"] = connection
            getattr(command, name)(settings, version)
    assert rows(stories, f"SELECT {columns} FROM articles ORDER BY title") == before
    assert read.count_unindexed(stories) == 2
    index_pending(stories)
    assert titles(stories, "agency:reuters") == ["timed"]
