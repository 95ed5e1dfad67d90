"""What others have archived comes in: with its own times and bytes, once, and cleaned like all else."""

from __future__ import annotations

import gzip
import os
from collections import Counter
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import text
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from pipeline.config.site import Site
from pipeline.formats import export
from pipeline.formats.import_pages import ImportLimits, ImportResult, import_pages
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
    night,
    show,
    url,
)
from tests.support.cli import nightdesk

STORY = """<!doctype html><html lang="en"><head><title>{0}</title><meta property="article:published_time"
content="2019-03-01T10:00:00Z"></head><body><article><h1>{0}</h1><p>The crane on the northern quay was mended on Monday, and
the ferries left the harbour on time again, said the harbour master of the town.</p><p>{0}: nobody was hurt when the old crane
fell into the water last week, and the fishermen were paid for the nets that they had lost.</p></article></body></html>"""


def written(
    path: Path,
    *answers: tuple[str, str, str, bytes, dict[str, str]],
    date: str = "2019-03-02T04:05:06Z",
) -> Path:
    """A WARC in the style of wget and CC-NEWS: requests, metadata and all kinds of answers between the pages."""
    with path.open("wb") as stream:
        writer = WARCWriter(stream, gzip=path.suffix == ".gz")
        writer.write_record(writer.create_warcinfo_record(path.name, {"software": "Wget/1.21"}))
        for address, status, media_type, body, headers in answers:
            http = StatusAndHeaders(
                status, [("Content-Type", media_type), *headers.items()], protocol="HTTP/1.1"
            )
            dated = {"WARC-Date": date}
            asked = StatusAndHeaders("GET / HTTP/1.1", [("Host", "x")], is_http_request=True)
            writer.write_record(
                writer.create_warc_record(
                    address, "request", http_headers=asked, warc_headers_dict=dated
                )
            )
            writer.write_record(
                writer.create_warc_record(
                    address,
                    "response",
                    BytesIO(body),
                    len(body),
                    http_headers=http,
                    warc_headers_dict=dated,
                )
            )
    return path


def story(title: str) -> bytes:
    return STORY.format(title).encode()


def chunked(body: bytes) -> bytes:
    return (
        b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:40], body[40:]))
        + b"0\r\n\r\n"
    )


def bring(
    store: Database, *sources: Path, site: str | None = None, sites: tuple[Site, ...] = ()
) -> ImportResult:
    return import_pages(store, sources, site, sites)


