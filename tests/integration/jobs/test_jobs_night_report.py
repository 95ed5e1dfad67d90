"""The morning after, on both databases: figures out of the ledger, findings that open, last and end, and who is told."""

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
from pipeline.jobs.night_report import evaluate_nights, build_night_report
from pipeline.monitoring.issues import IssueKind
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import LedgerEntryRow, RunRow
from pipeline.store.monitoring import issues, night_stats
from tests.conftest import Grown
from tests.support.archive_factory import FEED, NIGHT, SITE, WALL, Reply, clean, night

DAY = timedelta(days=1)
pytestmark = pytest.mark.xdist_group(
    "morning"
)  # the archive of a fortnight, with which most begin, is made once
FORBIDDEN = Reply(None, Outcome.FAILED, Reason.HTTP_STATUS, 403)


def site() -> Site:
    return Site.model_validate(
        {"id": SITE, "name": SITE, "url": "https://courier.example/", "feeds": [FEED.url]}
    )


def dated(store: Database, at: datetime) -> None:
    """The newest crawl began then."""
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
    """A night with its clean, judged; returns when it began."""
    at = NIGHT + number * DAY
    night(archive, replies, at)
    dated(store, at)
    clean(store)
    evaluate_nights(store, [site()], at + timedelta(hours=4))
    return at


def stories(number: int, of: int = 6) -> dict[str, bytes | Reply]:
    return {
        f"https://courier.example/{number}-{n}": f"Story {number} {n}\na seal on the ramp".encode()
        for n in range(of)
    }


@pytest.fixture
def settled(archive: CrawlSession, store: Database, grown: Grown) -> int:
    def nights() -> None:
        for number in range(12):
            one_night(archive, store, number, stories(number))

    grown(nights)
    assert issues.open_issues(store) == ()
    return 12


def test_figures_are_those_of_the_ledger_and_are_made_again_from_it(
    archive: CrawlSession, store: Database
) -> None:
    replies = stories(0) | {
        "https://courier.example/wall": f"{WALL}\nAccept".encode(),
        "https://courier.example/no": FORBIDDEN,
    }
    one_night(archive, store, 0, replies)
    (found,) = night_stats.load_nights(store, SITE)
    told = found.stats
    assert (told.seen, told.requested, told.new, told.failed, told.turned_away) == (8, 8, 7, 1, 1)
    assert (told.cleaned, told.articles, dict(told.reasons)) == (7, 6, {"consent_wall": 1})
    assert (told.sources[0].outcome, told.sources[0].links, told.links) == ("fetched", 8, 8)
    assert night_stats.compute_night_stats(store, SITE) == 0
    with store.write() as db:
        db.execute(update(LedgerEntryRow).where(LedgerEntryRow.status == 403).values(status=500))
    one_night(archive, store, 1, stories(1))
    assert [each.stats.turned_away for each in night_stats.load_nights(store, SITE)] == [1, 0], (
        "what is over is not looked at again"
    )


def test_what_breaks_opens_a_finding_that_lasts_until_it_is_over(
    archive: CrawlSession, store: Database, settled: int
) -> None:
    walls: dict[str, bytes | Reply] = {url: f"{WALL}\n{url}".encode() for url in stories(settled)}
    began = one_night(archive, store, settled, walls)
    (found,) = issues.open_issues(store)
    assert (found.kind, found.opened_at, found.is_serious) == (IssueKind.FEW_ARTICLES, began, True)
    assert "consent" in found.cause
    one_night(
        archive,
        store,
        settled + 1,
        {url: f"{WALL}\n{url}".encode() for url in stories(settled + 1)},
    )
    (again,) = issues.open_issues(store)
    assert (again.id, again.opened_at) == (found.id, began)
    assert again.seen_at == began + DAY
    dawn = build_night_report(store, [SITE], began + DAY).sites[0]
    assert [each.id for each in dawn.issues] == [found.id]
    well = one_night(archive, store, settled + 2, stories(settled + 2))
    assert issues.open_issues(store) == ()
    assert [
        each.kind for each in build_night_report(store, [SITE], well + timedelta(hours=4)).recovered
    ] == [IssueKind.FEW_ARTICLES]


