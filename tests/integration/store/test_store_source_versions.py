"""Versions of sources are kept, packed with each other, and placements follow from front pages."""

from __future__ import annotations

import random
from datetime import datetime

from pipeline.config.site import RetentionOptions
from pipeline.core.models import Link, LinkDecision, Outcome, Reason, UrlKind
from pipeline.jobs import repair, retention
from pipeline.store.codec import dictionaries, dictionary_training
from pipeline.store.codec.compression import MAX_VERSION_BYTES, compress
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.maintenance.faults import EVERYTHING, VerifiedCounts
from pipeline.store.maintenance.prune import Prunable
from tests.support.archive_factory import (
    DAY,
    FEED,
    FRONT_PAGE,
    NIGHT,
    SITE,
    Reply,
    capture,
    do,
    links,
    one,
    rows,
    url,
)

A, B, C = url("a"), url("b"), url("c")
SITEMAP_ENTRIES = 6_000
STORED = (
    "SELECT payload.size, length(payload.body), payload.dictionary_id"
    " FROM capture JOIN payload ON payload.id = capture.payload_id ORDER BY capture.id"
)
PLACEMENTS = (
    "SELECT url, rank, first_seen_at, last_seen_at, visits FROM placements"
    " ORDER BY first_seen_at, rank"
)


def fetch(
    archive: CrawlSession,
    body: bytes | None,
    at: datetime = NIGHT,
    outcome: Outcome = Outcome.FETCHED,
    reason: Reason = Reason.NONE,
) -> dict[str, int]:
    """Run a night in which a feed is fetched, and return its counts."""
    run = archive.start_run(SITE)
    due = archive.register_source(run, FEED)
    status = 304 if outcome is Outcome.UNCHANGED else 200
    answer = capture(due, Reply(body, outcome, reason, status), at)
    archive.save_source(run, answer, (), UrlKind.FEED)
    return archive.finish_run(run, "finished")


def visit(archive: CrawlSession, stories: list[str] | None, night: int) -> None:
    """Run a night in which the front page shows these stories, or is as it was."""
    at = NIGHT + night * DAY
    run = archive.start_run(SITE)
    due = archive.register_source(run, FRONT_PAGE)
    reply = Reply(" ".join(stories or ()).encode(), reason=Reason.NONE)
    if stories is None:
        reply = Reply(None, Outcome.UNCHANGED, Reason.NOT_MODIFIED, 304)
    archive.save_source(run, capture(due, reply, at), (), UrlKind.FRONT_PAGE, stories or ())
    archive.finish_run(run, "finished")


def sitemap(newest: int) -> bytes:
    """A sitemap of stories with numbers up to the newest, as large sites have them."""
    lines: list[str] = []
    for number in range(newest - SITEMAP_ENTRIES, newest):
        draw = random.Random(number)
        lines.append(f"<url><loc>https://courier.example/{draw.getrandbits(160):x}</loc></url>\n")
    return "".join(reversed(lines)).encode()


def faults(store: Database) -> list[str]:
    found = repair.verify_archive(store, EVERYTHING, VerifiedCounts(), lambda *_: None)
    return [fault.sentence for fault in found]


def test_a_version_is_stored_where_the_bytes_have_changed(
    archive: CrawlSession, store: Database
) -> None:
    nights = [b"one", b"one", b"two", b"one"]
    outcomes = [fetch(archive, body, NIGHT + day * DAY) for day, body in enumerate(nights)]
    assert outcomes == [{"fetched": 1}, {"unchanged": 1}, {"fetched": 1}, {"fetched": 1}]
    captures = rows(store, "SELECT reason, payload_id FROM capture ORDER BY id")
    assert captures == [("new", 1), ("changed", 2), ("changed", 1)]
    assert one(store, "SELECT count(*) FROM payload") == 2
    assert faults(store) == []


def test_a_304_brings_no_version_and_confirms_the_last_one(
    archive: CrawlSession, store: Database
) -> None:
    fetch(archive, b"one")
    fetch(archive, None, NIGHT + DAY, Outcome.UNCHANGED, Reason.NOT_MODIFIED)
    assert one(store, "SELECT count(*) FROM capture") == 1
    fetch(archive, b"two", NIGHT + 2 * DAY)
    seen = rows(store, "SELECT prior_seen_at FROM capture ORDER BY id")[1][0]
    assert str(seen).startswith("2024-03-02 02:30")


def test_a_failure_is_a_capture_only_when_it_begins(archive: CrawlSession, store: Database) -> None:
    fetch(archive, b"one")
    for day in (1, 2, 3):
        fetch(archive, None, NIGHT + day * DAY, Outcome.GONE, Reason.NOT_FOUND)
    fetch(archive, b"one", NIGHT + 4 * DAY)
    outcomes = rows(store, "SELECT outcome FROM capture ORDER BY id")
    assert outcomes == [("fetched",), ("gone",)]


def test_later_versions_of_a_large_sitemap_take_a_hundredth_of_its_size(
    archive: CrawlSession, store: Database
) -> None:
    versions = [sitemap(10_000 + 40 * night) for night in range(12)]
    for night, body in enumerate(versions):
        fetch(archive, body, NIGHT + night * DAY)
    stored = rows(store, STORED)
    alone = len(compress(versions[0])[1])
    assert stored[0][2] is None
    assert sum(size for _, size, _ in stored[1:]) < 11 * alone / 20
    assert max(size for _, size, dictionary in stored if dictionary) < alone / 10
    assert 1 <= one(store, "SELECT count(*) FROM dictionary") <= 3
    assert faults(store) == []


