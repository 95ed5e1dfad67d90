"""Detect pages that a browser has to build.

The server of such a page sends an empty frame, and the scripts that would fill it.
"""

from __future__ import annotations

import re

from lxml.html import HtmlElement

FEW_WORDS = 40  # that a reader without scripts sees; a short story also has its menu and footer
MANY_SCRIPTS = 5
ALMOST_NO_WORDS = 15
FRAME_IDS = frozenset((
    "root", "app", "__next", "__nuxt", "___gatsby", "main-app", "react-root", "react-app", "q-app",
    "svelte", "ember-app",
))  # fmt: skip
FRAME_TAGS = frozenset(("app-root", "ng-app", "my-app", "app-main"))
JAVASCRIPT = re.compile(r"java\s?script", re.IGNORECASE)
VISIBLE_TEXT = "//text()[not(ancestor::script or ancestor::style or ancestor::head)]"


def needs_javascript(tree: HtmlElement, words: int) -> bool:
    """Tell whether a page has no text until a browser runs its scripts.

    Args:
        tree: The page with its scripts.
        words: How many words the extractors found. A page with a text needs no browser, whatever
            scripts it has.
    """
    if words > FEW_WORDS:
        return False
    scripts = len(tree.findall(".//script"))
    if not scripts:
        return False
    visible_words, mentions_javascript = _visible_words(tree)
    if visible_words > FEW_WORDS:
        return False
    if mentions_javascript or _has_empty_frame(tree):
        return True
    return scripts >= MANY_SCRIPTS and visible_words <= ALMOST_NO_WORDS


def _visible_words(tree: HtmlElement) -> tuple[int, bool]:
    """Count the words visible without scripts, and tell whether they mention JavaScript."""
    words = 0
    mentions_javascript = False
    for text in tree.xpath(VISIBLE_TEXT):
        words += len(text.split())
        mentions_javascript = mentions_javascript or JAVASCRIPT.search(text) is not None
        if words > FEW_WORDS:
            break
    return words, mentions_javascript


def _has_empty_frame(tree: HtmlElement) -> bool:
    """Tell whether the element that scripts would fill is there, and empty."""
    for element in tree.iter("div", "main", *FRAME_TAGS):
        is_frame = element.tag in FRAME_TAGS or str(element.get("id") or "").lower() in FRAME_IDS
        if is_frame and len("".join(element.itertext()).split()) <= ALMOST_NO_WORDS:
            return True
    return False
