"""Ids, names and time zones: what may be guessed, and from what."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from pipeline.config.site import SITE_ID
from pipeline.core.models import Outcome, UrlKind
from pipeline.onboarding.site_ids import make_site_id, site_name
from pipeline.onboarding.timezones import LANGUAGE_ZONES, guess_timezone
from pipeline.process_messages import (
    DiscoveryMethod,
    FrontPage,
    ProbedSource,
    ProbeResult,
    parent_domain,
    path_prefix,
)

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
def test_an_id_is_made_of_the_host_or_else_of_the_name(url: str, name: str, expected: str) -> None:
    found = make_site_id(url, name)
    assert found == expected
    assert SITE_ID.fullmatch(found)


def test_an_id_that_is_taken_gets_a_number() -> None:
    assert make_site_id("https://avesta.tj/", "x", ["avesta", "avesta-2"]) == "avesta-3"


def findings(title: str, site_name: str = "", feed: str = "") -> ProbeResult:
    places = (
        ProbedSource(
            url="https://x.tj/f",
            kind=UrlKind.FEED,
            way=DiscoveryMethod.DECLARED,
            outcome=Outcome.FETCHED,
            title=feed,
        ),
    )
    front = FrontPage(
        url="https://www.x.tj/", outcome=Outcome.FETCHED, title=title, site_name=site_name
    )
    return ProbeResult(front=front, places=places)


def test_the_name_is_the_declared_one_else_what_feed_and_title_share() -> None:
    assert site_name(findings("Main | Courier", "The Courier", "News")) == "The Courier"
    assert site_name(findings("Хабарҳо • Чашма", feed="Чашма")) == "Чашма"
    assert site_name(findings("Courier — latest", feed="Courier - all the rest")) == "Courier"
    assert site_name(findings("Home | Courier")) == "Courier"
    assert site_name(findings("")) == "x.tj"


def test_a_clock_that_dates_name_is_believed_and_the_domain_picks_the_place() -> None:
    assert guess_timezone("https://x.tj/", "ru", {300: 9, 0: 3}, WINTER)[0] == "Asia/Dushanbe"
    assert guess_timezone("https://x.ru/", "ru", {420: 9}, WINTER)[0] in (
        "Asia/Novosibirsk",
        "Asia/Barnaul",
        "Asia/Tomsk",
        "Asia/Krasnoyarsk",
    )
    assert guess_timezone("https://x.uk/", "en", {60: 9}, SUMMER)[0] == "Europe/London"
    assert guess_timezone("https://x.info/", "tg", {300: 9}, WINTER)[0] == "Asia/Dushanbe"
    assert guess_timezone("https://x.com/", "en", {-180: 9}, WINTER)[0] == "Etc/GMT+3"


def test_utc_is_no_evidence_and_a_guess_says_so() -> None:
    zone, why = guess_timezone("https://x.tj/", "ru", {0: 40}, WINTER)
    assert (zone, "guess" in why) == ("Asia/Dushanbe", True)
    assert guess_timezone("https://x.com/", "en", {0: 40}, WINTER)[0] == "UTC"
    assert guess_timezone("http://127.0.0.1/", "en", {}, WINTER)[0] == "UTC"


def test_every_zone_that_may_be_guessed_exists() -> None:
    assert all(ZoneInfo(zone) for zone in LANGUAGE_ZONES.values())
    assert all(
        ZoneInfo(guess_timezone("https://x.com/", "", {minutes: 1}, WINTER)[0])
        for minutes in range(-900, 901, 15)
        if minutes
    )


def test_domains_and_scopes() -> None:
    assert parent_domain("https://www.news.example.org/x") == "example.org"
    assert parent_domain("https://news.bbc.co.uk/") == "bbc.co.uk"
    assert parent_domain("https://one.wordpress.com/") != parent_domain(
        "https://two.wordpress.com/"
    )
    assert parent_domain("http://127.0.0.1:80/") != parent_domain("http://127.0.0.2:80/")
    assert parent_domain("http://127.0.0.1:81/") != parent_domain("http://127.0.0.1:82/")
    assert path_prefix("https://x.tj/ru/index.html") == "/ru/"
    assert path_prefix("https://x.tj/news.tj/") == "/news.tj/"
    assert path_prefix("https://x.tj") == "/"
