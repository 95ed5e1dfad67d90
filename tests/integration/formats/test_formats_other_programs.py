"""Other programs read the exports: WARC tools, pandas, DuckDB, feed readers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
    """Return an archive of pages that change and change back, vanish, or are no article."""
    more = {url("gone"): b"Old barge\nIt sank.", url("wall"): b"Before you go on\nAccept."}
    night(archive, {url("ferry"): Reply(FIRST, etag='"1"'), **more})
    night(archive, {url("ferry"): NOT_MODIFIED, url("gone"): GONE}, NIGHT + DAY)
    night(archive, {url("ferry"): SECOND}, NIGHT + 2 * DAY)
    night(archive, {url("ferry"): SECOND}, NIGHT + 3 * DAY)
    night(archive, {url("ferry"): FIRST}, NIGHT + 4 * DAY)
    clean(store)
    return store


@dataclass(frozen=True)
class StoredRecord:
    """A record of a WARC file."""

    kind: str
    warc_headers: Any
    http_headers: Any
    body: bytes

    @property
    def url(self) -> str | None:
        return self.header("WARC-Target-URI")

    def header(self, name: str) -> str | None:
        value: str | None = self.warc_headers.get_header(name)
        return value


def read_records(path: Path) -> list[StoredRecord]:
    records = []
    with path.open("rb") as stream:
        for record in ArchiveIterator(stream):
            body = record.content_stream().read()
            records.append(
                StoredRecord(record.rec_type, record.rec_headers, record.http_headers, body)
            )
    return records


def test_a_warc_has_each_fetch_and_all_bytes_once(nights: Database, tmp_path: Path) -> None:
    path = tmp_path / "all.warc.gz"
    result = export.write_export(nights, ExportQuery(), "warc", path)
    assert result["counts"]["records"] == export_articles.expected_fetches(nights, ExportQuery())
    with pytest.raises(SystemExit, match=r"^0$"):
        warcio(["check", str(path)])
    warcinfo, *records = read_records(path)
    assert warcinfo.kind == "warcinfo"
    assert len(records) == result["counts"]["records"]
    assert url("wall") in {record.url for record in records}
    ferry = [record for record in records if record.url == url("ferry")]
    kinds = [record.kind for record in ferry]
    assert kinds == ["response", "revisit", "response", "revisit", "revisit"]
    assert [record.body for record in ferry if record.kind == "response"] == [FIRST, SECOND]
    assert ferry[0].http_headers.get_header("ETag") == '"1"'
    assert "server-not-modified" in str(ferry[1].header("WARC-Profile"))
    last = ferry[-1]
    assert last.header("WARC-Date") == "2024-03-05T02:30:00.000000Z"
    assert last.header("WARC-Refers-To-Date") == "2024-03-01T02:30:00.000000Z"
    assert last.header("WARC-Payload-Digest") == f"sha256:{sha256(FIRST).hexdigest()}"


def test_a_warc_marks_a_fetch_without_a_body_as_truncated(nights: Database, tmp_path: Path) -> None:
    export.write_export(nights, ExportQuery(), "warc", tmp_path / "all.warc")
    gone = []
    for record in read_records(tmp_path / "all.warc")[1:]:
        if record.http_headers is not None and record.http_headers.get_statuscode() == "404":
            gone.append(record)
    assert [record.header("WARC-Truncated") for record in gone] == ["unspecified"]


def test_a_warc_of_a_search_has_the_fetches_of_the_articles_found(
    nights: Database, tmp_path: Path
) -> None:
    export.write_export(nights, ExportQuery("ferry"), "warc", tmp_path / "some.warc")
    records = read_records(tmp_path / "some.warc")[1:]
    assert {record.url for record in records} == {url("ferry")}


def test_an_atom_export_is_valid_and_has_the_texts(nights: Database, tmp_path: Path) -> None:
    export.write_export(nights, ExportQuery(), "atom", tmp_path / "all.atom")
    etree.parse(tmp_path / "all.atom")
    feed = feedparser.parse((tmp_path / "all.atom").read_bytes())
    assert not feed.bozo
    assert {entry.title for entry in feed.entries} == {"Night ferry", "Old barge"}
    for entry in feed.entries:
        assert entry.content[0].value.startswith("<p>")
        assert entry.id
        assert entry.updated


def test_pandas_and_duckdb_read_parquet_with_the_right_types(
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
    check_with_pandas(folder)
    check_with_duckdb(folder)


def check_with_pandas(folder: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.read_parquet(folder)
    assert (len(frame), str(frame["first_seen_at"].dtype)) == (2, "datetime64[us, UTC]")
    assert set(frame["site"]) == {"courier"}


def check_with_duckdb(folder: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")
    columns = "typeof(id), typeof(tags), typeof(first_seen_at), site, month"
    query = f"SELECT {columns} FROM read_parquet('{folder}/**/*.parquet')"
    rows: Sequence[Any] = duckdb.sql(query).fetchall()
    assert rows[0][:4] == ("BIGINT", "VARCHAR[]", "TIMESTAMP WITH TIME ZONE", "courier")
