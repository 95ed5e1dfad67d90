"""Dates of feeds and sitemaps: zones, languages, days, and what is no date of a story."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from crawler.discovery.feeds import read_feed
from crawler.discovery.sitemaps import read_sitemap
from pipeline.core.dates.source_dates import NO_DATE, SourceDate, SourceDateReader

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
TEN = datetime(2026, 3, 5, 10, tzinfo=UTC)


def read(text: str, timezone: str = "Asia/Dushanbe", language: str = "") -> SourceDate:
    return SourceDateReader(timezone, NOW, language).read(text)


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("Thu, 05 Mar 2026 10:00:00 GMT", 10),
        ("Thu, 05 Mar 2026 10:00:00 +0300", 7),
        ("Thu, 05 Mar 2026 10:00:00", 5),  # the site's own clock, five hours ahead
        ("05 Mar 2026 10:00", 5),
        ("5 Mar 26 10:00:00 UT", 10),
        ("Thu, 05 Mar 2026 10:00:00 MSK", 7),
        ("Thu, 05 Mar 2026 10:00:00 EET", 8),
        ("Thu, 05 Mar 2026 10:00:00 EST", 15),
        ("Thu, 05 Mar 2026 10:00:00 CEST", 8),
        ("Thu, 05 Mar 2026 10:00:00 TJT", 5),
        ("Thu, 05 Mar 2026 10:00:00 GMT+3", 7),
        ("Thu, 05 Mar 2026 10:00:00 UTC+03:00", 7),
        ("2026-03-05T10:00Z", 10),
        ("2026-03-05T10:00+03:00", 7),  # as in dc:date
        ("2026-03-05T10:00", 5),
        ("2026-03-05 10:00:00 MSK", 7),
        ("2026-03-05T10:00:00.123Z", 10),
        ("2026-03-05T10:00:00+0300", 7),
        ("20260305T100000Z", 10),
        ("1772704800", 10),
        ("Чт, 05 мар 2026 10:00:00 +0300", 7),
        ("5 марта 2026 10:00 МСК", 7),
        ("5 марта 2026 г., 10:00", 5),
        ("Чт, 05 бер 2026 10:00:00 +0200", 8),  # Ukrainian
        ("Do, 05 Mrz 2026 10:00:00 +0100", 9),  # German
        ("Do, 05 März 2026 10:00:00 +0100", 9),
        ("jeu, 05 mars 2026 10:00:00 +0100", 9),
        ("jue, 05 marzo 2026 10:00:00 +0100", 9),
        ("gio, 05 marzo 2026 10:00:00 +0100", 9),
        ("qui, 05 março 2026 10:00:00 +0000", 10),
        ("czw, 05 marca 2026 10:00:00 +0100", 9),
        ("čt, 05 března 2026 10:00:00 +0100", 9),
        ("do, 05 maart 2026 10:00:00 +0100", 9),
        ("Per, 05 Mart 2026 10:00:00 +0300", 7),
        ("Πέμ, 05 Μαρ 2026 10:00:00 +0200", 8),
        ("5 mars 2026 10:00:00 +0100", 9),
        ("2026. március 5. 10:00:00 +0100", 9),
        ("5 مارس 2026 10:00:00 +0300", 7),
        ("2026年3月5日 10:00:00 +0900", 1),
        ("5 мартаи 2026 10:00", 5),  # Tajik
    ],
)
def test_times_of_sources_are_read_with_their_zone(text: str, hour: int) -> None:
    assert read(text) == SourceDate(TEN.replace(hour=hour))


@pytest.mark.parametrize(
    ("timezone", "name", "expected"),
    [
        ("Asia/Jerusalem", "IST", TEN.replace(hour=8)),
        ("Asia/Kolkata", "IST", TEN.replace(hour=4, minute=30)),
        ("Asia/Shanghai", "CST", TEN.replace(hour=2)),
        ("America/Chicago", "CST", TEN.replace(hour=16)),
        ("Europe/Moscow", "IST", TEN.replace(hour=4, minute=30)),  # not its own name
    ],
)
def test_a_name_of_several_zones_means_that_of_the_site(
    timezone: str, name: str, expected: datetime
) -> None:
    date = read(f"Thu, 05 Mar 2026 10:00:00 {name}", timezone)
    assert date == SourceDate(expected)


@pytest.mark.parametrize("timezone", ["", "Asia/Dushanbe", "America/New_York", "Pacific/Apia"])
@pytest.mark.parametrize("text", ["2026-03-05", "5 March 2026", "05.03.2026", "5 марта 2026"])
def test_a_date_without_a_time_stays_that_day(text: str, timezone: str) -> None:
    assert read(text, timezone) == SourceDate(datetime(2026, 3, 5, tzinfo=UTC), "day")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "0000-00-00 00:00:00",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "1989-12-31T10:00:00Z",
        "0",
        "Thu, 12 Mar 2026 10:00:00 GMT",  # the day after tomorrow
        "2026-03-12",
        "2062-03-05T10:00:00Z",
        "2026-02-30T10:00:00Z",
        "2026-03",
        "31 Foo 2026 10:00",
        "9" * 30,
        "03/05/2026",  # in March or in May
    ],
)
def test_what_is_no_date_of_a_story_becomes_none(text: str) -> None:
    assert read(text) == NO_DATE


def test_tomorrow_on_the_clock_of_the_site_is_still_a_date() -> None:
    assert read("Wed, 11 Mar 2026 23:00:00 +0500").at is not None
    assert read("2026-03-11").precision == "day"


@pytest.mark.parametrize(
    ("language", "month"), [("en-us", 3), ("en-gb", 5), ("de", 5), ("ru-RU", 5)]
)
def test_the_language_of_a_feed_orders_days_and_months(language: str, month: int) -> None:
    reader = SourceDateReader("", datetime(2026, 6, 1, tzinfo=UTC), language)
    date = reader.read("03/05/2026 10:00")
    assert date.at is not None
    assert date.at.month == month


RSS = """<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>
<title>Courier</title><language>ru</language>{items}</channel></rss>"""
ITEM = "<item><title>A</title><link>https://courier.example/{0}</link>{1}</item>"


def test_a_feed_gives_its_dates_in_the_zone_of_the_site() -> None:
    dates = [
        "<pubDate>Чт, 05 мар 2026 10:00:00</pubDate>",
        "<dc:date>2026-03-05T10:00</dc:date>",
        "<pubDate>2026-03-05</pubDate>",
        "<pubDate>Thu, 01 Jan 1970 00:00:00 GMT</pubDate>",
    ]
    items = "".join(ITEM.format(number, text) for number, text in enumerate(dates))
    body = RSS.format(items=items).encode()
    listing = read_feed(body, "https://courier.example/feed", "", "Asia/Dushanbe", NOW)
    found = [(link.published_at, link.published_precision) for link in listing.links]
    five = TEN.replace(hour=5)
    assert found == [
        (five, ""),
        (five, ""),
        (datetime(2026, 3, 5, tzinfo=UTC), "day"),
        (None, ""),
    ]


def test_an_atom_entry_that_was_only_updated_has_no_publication() -> None:
    body = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>x</title><id>x</id><entry>
    <title>A</title><id>https://courier.example/a</id><link href="https://courier.example/a"/>
    <updated>2026-03-05T10:00:00Z</updated></entry></feed>"""
    (link,) = read_feed(body, "https://courier.example/feed", "", "", NOW).links
    assert (link.published_at, link.modified_at) == (None, TEN)


def test_a_day_of_a_sitemap_stays_that_day() -> None:
    body = b"""<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
    xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"><url>
    <loc>https://courier.example/a</loc><lastmod>2024-03-06</lastmod><news:news>
    <news:publication_date>2024-03-05</news:publication_date></news:news></url></urlset>"""
    (link,) = read_sitemap(body, "https://courier.example/map.xml", "Asia/Dushanbe").links
    assert (link.published_at, link.published_precision) == (
        datetime(2024, 3, 5, tzinfo=UTC),
        "day",
    )
    assert (link.modified_at, link.modified_precision) == (datetime(2024, 3, 6, tzinfo=UTC), "day")
