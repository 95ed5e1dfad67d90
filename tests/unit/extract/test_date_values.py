"""Declared dates are parsed in all forms that sites give them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.dates.date_text import DateStyle
from pipeline.core.dates.date_values import ParsedDate, date_readings, parse_date


@pytest.mark.parametrize(
    ("text", "moment", "offset"),
    [
        ("2024-03-05T22:30:00Z", (2024, 3, 5, 22, 30), 0),
        ("2024-03-05T22:30:00-05:00", (2024, 3, 6, 3, 30), -300),
        ("Tue, 05 Mar 2024 22:30:00 GMT", (2024, 3, 5, 22, 30), 0),
        (
            "Tue Mar 05 2024 22:30:00 GMT+0100 (Central European Standard Time)",
            (2024, 3, 5, 21, 30),
            60,
        ),
        ("Mar 5, 2024 10:30 PM EST", (2024, 3, 6, 3, 30), -300),
        ("5 марта 2024, 22:30 MSK", (2024, 3, 5, 19, 30), 180),
        ("1709677800", (2024, 3, 5, 22, 30), 0),
        ("1709677800000", (2024, 3, 5, 22, 30), 0),
        (1709677800, (2024, 3, 5, 22, 30), 0),
    ],
)
def test_a_moment_with_a_zone_is_read(text: Any, moment: tuple[int, ...], offset: int) -> None:
    year, month, day, hour, minute = moment
    parsed = parse_date(text)
    assert parsed is not None
    assert (parsed.moment, parsed.offset, parsed.has_zone, parsed.precision) == (
        datetime(year, month, day, hour, minute, tzinfo=UTC),
        offset,
        True,
        "second",
    )


@pytest.mark.parametrize(
    ("text", "hour", "minute"),
    [
        ("2024-03-05 08:53:11 AM", 8, 53),
        ("2024-03-05 08:53:11 PM", 20, 53),
        ("2024-03-05 12:05 a.m.", 0, 5),
        ("March 5, 2024 12:05 PM", 12, 5),
        ("20240305085311", 8, 53),
        ("الثلاثاء، 05 مارس 2024 - 08:53 م", 20, 53),
        ("2024年3月5日 下午 8:53", 8, 53),
        ("2024-03-05|08h53", 8, 53),
    ],
)
def test_a_time_without_a_zone_is_a_local_time(text: str, hour: int, minute: int) -> None:
    parsed = parse_date(text)
    assert parsed is not None
    assert (parsed.moment.hour, parsed.moment.minute) == (hour, minute)
    assert (parsed.has_zone, parsed.offset, parsed.day.isoformat()) == (False, None, "2024-03-05")


def test_a_date_without_a_time_is_a_day() -> None:
    day = ParsedDate(datetime(2024, 3, 5, tzinfo=UTC), "day")
    for text in ("2024-03-05", "March 5, 2024", "5. März 2024", "05-Mar-2024", "۱۵ اسفند ۱۴۰۲"):
        assert parse_date(text) == day


def test_a_date_of_two_readings_needs_a_style() -> None:
    assert parse_date("06/01/2026 14:30") is None
    assert len(date_readings("06/01/2026 14:30")) == 2
    for is_month_first, month in ((True, 6), (False, 1)):
        parsed = parse_date("06/01/2026 14:30", DateStyle(is_month_first))
        assert parsed is not None
        assert (parsed.moment.month, parsed.moment.hour) == (month, 14)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "1.2.3",
        "12345678901",
        "0000000000",
        None,
        True,
        {},
        [],
        -5,
        10**20,
        "from 5 March 2024 to 7 March 2024",
        "2024-13-05",
        "March 2024",
    ],
)
def test_other_values_are_no_dates(value: Any) -> None:
    assert parse_date(value) is None


@given(st.text(max_size=80))
def test_no_text_raises_an_error(text: str) -> None:
    date_readings(text)
