"""How much markup is too much."""

from __future__ import annotations

from pipeline.core.markup_limits import MAX_ATTRIBUTES, MAX_ELEMENTS, complexity_problem


def test_more_elements_than_any_page_has_are_too_many() -> None:
    assert "elements" in complexity_problem(b"<p>x" * (MAX_ELEMENTS + 1))
    assert not complexity_problem(b"<p>x</p>" * (MAX_ELEMENTS - 1))
    assert not complexity_problem(b"if (a < b) x; " * (MAX_ELEMENTS + 1)), "no element begins with a space"


def test_more_attributes_than_any_element_has_are_too_many() -> None:
    assert "attributes" in complexity_problem(b"<div " + b"data-a=1 " * (MAX_ATTRIBUTES + 1) + b">")
    assert "attributes" in complexity_problem(b"<div " + b"abcdefgh " * (MAX_ATTRIBUTES + 1) + b">")


def test_a_long_value_is_one_attribute() -> None:
    assert not complexity_problem(
        b"<path d='" + b"M 0 0 " * 20_000 + b"'><img src=\"data:" + b"A" * 1_000_000 + b'">'
    )
