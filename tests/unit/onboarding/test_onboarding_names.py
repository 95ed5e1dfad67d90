"""Ids, names and time zones of sites: what is guessed, and from which evidence."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from pipeline.config.site import SITE_ID_PATTERN
from pipeline.core.models import Outcome, UrlKind
from pipeline.core.site_ids import make_site_id
from pipeline.core.urls import parent_domain, path_prefix
from pipeline.onboarding.site_names import site_name
from pipeline.onboarding.timezones import LANGUAGE_ZONES, guess_timezone
from pipeline.process_messages import DiscoveryMethod, FrontPage, ProbedSource, ProbeResult

WINTER, SUMMER = datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("url", "name", "expected"),
    [
        ("https://www.asiaplustj.info/", "Asia-Plus", "asiaplustj"),
        ("https://www.theguardian.co.uk/", "x", "theguardian"),
        ("https://kun.uz/", "Kun.uz", "kun-uz"),
        ("https://www.gazeta.uz/ru/", "Газета", "gazeta-ru"),
        ("http://127.0.0.1:8000/", "Harbour Courier", "harbour-courier"),
        ("http://127.0.0.1:8000/", "Степной вестник", "stepnoy-vestnik"),
        ("http://127.0.0.1:8000/", "新闻", "127-0-0-1-8000"),
        ("http://[::1]:8000/", "新闻", "1-8000"),
    ],
)
def test_id_comes_from_the_host_or_else_from_the_name(url: str, name: str, expected: str) -> None:
    site_id = make_site_id(url, name)
    assert site_id == expected
    assert SITE_ID_PATTERN.fullmatch(site_id)


def test_taken_id_gets_a_number() -> None:
    assert make_site_id("https://avesta.tj/", "x", ["avesta", "avesta-2"]) == "avesta-3"


def probe_result(title: str, declared_name: str = "", feed_title: str = "") -> ProbeResult:
    feed = ProbedSource(
        url="https://x.tj/f",
        kind=UrlKind.FEED,
        discovered_by=DiscoveryMethod.DECLARED,
        outcome=Outcome.FETCHED,
        title=feed_title,
    )
    front = FrontPage(
        url="https://www.x.tj/", outcome=Outcome.FETCHED, title=title, site_name=declared_name
    )
    return ProbeResult(front=front, sources=(feed,))


def test_name_is_the_declared_one_or_what_the_feed_and_the_title_share() -> None:
    assert site_name(probe_result("Main | Courier", "The Courier", "News")) == "The Courier"
    assert site_name(probe_result("Хабарҳо • Чашма", feed_title="Чашма")) == "Чашма"
    shared = probe_result("Courier — latest", feed_title="Courier - all the rest")
    assert site_name(shared) == "Courier"
    assert site_name(probe_result("Home | Courier")) == "Courier"
    assert site_name(probe_result("")) == "x.tj"


def zone(url: str, language: str, offsets: dict[int, int], at: datetime = WINTER) -> str:
    return guess_timezone(url, language, offsets, at).zone


def test_zone_has_the_offset_of_the_dates_and_fits_the_domain() -> None:
    assert zone("https://x.tj/", "ru", {300: 9, 0: 3}) == "Asia/Dushanbe"
    russian_zones = ("Asia/Novosibirsk", "Asia/Barnaul", "Asia/Tomsk", "Asia/Krasnoyarsk")
    assert zone("https://x.ru/", "ru", {420: 9}) in russian_zones
    assert zone("https://x.uk/", "en", {60: 9}, SUMMER) == "Europe/London"
    assert zone("https://x.info/", "tg", {300: 9}) == "Asia/Dushanbe"
    assert zone("https://x.com/", "en", {-180: 9}) == "Etc/GMT+3"


def test_utc_dates_are_no_evidence_and_a_guess_says_that_it_is_one() -> None:
    guess = guess_timezone("https://x.tj/", "ru", {0: 40}, WINTER)
    assert guess.zone == "Asia/Dushanbe"
    assert "guess" in guess.reason
    assert zone("https://x.com/", "en", {0: 40}) == "UTC"
    assert zone("http://127.0.0.1/", "en", {}) == "UTC"


def test_every_zone_that_can_be_guessed_exists() -> None:
    assert all(ZoneInfo(name) for name in LANGUAGE_ZONES.values())
    for minutes in range(-900, 901, 15):
        if minutes:
            assert ZoneInfo(zone("https://x.com/", "", {minutes: 1}))


def test_parent_domain_and_path_prefix_of_urls() -> None:
    assert parent_domain("https://www.news.example.org/x") == "example.org"
    assert parent_domain("https://news.bbc.co.uk/") == "bbc.co.uk"
    one, two = "https://one.wordpress.com/", "https://two.wordpress.com/"
    assert parent_domain(one) != parent_domain(two)
    assert parent_domain("http://127.0.0.1:80/") != parent_domain("http://127.0.0.2:80/")
    assert parent_domain("http://127.0.0.1:81/") != parent_domain("http://127.0.0.1:82/")
    assert path_prefix("https://x.tj/ru/index.html") == "/ru/"
    assert path_prefix("https://x.tj/news.tj/") == "/news.tj/"
    assert path_prefix("https://x.tj") == "/"
