"""Declared dates keep their moment; visible dates change the confidence and the day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pipeline.core.models import DateConfidence, Metadata
from pipeline.extract.html import parse_html
from pipeline.extract.metadata.metadata import read_metadata

NIGHT = "2024-03-06T03:30:00Z"


def jsonld(**values: str) -> str:
    pairs = "".join(f', "{name}": "{value}"' for name, value in values.items())
    return (
        '<script type="application/ld+json">{"@type": "NewsArticle", "headline": "A'
        f' seal"{pairs}}}</script>'
    )


def read(head: str = "", visible: str = "") -> Metadata:
    markup = (
        f"<html><head><title>A seal delays the ferry</title>{head}</head><body><h1>A seal delays"
        f" the ferry</h1>{visible}"
    )
    tree = parse_html((markup + "<p>The ferry was late.</p></body></html>").encode())
    assert tree is not None
    return read_metadata(tree)


def published(metadata: Metadata) -> tuple[Any, ...]:
    return metadata.published_source, metadata.published_confidence, metadata.published_day


@pytest.mark.parametrize(
    ("declared", "offset"),
    [("Z", 0), ("+00:00", 0), ("-05:00", -300), ("+05:30", 330), ("+0100", 60), ("+5", 300)],
)
def test_a_time_keeps_its_declared_offset(declared: str, offset: int) -> None:
    metadata = read(jsonld(datePublished=f"2024-03-05T22:30:00{declared}"))
    assert metadata.published_offset == offset
    assert metadata.published_local is not None
    assert metadata.published_local.date() == date(2024, 3, 5)
    assert metadata.published_at == datetime(2024, 3, 5, 22, 30, tzinfo=UTC) - timedelta(
        minutes=offset
    )


def test_a_day_and_a_time_without_a_zone_have_no_offset() -> None:
    assert read(jsonld(datePublished="2024-03-05")).published_offset is None
    assert read(jsonld(datePublished="2024-03-05T10:00:00")).published_offset is None


def test_the_offset_comes_from_another_declaration_of_the_same_moment() -> None:
    meta = '<meta property="article:published_time" content="2024-03-05T22:30:00-05:00">'
    metadata = read(jsonld(datePublished=NIGHT) + meta)
    assert (metadata.published_source, metadata.published_offset) == ("json-ld", -300)
    other = (  # another moment
        '<meta property="article:published_time" content="2024-03-05T20:30:00-05:00">'
    )
    assert read(jsonld(datePublished=NIGHT) + other).published_offset == 0


def test_a_time_replaces_a_day_only_on_the_same_day() -> None:
    def meta(value: str) -> str:
        return f'<meta property="article:published_time" content="{value}">'

    timed = read(jsonld(datePublished="2024-03-05") + meta("2024-03-05T22:30:00-05:00"))
    assert (timed.published_source, timed.published_precision) == ("meta", "second")
    other = read(jsonld(datePublished="2024-03-05") + meta("2024-03-06T22:30:00-05:00"))
    assert (other.published_source, other.published_precision) == ("json-ld", "day")


@pytest.mark.parametrize(
    ("declared", "visible", "day"),
    [
        (NIGHT, "March 5, 2024 10:30 p.m. EST", date(2024, 3, 5)),  # evening where it was written
        ("2024-03-05T22:30:00Z", "06.03.2024", date(2024, 3, 6)),  # morning, further east
        (NIGHT, "6 March 2024", date(2024, 3, 6)),
        (NIGHT, "7 March 2024", None),  # no clock on Earth is that far
        ("2024-03-05T22:30:00Z", "4 March 2024", None),
        ("2024-03-06T15:30:00Z", "5 March 2024", None),
        (NIGHT, "Updated March 5, 2024", None),
        ("2024-03-06T03:30:00+01:00", "5 March 2024", None),  # the zone is said, so the day is
        ("2024-03-06", "5 March 2024", None),
        (NIGHT, "Published March 5, 2024. Updated March 6, 2024", date(2024, 3, 5)),
    ],
)
def test_the_visible_day_may_be_one_day_off_a_moment_in_utc(
    declared: str, visible: str, day: date | None
) -> None:
    metadata = read(jsonld(datePublished=declared), f"<p>{visible}</p>")
    assert metadata.published_day == day
    assert metadata.published_at is not None
    assert metadata.published_at.date().isoformat() in (declared[:10], "2024-03-06")


def test_a_visible_change_never_replaces_a_declared_publication() -> None:
    dates = jsonld(datePublished="2024-03-18T10:00:00Z", dateModified="2024-03-20T10:00:00Z")
    for word in (
        "Updated",
        "Last updated:",
        "Aktualisiert am",
        "Stand:",
        "Mis à jour le",
        "Actualizado",
        "Обновлено",
    ):
        metadata = read(dates, f"<p>{word} 20.03.2024</p>")
        assert (metadata.published_at, metadata.published_day) == (
            datetime(2024, 3, 18, 10, tzinfo=UTC),
            None,
        )


def test_an_old_story_that_is_shown_as_new_has_the_visible_day() -> None:
    dates = jsonld(datePublished="2022-03-01T10:00:00Z", dateModified="2024-03-20T10:00:00Z")
    republished = read(dates, "<p>Updated 20 March 2024</p>")
    assert (republished.published_at, republished.published_day) == (
        datetime(2022, 3, 1, 10, tzinfo=UTC),
        date(2024, 3, 20),
    )
    both = read(dates, "<p>Updated 20 March 2024</p><p>First published 1 March 2022</p>")
    assert both.published_day == date(2022, 3, 1)


@pytest.mark.parametrize(
    ("url", "day"),
    [
        ("https://a.example/world/2024/03/05/ferry-is-late/", date(2024, 3, 5)),
        ("https://a.example/2024-3-5-ferry.html", date(2024, 3, 5)),
        ("https://a.example/world/2024/mar/05/ferry-is-late", date(2024, 3, 5)),
        ("https://a.example/2024/13/05/x", None),
        ("https://a.example/2024/03/ferry", None),
        ("https://a.example/1203/04/05678/x", None),
    ],
)
def test_a_day_in_the_url_comes_before_a_guess(url: str, day: date | None) -> None:
    metadata = read(f'<link rel="canonical" href="{url}">', "")
    assert (metadata.published_at.date() if metadata.published_at else None) == day
    assert (metadata.published_source, metadata.published_confidence) == (
        ("url", DateConfidence.MEDIUM) if day else ("", DateConfidence.NONE)
    )
    declared = read(
        jsonld(datePublished="2024-02-01T10:00:00Z") + f'<link rel="canonical" href="{url}">',
        "",
    )
    assert declared.published_source == "json-ld"


def test_a_republished_story_has_the_only_visible_day() -> None:
    dates = jsonld(datePublished="2020-03-01T10:00:00Z", dateModified="2024-03-20T10:00:00Z")
    republished = read(dates, "<p>20 March 2024</p>")
    assert (republished.published_at, republished.published_day) == (
        datetime(2020, 3, 1, 10, tzinfo=UTC),
        date(2024, 3, 20),
    )
    assert republished.published_confidence == DateConfidence.LOW
    assert read(dates, "<p>20 March 2024</p><p>1 March 2020</p>").published_day == date(2020, 3, 1)
    assert read(dates, "<p>20 March 2024</p><p>21 March 2024</p>").published_day is None
    assert read(dates, "<p>19 March 2024</p>").published_day is None  # a day that nobody declares


def test_the_confidence_depends_on_other_declarations_and_visible_days() -> None:
    meta = '<meta property="article:published_time" content="{0}">'.format
    first = jsonld(datePublished=NIGHT)
    assert published(read(first)) == ("json-ld", DateConfidence.MEDIUM, None)
    assert published(read(first + meta(NIGHT))) == ("json-ld", DateConfidence.HIGH, None)
    assert published(read(first, "<p>6 March 2024</p>")) == (
        "json-ld",
        DateConfidence.HIGH,
        date(2024, 3, 6),
    )
    assert published(read(first + meta("2024-02-01"))) == ("json-ld", DateConfidence.LOW, None)
    assert published(read(first, "<p>1 February 2024</p>")) == ("json-ld", DateConfidence.LOW, None)


def test_a_single_visible_day_is_used_where_none_is_declared() -> None:
    assert published(read(visible="<p>5 March 2024</p>")) == (
        "shown",
        DateConfidence.MEDIUM,
        date(2024, 3, 5),
    )
    assert read(visible="<p>Updated 5 March 2024</p>").published_source != "shown"
    assert read(visible="<p>3/4/2024</p>").published_source != "shown"
    assert published(read()) == ("", DateConfidence.NONE, None)


def test_the_last_change_has_a_source_and_a_confidence() -> None:
    changed = read(
        jsonld(datePublished="2024-03-05T10:00:00+01:00", dateModified="2024-03-06T10:00:00+01:00")
    )
    assert (changed.modified_source, changed.modified_confidence, changed.modified_offset) == (
        "json-ld",
        DateConfidence.MEDIUM,
        60,
    )
    shown = read(jsonld(dateModified="2024-03-06T10:00:00+01:00"), "<p>Updated 6 March 2024</p>")
    assert shown.modified_confidence == DateConfidence.HIGH
    wrong = read(
        jsonld(datePublished="2024-03-05T10:00:00+01:00", dateModified="2024-03-01T10:00:00+01:00")
    )
    assert wrong.modified_confidence == DateConfidence.LOW  # changed before it was there
    assert (read().modified_at, read().modified_source, read().modified_confidence) == (
        None,
        "",
        DateConfidence.NONE,
    )
