"""Which date is merged of page, feed and sitemap, in which zone, and with which confidence."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pipeline.cleaning.metadata_merge import merge_metadata
from pipeline.core.models import AnnouncedMetadata, DateConfidence, Metadata

FETCHED_AT = datetime(2026, 3, 10, tzinfo=UTC)
EVENING = datetime(2026, 3, 5, 22, 30, tzinfo=UTC)


def merged(
    announced: AnnouncedMetadata | None = None, timezone: str = "", **declared: Any
) -> Metadata:
    return merge_metadata(
        Metadata(**declared),
        announced or AnnouncedMetadata(),
        language_hint="",
        timezone=timezone,
        fetched_at=FETCHED_AT,
    )


def declared(**more: Any) -> dict[str, Any]:
    return {
        "published_at": EVENING,
        "published_source": "json-ld",
        "published_precision": "second",
        "published_confidence": DateConfidence.MEDIUM,
        "published_offset": 0,
    } | more


@pytest.mark.parametrize(
    ("zone", "offset", "mark", "moment", "expected"),
    [
        ("Asia/Dushanbe", 0, "", EVENING, 300),  # written in UTC, read in Dushanbe
        ("America/New_York", 60, "", EVENING, 60),  # another zone that the page names stays
        ("", 0, "", EVENING, 0),
        ("Asia/Dushanbe", None, "?published", EVENING - timedelta(hours=5), 300),  # a wall clock
        ("Europe/Berlin", None, "?published", EVENING - timedelta(hours=1), 60),
    ],
)
def test_a_date_has_the_zone_of_its_page_or_else_of_its_site(
    zone: str, offset: int | None, mark: str, moment: datetime, expected: int
) -> None:
    metadata = merged(
        timezone=zone, **declared(published_offset=offset, published_source=f"json-ld{mark}")
    )
    assert (metadata.published_at, metadata.published_offset, metadata.published_source) == (
        moment,
        expected,
        "json-ld",
    )
    assert metadata.published_local == moment


def test_the_local_day_is_that_of_the_site() -> None:
    local = merged(timezone="Asia/Dushanbe", **declared()).published_local
    assert local is not None
    assert local.date() == date(2026, 3, 6)


def test_a_day_without_a_time_has_no_zone() -> None:
    midnight = datetime(2026, 3, 5, tzinfo=UTC)
    day = declared(published_at=midnight, published_precision="day", published_offset=None)
    assert merged(timezone="Asia/Dushanbe", **day).published_local == midnight


def test_a_feed_that_agrees_raises_the_confidence() -> None:
    assert (
        merged(AnnouncedMetadata(published_at=EVENING), **declared()).published_confidence
        == DateConfidence.HIGH
    )
    late = AnnouncedMetadata(published_at=EVENING + timedelta(days=2))
    assert merged(late, **declared()).published_confidence == DateConfidence.MEDIUM
    doubtful = declared(published_confidence=DateConfidence.LOW)  # the page speaks against it
    assert (
        merged(AnnouncedMetadata(published_at=EVENING), **doubtful).published_confidence
        == DateConfidence.LOW
    )


def test_the_feed_adds_the_time_of_a_day_and_replaces_a_guess() -> None:
    day = declared(
        published_at=datetime(2026, 3, 5, tzinfo=UTC),
        published_precision="day",
        published_offset=None,
    )
    timed = merged(
        AnnouncedMetadata(published_at=EVENING, source="feed"), timezone="Asia/Dushanbe", **day
    )
    assert (timed.published_at, timed.published_offset, timed.published_confidence) == (
        EVENING,
        300,
        DateConfidence.HIGH,
    )
    assert timed.published_day == date(2026, 3, 5)  # which in Dushanbe would be the sixth
    guess = day | {"published_source": "htmldate", "published_confidence": DateConfidence.LOW}
    fed = merged(AnnouncedMetadata(published_at=EVENING, source="sitemap"), **guess)
    assert (fed.published_source, fed.published_confidence, fed.published_offset) == (
        "sitemap",
        DateConfidence.MEDIUM,
        None,
    )


def test_an_impossible_date_goes_with_all_its_fields() -> None:
    ahead = FETCHED_AT + timedelta(days=9)
    metadata = merged(
        **declared(
            published_at=ahead,
            published_day=ahead.date(),
            modified_at=ahead,
            modified_source="meta",
        )
    )
    assert metadata == Metadata()


def test_a_change_from_the_sitemap_has_its_source() -> None:
    metadata = merged(AnnouncedMetadata(modified_at=EVENING, source="sitemap"))
    assert (metadata.modified_at, metadata.modified_source, metadata.modified_confidence) == (
        EVENING,
        "sitemap",
        DateConfidence.MEDIUM,
    )


@pytest.mark.parametrize("offset", [24 * 60, -5000, 100_000])
def test_an_impossible_offset_leaves_utc(offset: int) -> None:
    assert merged(**declared(published_offset=offset)).published_local == EVENING
    early = Metadata(published_at=datetime(1, 1, 1, tzinfo=UTC), published_offset=-60)
    assert early.published_local == datetime(1, 1, 1, tzinfo=UTC)


def test_tags_of_a_feed_are_used_where_the_page_has_none() -> None:
    announced = AnnouncedMetadata(source="sitemap", tags=("port",))
    assert merged(announced).tags == ("port",)
    assert merged(announced, tags=("sea",)).tags == ("sea",)


def test_values_of_feed_and_site_file_have_their_source() -> None:
    announced = AnnouncedMetadata(
        title="A seal delays the ferry", tags=("ferry",), source="sitemap"
    )
    metadata = merge_metadata(
        Metadata(), announced, language_hint="en", timezone="UTC", fetched_at=FETCHED_AT
    )
    assert dict(metadata.sources) == {
        "title": "sitemap",
        "tags": "sitemap",
        "language": "site file",
    }
    page = Metadata(
        title="A seal delays the ferry | Courier",
        language="de",
        tags=("port",),
        sources=(("title", "h1"), ("tags", "x")),
    )
    metadata = merge_metadata(
        page, announced, language_hint="en", timezone="UTC", fetched_at=FETCHED_AT
    )
    assert (metadata.title, metadata.sources) == (announced.title, page.sources)


def announced_day(day: date, **more: Any) -> AnnouncedMetadata:
    at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return AnnouncedMetadata(published_at=at, published_precision="day", source="sitemap", **more)


@pytest.mark.parametrize("zone", ["", "Asia/Dushanbe", "America/New_York", "Pacific/Auckland"])
def test_an_announced_day_stays_that_day_in_each_zone(zone: str) -> None:
    metadata = merged(announced_day(date(2026, 3, 5)), zone)
    assert (metadata.published_precision, metadata.publication_day) == ("day", date(2026, 3, 5))
    assert metadata.published_local == datetime(2026, 3, 5, tzinfo=UTC)


def test_an_announced_day_confirms_a_time_and_never_replaces_it() -> None:
    late = declared(published_offset=300)  # the morning of the sixth in Dushanbe
    confirmed = merged(announced_day(date(2026, 3, 6)), "Asia/Dushanbe", **late)
    other = merged(announced_day(date(2026, 3, 5)), "Asia/Dushanbe", **late)
    for metadata in (confirmed, other):
        assert (metadata.published_at, metadata.published_precision) == (EVENING, "second")
    assert confirmed.published_confidence == DateConfidence.HIGH
    assert other.published_confidence == DateConfidence.MEDIUM


def test_an_announced_day_of_a_change_stays_a_day() -> None:
    at = datetime(2026, 3, 5, tzinfo=UTC)
    announced = AnnouncedMetadata(modified_at=at, modified_precision="day", source="sitemap")
    metadata = merged(announced, "Asia/Dushanbe")
    assert (metadata.modified_local, metadata.modified_precision) == (at, "day")
