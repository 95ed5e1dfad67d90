"""Declared dates keep their moment; visible dates change the confidence and the day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pipeline.core.models import DateConfidence, Metadata
from pipeline.extract.html import parse_html
from pipeline.extract.metadata.metadata import read_metadata

NIGHT = "2024-03-06T03:30:00Z"
NOON = "2024-03-06T12:00:00Z"


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
        ("2024-03-05T22:30:00Z", "06.03.2024, 5:30", date(2024, 3, 6)),  # morning, further east
        (NIGHT, "6 March 2024", date(2024, 3, 6)),
        (NIGHT, "7 March 2024", None),  # no clock on Earth is that far
        (NIGHT, "7 March 2024, 3:30", None),
        (NIGHT, "5 March 2024", None),  # nothing proves that it is the same moment
        (NIGHT, "5 March 2024, 10:47 p.m.", None),  # no zone is seventeen minutes off
        ("2024-03-05T22:57:00-05:00", "6 March 2024, 3:57 AM", date(2024, 3, 6)),  # UTC
        ("2024-03-05T22:30:00Z", "4 March 2024", None),
        ("2024-03-06T15:30:00Z", "5 March 2024", None),
        (NIGHT, "Updated March 5, 2024", None),
        ("2024-03-06T03:30:00+01:00", "5 March 2024", None),  # the zone is said, so the day is
        ("2024-03-06", "5 March 2024", None),
        (
            NIGHT,
            "Published March 5, 2024 10:30 p.m. EST. Updated March 6, 2024",
            date(2024, 3, 5),
        ),
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
    dates = jsonld(datePublished="2023-05-01T10:00:00Z", dateModified="2024-03-20T10:00:00Z")
    republished = read(dates, "<p>Updated 20 March 2024</p>")
    assert (republished.published_at, republished.published_day) == (
        datetime(2023, 5, 1, 10, tzinfo=UTC),
        date(2024, 3, 20),
    )
    assert republished.published_confidence == DateConfidence.LOW
    both = read(dates, "<p>Updated 20 March 2024</p><p>First published 1 May 2023</p>")
    assert both.published_day == date(2023, 5, 1)
    old = jsonld(datePublished="2020-05-01T10:00:00Z", dateModified="2024-03-20T10:00:00Z")
    assert read(old, "<p>Updated 20 March 2024</p>").published_day is None  # kept up to date


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
    noon = jsonld(datePublished=NOON) + meta(NOON)
    assert published(read(noon)) == ("json-ld", DateConfidence.HIGH, None)
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
    assert published(read(visible="<p>Updated 5 March 2024</p>")) == (
        "shown",
        DateConfidence.LOW,
        date(2024, 3, 5),
    )
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


def test_the_day_in_the_url_proves_a_shown_day() -> None:
    url = '<link rel="canonical" href="https://a.example/2024/03/05/seal/">'
    shown = "<p class='date'>5 March 2024</p>"
    assert read(jsonld(datePublished=NIGHT) + url, shown).published_day == date(2024, 3, 5)
    assert read(jsonld(datePublished=NIGHT), shown).published_day is None


TWEET = (
    "<blockquote class='twitter-tweet'><p>A seal!</p>— Lowmere <a href='https://twitter.com/l/1'>"
    "March 5, 2024</a></blockquote>"
)
CARD = "<aside><a href='/x'>Swans return to the pond</a> <b class='date'>5 March 2024</b></aside>"
FACTS = "<div><p>Next trip</p><p class='date'>5 March 2024</p></div>"
POST = (
    "<div class='tgme_post'><time datetime='2024-03-05T20:15:00Z'>5 March 2024, 20:15</time></div>"
)


@pytest.mark.parametrize("other", [TWEET, CARD, FACTS, POST])
def test_another_day_never_moves_a_declared_moment(other: str) -> None:
    declared = '<meta property="article:published_time" content="2024-03-06T08:00:00+00:00">'
    for own in ("", "<p class='date'>2 hours ago</p>", "<p class='date'>6 March 2024</p>"):
        metadata = read(declared, own + other)
        assert metadata.published_local == datetime(2024, 3, 6, 8, tzinfo=UTC)
        assert metadata.published_day in (None, date(2024, 3, 6))
    later = declared + '<meta property="article:modified_time" content="2024-04-06T08:00:00Z">'
    teaser = other.replace("March 5", "April 6").replace("5 March", "6 April")
    if other != FACTS:  # a box without a link can be the date line
        assert read(later, teaser).published_day is None


def test_the_shown_day_decides_between_two_declarations() -> None:
    first = jsonld(datePublished="2024-03-04T07:29:00Z")
    meta = '<meta property="article:published_time" content="2024-03-06T08:29:34+00:00">'
    assert read(first + meta).published_source == "json-ld"
    shown = read(first + meta, "<p class='date'>06.03.2024</p>")
    assert (shown.published_source, shown.published_day) == ("meta", date(2024, 3, 6))
    loose = '<meta name="date" content="March 6, 2024">'
    assert read(first + loose, "<p class='date'>06.03.2024</p>").published_source == "meta"


def test_a_loose_declaration_gives_way_to_the_day_that_the_page_shows() -> None:
    loose = '<meta name="date" content="2024-03-20T10:00:00+01:00">'
    assert published(read(loose)) == ("meta", DateConfidence.MEDIUM, None)
    assert published(read(loose, "<p class='date'>06.03.2024</p>")) == (
        "shown",
        DateConfidence.MEDIUM,
        date(2024, 3, 6),
    )
    timed = read(loose, '<time datetime="2024-03-06T08:00:00+01:00">06.03.2024</time>')
    assert (timed.published_source, timed.published_precision) == ("time", "second")


@pytest.mark.parametrize(
    ("markup", "day"),
    [
        ('<div class="x"><time class="published" datetime="2024-03-05">5 March</time></div>', 5),
        ('<div itemprop="datePublished" content="2024-03-05T10:00:00Z"></div>', 5),
        ('<abbr class="published" title="2024-03-05T10:00:00+01:00">10:00</abbr>', 5),
        ('<span class="created" content="2024-03-05"></span>', None),
        ('<span itemprop="priceValidUntil" content="2024-03-05"></span>', None),
        (('<p>The next trip is on <time datetime="2024-03-05">Tuesday</time>, as the harbour master'
         " of Lowmere told the fishermen and all the passengers.</p>"), None),
        ('<ol class="commentlist"><li>Bill <time datetime="2024-03-05">5 March</time></li></ol>',
         None),
        ('<div><h3>Swans return to the pond</h3><time datetime="2024-03-05">5 March</time></div>',
         None),
        ("<footer>Posted on 5 March 2024</footer>", 5),
        ("<div>5 March 2024</div>", 5),
        ('<div class="comments"><div>Posted on 5 March 2024</div></div>', None),
        ('<div><a href="/x">Swans return to the pond</a> <span>5 March 2024</span></div>', None),
    ],
)  # fmt: skip
def test_a_date_below_the_story_counts_where_it_is_the_storys(markup: str, day: int | None) -> None:
    text = "The ferry of Lowmere was late on Tuesday because a seal slept on the ramp. " * 3
    found = read(visible=f"<p>{text}</p>" * 4 + markup).published_at
    assert found == (None if day is None else datetime(2024, 3, day, found.hour, tzinfo=UTC))


def test_a_page_that_shows_a_relative_date_has_no_other_date_in_its_text() -> None:
    other = "<div class='x'><p>Zuletzt: 1.5.2019</p></div>"
    assert read(visible=f"<p class='date'>Heute, 14:05 Uhr</p>{other}").published_at is None
    declared = read(jsonld(datePublished=NIGHT), "<p class='date'>2 hours ago</p>")
    assert declared.published_source == "json-ld"


def test_the_microdata_of_a_teaser_or_a_comment_is_not_the_storys() -> None:
    def micro(day: int) -> str:
        return f'<meta itemprop="datePublished" content="2024-03-0{day}T10:00:00Z">'

    teaser = f"<div>{micro(1)}<h3>Three swans return to the pond</h3></div>"
    comment = f"<div class='comment'>{micro(2)}<p>About time.</p></div>"
    found = read(teaser, micro(5) + comment).published_at
    assert found == datetime(2024, 3, 5, 10, tzinfo=UTC)
    assert read(visible=teaser + comment).published_at is None


def page_in(language: str, value: str, head: str = "", after: str = "") -> date | None:
    markup = (
        f'<html lang="{language}"><head><title>A seal delays the ferry</title>{head}</head><body>'
        f"<h1>A seal delays the ferry</h1><p class='date'>{value}</p><p>The ferry was late.</p>"
    )
    tree = parse_html((markup + after).encode())
    assert tree is not None
    found = read_metadata(tree).published_at
    return found.date() if found else None


@pytest.mark.parametrize(
    ("language", "head", "after", "month"),
    [
        ("de", "", "", 1),
        ("tr-TR", "", "", 1),
        ("en-US", "", "", 6),
        ("en_PH", "", "", 6),
        ("en-GB", "", "", 1),
        ("en", "", "", 6),
        ("en", '<meta property="og:locale" content="en_AU">', "", 1),
        ("en", '<link rel="canonical" href="https://a.co.uk/x">', "", 1),
        ("en", "", "<p>Issue of 25/12/2025</p>", 1),
        ("en-GB", "", "<p>Issue of 12/25/2025</p>", 6),
        ("en-US", '<meta property="article:modified_time" content="2026-01-06">', "", 1),
    ],
)
def test_the_order_of_day_and_month_is_that_of_the_page(
    language: str, head: str, after: str, month: int
) -> None:
    day = date(2026, 1, 6) if month == 1 else date(2026, 6, 1)
    assert page_in(language, "06/01/2026", head, after) == day
    meta = f'<meta name="pubdate" content="06/01/2026 14:30">{head}'
    assert page_in(language, "", meta, after) == day


def test_a_page_without_language_or_other_dates_has_no_order() -> None:
    assert page_in("", "06/01/2026") != date(2026, 6, 1)
    assert page_in("en-CA", "06/25/2026") == date(2026, 6, 25)


def test_the_confidence_is_not_high_where_the_page_contradicts_its_declarations() -> None:
    meta = '<meta property="article:published_time" content="{0}">'.format
    twice = jsonld(datePublished=NOON) + meta(NOON)
    assert read(twice).published_confidence == DateConfidence.HIGH
    assert read(twice, "<p>Updated 9 May 2024</p>").published_confidence == DateConfidence.MEDIUM
    before = jsonld(datePublished=NOON, dateModified="2024-03-01T10:00:00Z") + meta(NOON)
    assert read(before).published_confidence == DateConfidence.MEDIUM


@pytest.mark.parametrize(
    ("moment", "visible", "expected"),
    [
        ("2024-03-06T03:30:00Z", "", DateConfidence.MEDIUM),  # an evening in America
        ("2024-03-06T22:00:00Z", "", DateConfidence.MEDIUM),  # a midnight in Europe
        ("2024-03-06T12:00:00Z", "", DateConfidence.HIGH),
        ("2024-03-06T03:30:00Z", "<p>6 March 2024</p>", DateConfidence.HIGH),
        ("2024-03-06T03:30:00+05:00", "", DateConfidence.HIGH),  # the publisher's own clock
        ("2024-03-06", "", DateConfidence.HIGH),
    ],
)
def test_a_moment_that_only_utc_declares_may_be_another_day_at_night(
    moment: str, visible: str, expected: DateConfidence
) -> None:
    meta = f'<meta property="article:published_time" content="{moment}">'
    assert read(jsonld(datePublished=moment) + meta, visible).published_confidence == expected


@pytest.mark.parametrize(
    ("changed", "visible", "expected"),
    [
        ("2024-09-01T10:00:00Z", "", DateConfidence.MEDIUM),
        ("2024-03-09T10:00:00Z", "", DateConfidence.HIGH),
        ("2024-09-01T10:00:00Z", "<p>6 March 2024</p>", DateConfidence.HIGH),
    ],
)
def test_a_story_that_changed_much_later_may_be_published_anew(
    changed: str, visible: str, expected: DateConfidence
) -> None:
    head = jsonld(datePublished=NOON, dateModified=changed)
    meta = f'<meta property="article:published_time" content="{NOON}">'
    assert read(head + meta, visible).published_confidence == expected
