"""A site that breaks in its first week is noticed the next morning, and a healthy one is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from pipeline.store.db.engine import Database
from tests.support.cli import CommandResult, nightdesk
from tests.support.http_site import HttpSite, serve_http_site

WALL = """<!doctype html><html lang="en"><head><title>Before you continue</title></head><body>
<h1>We value your privacy</h1><p>We and our partners use cookies to store and access information on
your device, and process personal data such as cookies.</p><p>With your consent we and our partners
use cookies for personalised advertising. You may manage your cookie preferences at any time.</p>
<p>You can accept all cookies or reject all cookies.</p><button>Accept all</button></body></html>"""
STORIES_A_NIGHT = 4


@pytest.fixture
def site() -> Iterator[HttpSite]:
    with serve_http_site() as site:
        yield site


@pytest.fixture
def news_home(home: Path, site: HttpSite) -> Path:
    site.write_site_file(home)
    return home


class Nights:
    """Crawls of one site, a day apart."""

    def __init__(self, site: HttpSite, home: Path, store: Database, address: str) -> None:
        self.site, self.home, self.store, self.address = site, home, store, address
        self.count = 0

    def run(self, *, walls: bool = False, feed: bool = True) -> CommandResult:
        """Publish stories, crawl them, and return the report of the next morning."""
        self._move_runs_back_a_day()
        self.count += 1
        links: list[str] = []
        for number in range(STORIES_A_NIGHT):
            name = f"night-{self.count}-{number}"
            links.append(self.site.add_story(name, f"The harbour on day {self.count} {number}"))
            if walls:
                self.site.add_page(f"/2026/02/03/{name}", WALL.encode())
        self.site.set_feed(links if feed else [])
        self.nightdesk("crawl")
        return self.nightdesk("report")

    def nightdesk(self, *words: str) -> CommandResult:
        return nightdesk(self.home, *words, NIGHTDESK_DATABASE_URL=self.address)

    def _move_runs_back_a_day(self) -> None:
        sqlite = "strftime('%Y-%m-%d %H:%M:%f', {}, '-1 day')"
        day = sqlite if self.store.is_sqlite else "{} - interval '1 day'"
        started, finished = day.format("started_at"), day.format("finished_at")
        with self.store.write() as db:
            db.execute(text(f"UPDATE run SET started_at = {started}, finished_at = {finished}"))


@pytest.fixture
def nights(site: HttpSite, news_home: Path, store: Database, database_url: str) -> Nights:
    return Nights(site, news_home, store, database_url)


@pytest.mark.trial_on_postgresql
def test_a_consent_wall_in_the_seventh_night_is_noticed(nights: Nights) -> None:
    for _ in range(6):
        report = nights.run()
        assert (report.code, "well" in report.out) == (0, True), report.out
    report = nights.run(walls=True)
    assert report.code == 1
    assert "0 of 4 new stories became articles" in report.out
    assert "consent" in report.out
    assert "'nightdesk check little'" in report.out
    report = nights.run()
    assert (report.code, "well again" in report.out) == (0, True), report.out


@pytest.mark.trial_on_postgresql
def test_a_consent_wall_in_the_first_night_is_noticed_until_it_is_accepted(nights: Nights) -> None:
    report = nights.run(walls=True)
    assert report.code == 1
    assert "0 of 4 new stories became articles" in report.out
    assert nights.nightdesk("report", "--format", "json").code == 1
    assert nights.run(walls=True).code == 1
    nights.nightdesk("report", "little", "--accept", "few_articles")
    assert nights.nightdesk("report").code == 0
    assert nights.run(walls=True).code == 0, "it is normal now"


@pytest.mark.trial_on_postgresql
def test_an_empty_feed_in_the_first_night_is_noticed(nights: Nights) -> None:
    report = nights.run(feed=False)
    assert report.code == 1
    assert "lists no link" in report.out
    assert nights.run(feed=False).code == 1
    assert nights.run().code == 0