def test_a_warc_of_ours_comes_back_with_the_same_visits(
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
    done = bring(other, tmp_path / "all.warc.gz", site="courier")
    assert done.skipped == {"HTTP error": 1}
    asked = """SELECT url, digest, fetched_at FROM capture JOIN page ON page.id = page_id
        JOIN payload ON payload.id = capture.payload_id"""
    assert seen(other, asked) == seen(store, asked)
    asked = "SELECT url, site, digest, last_matched_at FROM page JOIN payload ON payload.id = payload_id WHERE kind = 'story'"
    assert seen(other, asked) == seen(store, asked)
    before = dump(other, without=("finished_at",))
    again = bring(other, tmp_path / "all.warc.gz", site="courier")
    assert {outcome for outcome, _ in again.outcomes} == {"unchanged"}
    after = dump(other)
    assert {
        name: len(rows) for name, rows in after.items() if name not in ("run", "ledger_entry")
    } == {name: len(rows) for name, rows in before.items() if name not in ("run", "ledger_entry")}
    other.close()


def seen(store: Database, asked: str) -> Counter[tuple[str, ...]]:
    with store.read() as db:
        return Counter(tuple(str(value)[:19] for value in row) for row in db.execute(text(asked)))


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_warc_of_others_becomes_articles_and_says_what_it_left_out(
    home: Path, store: Database, tmp_path: Path
) -> None:
    packed, html = {"Content-Encoding": "gzip"}, "text/html; charset=utf-8"
    path = written(
        tmp_path / "CC-NEWS-1.warc.gz",
        ("http://www.gazette.example/2019/crane-falls", "200 OK", html, story("A crane falls"), {}),
        (
            "http://gazette.example/2019/packed",
            "200 OK",
            html,
            gzip.compress(story("A packed page")),
            packed,
        ),
        (
            "<https://evening.example/chunks>",
            "200 OK",
            html,
            chunked(story("A page in chunks")),
            {"Transfer-Encoding": "chunked"},
        ),
        ("http://gazette.example/moved", "301 Moved", html, b"", {"Location": "/x"}),
        ("http://gazette.example/logo.png", "200 OK", "image/png", b"\x89PNG", {}),
        ("http://gazette.example/none", "404 Not Found", html, b"<html>none", {}),
        ("http://gazette.example/void", "200 OK", html, b" ", {}),
        (
            "http://gazette.example/brotli",
            "200 OK",
            html,
            b"\x0b\x02\x80hello\x03",
            {"Content-Encoding": "zz"},
        ),
    )
    words = ("--database-url", str(store.url), "import", str(path), "--json")
    done = nightdesk(home, *words)
    assert (done.code, done.err) == (0, "")
    assert done.json["skipped"] == {
        "redirect": 1,
        "no HTML": 1,
        "HTTP error": 1,
        "empty": 1,
        "unknown compression": 1,
    }
    assert done.json["sites"] == {"evening": 1, "gazette": 2}
    assert len(done.json["site_files"]) == 2
    asked = "SELECT site, title, published_at, first_seen_at FROM articles"
    assert seen(store, asked) == {
        (site, title, "2019-03-01 10:00:00", "2019-03-02 04:05:06"): 1
        for site, title in (
            ("gazette", "A crane falls"), ("gazette", "A packed page"), ("evening", "A page in chunks"),
        )
    }  # fmt: skip
    assert seen(store, "SELECT DISTINCT kind, status FROM run") == {
        ("import", "finished"): 1,
        ("clean", "finished"): 1,
    }
    assert "Skipped: 1" in str(
        seen(store, "SELECT substr(detail, 1, 10) FROM run WHERE kind = 'import'")
    )
    assert seen(
        store,
        "SELECT outcome, reason, status, detail FROM ledger WHERE run_kind = 'import' AND outcome <> 'fetched'",
    ) == {
        ("redirected", "http_redirect", "301", "redirect"): 1,
        ("failed", "not_html", "200", "no HTML"): 1,
        ("gone", "not_found", "404", "HTTP error"): 1,
        ("failed", "empty_body", "200", "empty"): 1,
        ("failed", "unknown_encoding", "200", "unknown compression"): 1,
    }
    assert [each["why"] for each in done.json["skipped_urls"]] == list(done.json["skipped"])
    again = nightdesk(
        home, *words[:2], "clean", "--all", "--json"
    ).json  # all sites, though no night crawls these
    assert {each["site"]: each["clean"] for each in again} == {
        "evening": {"unchanged": {"same_text": 1}}, "gazette": {"unchanged": {"same_text": 2}},
    }  # fmt: skip
    assert nightdesk(home, *words).json["outcomes"] == [
        {"outcome": "unchanged", "reason": "same_bytes", "records": 3}
    ]
    path.write_bytes(path.read_bytes()[:-40])
    assert nightdesk(home, *words).json["skipped"]["cut short"] == 1
    path.write_bytes(b"rubbish")
    assert (
        nightdesk(home, *words).code,
        "holds no WARC record" in nightdesk(home, *words).error_line,
    ) == (3, True)


def test_what_is_left_out_is_in_the_ledger_and_no_crawl_is_kept_from_it(
    archive: CrawlSession, store: Database, tmp_path: Path
) -> None:
    night(archive, {url("kept"): b"<html>Kept"})
    run = archive.start_run("courier")
    show(archive, run, links(url("due")), NIGHT + DAY)
    archive.finish_run(run, "stopped")
    before = seen(store, "SELECT url, due_at FROM page")
    html, none = "text/html", ("404 Not Found", "text/html", b"<html>none", {})
    path = written(
        tmp_path / "some.warc",
        (url("moved"), *none), (url("due"), *none), (url("kept"), *none),
        (url("both"), "200 OK", html, b"<html>Both", {}), (url("both"), *none),
        ("http://[bad\x00", "200 OK", html, b"<html>Bad", {}),
        ("https://pictures.example/1.png", "200 OK", "image/png", b"PNG", {}),
    )  # fmt: skip
    courier = Site(
        id="courier",
        name="Courier",
        url="https://courier.example/",
        feeds=("https://courier.example/feed.xml",),
    )
    done = bring(store, path, sites=(courier,))
    assert (done.skipped, done.logged_skips) == (
        {"HTTP error": 4, "no http URL": 1, "no HTML": 1},
        4,
    )
    assert [each.url for each in done.unlogged_skips] == [
        "http://[bad\ufffd",
        "https://pictures.example/1.png",
    ]
    assert seen(store, "SELECT outcome, substr(url, 25) FROM ledger WHERE run_kind = 'import'") == {
        ("gone", "moved"): 1, ("gone", "due"): 1, ("gone", "kept"): 1, ("fetched", "both"): 1,
    }  # fmt: skip
    assert before.keys() <= seen(store, "SELECT url, due_at FROM page").keys()
    assert night(archive, {url("moved"): b"<html>Moved"}, NIGHT + 2 * DAY) == {
        url("moved"): "fetched"
    }
    limits = ImportLimits(remembered_skips=2)
    result = import_pages(store, [path], None, (courier,), limits=limits)
    assert result.logged_skips == 2
    assert (
        bring(store, path, site="courier").logged_skips == 6
    )  # what is no URL, too, and on both databases


def test_an_old_visit_completes_the_history_and_takes_nothing_away(
    archive: CrawlSession, store: Database, tmp_path: Path
) -> None:
    night(archive, {url("ferry"): b"<html>Today"}, NIGHT + DAY)
    clean(store)
    old = written(
        tmp_path / "old.warc",
        (url("ferry"), "200 OK", "text/html", b"<html>Yesterday", {}),
        date="2024-03-01T00:00:00Z",
    )
    done = bring(store, old)
    assert done.sites == {"courier": 1}  # by the address, which is known
    assert done.outcomes == {("fetched", "changed"): 1}
    clean(store)
    assert seen(store, "SELECT title, revisions, first_seen_at FROM articles") == {
        ("<html>Today", "2", "2024-03-01 00:00:00"): 1
    }
    assert bring(store, old, site="other").outcomes == {("refused", "other_site"): 1}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_folder_of_pages_says_itself_where_they_come_from(
    store: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "saved"
    (folder / "deep").mkdir(parents=True)
    (folder / "index.csv").write_text(
        "file,url,date\na.html,https://gazette.example/a,2020-02-03\n", encoding="utf8"
    )
    (folder / "a.html").write_bytes(story("A"))
    (folder / "b.html").write_bytes(
        b'<html><head><link rel="canonical" href="https://evening.example/b?x=1&amp;y=2">'
        + story("B")
    )
    (folder / "deep" / "c d.htm").write_bytes(
        b"<!-- saved from url=(0026)https://evening.example/c -->" + story("C")
    )
    (folder / "deep" / "e.html").write_bytes(story("E"))
    (folder / "style.css").write_bytes(b"p {}")
    os.utime(folder / "deep" / "e.html", (1_500_000_000, 1_500_000_000))
    done = bring(store, folder)
    assert (done.sites, done.skipped) == (
        {"gazette": 1, "evening": 2, "saved": 1},
        {"no HTML": 1},
    )
    assert seen(
        store,
        "SELECT url, first_seen_at FROM page WHERE site IN ('gazette', 'saved') AND due_at IS NULL AND payload_id > 0",
    ) == {
        ("https://gazette.exa", "2020-02-03 00:00:00"): 1,
        (
            "http://files.invali",
            datetime.fromtimestamp(1_500_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S"),
        ): 1,
    }
    assert "http://files.invalid/saved/deep/e.html" in {
        each.url for each in read_source(folder, lambda *_: None)
    }
    assert bring(store, folder).outcomes == {("unchanged", "same_bytes"): 4}
