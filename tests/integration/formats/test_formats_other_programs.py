"""Other programs read what is exported: WARC tools, pandas, DuckDB, feed readers."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import feedparser
import pytest
from lxml import etree
from warcio.archiveiterator import ArchiveIterator
from warcio.cli import main as warcio

from pipeline.formats import export, manifest
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.read import export_articles
from pipeline.store.read.export_articles import ExportQuery
from tests.support.archive_factory import DAY, GONE, NIGHT, NOT_MODIFIED, Reply, clean, night, url

FIRST, SECOND = b"Night ferry\nIt left.", "Паром\nУшёл в ӯро.".encode()


@pytest.fixture
def nights(archive: CrawlSession, store: Database) -> Database:
    """A page that changes and changes back, one that goes, one that moves, and one that is no article."""
    more = {url("gone"): b"Old barge\nIt sank.", url("wall"): b"Before you go on\nAccept."}
    night(archive, {url("ferry"): Reply(FIRST, etag='"1"'), **more})
    night(archive, {url("ferry"): NOT_MODIFIED, url("gone"): GONE}, NIGHT + DAY)
    night(archive, {url("ferry"): SECOND}, NIGHT + 2 * DAY)
    night(archive, {url("ferry"): SECOND}, NIGHT + 3 * DAY)
    night(archive, {url("ferry"): FIRST}, NIGHT + 4 * DAY)
    clean(store)
    return store


def records(path: Path) -> list[Any]:
    with path.open("rb") as stream:
        return [
            (each.rec_type, each.rec_headers, each.http_headers, each.content_stream().read())
            for each in ArchiveIterator(stream)
        ]


def test_a_warc_holds_each_visit_with_its_bytes_once(nights: Database, tmp_path: Path) -> None:
    path = tmp_path / "all.warc.gz"
    told = export.write_export(nights, ExportQuery(), "warc", path)
    assert told["counts"]["records"] == export_articles.expected_fetches(nights, ExportQuery())
    with pytest.raises(SystemExit, match=r"^0$"):
        warcio(["check", str(path)])
    found = records(path)
    ferry = [each for each in found if each[1].get_header("WARC-Target-URI") == url("ferry")]
    assert [each[0] for each in ferry] == ["response", "revisit", "response", "revisit", "revisit"]
    assert [each[3] for each in ferry if each[0] == "response"] == [FIRST, SECOND]
    last = ferry[-1][1]
    assert last.get_header("WARC-Date") == "2024-03-05T02:30:00.000000Z"
    assert last.get_header("WARC-Refers-To-Date") == "2024-03-01T02:30:00.000000Z"
    assert last.get_header("WARC-Payload-Digest") == f"sha256:{sha256(FIRST).hexdigest()}"
    assert "server-not-modified" in ferry[1][1].get_header("WARC-Profile")
    assert ferry[0][2].get_header("ETag") == '"1"'
    (gone,) = [each for each in found if each[2] is not None and each[2].get_statuscode() == "404"]
    assert gone[1].get_header("WARC-Truncated")
    assert (found[0][0], len(found) - 1) == ("warcinfo", told["counts"]["records"])
    assert any(each[1].get_header("WARC-Target-URI") == url("wall") for each in found)
    export.write_export(nights, ExportQuery("ferry"), "warc", tmp_path / "some.warc")
    assert {
        each[1].get_header("WARC-Target-URI") for each in records(tmp_path / "some.warc")[1:]
    } == {url("ferry")}


def test_a_feed_of_articles_is_valid_and_has_their_texts(nights: Database, tmp_path: Path) -> None:
    export.write_export(nights, ExportQuery(), "atom", tmp_path / "all.atom")
    etree.parse(tmp_path / "all.atom")
    feed = feedparser.parse((tmp_path / "all.atom").read_bytes())
    assert not feed.bozo
    assert {each.title for each in feed.entries} == {"Night ferry", "Old barge"}
    assert all(
        each.content[0].value.startswith("<p>") and each.id and each.updated
        for each in feed.entries
    )


def test_parquet_opens_in_pandas_and_duckdb_with_the_right_types(
    nights: Database, tmp_path: Path
) -> None:
    pytest.importorskip("pyarrow", reason="the extra 'parquet' is not installed")
    from pyarrow import parquet

    folder = tmp_path / "all.parquet"
    export.write_export(nights, ExportQuery(), "parquet", folder)
    assert manifest.verify_export(folder)[1] == []
    table = parquet.read_table(folder)
    types = {field.name: str(field.type) for field in table.schema}
    assert (types["id"], types["authors"], types["first_seen_at"]) == (
        "int64",
        "list<element: string>",
        "timestamp[us, tz=UTC]",
    )
    assert sorted(table.column("text").to_pylist()) == [
        "Night ferry\nIt left.",
        "Old barge\nIt sank.",
    ]
    assert (folder / "site=courier" / "month=2024-03" / "part-0.parquet").is_file()
    with_pandas(folder)
    with_duckdb(folder)


def with_pandas(folder: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.read_parquet(folder)
    assert (len(frame), str(frame["first_seen_at"].dtype)) == (2, "datetime64[us, UTC]")
    assert set(frame["site"]) == {"courier"}


def with_duckdb(folder: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")
    asked = f"SELECT typeof(id), typeof(tags), typeof(first_seen_at), site, month FROM read_parquet('{folder}/**/*.parquet')"
    found: Sequence[Any] = duckdb.sql(asked).fetchall()
    assert found[0][:4] == ("BIGINT", "VARCHAR[]", "TIMESTAMP WITH TIME ZONE", "courier")
