"""Find the language of a text, as an ISO 639-1 code.

The text decides: by letters that only one language has, or else by statistics. What the page
declares decides only where the text is too short. Sites copy templates between their editions, so a
page's own declaration is often wrong.
"""

from __future__ import annotations

import re

import py3langid
from lxml.html import HtmlElement

from pipeline.extract.languages.letters import language_by_letters

SAMPLE_LENGTH = 500  # characters; more cost time and add nothing
FIRST_SAMPLE_LENGTH = 200  # that nearly always tells the language as clearly
CLEAR_LEAD = 60.0  # of the first language over the second, as logarithms of their likelihoods
SHORT, VERY_SHORT = 200, 40  # letters
RANKED_LANGUAGES = 4  # by probability, in which a declared language confirms a short text
CODE = re.compile(r"\s*([a-z]{2})(?:$|[-_ ])", re.I)
LANGUAGE_META = ("og:locale", "content-language")


def detect_language(text: str, declared: str) -> str:
    """Return the language of a text; `declared` breaks the tie where the text is short."""
    return detect_language_with_source(text, declared)[0]


def detect_language_with_source(text: str, declared: str) -> tuple[str, str]:
    """Return the language of a text, and what decided it.

    Args:
        text: The text of the story.
        declared: The language that the page declares, or "".

    Returns:
        The code and "text" or "declared"; two empty strings where nothing is known.
    """
    sample = text[:SAMPLE_LENGTH]
    letters = sum(map(str.isalpha, sample))
    if letters < VERY_SHORT and declared:
        return declared, "declared"
    if not letters:
        return "", ""
    if language := language_by_letters(sample):
        return language, "text"
    ranking = _rank_languages(sample)
    if letters < SHORT and declared in ranking:
        return declared, "declared"
    return ranking[0], "text"


def _rank_languages(sample: str) -> list[str]:
    """Return the most likely languages of a text, best first."""
    ranking = py3langid.rank(sample[:FIRST_SAMPLE_LENGTH])
    if len(sample) > FIRST_SAMPLE_LENGTH and ranking[0][1] - ranking[1][1] < CLEAR_LEAD:
        ranking = py3langid.rank(sample)
    return [str(code) for code, _ in ranking[:RANKED_LANGUAGES]]


def declared_language(tree: HtmlElement) -> str:
    """Return the language that a page declares, or "".

    The `lang` of the root element comes before content-language and og:locale.
    """
    match = CODE.match(_root_language(tree) or _meta_language(tree))
    if match is None:
        return ""
    return match[1].lower()


def _root_language(tree: HtmlElement) -> str:
    root = tree if tree.tag == "html" else tree.find(".//html")
    if root is None:
        return ""
    return root.get("lang") or root.get("xml:lang") or ""


def _meta_language(tree: HtmlElement) -> str:
    for element in tree.iter("meta"):
        name = element.get("property") or element.get("http-equiv") or ""
        if name.lower() in LANGUAGE_META:
            return element.get("content") or ""
    return ""
