"""Read a formula in MathML as text: `x^2` for a power, `a/b` for a fraction."""

from __future__ import annotations

import re
from typing import Final

from lxml.html import HtmlElement

from pipeline.extract.visibility import is_hidden

# Between the first and the second part of a formula of two parts.
SIGNS: Final = {"msup": "^", "mfrac": "/", "msub": "_"}
SOURCES: Final = frozenset(("annotation", "annotation-xml"))  # the formula in another language
INVISIBLE = re.compile("[\u2061-\u2064\\s]+")  # "times", "apply" and the like, which nobody sees
MAX_PARTS: Final = 200
MAX_DEPTH: Final = 30
# Libraries that draw a formula in HTML keep its MathML beside that, for screen readers.
DRAWN_TWICE = re.compile(r"katex-mathml|mwe-math-mathml", re.I)


def formula_text(formula: HtmlElement) -> str:
    """Return the text of a formula; "" where the page shows it in another way, or where it is long.

    Args:
        formula: The element `math`.
    """
    parent = formula.getparent()
    if parent is not None and (DRAWN_TWICE.search(parent.get("class") or "") or is_hidden(parent)):
        return ""
    if sum(1 for _ in formula.iter()) > MAX_PARTS:
        return ""
    return _text_below(formula, 0)


def _text_below(element: HtmlElement, depth: int) -> str:
    if not isinstance(element.tag, str) or element.tag in SOURCES or depth > MAX_DEPTH:
        return ""
    parts = [INVISIBLE.sub("", element.text or "")]
    parts += [_text_below(child, depth + 1) for child in element]
    sign = SIGNS.get(element.tag, "")
    if sign:
        parts = [_in_brackets(part) for part in filter(None, parts)]
    return sign.join(parts)


def _in_brackets(part: str) -> str:
    """Return a part in brackets where it is no single number or letter."""
    return part if part.isalnum() else f"({part})"
