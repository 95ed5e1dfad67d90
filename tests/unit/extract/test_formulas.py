"""A formula in MathML becomes part of its sentence, once and as text."""

from __future__ import annotations

import pytest

from pipeline.extract.html import parse_html
from pipeline.extract.text_lines import read_lines


def texts(body: str) -> list[str]:
    tree = parse_html(f"<html><body>{body}</body></html>".encode())
    assert tree is not None
    return [line.text for line in read_lines(tree).lines]


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<mi>H</mi><mo>=</mo><mn>2</mn><mi>h</mi>", "H=2h"),
        ("<msup><mi>x</mi><mn>2</mn></msup>", "x^2"),
        ("<mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mn>2</mn></mfrac>", "(a+b)/2"),
        ("<mi>f</mi><mo>&#x2061;</mo><mi>x</mi>", "fx"),
        ("<semantics><mi>x</mi><annotation encoding='tex'>\\alpha</annotation></semantics>", "x"),
    ],
)
def test_a_formula_stands_in_its_sentence(markup: str, text: str) -> None:
    assert texts(f"<p>They wrote <math>{markup}</math> on it.</p>") == [f"They wrote {text} on it."]


def test_a_formula_that_a_library_draws_is_read_once() -> None:
    formula = "<math><mi>h</mi><annotation>h</annotation></math>"
    drawn = (
        f"<span class='katex'><span class='katex-mathml'>{formula}</span>"
        "<span class='katex-html' aria-hidden='true'>h</span></span>"
    )
    assert texts(f"<p>The height {drawn} of it.</p>") == ["The height h of it."]


def test_a_formula_of_thousands_of_parts_is_left_out() -> None:
    assert texts(f"<p>A sum <math>{'<mi>x</mi>' * 5000}</math> of it.</p>") == ["A sum of it."]
    deep = "<mrow>" * 150 + "<mi>x</mi>" + "</mrow>" * 150
    assert texts(f"<p>A deep <math>{deep}</math> one.</p>") == ["A deep one."]
