"""Markup that no page needs is refused before it is parsed."""

from __future__ import annotations

from pipeline.core.markup_limits import (
    MAX_ATTRIBUTES,
    MAX_ELEMENTS,
    complexity_problem,
    drop_excess_attributes,
)


def test_too_many_elements_are_refused() -> None:
    assert "elements" in complexity_problem(b"<p>x" * (MAX_ELEMENTS + 1))
    assert not complexity_problem(b"<p>x</p>" * (MAX_ELEMENTS - 1))
    script = b"if (a < b) x; " * (MAX_ELEMENTS + 1)
    assert not complexity_problem(script), "no element starts with a space"


def test_too_many_attributes_of_one_element_are_refused() -> None:
    assert "attributes" in complexity_problem(b"<div " + b"data-a=1 " * (MAX_ATTRIBUTES + 1) + b">")
    assert "attributes" in complexity_problem(b"<div " + b"abcdefgh " * (MAX_ATTRIBUTES + 1) + b">")


def test_a_long_value_counts_as_one_attribute() -> None:
    assert not complexity_problem(
        b"<path d='" + b"M 0 0 " * 20_000 + b"'><img src=\"data:" + b"A" * 1_000_000 + b'">'
    )


def test_an_element_with_too_many_attributes_loses_them_and_the_page_stays() -> None:
    many = b"abcdefgh " * (MAX_ATTRIBUTES + 1)
    markup = b"<p>Before.</p><div " + many + b"><p class='a'>After.</p></div>"
    assert drop_excess_attributes(markup) == (b"<p>Before.</p><div><p class='a'>After.</p></div>")


def test_a_comparison_in_a_script_is_no_element_with_attributes() -> None:
    script = b"<script>for(i=0;i<n;){x()}" + b"a word " * 2 * MAX_ATTRIBUTES + b"</script>"
    markup = drop_excess_attributes(script + b"<p>A story.</p>")
    assert not complexity_problem(markup)
    assert markup.endswith(b"<p>A story.</p>")


def test_an_element_with_long_values_keeps_them() -> None:
    markup = b"<img alt='x' src=\"data:" + b"A b " * 20_000 + b'">'
    assert drop_excess_attributes(markup) == markup