def test_versions_without_equal_parts_get_no_dictionary(
    archive: CrawlSession, store: Database
) -> None:
    for night in range(4):
        body = random.Random(night).randbytes(20_000)
        fetch(archive, body, NIGHT + night * DAY)
    assert one(store, "SELECT count(*) FROM dictionary") == 0
    assert one(store, "SELECT count(*) FROM payload") == 4


def test_a_version_that_is_larger_than_the_window_is_stored_alone(
    archive: CrawlSession, store: Database
) -> None:
    body = bytes(MAX_VERSION_BYTES)
    fetch(archive, body + b"one")
    fetch(archive, body + b"two", NIGHT + DAY)
    assert one(store, "SELECT count(*) FROM dictionary") == 0
    assert faults(store) == []


def test_stories_are_not_compressed_with_the_versions_of_a_source(
    archive: CrawlSession, store: Database
) -> None:
    for night in range(3):
        fetch(archive, sitemap(10_000 + night), NIGHT + night * DAY)
    with store.read() as db:
        assert dictionaries.current_dictionary_id(db, SITE) is None
    assert one(store, "SELECT count(*) FROM dictionary WHERE source_id IS NOT NULL") == 1


def test_a_damaged_dictionary_of_a_source_is_reported_and_made_again(
    archive: CrawlSession, store: Database
) -> None:
    for night in range(2):
        fetch(archive, sitemap(10_000 + night), NIGHT + night * DAY)
    do(store, "UPDATE dictionary SET codec = 'zstd', body = :body", body=compress(b"other")[1])
    assert len(faults(store)) == 1
    assert dictionary_training.rebuild(store, 1)
    assert faults(store) == []


def test_a_front_page_says_which_story_stood_where_and_how_long(
    archive: CrawlSession, store: Database
) -> None:
    run = archive.start_run(SITE)
    feed = archive.register_source(run, FEED)
    archive.save_source(run, capture(feed, Reply()), links(A, B, C), UrlKind.FEED)
    archive.finish_run(run, "finished")
    visit(archive, [A, B], 1)
    visit(archive, [A, B], 2)
    visit(archive, None, 3)
    visit(archive, [C, A, B], 4)
    visit(archive, [C, B], 5)
    table = [
        (address, rank, str(first)[8:10], str(last)[8:10], visits)
        for address, rank, first, last, visits in rows(store, PLACEMENTS)
    ]
    assert table == [
        (A, 1, "02", "04", 3),
        (B, 2, "02", "04", 3),
        (C, 1, "05", "06", 2),
        (A, 2, "05", "05", 1),
        (B, 3, "05", "05", 1),
        (B, 2, "06", "06", 1),
    ]


def test_a_story_that_was_away_for_a_visit_begins_a_new_stretch(
    archive: CrawlSession, store: Database
) -> None:
    run = archive.start_run(SITE)
    feed = archive.register_source(run, FEED)
    archive.save_source(run, capture(feed, Reply()), links(A), UrlKind.FEED)
    archive.finish_run(run, "finished")
    for night, stories in enumerate(([A], [], [A])):
        visit(archive, stories, night)
    assert [row[1:2] + row[4:] for row in rows(store, PLACEMENTS)] == [(1, 1), (1, 1)]


def test_a_link_that_is_no_known_story_is_no_placement(
    archive: CrawlSession, store: Database
) -> None:
    visit(archive, [A], 0)
    assert rows(store, PLACEMENTS) == []
    run = archive.start_run(SITE)
    feed = archive.register_source(run, FEED)
    decisions = (LinkDecision(Link(A)),)
    archive.save_source(run, capture(feed, Reply(), NIGHT + DAY), decisions, UrlKind.FEED)
    archive.finish_run(run, "finished")
    assert len(rows(store, PLACEMENTS)) == 1  # a feed lists the story a day later


def prune(store: Database, days: int, now: datetime) -> Prunable:
    rule = retention.retention_rule(SITE, RetentionOptions(source_days=days), now)
    estimated = retention.estimate(store, rule)
    assert retention.prune_site(store, rule, lambda *_: None) == estimated
    return estimated


def test_prune_deletes_replaced_versions_and_keeps_the_newest_and_those_of_dictionaries(
    archive: CrawlSession, store: Database
) -> None:
    for night in range(6):
        fetch(archive, sitemap(10_000 + 40 * night), NIGHT + night * DAY)
    run = archive.start_run(SITE)
    front = archive.register_source(run, FRONT_PAGE)
    archive.save_source(run, capture(front, Reply(b"front")), (), UrlKind.FRONT_PAGE, [A])
    archive.finish_run(run, "finished")
    now = NIGHT + 10 * DAY
    assert prune(store, 0, now).versions == 0, "without a limit everything stays"
    assert prune(store, 7, now).versions == 1, "the first is in a dictionary, the second is old"
    pruned = prune(store, 1, now)
    assert pruned.versions == 3
    assert pruned.bytes > 3 * 120
    assert one(store, "SELECT count(*) FROM payload") == 3
    assert one(store, "SELECT count(*) FROM placement") == 1
    assert prune(store, 1, now).versions == 0
    assert faults(store) == []


def test_prune_keeps_bytes_that_a_story_has_too(archive: CrawlSession, store: Database) -> None:
    run = archive.start_run(SITE)
    feed = archive.register_source(run, FEED)
    archive.save_source(run, capture(feed, Reply(b"same bytes")), links(A), UrlKind.FEED)
    (due,) = archive.lease_due(run, 1)
    archive.save_capture(run, capture(due, Reply(b"same bytes")), None)
    archive.finish_run(run, "finished")
    fetch(archive, b"other bytes", NIGHT + DAY)
    assert prune(store, 1, NIGHT + 10 * DAY).versions == 1
    assert one(store, "SELECT count(*) FROM payload") == 2
    assert faults(store) == []
