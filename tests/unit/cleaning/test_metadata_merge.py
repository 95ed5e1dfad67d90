"""Which date is chosen of page, feed and sitemap, on which clock, and how sure it is."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pipeline.cleaning.metadata_merge import merge_metadata
from pipeline.core.models import AnnouncedMetadata, DateConfidence, Metadata

VISIT = datetime(2026, 3, 10, tzinfo=UTC)
EVENING = datetime(2026, 3, 5, 22, 30, tzinfo=UTC)


def chosen(told: AnnouncedMetadata | None = None, timezone: str = "", **declared: Any) -> Metadata:
    return merge_metadata(
        Metadata(**declared),
        told or AnnouncedMetadata(),
        language_hint="",
        timezone=timezone,
        fetched_at=VISIT,
    )


def declared(**more: Any) -> dict[str, Any]:
    return {
        "published_at": EVENING,
        "published_source": "json-ld",
        "published_precision": "second",
        "published_certainty": DateConfidence.MEDIUM,
        "published_offset": 0,
    } | more


@pytest.mark.parametrize(
    ("zone", "offset", "marked", "moment", "expected"),
    [
        ("Asia/Dushanbe", 0, "", EVENING, 300),  # written in UTC, read in Dushanbe
        ("America/New_York", 60, "", EVENING, 60),  # another zone that the page names stays
        ("", 0, "", EVENING, 0),
        ("Asia/Dushanbe", None, "?published", EVENING - timedelta(hours=5), 300),  # a wall clock
        ("Europe/Berlin", None, "?published", EVENING - timedelta(hours=1), 60),
    ],
)
def test_a_date_stands_on_the_clock_of_its_page_or_else_of_its_site(
    zone: str, offset: int | None, marked: str, moment: datetime, expected: int
) -> None:
    metadata = chosen(
        timezone=zone, **declared(published_offset=offset, published_source=f"json-ld{marked}")
    )
    assert (metadata.published_at, metadata.published_offset, metadata.published_source) == (
        moment,
        expected,
        "json-ld",
    )
    assert metadata.published_local == moment


def test_the_day_is_that_of_the_site() -> None:
    local = chosen(timezone="Asia/Dushanbe", **declared()).published_local
    assert local is not None
    assert local.date() == date(2026, 3, 6)


def test_a_day_has_no_clock() -> None:
    midnight = datetime(2026, 3, 5, tzinfo=UTC)
    day = declared(published_at=midnight, published_precision="day", published_offset=None)
    assert chosen(timezone="Asia/Dushanbe", **day).published_local == midnight


def test_a_feed_that_agrees_makes_a_date_surer_and_one_that_does_not_leaves_it() -> None:
    assert (
        chosen(AnnouncedMetadata(published_at=EVENING), **declared()).published_confidence
        == DateConfidence.HIGH
    )
    late = AnnouncedMetadata(published_at=EVENING + timedelta(days=2))
    assert chosen(late, **declared()).published_confidence == DateConfidence.MEDIUM
    doubtful = declared(published_certainty=DateConfidence.LOW)  # the page speaks against it
    assert (
        chosen(AnnouncedMetadata(published_at=EVENING), **doubtful).published_confidence
        == DateConfidence.LOW
    )


def test_the_feed_gives_a_day_its_time_and_stands_in_for_a_guess() -> None:
    day = declared(
        published_at=datetime(2026, 3, 5, tzinfo=UTC),
        published_precision="day",
        published_offset=None,
    )
    timed = chosen(
        AnnouncedMetadata(published_at=EVENING, source="feed"), timezone="Asia/Dushanbe", **day
    )
    assert (timed.published_at, timed.published_offset, timed.published_confidence) == (
        EVENING,
        300,
        DateConfidence.HIGH,
    )
    assert timed.published_day == date(2026, 3, 5)  # which in Dushanbe would be the sixth
    guess = day | {"published_source": "htmldate", "published_certainty": DateConfidence.LOW}
    fed = chosen(AnnouncedMetadata(published_at=EVENING, source="sitemap"), **guess)
    assert (fed.published_source, fed.published_confidence, fed.published_offset) == (
        "sitemap",
        DateConfidence.MEDIUM,
        None,
    )


def test_a_date_that_cannot_be_takes_all_that_was_said_of_it_along() -> None:
    ahead = VISIT + timedelta(days=9)
    metadata = chosen(
        **declared(
            published_at=ahead,
            published_day=ahead.date(),
            modified_at=ahead,
            modified_source="meta",
        )
    )
    assert metadata == Metadata()


def test_a_change_that_only_the_sitemap_knows_has_its_source() -> None:
    metadata = chosen(AnnouncedMetadata(modified_at=EVENING, source="sitemap"))
    assert (metadata.modified_at, metadata.modified_source, metadata.modified_confidence) == (
        EVENING,
        "sitemap",
        DateConfidence.MEDIUM,
    )


@pytest.mark.parametrize("offset", [24 * 60, -5000, 100_000])
def test_an_offset_that_no_clock_has_leaves_utc(offset: int) -> None:
    assert chosen(**declared(published_offset=offset)).published_local == EVENING
    early = Metadata(published_at=datetime(1, 1, 1, tzinfo=UTC), published_offset=-60)
    assert early.published_local == datetime(1, 1, 1, tzinfo=UTC)


def test_tags_of_a_feed_stand_in_where_the_page_names_none() -> None:
    told = AnnouncedMetadata(source="sitemap", tags=("port",))
    assert chosen(told).tags == ("port",)
    assert chosen(told, tags=("sea",)).tags == ("sea",)


def test_what_the_feed_and_the_site_file_add_is_said_to_come_from_them() -> None:
    told = AnnouncedMetadata(title="A seal delays the ferry", tags=("ferry",), source="sitemap")
    found = merge_metadata(Metadata(), told, language_hint="en", timezone="UTC", fetched_at=VISIT)
    assert dict(found.sources) == {"title": "sitemap", "tags": "sitemap", "language": "site file"}
    page = Metadata(
        title="A seal delays the ferry | Courier",
        language="de",
        tags=("port",),
        sources=(("title", "h1"), ("tags", "x")),
    )
    found = merge_metadata(page, told, language_hint="en", timezone="UTC", fetched_at=VISIT)
    assert (found.title, found.sources) == (told.title, page.sources)
