"""An export to WARC holds the sources, and an import does not take them for stories."""

from __future__ import annotations

from pathlib import Path

from pipeline.core.models import Capture, CrawlSource, Outcome, Reason, UrlKind
from pipeline.formats.import_pages import import_pages
from pipeline.formats.readers.warc import read_warc
from pipeline.formats.writers.warc import write_warc
from pipeline.jobs import repair
from pipeline.store import read
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from pipeline.store.maintenance.faults import EVERYTHING, VerifiedCounts
from tests.support.archive_factory import DAY, NIGHT, SITE, links, rows, url

HOME = CrawlSource("https://courier.example/", UrlKind.FRONT_PAGE)
SOURCES = {
    CrawlSource("https://courier.example/feed.xml", UrlKind.FEED): (
        "application/rss+xml",
        [b"<rss>one</rss>", b"<rss>two</rss>", b"<rss>two</rss>"],
    ),
    CrawlSource("https://courier.example/map.xml.gz", UrlKind.SITEMAP): (
        "application/gzip",
        [b"\x1f\x8bone", b"\x1f\x8bone", b"\x1f\x8btwo"],
    ),
    HOME: ("text/html", [b"<html>one</html>", b"<html>two</html>", b"<html>one</html>"]),
    CrawlSource("https://courier.example/robots.txt", UrlKind.ROBOTS): (
        "text/plain",
        [b"User-agent: *", b"User-agent: x", b"User-agent: x"],
    ),
}
STORED = (
    "SELECT page.url, page.kind, payload.digest, capture.fetched_at FROM capture"
    " JOIN page ON page.id = capture.page_id JOIN payload ON payload.id = capture.payload_id"
    " ORDER BY page.url, capture.fetched_at"
)


def three_nights(archive: CrawlSession) -> None:
    """Fetch the sources and a story in three nights."""
    for number in range(3):
        run, at = archive.start_run(SITE), NIGHT + number * DAY
        for source, (media_type, bodies) in SOURCES.items():
            due = archive.register_source(run, source)
            answer = Capture(
                due.page_id,
                at,
                Outcome.FETCHED,
                Reason.NONE,
                200,
                {"content-type": media_type},
                media_type,
                body=bodies[number],
                size=len(bodies[number]),
            )
            listed = links(url("a")) if source.kind is UrlKind.FEED else ()
            archive.save_source(run, answer, listed, source.kind)
        for page in archive.lease_due(run, 1):
            body = b"<html>A story</html>"
            story = Capture(page.page_id, at, Outcome.FETCHED, Reason.NEW, 200, body=body)
            archive.save_capture(run, story, None)
        archive.finish_run(run, "finished")


def test_sources_survive_an_export_to_warc_and_an_import(
    archive: CrawlSession, store: Database, tmp_path: Path
) -> None:
    three_nights(archive)
    path = tmp_path / "all.warc.gz"
    count = write_warc(read.iter_fetches(store, read.ExportQuery()), path)
    assert count == read.expected_fetches(store, read.ExportQuery()) == 13
    other = Database(f"sqlite:///{tmp_path / 'other.db'}")
    migrate.ensure(other)
    import_pages(other, [path], SITE, ())
    assert [row[:3] for row in rows(other, STORED)] == [row[:3] for row in rows(store, STORED)]
    before = rows(other, STORED)
    import_pages(other, [path], SITE, ())
    assert rows(other, STORED) == before, "the second import adds nothing"
    assert not list(repair.verify_archive(other, EVERYTHING, VerifiedCounts(), lambda *_: None))
    other.close()


def test_a_search_exports_stories_only(
    archive: CrawlSession, store: Database, tmp_path: Path
) -> None:
    three_nights(archive)
    wanted = read.ExportQuery(since=NIGHT)
    assert {fetch.kind for fetch in read.iter_fetches(store, wanted)} <= {UrlKind.STORY}


def test_records_of_other_programs_are_stories(
    archive: CrawlSession, store: Database, tmp_path: Path
) -> None:
    three_nights(archive)
    path = tmp_path / "all.warc"
    write_warc(read.iter_fetches(store, read.ExportQuery()), path)
    text = path.read_bytes().replace(b"Nightdesk-Kind: front_page", b"Nightdesk-Kind: nonsense!!")
    path.write_bytes(text)
    with path.open("rb") as stream:
        kinds = {record.url: getattr(record, "kind", None) for record in read_warc(stream, "x")}
    assert kinds[HOME.url] is UrlKind.STORY
    assert kinds["https://courier.example/robots.txt"] is UrlKind.ROBOTS
