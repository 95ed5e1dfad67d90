"""Pages that are built in the browser: what the server sends is an empty frame and the scripts that would fill it.

Promises a pure yes or no over a parsed tree that still has its scripts. A page with a text is none, whatever scripts it has.
"""

from __future__ import annotations

import re

from lxml.html import HtmlElement

FEW_WORDS = 40  # of what a reader without scripts sees; a short story has its menu and footer, too
MANY_SCRIPTS = 5
HARDLY_A_WORD = 15
UNSEEN = ("script", "style", "template", "head", "title", "svg")
FRAMES = frozenset(
    {
        "root",
        "app",
        "__next",
        "__nuxt",
        "___gatsby",
        "main-app",
        "react-root",
        "react-app",
        "q-app",
        "svelte",
        "ember-app",
    }
)
FRAME_TAGS = frozenset({"app-root", "ng-app", "my-app", "app-main"})
ASKS = re.compile(r"java\s?script", re.IGNORECASE)


def needs_javascript(tree: HtmlElement, words: int) -> bool:
    """Whether a page of which the extractors kept so many words needs a browser to become one."""
    if words > FEW_WORDS:
        return False
    scripts = sum(1 for _ in tree.iter("script"))
    if not scripts:
        return False
    seen, asked = _seen(tree)
    if seen > FEW_WORDS:
        return False
    return asked or _has_empty_frame(tree) or (scripts >= MANY_SCRIPTS and seen <= HARDLY_A_WORD)


def _seen(tree: HtmlElement) -> tuple[int, bool]:
    """Words that a reader without scripts sees, and whether they ask for JavaScript."""
    words, asked, texts = (
        0,
        False,
        tree.xpath("//text()[not(ancestor::script or ancestor::style or ancestor::head)]"),
    )
    for text in texts:
        words += len(text.split())
        asked = asked or ASKS.search(text) is not None
        if words > FEW_WORDS:
            break
    return words, asked


def _has_empty_frame(tree: HtmlElement) -> bool:
    """Whether the element that such pages are built into is there, and empty."""
    for element in tree.iter("div", "main", *FRAME_TAGS):
        is_frame = element.tag in FRAME_TAGS or str(element.get("id") or "").lower() in FRAMES
        if is_frame and len("".join(element.itertext()).split()) <= HARDLY_A_WORD:
            return True
    return False
