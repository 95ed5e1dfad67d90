"""Days of other calendars become Gregorian ones."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from pipeline.core.dates.calendars import gregorian_year, solar_day


@pytest.mark.parametrize(
    ("solar", "day"),
    [
        ((1403, 1, 1), date(2024, 3, 20)),
        ((1402, 12, 29), date(2024, 3, 19)),
        ((1399, 12, 30), date(2021, 3, 20)),  # a leap year
        ((1400, 1, 1), date(2021, 3, 21)),
        ((1357, 11, 22), date(1979, 2, 11)),
        ((1404, 7, 1), date(2025, 9, 23)),
        ((1404, 12, 19), date(2026, 3, 10)),
    ],
)
def test_a_solar_date_is_a_gregorian_day(solar: tuple[int, int, int], day: date) -> None:
    assert solar_day(*solar) == day


def test_solar_days_follow_each_other_without_a_gap() -> None:
    day = solar_day(1380, 1, 1)
    for year in range(1380, 1420):
        for month in range(1, 13):
            assert solar_day(year, month, 1) == day
            length = 31 if month <= 6 else 30
            if month == 12:
                length = (solar_day(year + 1, 1, 1) - day).days
                assert length in (29, 30)
            day += timedelta(days=length)


@pytest.mark.parametrize("solar", [(1403, 0, 1), (1403, 13, 1), (1403, 7, 31), (1200, 1, 1)])
def test_a_solar_date_that_does_not_exist_is_an_error(solar: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="no Solar Hijri date"):
        solar_day(*solar)


def test_only_buddhist_years_are_changed() -> None:
    assert (gregorian_year(2567), gregorian_year(2024)) == (2024, 2024)
