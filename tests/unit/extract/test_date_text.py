"""Days in text are found in the languages of news sites, and nothing else is."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.extract.metadata.date_text import MONTHS, find_dates, month_number


def days(text: str) -> list[date]:
    return [day for _, day in find_dates(text)]


@pytest.mark.parametrize(
    "text",
    [
        "March 5, 2024", "Mar. 5, 2024, 10:00 a.m.", "Tuesday, 5 March 2024", "5th of March 2024",
        "5. März 2024, 10:00 Uhr", "5 mars 2024 à 10h", "5 de marzo de 2024",
        "5 de março de 2024", "5 marzo 2024", "5 marca 2024", "5 maart 2024", "5 марта 2024 г.",
        "5 марти 2024", "5-mart, 2024", "5 наурыз 2024", "05.03.2024 10:00", "5.3.24",
        "2024-03-05", "2024/03/05 10:00", "Published:2024-03-05T10:00", "05.03.2024г.",
    ],
)  # fmt: skip
def test_a_written_day_is_found(text: str) -> None:
    assert days(text) == [date(2024, 3, 5)]


def test_a_day_with_slashes_has_two_readings_if_both_are_possible() -> None:
    assert days("3/4/2024") == [date(2024, 4, 3), date(2024, 3, 4)]
    assert days("3/24/2024") == [date(2024, 3, 24)]
    assert days("4/4/2024") == [date(2024, 4, 4)]
    assert days("3.4.2024") == [date(2024, 4, 3)]  # with stops the day is first everywhere


@pytest.mark.parametrize(
    "text",
    [
        "31 February 2024", "March 2024", "5 March", "555-12-2034", "10 Downing 2024",
        "version 1.2.2024.5.6", "192.168.20.24", "0/0/2024", "1,234.56", "12:30:45", "in 2024",
        "",
    ],
)  # fmt: skip
def test_other_numbers_are_not_days(text: str) -> None:
    assert days(text) == []


def test_a_day_has_its_position() -> None:
    text = "Jane Doe, 5 March 2024, updated 6 March 2024"
    assert [text[position:][:7] for position, _ in find_dates(text)] == ["5 March", "6 March"]


def test_every_beginning_of_a_month_belongs_to_one_month() -> None:
    words = [word for words in MONTHS for word in words.split()]
    assert len(words) == len(set(words))


@pytest.mark.parametrize(
    ("word", "month"),
    [
        ("juin", 6),
        ("Juillet", 7),
        ("июня", 6),
        ("Июля", 7),
        ("lipca", 7),
        ("listopada", 11),
        ("мамыр", 5),
        ("марта", 3),
        ("Uhr", 0),
    ],
)
def test_months_with_similar_beginnings_are_distinguished(word: str, month: int) -> None:
    assert month_number(word) == month


@given(st.text(max_size=200))
def test_no_text_raises_an_error(text: str) -> None:
    assert all(0 <= position < len(text) for position, _ in find_dates(text))
