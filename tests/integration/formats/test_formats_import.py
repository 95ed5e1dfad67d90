"""Imports keep the time and bytes of other people's fetches, once, and their pages are cleaned."""

from __future__ import annotations

import gzip
import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from pipeline.config.site import Site, parse_site
from pipeline.core.site_ids import make_site_id
from pipeline.formats import export
from pipeline.formats.import_pages import (
    ImportLimits,
    ImportResult,
    import_pages,
    minimal_site_file,
)
from pipeline.formats.readers.import_input import read_source
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.db.migrate import ensure
from pipeline.store.read.export_articles import ExportQuery
from tests.support.archive_factory import (
    DAY,
    GONE,
    NIGHT,
    NOT_MODIFIED,
    Reply,
    clean,
    dump,
    links,
    list_links,
    night,
    url,
)
from tests.support.cli import nightdesk
from tests.support.warc_files import WarcResponse, story, write_warc


def in_chunks(body: bytes) -> bytes:
    """Return a body with the transfer coding "chunked"."""
    chunks = b""
    for part in (body[:40], body[40:]):
        chunks += b"%x\r\n%s\r\n" % (len(part), part)
    return chunks + b"0\r\n\r\n"


def run_import(
    store: Database, *sources: Path, site: str | None = None, sites: tuple[Site, ...] = ()
) -> ImportResult:
    return import_pages(store, sources, site, sites)


def rows(store: Database, query: str) -> Counter[tuple[str, ...]]:
    """Return the rows of a query, with the first characters of each value."""
    result: Counter[tuple[str, ...]] = Counter()
    with store.read() as db:
        for row in db.execute(text(query)):
            result[tuple(str(value)[:19] for value in row)] += 1
    return result


CAPTURES = """SELECT url, digest, fetched_at FROM capture JOIN page ON page.id = page_id
    JOIN payload ON payload.id = capture.payload_id"""
STORIES = """SELECT url, site, digest, last_matched_at FROM page
    JOIN payload ON payload.id = payload_id WHERE kind = 'story'"""


def test_an_exported_warc_is_imported_with_the_same_fetches(
    archive: CrawlSession, store: Database, tmp_path: Path
) -> None:
    first, second = b"<html>Night ferry\nIt left.", "<html>Паром\nУшёл.".encode()
    night(archive, {url("ferry"): Reply(first, etag='"1"'), url("gone"): b"<html>Old barge"})
    night(archive, {url("ferry"): NOT_MODIFIED, url("gone"): GONE}, NIGHT + DAY)
    night(archive, {url("ferry"): second}, NIGHT + 2 * DAY)
    night(archive, {url("ferry"): first}, NIGHT + 3 * DAY)
    export.write_export(store, ExportQuery(), "warc", tmp_path / "all.warc.gz")
    other = Database(f"sqlite:///{tmp_path / 'other.db'}")
    ensure(other)
    result = run_import(other, tmp_path / "all.warc.gz", site="courier")
    assert result.skipped == {"HTTP error": 1}
    assert rows(other, CAPTURES) == rows(store, CAPTURES)
    assert rows(other, STORIES) == rows(store, STORIES)
    before = table_sizes(other)
    again = run_import(other, tmp_path / "all.warc.gz", site="courier")
    assert {outcome for outcome, _ in again.outcomes} == {"unchanged"}
    assert table_sizes(other) == before
    other.close()


def table_sizes(store: Database) -> dict[str, int]:
    """Return the number of rows of each table, without runs, their ledgers and their leaves."""
    sizes = {name: len(table) for name, table in dump(store).items()}
    for name in ("run", "ledger_entry", "sealed_run", "log_leaf"):
        del sizes[name]
    return sizes