def test_each_finding_is_told_once_and_its_end_once_and_what_did_not_go_out_is_told_later(
    archive: CrawlSession, store: Database, settled: int
) -> None:
    sent: list[str] = []
    assert notify.tell(store, lambda title, body: not sent.append(title + body)) == (0, True)
    one_night(archive, store, settled, dict.fromkeys(stories(settled), FORBIDDEN))
    assert notify.tell(store, lambda title, body: False) == (1, False)
    assert notify.tell(store, lambda title, body: not sent.append(f"{title}\n{body}")) == (1, True)
    assert notify.tell(store, lambda title, body: not sent.append(title)) == (0, True)
    assert sent[0].startswith(
        f"Nightdesk: {SITE} in trouble\n{SITE}: 6 of 6 requests for stories were turned away"
    )
    one_night(archive, store, settled + 1, stories(settled + 1))
    assert notify.tell(store, lambda title, body: not sent.append(f"{title}\n{body}")) == (1, True)
    assert "well again" in sent[1]
    assert notify.tell(store, lambda title, body: not sent.append(title)) == (0, True)


def test_a_night_that_never_began_is_missed_by_the_rhythm_of_the_others(
    archive: CrawlSession, store: Database, settled: int
) -> None:
    last = NIGHT + (settled - 1) * DAY
    evaluate_nights(store, [site()], last + timedelta(hours=25))
    assert issues.open_issues(store) == ()
    evaluate_nights(store, [site()], last + timedelta(hours=27))
    (found,) = issues.open_issues(store)
    assert found.kind == IssueKind.NO_NIGHT
    one_night(archive, store, settled + 1, stories(settled + 1))
    assert issues.open_issues(store) == ()


def test_a_crawl_that_goes_back_in_time_is_no_night(archive: CrawlSession, store: Database) -> None:
    one_night(archive, store, 0, stories(0))
    archive.finish_run(archive.start_run(SITE, "since 2020-01-01"), "finished")
    assert night_stats.compute_night_stats(store, SITE) == 0
    assert len(night_stats.load_nights(store, SITE)) == 1


def test_what_somebody_accepts_ends_and_counts_as_usual(
    archive: CrawlSession, store: Database, settled: int
) -> None:
    one_night(archive, store, settled, dict.fromkeys(stories(settled), FORBIDDEN))
    assert issues.accept_issues(store, SITE, "few_dates", NIGHT) == 0
    assert issues.accept_issues(store, SITE, None, NIGHT + settled * DAY) == 1
    assert issues.open_issues(store) == ()
    assert not night_stats.load_nights(store, SITE)[-1].issue_kinds


def test_a_wrong_address_is_named_by_its_place_alone() -> None:
    with pytest.raises(ConfigError, match="address 2") as raised:
        notify.sender(["json://127.0.0.1:1", "nosuch://secret@x"])
    assert "secret" not in str(raised.value)


def test_what_is_told_and_the_sign_of_life_arrive(
    asked: list[tuple[str, bytes]], desk: str
) -> None:
    assert notify.sender([f"json://{desk}/hook"])("In trouble", "the feed is gone")
    assert notify.beat(f"http://{desk}/beat/", failed=False) == ""
    assert notify.beat(f"http://{desk}/beat", failed=True) == ""
    assert [path for path, _ in asked] == ["/hook", "/beat", "/beat/fail"]
    assert b"the feed is gone" in asked[0][1]


@pytest.fixture
def asked() -> list[tuple[str, bytes]]:
    return []


@pytest.fixture
def desk(asked: list[tuple[str, bytes]]) -> Iterator[str]:
    """Somebody who listens: host and port."""

    class Listening(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.rfile.read(int(self.headers.get("Content-Length") or 0))))
            self.send_response(200)
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Listening) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def test_no_sign_of_life_is_a_sentence() -> None:
    assert notify.beat("http://127.0.0.1:9/", failed=False)
    assert notify.beat("nonsense", failed=True)
