"""Days in text are found in the languages of news sites, and nothing else is."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.dates.date_text import DateStyle, find_dates


def days(text: str, style: DateStyle | None = None) -> list[date]:
    return [found.day for found in find_dates(text, style or DateStyle())]


@pytest.mark.parametrize(
    "text",
    [
        "March 5, 2024", "Mar. 5, 2024, 10:00 a.m.", "Tuesday, 5 March 2024", "5th of March 2024",
        "5. März 2024, 10:00 Uhr", "5 mars 2024 à 10h", "5 de marzo de 2024", "5 de marzo del 2024",
        "5 de março de 2024", "5º de março de 2024", "5 de març de 2024", "5 marzo 2024",
        "5 marca 2024", "5 maart 2024", "5. marts 2024", "5 martie 2024", "5. března 2024",
        "5 Mart 2024 Salı", "5. maaliskuuta 2024", "5 марта 2024 г.", "5 марти 2024",
        "5 марти соли 2024", "5 березня 2024", "5 сакавіка 2024", "5 март 2024", "5-mart, 2024",
        "2024-yil 5-mart", "2024 йил 5 март", "5 наурыз 2024", "2024 жылғы 5 наурыз",
        "2024. március 5.", "2024. márc. 5.", "2024 m. kovo 5 d.", "5 Μαρτίου 2024", "5 Μαρ 2024",
        "5 मार्च 2024", "५ मार्च २०२४", "मार्च 5, 2024", "5 মার্চ ২০২৪", "5 மார்ச் 2024",
        "٥ مارس ٢٠٢٤", "الثلاثاء، 05 مارس 2024 - 12:09 م", "5 آذار 2024", "5 במרץ 2024",
        "۱۵ اسفند ۱۴۰۲", "سه‌شنبه ۱۵ اسفند ۱۴۰۲", "۱۴۰۲/۱۲/۱۵", "1402/12/15 - 10:30",
        "5 มีนาคม 2567", "5 มี.ค. 2567", "ngày 5 tháng 3 năm 2024", "5 tháng 3, 2024",
        "5 Maret 2024", "5 მარტი, 2024", "5 մարտի, 2024", "2024年3月5日 08:30", "2024 年 3 月 5 日",
        "令和6年3月5日", "民國113年3月5日", "2024년 3월 5일 화요일", "2024. 3. 5.",
        "05.03.2024 10:00", "5.3.24", "05 | 03 | 2024", "2024-03-05", "2024/03/05 10:00",
        "Published:2024-03-05T10:00", "05.03.2024г.", "05-Mar-2024", "5/mars/2024",
        "Mar 05 09:34 2024", "Tue Mar 5 2024 00:23:33 GMT+0000", "By Jo/March 5, 2024 9:49 am",
    ],
)  # fmt: skip
def test_a_written_day_is_found(text: str) -> None:
    assert days(text) == [date(2024, 3, 5)]


def test_a_day_with_slashes_has_two_readings_if_both_are_possible() -> None:
    assert days("3/4/2024") == [date(2024, 4, 3), date(2024, 3, 4)]
    assert days("3/24/2024") == [date(2024, 3, 24)]
    assert days("4/4/2024") == [date(2024, 4, 4)]
    assert days("3.4.2024") == [date(2024, 4, 3)]  # with stops the day is first everywhere


def test_the_style_of_a_page_decides_between_two_readings() -> None:
    assert days("3/4/2024", DateStyle(is_month_first=True)) == [date(2024, 3, 4)]
    assert days("3/4/2024", DateStyle(is_month_first=False)) == [date(2024, 4, 3)]
    assert days("3-4-2024", DateStyle(is_month_first=True)) == [date(2024, 3, 4)]
    assert days("3.4.2024", DateStyle(is_month_first=True)) == [date(2024, 4, 3)]
    for style in (DateStyle(is_month_first=True), DateStyle(is_month_first=False)):
        assert days("3/24/2024", style) == [date(2024, 3, 24)]


def test_one_word_is_another_month_in_another_language() -> None:
    assert days("5 listopada 2024", DateStyle(language="pl")) == [date(2024, 11, 5)]
    assert days("5. listopada 2024.", DateStyle(language="hr")) == [date(2024, 10, 5)]


@pytest.mark.parametrize(
    "text",
    [
        "31 February 2024", "March 2024", "5 March", "555-12-2034", "10 Downing 2024",
        "version 1.2.2024.5.6", "192.168.20.24", "0/0/2024", "1,234.56", "12:30:45", "in 2024",
        "۳۲ اسفند ۱۴۰۲", "2024年13月5日", "5 марта", "5 March 3024", "",
    ],
)  # fmt: skip
def test_other_numbers_are_not_days(text: str) -> None:
    assert days(text) == []


def test_a_day_has_its_position() -> None:
    text = "Jane Doe, 5 March 2024, updated 6 March 2024"
    found = find_dates(text)
    assert [text[each.start : each.end] for each in found] == ["5 March 2024", "6 March 2024"]


@given(st.text(max_size=200))
def test_no_text_raises_an_error(text: str) -> None:
    assert all(0 <= each.start < each.end <= len(text) for each in find_dates(text))


@given(st.text(alphabet="0123456789./- marchмартаمارس年月日", max_size=200))
def test_no_text_of_digits_and_months_raises_an_error(text: str) -> None:
    assert all(1800 <= each.day.year <= 2100 for each in find_dates(text))
