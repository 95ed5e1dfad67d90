"""Text → its language, as ISO 639-1.

Promises a code or "". The text decides, by letters that only one language has or else by statistics; for a text too short to
decide, what the page declares does.
Templates are copied between editions, so a page's own declaration is often wrong, and the extractor's is
always missing.
"""

from __future__ import annotations

import re

import py3langid
from lxml.html import HtmlElement

from pipeline.extract.language_letters import language_by_letters

ENOUGH = 500  # characters are plenty, and the cost grows with them
SHORT, VERY_SHORT = 200, 40  # letters
CODE = re.compile(r"\s*([a-z]{2})(?:$|[-_ ])", re.I)


def detect_language(text: str, declared: str) -> str:
    """The language of a text; `declared` breaks the tie where the text is short."""
    return detect_language_with_source(text, declared)[0]


def detect_language_with_source(text: str, declared: str) -> tuple[str, str]:
    """The same, and what it was known from: "text" or "declared"."""
    sample = text[:ENOUGH]
    letters = sum(map(str.isalpha, sample))
    if letters < VERY_SHORT and declared:
        return declared, "declared"
    if not letters:
        return "", ""
    if own := language_by_letters(sample):
        return own, "text"
    ranking = [str(code) for code, _ in py3langid.rank(sample)[:4]]
    return (
        (declared, "declared") if letters < SHORT and declared in ranking else (ranking[0], "text")
    )


def declared_language(tree: HtmlElement) -> str:
    """What the page says: the lang of its root, else its content-language or og:locale."""
    root = tree if tree.tag == "html" else tree.find(".//html")
    said = (root.get("lang") or root.get("xml:lang") or "") if root is not None else ""
    if not said:
        for element in tree.iter("meta"):
            if (element.get("property") or element.get("http-equiv") or "").lower() in (
                "og:locale",
                "content-language",
            ):
                said = element.get("content") or ""
                break
    match = CODE.match(said)
    return match[1].lower() if match else ""