HTML = "text/html; charset=utf-8"
OTHERS = (
    WarcResponse(
        "http://www.gazette.example/2019/crane-falls", story("A crane falls"), media_type=HTML
    ),
    WarcResponse(
        "http://gazette.example/2019/packed",
        gzip.compress(story("A compressed page")),
        media_type=HTML,
        headers={"Content-Encoding": "gzip"},
    ),
    WarcResponse(
        "<https://evening.example/chunks>",
        in_chunks(story("A page in chunks")),
        media_type=HTML,
        headers={"Transfer-Encoding": "chunked"},
    ),
    WarcResponse(
        "http://gazette.example/moved", b"", "301 Moved", HTML, headers={"Location": "/x"}
    ),
    WarcResponse("http://gazette.example/logo.png", b"\x89PNG", media_type="image/png"),
    WarcResponse("http://gazette.example/none", b"<html>none", "404 Not Found", HTML),
    WarcResponse("http://gazette.example/void", b" ", media_type=HTML),
    WarcResponse(
        "http://gazette.example/brotli",
        b"\x0b\x02\x80hello\x03",
        media_type=HTML,
        headers={"Content-Encoding": "zz"},
    ),
)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_warc_of_others_becomes_articles_and_the_result_names_what_was_skipped(
    home: Path, store: Database, tmp_path: Path
) -> None:
    path = write_warc(tmp_path / "CC-NEWS-1.warc.gz", *OTHERS)
    words = ("--database-url", str(store.url), "import", str(path), "--json")
    answer = nightdesk(home, *words)
    assert (answer.code, answer.err) == (0, "")
    assert answer.json["skipped"] == {
        "redirect": 1,
        "no HTML": 1,
        "HTTP error": 1,
        "empty": 1,
        "unknown compression": 1,
    }
    assert answer.json["sites"] == {"evening": 1, "gazette": 2}
    assert len(answer.json["site_files"]) == 2
    published_at, first_seen_at = "2019-03-01 10:00:00", "2019-03-02 04:05:06"
    assert rows(store, "SELECT site, title, published_at, first_seen_at FROM articles") == {
        ("gazette", "A crane falls", published_at, first_seen_at): 1,
        ("gazette", "A compressed page", published_at, first_seen_at): 1,
        ("evening", "A page in chunks", published_at, first_seen_at): 1,
    }
    assert rows(store, "SELECT DISTINCT kind, status FROM run") == {
        ("import", "finished"): 1,
        ("clean", "finished"): 1,
    }
    details = rows(store, "SELECT substr(detail, 1, 10) FROM run WHERE kind = 'import'")
    assert ("Skipped: 1",) in details
    ledger = """SELECT outcome, reason, status, detail FROM ledger
        WHERE run_kind = 'import' AND outcome <> 'fetched'"""
    assert rows(store, ledger) == {
        ("redirected", "http_redirect", "301", "redirect"): 1,
        ("failed", "not_html", "200", "no HTML"): 1,
        ("gone", "not_found", "404", "HTTP error"): 1,
        ("failed", "empty_body", "200", "empty"): 1,
        ("failed", "unknown_encoding", "200", "unknown compression"): 1,
    }
    reasons = [record["why"] for record in answer.json["skipped_urls"]]
    assert reasons == list(answer.json["skipped"])
    # clean all sites, though no night crawls these
    cleaned = nightdesk(home, *words[:2], "clean", "--all", "--json").json
    assert {site["site"]: site["clean"] for site in cleaned} == {
        "evening": {"unchanged": {"same_text": 1}},
        "gazette": {"unchanged": {"same_text": 2}},
    }


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_repeated_truncated_or_wrong_warc_is_reported(
    home: Path, store: Database, tmp_path: Path
) -> None:
    path = write_warc(tmp_path / "CC-NEWS-1.warc.gz", *OTHERS)
    words = ("--database-url", str(store.url), "import", str(path), "--json", "--no-clean")
    assert nightdesk(home, *words).code == 0
    assert nightdesk(home, *words).json["outcomes"] == [
        {"outcome": "unchanged", "reason": "same_bytes", "records": 3}
    ]
    path.write_bytes(path.read_bytes()[:-40])
    assert nightdesk(home, *words).json["skipped"]["cut short"] == 1
    path.write_bytes(b"rubbish")
    answer = nightdesk(home, *words)
    assert answer.code == 3
    assert "holds no WARC record" in answer.error_line


def not_found(page_url: str) -> WarcResponse:
    return WarcResponse(page_url, b"<html>none", "404 Not Found")


def test_skipped_records_are_in_the_ledger_and_a_crawl_may_still_fetch_them(
    archive: CrawlSession, store: Database, tmp_path: Path
) -> None:
    night(archive, {url("kept"): b"<html>Kept"})
    run = archive.start_run("courier")
    list_links(archive, run, links(url("due")), NIGHT + DAY)
    archive.finish_run(run, "stopped")
    before = rows(store, "SELECT url, due_at FROM page")
    path = write_warc(
        tmp_path / "some.warc",
        not_found(url("moved")),
        not_found(url("due")),
        not_found(url("kept")),
        WarcResponse(url("both"), b"<html>Both"),
        not_found(url("both")),
        WarcResponse("http://[bad\x00", b"<html>Bad"),
        WarcResponse("https://pictures.example/1.png", b"PNG", media_type="image/png"),
    )
    courier = Site(
        id="courier",
        name="Courier",
        url="https://courier.example/",
        feeds=("https://courier.example/feed.xml",),
    )
    result = run_import(store, path, sites=(courier,))
    assert result.skipped == {"HTTP error": 4, "no http URL": 1, "no HTML": 1}
    assert result.logged_skips == 4
    assert [record.url for record in result.unlogged_skips] == [
        "http://[bad\ufffd",
        "https://pictures.example/1.png",
    ]
    assert rows(store, "SELECT outcome, substr(url, 25) FROM ledger WHERE run_kind = 'import'") == {
        ("gone", "moved"): 1,
        ("gone", "due"): 1,
        ("gone", "kept"): 1,
        ("fetched", "both"): 1,
    }
    assert before.keys() <= rows(store, "SELECT url, due_at FROM page").keys()
    fetched = night(archive, {url("moved"): b"<html>Moved"}, NIGHT + 2 * DAY)
    assert fetched == {url("moved"): "fetched"}
    limits = ImportLimits(remembered_skips=2)
    result = import_pages(store, [path], None, (courier,), limits=limits)
    assert result.logged_skips == 2
    # something that is no URL is in the ledger, too, on both databases
    assert run_import(store, path, site="courier").logged_skips == 6


