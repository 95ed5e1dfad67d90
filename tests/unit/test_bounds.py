"""How much markup is too much."""

from __future__ import annotations

from pipeline.core.markup_limits import MAX_ATTRIBUTES, MAX_ELEMENTS, too_complex


def test_more_elements_than_any_page_has_are_too_many() -> None:
    assert "elements" in too_complex(b"<p>x" * (MAX_ELEMENTS + 1))
    assert not too_complex(b"<p>x</p>" * (MAX_ELEMENTS - 1))
    assert not too_complex(b"if (a < b) x; " * (MAX_ELEMENTS + 1)), "no element begins with a space"


def test_more_attributes_than_any_element_has_are_too_many() -> None:
    assert "attributes" in too_complex(b"<div " + b"data-a=1 " * (MAX_ATTRIBUTES + 1) + b">")
    assert "attributes" in too_complex(b"<div " + b"abcdefgh " * (MAX_ATTRIBUTES + 1) + b">")


def test_a_long_value_is_one_attribute() -> None:
    assert not too_complex(
        b"<path d='" + b"M 0 0 " * 20_000 + b"'><img src=\"data:" + b"A" * 1_000_000 + b'">'
    )
