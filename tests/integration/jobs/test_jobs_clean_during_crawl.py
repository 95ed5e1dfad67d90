"""A large site is cleaned while its crawl goes on, so that readers do not wait for its end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.settings import Settings
from pipeline.config.site import load_site
from pipeline.jobs.clean import CleanRequest
from pipeline.jobs.clean_steps.during_crawl import EarlyCleanClock, EarlyCleanLimits, join_results
from pipeline.jobs.nightly import run_nightly
from pipeline.jobs.results import CleanRunResult, SiteResult
from pipeline.store.clean.types import CleanScope
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from tests.support.archive_factory import DAY, NIGHT, night, one, rows, url
from tests.support.cli import wait_until
from tests.support.http_site import HttpSite, serve_http_site
from tests.support.local_site import empty_archive
from tests.support.reclean_factory import STORY, reclean, site, site_removing

A, B = url("a"), url("b")
DURING_CRAWL = CleanRequest(CleanScope(during_crawl=True))
LOSES_MUCH = site_removing(0, 1, 2, 3)
AT_ONCE = EarlyCleanLimits(min_pages=2, min_seconds=0.0)


class Listener:
    """Shows nothing."""

    def crawl(self, site: str, event: dict[str, Any]) -> None:
        pass

    def clean(self, site: str, stage: str, done: int, total: int) -> None:
        pass

    def done(self, result: SiteResult) -> None:
        pass


class HeldBackPages(dict[str, tuple[str, bytes]]):
    """Pages of which one is answered only when the event is set."""

    path = ""

    def __init__(self, pages: dict[str, tuple[str, bytes]]) -> None:
        super().__init__(pages)
        self.released = threading.Event()

    def get(self, path: str, default: Any = None) -> Any:
        if path == self.path:
            self.released.wait(100)
        return super().get(path, default)


@pytest.fixture
def web() -> Iterator[HttpSite]:
    with serve_http_site() as web:
        yield web


def test_stories_are_readable_before_the_crawl_has_ended(
    web: HttpSite, home: Path, tmp_path: Path
) -> None:
    names = [f"crane-{number}" for number in range(4)]
    web.set_feed([web.add_story(name, f"The {name} of the quay is mended") for name in names])
    web.pages = pages = HeldBackPages(web.pages)
    pages.path = "/2026/02/03/crane-3"
    little = load_site(web.write_site_file(home))
    patient = little.politeness.model_copy(update={"timeout": 100.0, "concurrency": 4})
    little = little.model_copy(update={"politeness": patient})
    (tmp_path / "archive.db").write_bytes(empty_archive())
    settings = Settings(
        database_url=f"sqlite:///{tmp_path / 'archive.db'}",
        contact="nobody@example.org",
        log_folder=tmp_path / "logs",
        workers=1,
    )
    store = Database(settings.database_url)
    seen: list[tuple[int, str]] = []

    def release_when_readable() -> None:
        wait_until(lambda: one(store, "SELECT count(*) FROM articles") > 0)
        crawl = one(store, "SELECT status FROM run WHERE kind = 'crawl'")
        seen.append((one(store, "SELECT count(*) FROM articles"), crawl))
        pages.released.set()

    reader = threading.Thread(target=release_when_readable)
    reader.start()
    (result,) = run_nightly(settings, store, [little], Listener(), early_cleans=AT_ONCE)
    reader.join()
    ((readable, crawl_status),) = seen
    assert 2 <= readable < 4
    assert crawl_status == "running"
    assert result.errors == ()
    assert result.clean is not None
    assert result.clean.counts["archived"] == 4, "of all cleans of the night"
    assert one(store, "SELECT count(*) FROM articles") == 4
    scopes = rows(store, "SELECT scope, status FROM run WHERE kind = 'clean' ORDER BY id")
    assert scopes[0] == ("during the crawl", "finished")
    assert scopes[-1] == ("", "finished")
    assert one(store, "SELECT count(*) FROM ledger WHERE outcome = 'pending'") == 0
    store.close()


def test_a_result_of_a_clean_during_the_crawl_may_lose_much_and_a_later_one_is_held(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, {A: STORY.encode()})
    assert reclean(store, site(), DURING_CRAWL).counts == {"archived": 1}
    assert reclean(store, LOSES_MUCH).counts == {"recleaned": 1}
    night(archive, {B: STORY.replace("ferries", "trams").encode()}, NIGHT + DAY)
    assert reclean(store, site()).counts == {"archived": 1, "recleaned": 1}
    assert reclean(store, LOSES_MUCH).counts == {"held": 2}


def test_a_clean_of_the_whole_site_confirms_those_during_the_crawl(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, {A: STORY.encode()})
    assert reclean(store, site(), DURING_CRAWL).counts == {"archived": 1}
    assert reclean(store, site(), DURING_CRAWL).run_id == 0
    confirmed = reclean(store, site())
    assert (confirmed.run_id > 0, confirmed.counts) == (True, {})
    assert reclean(store, site()).run_id == 0
    assert reclean(store, LOSES_MUCH).counts == {"held": 1}


def test_early_cleans_wait_for_pages_and_time_and_take_a_share_of_the_time() -> None:
    now = 100.0
    limits = EarlyCleanLimits(min_pages=3, min_seconds=60.0, max_share=0.25)
    clock = EarlyCleanClock(limits, lambda: now)
    for _ in range(3):
        assert not clock.is_due()
        clock.add_page()
    now = 159.0
    assert not clock.is_due()
    now = 160.0
    assert clock.is_due()
    clock.start()
    clock.add_page()
    now = 260.0
    clock.end()
    clock.add_page()
    clock.add_page()
    now = 559.0
    assert not clock.is_due(), "the clean took 100 s, so the next one waits 300 s"
    now = 560.0
    assert clock.is_due()


def test_the_cleans_of_a_night_are_reported_as_one() -> None:
    results = (
        CleanRunResult("little", 3, {"archived": 5}, 5),
        CleanRunResult("little"),
        CleanRunResult("little", 4, {"archived": 2, "unchanged": 1}, 2),
    )
    joined = join_results("little", results)
    assert joined == CleanRunResult("little", 4, {"archived": 7, "unchanged": 1}, 7)