def test_an_older_fetch_is_added_to_the_history_and_replaces_nothing(
    archive: CrawlSession, store: Database, tmp_path: Path
) -> None:
    night(archive, {url("ferry"): b"<html>Today"}, NIGHT + DAY)
    clean(store)
    old = write_warc(
        tmp_path / "old.warc",
        WarcResponse(url("ferry"), b"<html>Yesterday"),
        date="2024-03-01T00:00:00Z",
    )
    result = run_import(store, old)
    assert result.sites == {"courier": 1}  # the archive knows the URL
    assert result.outcomes == {("fetched", "changed"): 1}
    clean(store)
    assert rows(store, "SELECT title, revisions, first_seen_at FROM articles") == {
        ("<html>Today", "2", "2024-03-01 00:00:00"): 1
    }
    assert run_import(store, old, site="other").outcomes == {("refused", "other_site"): 1}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_pages_of_a_folder_get_their_url_from_the_index_or_from_themselves(
    store: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "saved"
    (folder / "deep").mkdir(parents=True)
    (folder / "index.csv").write_text(
        "file,url,date\na.html,https://gazette.example/a,2020-02-03\n", encoding="utf8"
    )
    (folder / "a.html").write_bytes(story("A"))
    canonical = b'<html><head><link rel="canonical" href="https://evening.example/b?x=1&amp;y=2">'
    (folder / "b.html").write_bytes(canonical + story("B"))
    saved_from = b"<!-- saved from url=(0026)https://evening.example/c -->"
    (folder / "deep" / "c d.htm").write_bytes(saved_from + story("C"))
    (folder / "deep" / "e.html").write_bytes(story("E"))
    (folder / "style.css").write_bytes(b"p {}")
    os.utime(folder / "deep" / "e.html", (1_500_000_000, 1_500_000_000))
    result = run_import(store, folder)
    assert result.sites == {"gazette": 1, "evening": 2, "saved": 1}
    assert result.skipped == {"no HTML": 1}
    changed_at = datetime.fromtimestamp(1_500_000_000, UTC)
    query = """SELECT url, first_seen_at FROM page
        WHERE site IN ('gazette', 'saved') AND due_at IS NULL AND payload_id > 0"""
    assert rows(store, query) == {
        ("https://gazette.exa", "2020-02-03 00:00:00"): 1,
        ("http://files.invali", f"{changed_at:%Y-%m-%d %H:%M:%S}"): 1,
    }
    urls = {record.url for record in read_source(folder, lambda *_: None)}
    assert "http://files.invalid/saved/deep/e.html" in urls
    assert run_import(store, folder).outcomes == {("unchanged", "same_bytes"): 4}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_new_site_gets_the_id_that_add_would_give_it(store: Database, tmp_path: Path) -> None:
    pages = (
        WarcResponse("https://kun.uz/news/1", story("One")),
        WarcResponse("https://www.gazette.example/1", story("Two")),
        WarcResponse("https://gazette.test/1", story("Three")),
    )
    result = run_import(store, write_warc(tmp_path / "a.warc", *pages))
    assert result.sites == {"kun-uz": 1, "gazette": 1, "gazette-2": 1}
    assert make_site_id("https://kun.uz/", "Kun.uz") == "kun-uz"
    assert result.site_urls["gazette-2"] == "https://gazette.test/"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_new_host_does_not_get_the_id_of_another_site(store: Database, tmp_path: Path) -> None:
    gazette = parse_site("gazette", minimal_site_file("https://gazette.example/"), "gazette.toml")
    page = WarcResponse("https://gazette.test/1", story("One"))
    path = write_warc(tmp_path / "a.warc", page)
    assert run_import(store, path, sites=(gazette,)).sites == {"gazette-2": 1}
