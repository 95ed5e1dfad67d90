"""Nights are evaluated on both databases: statistics, issues that open and close, and alerts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from sqlalchemy import select, update

from pipeline.config.site import Site
from pipeline.core.errors import ConfigError
from pipeline.core.models import Outcome, Reason
from pipeline.jobs import notify
from pipeline.jobs.night_report import build_night_report, evaluate_nights
from pipeline.jobs.notify import SentIssues
from pipeline.monitoring.issues import IssueKind
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db import locks
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import LedgerEntryRow, RunRow
from pipeline.store.monitoring import issues, night_stats
from tests.conftest import GrowOnce
from tests.support.archive_factory import DATED, FEED, NIGHT, SITE, WALL, Reply, clean, night

DAY = timedelta(days=1)
# One worker makes the archive of twelve nights that most tests start with.
pytestmark = pytest.mark.xdist_group("night_report")
FORBIDDEN = Reply(None, Outcome.FAILED, Reason.HTTP_STATUS, 403)


def site() -> Site:
    return Site.model_validate(
        {"id": SITE, "name": SITE, "url": "https://courier.example/", "feeds": [FEED.url]}
    )


def set_start(store: Database, at: datetime) -> None:
    """Set when the newest crawl started."""
    with store.write() as db:
        newest = (
            select(RunRow.id)
            .where(RunRow.kind == "crawl")
            .order_by(RunRow.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        db.execute(
            update(RunRow)
            .where(RunRow.id == newest)
            .values(started_at=at, finished_at=at + timedelta(minutes=3))
        )


def one_night(
    archive: CrawlSession, store: Database, number: int, replies: dict[str, bytes | Reply]
) -> datetime:
    """Run and evaluate a night with its clean. Return when it started."""
    at = NIGHT + number * DAY
    night(archive, replies, at)
    set_start(store, at)
    clean(store)
    evaluate_nights(store, [site()], at + timedelta(hours=4))
    return at


def stories(number: int, of: int = 6) -> dict[str, bytes | Reply]:
    return {
        f"https://courier.example/{number}-{n}": f"Story {number} {n}\na seal\n{DATED}".encode()
        for n in range(of)
    }


@pytest.fixture
def settled(archive: CrawlSession, store: Database, grow_once: GrowOnce) -> int:
    def nights() -> None:
        for number in range(12):
            one_night(archive, store, number, stories(number))

    grow_once(nights)
    assert issues.open_issues(store) == ()
    return 12


def test_statistics_are_computed_from_the_ledger_once(
    archive: CrawlSession, store: Database
) -> None:
    replies = stories(0) | {
        "https://courier.example/wall": f"{WALL}\nAccept".encode(),
        "https://courier.example/no": FORBIDDEN,
    }
    one_night(archive, store, 0, replies)
    (first_night,) = night_stats.load_nights(store, SITE)
    stats = first_night.stats
    assert (stats.seen, stats.requested, stats.new, stats.failed, stats.turned_away) == (
        8,
        8,
        7,
        1,
        1,
    )
    assert (stats.cleaned, stats.articles, dict(stats.reasons)) == (7, 6, {"consent_wall": 1})
    assert (stats.sources[0].outcome, stats.sources[0].links, stats.links) == ("fetched", 8, 8)
    assert night_stats.compute_night_stats(store, [SITE]) == 0
    with store.write() as db:
        db.execute(update(LedgerEntryRow).where(LedgerEntryRow.status == 403).values(status=500))
    one_night(archive, store, 1, stories(1))
    assert [each.stats.turned_away for each in night_stats.load_nights(store, SITE)] == [1, 0], (
        "statistics of an earlier night are not computed again"
    )


def test_an_issue_stays_open_until_a_night_does_not_show_it(
    archive: CrawlSession, store: Database, settled: int
) -> None:
    walls: dict[str, bytes | Reply] = {url: f"{WALL}\n{url}".encode() for url in stories(settled)}
    started_at = one_night(archive, store, settled, walls)
    (issue,) = issues.open_issues(store)
    assert (issue.kind, issue.opened_at, issue.is_serious) == (
        IssueKind.FEW_ARTICLES,
        started_at,
        True,
    )
    assert "consent" in issue.cause
    one_night(
        archive,
        store,
        settled + 1,
        {url: f"{WALL}\n{url}".encode() for url in stories(settled + 1)},
    )
    (again,) = issues.open_issues(store)
    assert (again.id, again.opened_at) == (issue.id, started_at)
    assert again.seen_at == started_at + DAY
    report = build_night_report(store, [SITE], started_at + DAY).sites[0]
    assert [each.id for each in report.issues] == [issue.id]
    well = one_night(archive, store, settled + 2, stories(settled + 2))
    assert issues.open_issues(store) == ()
    assert [
        each.kind for each in build_night_report(store, [SITE], well + timedelta(hours=4)).recovered
    ] == [IssueKind.FEW_ARTICLES]


def test_each_issue_and_its_end_are_sent_once_and_again_after_a_failure(
    archive: CrawlSession, store: Database, settled: int
) -> None:
    sent: list[str] = []

    def record(title: str, body: str) -> bool:
        sent.append(f"{title}\n{body}")
        return True

    assert notify.send_issues(store, record) == SentIssues(0, was_sent=True)
    one_night(archive, store, settled, dict.fromkeys(stories(settled), FORBIDDEN))
    assert notify.send_issues(store, lambda title, body: False) == SentIssues(1, was_sent=False)
    assert notify.send_issues(store, record) == SentIssues(1, was_sent=True)
    assert notify.send_issues(store, record) == SentIssues(0, was_sent=True)
    assert sent[0].startswith(
        f"Nightdesk: {SITE} with serious issues\n{SITE}: 6 of 6 requests for stories were"
    )
    one_night(archive, store, settled + 1, stories(settled + 1))
    assert notify.send_issues(store, record) == SentIssues(1, was_sent=True)
    assert "well again" in sent[1]
    assert notify.send_issues(store, record) == SentIssues(0, was_sent=True)


def test_a_missing_night_is_found_by_the_rhythm_of_the_others(
    archive: CrawlSession, store: Database, settled: int
) -> None:
    last = NIGHT + (settled - 1) * DAY
    evaluate_nights(store, [site()], last + timedelta(hours=25))
    assert issues.open_issues(store) == ()
    evaluate_nights(store, [site()], last + timedelta(hours=27))
    (issue,) = issues.open_issues(store)
    assert issue.kind == IssueKind.NO_NIGHT
    one_night(archive, store, settled + 1, stories(settled + 1))
    assert issues.open_issues(store) == ()


def test_a_crawl_of_the_past_is_no_night(archive: CrawlSession, store: Database) -> None:
    one_night(archive, store, 0, stories(0))
    archive.finish_run(archive.start_run(SITE, "since 2020-01-01"), "finished")
    assert night_stats.compute_night_stats(store, [SITE]) == 0
    assert len(night_stats.load_nights(store, SITE)) == 1


def test_a_crawl_whose_process_died_is_not_shown_at_work(
    archive: CrawlSession, store: Database
) -> None:
    one_night(archive, store, 0, stories(0))
    with store.write() as db:
        died = {"status": "running", "finished_at": None}
        db.execute(update(RunRow).where(RunRow.kind == "crawl").values(died))
    shown = build_night_report(store, [SITE]).sites[0].night
    assert shown is not None
    assert (shown.status, shown.detail) == ("interrupted", "the process ended before its work")
    lock = locks.acquire(store, f"crawl:{SITE}")
    shown = build_night_report(store, [SITE]).sites[0].night
    assert shown is not None
    assert shown.status == "running"
    lock.release()


def test_an_accepted_issue_closes_and_its_night_counts_as_usual(
    archive: CrawlSession, store: Database, settled: int
) -> None:
    one_night(archive, store, settled, dict.fromkeys(stories(settled), FORBIDDEN))
    assert issues.accept_issues(store, SITE, "few_dates", NIGHT) == 0
    assert issues.accept_issues(store, SITE, None, NIGHT + settled * DAY) == 1
    assert issues.open_issues(store) == ()
    assert not night_stats.load_nights(store, SITE)[-1].issue_kinds


def test_a_wrong_address_is_named_only_by_its_position() -> None:
    with pytest.raises(ConfigError, match="address 2") as raised:
        notify.apprise_sender(["json://127.0.0.1:1", "nosuch://secret@x"])
    assert "secret" not in str(raised.value)


def test_alerts_and_the_heartbeat_arrive(requests: list[tuple[str, bytes]], receiver: str) -> None:
    assert notify.apprise_sender([f"json://{receiver}/hook"])("In trouble", "the feed is gone")
    assert notify.ping_heartbeat(f"http://{receiver}/beat/", failed=False) == ""
    assert notify.ping_heartbeat(f"http://{receiver}/beat", failed=True) == ""
    assert [path for path, _ in requests] == ["/hook", "/beat", "/beat/fail"]
    assert b"the feed is gone" in requests[0][1]


@pytest.fixture
def requests() -> list[tuple[str, bytes]]:
    return []


@pytest.fixture
def receiver(requests: list[tuple[str, bytes]]) -> Iterator[str]:
    """Yield host and port of a server that records requests."""

    class Receiver(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            requests.append((self.path, self.rfile.read(size)))
            self.send_response(200)
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_heartbeat_that_fails_returns_a_sentence() -> None:
    assert notify.ping_heartbeat("http://127.0.0.1:9/", failed=False)
    assert notify.ping_heartbeat("nonsense", failed=True)
