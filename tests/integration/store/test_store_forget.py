"""After `forget`, no byte of a story is left; all else stays as it was and provable."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest
from sqlalchemy import String, cast, select, text
from starlette.testclient import TestClient

from pipeline.core.errors import ConfigError
from pipeline.core.models import CrawlSource, Link, LinkDecision, Outcome, Reason, UrlKind
from pipeline.evidence.leaves import EventKind
from pipeline.formats.export import write_export
from pipeline.jobs import forget, repair
from pipeline.store import read
from pipeline.store.codec import dictionary_training
from pipeline.store.codec.compression import decompress
from pipeline.store.codec.dictionaries import COMPRESSED_COLUMNS, decompress_payload
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.db.evidence import events, tree
from pipeline.store.db.row_classes import Base
from pipeline.store.db.schema import ExtractedPageRow, PayloadRow
from pipeline.store.maintenance import forget as store_forget
from pipeline.store.maintenance.faults import VerifiedCounts, VerifyScope
from pipeline.store.maintenance.forget import ForgetOrder
from pipeline.store.maintenance.verify_log import verify_log
from pipeline.store.read import ExportQuery
from pipeline.web.app import create_app
from tests.conftest import GrowOnce
from tests.support.archive_factory import (
    DAY,
    FRONT_PAGE,
    NIGHT,
    SITE,
    Reply,
    capture,
    clean,
    do,
    night,
    one,
    rows,
    url,
)

NAME = "Quillfeather"
STORY = url("news/zofia-quillfeather-fined")
MOVED = url("short/quillfeather")
OTHER = url("news/ferry")
ORDER = ForgetOrder("order 7 O 81/26")
FEED = CrawlSource(url("feed.xml"), UrlKind.FEED)
ITEM = "<item><title>{title}</title><link>{link}</link><description>{about}</description></item>"
FEED_BODY = (
    "<rss><channel><title>The Courier</title>"
    + ITEM.format(title=f"Zofia {NAME} is fined", link=STORY, about=f"What {NAME} did")
    + ITEM.format(title="The ferry sails", link=OTHER, about="Every hour")
    + "</channel></rss>"
)
FRONT_BODY = (
    "<html><body><main>"
    f"<div class=card><a href='/news/zofia-quillfeather-fined'>Fined</a><p>{NAME} pays.</p></div>"
    f"<div class=card><a href='{OTHER}'>The ferry sails</a><p>Every hour.</p></div>"
    "</main></body></html>"
)


def page_body(number: int) -> bytes:
    """Return a page that shares most of its bytes with those of other numbers."""
    words = random.Random(7).choices(["harbour", "levy", "barge", "quay", "tide", "rope"], k=400)
    last = random.Random(number).random()
    return f"Page {number}\nIt is number {number}\n{' '.join(words)} {last}".encode()


def story_body(version: int) -> bytes:
    return b"\n".join(
        (f"Zofia {NAME} is fined".encode(), f"{NAME} pays {version}".encode(), page_body(99))
    )


def save_source(archive: CrawlSession, source: CrawlSource, body: str) -> None:
    run = archive.start_run(SITE)
    due = archive.register_source(run, source)
    archive.save_source(run, capture(due, Reply(body.encode())), (), source.kind)
    archive.finish_run(run, "finished")


def grow(archive: CrawlSession, store: Database) -> None:
    """Fill an archive: a story in two versions among others, in sources and a dictionary."""
    pages: dict[str, bytes | Reply] = {
        url(f"news/{number}"): page_body(number) for number in range(9)
    }
    redirect = Reply(None, Outcome.REDIRECTED, Reason.HTTP_REDIRECT, 301, target=STORY)
    night(
        archive,
        pages | {STORY: story_body(1), OTHER: b"The ferry sails\nEvery hour", MOVED: redirect},
    )
    clean(store)
    assert dictionary_training.retrain_if_needed(store, SITE) is not None
    night(archive, {STORY: story_body(2), url("news/20"): page_body(20)}, NIGHT + DAY)
    clean(store)
    save_source(archive, FEED, FEED_BODY)
    save_source(archive, FRONT_PAGE, FRONT_BODY)


@pytest.fixture
def grown(archive: CrawlSession, store: Database, grow_once: GrowOnce) -> int:
    """An archive with the story, and the id of its page."""

    def build() -> None:
        grow(archive, store)

    build.__qualname__ = "grow"
    grow_once(build)
    page = read.find_page(store, STORY)
    assert page is not None
    return page.id


def unpacked(store: Database) -> bytes:
    """Return all that the archive holds, with all compressed values unpacked."""
    parts: list[bytes] = []
    with store.read() as db:
        for table in Base.metadata.sorted_tables:
            columns = [
                cast(column, String)
                if not isinstance(column.type, type(PayloadRow.__table__.c.body.type))
                else column
                for column in table.columns
            ]
            for row in db.execute(select(*columns)):
                for value in row:
                    parts.append(value if isinstance(value, bytes) else str(value).encode())
        for row in db.execute(select(*COMPRESSED_COLUMNS)):
            parts.append(decompress_payload(db, *row))
        for codec, body in db.execute(select(ExtractedPageRow.codec, ExtractedPageRow.body)):
            parts.append(decompress(codec, body))
        if not store.is_sqlite:
            parts += [
                str(row).encode() for row in db.execute(text("SELECT words FROM article_index"))
            ]
    return b"\n".join(parts)


def files_of(store: Database) -> bytes:
    """Return the bytes of the files of a database."""
    if store.file is not None:
        paths = sorted(store.file.parent.glob(store.file.name + "*"))
        return b"".join(path.read_bytes() for path in paths if path.is_file())
    with store.read() as db:
        folder = Path(str(db.scalar(text("SHOW data_directory"))))
        database = db.scalar(text("SELECT oid FROM pg_database WHERE datname = current_database()"))
    files = (folder / "base" / str(database)).iterdir()
    return b"".join(path.read_bytes() for path in files)


def has_name(data: bytes) -> bool:
    return re.search(rb"quillfeath", data, re.IGNORECASE) is not None


def faults(store: Database) -> list[str]:
    found = repair.verify_archive(store, VerifyScope(), VerifiedCounts(), lambda *_: None)
    return [fault.sentence for fault in found]


def answers(store: Database, page: int) -> dict[str, bytes]:
    """Return what the web app says of a page, and of all that finds articles, by path."""
    with TestClient(create_app(store), base_url="http://127.0.0.1:8642") as web:
        paths = (
            f"/api/articles/{page}", f"/pages/{page}", f"/articles/{page}", "/feed.atom", "/",
            f"/api/articles/{page}/captures", f"/api/articles/{page}/revisions",
            f"/api/articles/{page}/provenance", f"/api/articles/{page}/blocks",
            f"/articles/{page}/revisions", f"/pages/{page}/raw", f"/pages/{page}/why",
            "/api/articles?limit=200", "/api/search?q=pays", "/search?q=pays", "/runs/1",
            "/api/runs/1/ledger", "/runs/3?outcome=fetched", "/feed.json", "/changes",
            "/changes.atom", "/api/changes", f"/sites/{SITE}", f"/api/sites/{SITE}", "/report",
            "/search.jsonl?q=pays", "/authors", "/days",
        )  # fmt: skip
        return {path: web.get(path).content for path in paths}


def served(store: Database, page: int) -> bytes:
    """Return all that `answers` returns."""
    return b"".join(answers(store, page).values())


def test_no_byte_of_a_forgotten_story_is_left(grown: int, store: Database, tmp_path: Path) -> None:
    assert has_name(unpacked(store))
    assert has_name(files_of(store)) or not store.is_sqlite
    do(
        store,
        "INSERT INTO watch_message (delivery_id, watch, address, matches, created_at)"
        " VALUES ('1', 'levy', 'x', :matches, :at)",
        matches=json.dumps([{"url": STORY, "title": f"Zofia {NAME} is fined"}]),
        at="2024-03-02 02:30:00+00",
    )
    logs = tmp_path / "log"
    logs.mkdir()
    (logs / "courier.log").write_text(f"fetched {OTHER}\nfetched {STORY}\n", encoding="utf8")
    texts = {row[0]: row[1] for row in rows(store, "SELECT title, text FROM articles")}
    root, known_faults = log_root(store), log_faults(store)
    result = forget.forget_page(store, grown, ORDER, logs)
    assert not has_name(unpacked(store))
    store.close()
    assert not has_name(files_of(store))
    assert not has_name(served(store, grown))
    assert (logs / "courier.log").read_text(encoding="utf8") == f"fetched {OTHER}\n"
    assert result.log_lines == 1
    for name in ("warc", "cdxj", "jsonl"):
        out = tmp_path / f"all.{name}"
        write_export(store, ExportQuery(), name, out)
        assert not has_name(out.read_bytes())
    del texts[f"Zofia {NAME} is fined"]
    assert {row[0]: row[1] for row in rows(store, "SELECT title, text FROM articles")} == texts
    assert faults(store) == []
    assert root == log_root(store, root[0])
    assert log_faults(store) <= known_faults


def log_faults(store: Database) -> set[str]:
    """Return the faults of the log. The visits of these nights are older than their runs."""
    return {fault.sentence for fault in verify_log(store).faults}


def log_root(store: Database, size: int = 0) -> tuple[int, bytes]:
    """Return the size and root of the log, or its root at an earlier size."""
    with store.read() as db:
        size = size or tree.size(db)
        return size, tree.root(db, size)


def test_the_log_says_what_was_removed_and_why(grown: int, store: Database) -> None:
    leaf = forget.forget_page(store, grown, ORDER).leaf
    with store.read() as db:
        (event,) = events.events(db, EventKind.FORGET)
    assert (event.leaf, event.fields["reason"]) == (leaf, ORDER.reason)
    first = event.fields["leaves"][0][0]
    assert rows(store, "SELECT salt, removed_by FROM log_leaf WHERE number = :n", n=first) == [
        (None, leaf)
    ]
    assert sum(len(trees["ledger"]) for trees in event.fields["entries"].values()) >= 3
    assert not has_name(json.dumps(dict(event.fields)).encode())


def test_sources_keep_what_they_say_of_other_stories(grown: int, store: Database) -> None:
    forget.forget_page(store, grown, ORDER)
    for address, kept in (
        (FEED.url, b"<title>The ferry sails</title>"),
        (FRONT_PAGE.url, b"Every hour."),
    ):
        page = read.find_page(store, address)
        assert page is not None
        payload = read.page_payload(store, page.id, page.digest)
        assert payload is not None
        assert kept in payload[2]
        assert not has_name(payload[2])


def test_the_url_is_refused_and_not_named(
    grown: int, archive: CrawlSession, store: Database
) -> None:
    forget.forget_page(store, grown, ORDER)
    outcomes = night(
        archive, {STORY: story_body(3), url("news/30"): page_body(30)}, NIGHT + 2 * DAY
    )
    assert list(outcomes) == [url("news/30")]
    run = one(store, "SELECT max(id) FROM run")
    refused = rows(
        store, "SELECT url FROM ledger WHERE run = :run AND reason = 'taken_down'", run=run
    )
    assert [address[:11] for (address,) in refused] == ["taken-down:"]
    assert not has_name(unpacked(store))
    page = read.find_page(store, STORY)
    assert page is not None
    assert (page.outcome, page.reason) == (Outcome.REFUSED, Reason.TAKEN_DOWN)
    run = archive.start_run(SITE)
    assert archive.request_pages(run, [LinkDecision(Link(STORY))]) == ()
    archive.finish_run(run, "finished")


def test_the_plan_changes_nothing_and_names_all(grown: int, store: Database) -> None:
    before = unpacked(store)
    preview = forget.preview_forget(store, grown)
    assert unpacked(store) == before
    assert [page.url for page in preview.plan.pages] == [STORY, MOVED]
    assert {version.url for version in preview.sources} == {FEED.url, FRONT_PAGE.url}
    assert preview.plan.counts["captures"] == 3
    assert preview.plan.counts["articles"] == 1


def test_a_hidden_story_is_not_shown_and_comes_back(
    grown: int, store: Database, tmp_path: Path
) -> None:
    forget.hide_page(store, grown, ORDER)
    for path, body in answers(store, grown).items():
        assert not has_name(body), path
    for view in ("articles", "ledger", "visits", "links", "changes", "revisions", "placements"):
        assert not has_name(str(rows(store, f"SELECT * FROM {view}")).encode()), view
    assert one(store, "SELECT count(*) FROM ledger WHERE url = ''") == 5
    for name in ("jsonl", "csv", "cdxj"):
        write_export(store, ExportQuery(), name, tmp_path / f"all.{name}")
        assert not has_name((tmp_path / f"all.{name}").read_bytes()), name
    write_export(store, ExportQuery(), "warc", tmp_path / "all.warc")
    assert b"pays 1" not in (tmp_path / "all.warc").read_bytes()
    assert one(store, "SELECT count(*) FROM revisions WHERE article = :id", id=grown) == 0
    assert has_name(unpacked(store))
    clean(store)
    assert one(store, "SELECT count(*) FROM articles WHERE id = :id", id=grown) == 0
    assert faults(store) == []
    forget.show_page(store, grown, ForgetOrder("appeal"))
    clean(store)
    assert one(store, "SELECT count(*) FROM articles WHERE id = :id", id=grown) == 1
    assert faults(store) == []


def test_a_redaction_goes_through_all_versions(grown: int, store: Database) -> None:
    kept: dict[str, bytes] = {}
    known_faults = log_faults(store)
    result = forget.redact_page(store, grown, rf"{NAME} pays \d", ORDER, kept.__setitem__)
    assert re.search(rb"pays \d", unpacked(store)) is None
    assert sorted(kept.values()) == [story_body(1), story_body(2)]
    clean(store)
    body = one(store, "SELECT text FROM articles WHERE id = :id", id=grown)
    assert "redacted" in body
    assert faults(store) == []
    assert log_faults(store) <= known_faults
    with store.read() as db:
        (event,) = events.events(db, EventKind.REDACT)
    assert event.leaf == result.leaf


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("pattern", ["nobody", "(", "x*", "(a+)+$"])
def test_a_wrong_pattern_is_refused(grown: int, store: Database, pattern: str) -> None:
    before = unpacked(store)
    with pytest.raises(ConfigError):
        forget.redact_page(store, grown, pattern, ORDER)
    assert unpacked(store) == before


def test_every_table_that_refers_to_pages_or_bytes_is_known() -> None:
    """A new table fails here: say in `forget` what becomes of its rows."""
    known = {table.__tablename__ for table in store_forget.PAGE_TABLES}
    known |= {
        "page",
        "ledger_entry",
        "capture",
        "extracted_page",
        "payload",
        "placement",
        "story_picture",
        "log_leaf",
    }
    for table in Base.metadata.sorted_tables:
        names = {column.name for column in table.columns}
        targets = {key.column.table.name for key in table.foreign_keys}
        if targets & {"page", "payload", "article"} or names & {
            "page_id",
            "url_key",
            "payload_id",
            "url",
        }:
            assert table.name in known, table.name
