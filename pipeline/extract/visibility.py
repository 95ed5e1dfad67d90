"""Tell what readers do not see: hidden elements, and texts for screen readers alone.

Only what the markup itself says is known here: attributes, inline styles, and the class names that
style sheets use for it everywhere. A class such as `hidden md:block` hides on some screens only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from lxml.html import HtmlElement

HIDING_STYLE = re.compile(
    r"(?:^|[;{\s])(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)"
    r"|font-size\s*:\s*0(?:px|pt|em|rem|%)?\s*(?:;|!|$)|opacity\s*:\s*0?\.?0+\s*(?:;|!|$)"
    r"|(?:left|right|top|text-indent|margin-left)\s*:\s*-\d{3,}(?:\.\d+)?(?:px|em|rem|pt|vw|%)"
    r"|clip\s*:\s*rect\(\s*[01](?:px)?[\s,]+[01](?:px)?[\s,]"
    r"|clip-path\s*:\s*inset\(\s*(?:50|100)%)",
    re.I,
)
# Names for texts that only screen readers tell.
SPOKEN_CLASS = re.compile(
    r"(?<!not-)(?<![a-z])(?:(?:visually|visibly)[-_]?hidden"
    r"|hid(?:den|e)[-_]?(?:visually|accessibl[ey])"
    r"|(?:sr|screen-?reader|screenreader)[-_](?:only|text)|sr-?only|screen-?reader"
    r"|show-for-sr|for-screen-?readers?|a11y-(?:hidden|text|only)|element-invisible"
    r"|assistive-text|off-?screen|hidden-accessible|accessib(?:ly|ility)-hidden)(?![a-z])",
    re.I,
)
HIDDEN_CLASS = re.compile(r"(?:^|\s)(?:d-none|hidden|(?:is|u)-hidden|display-none)(?=\s|$)", re.I)
# With these an element is hidden on some screens or until a script runs.
SHOWN_CLASS = re.compile(
    r"(?:^|\s)(?:[\w-]+:"
    r"|(?:d|show|visible|hidden|hide|block)-(?:xs|sm|md|lg|xl|xxl|print|on|for)\b)",
    re.I,
)
SIDE_NOTE_CLASS = re.compile(r"(?:^|\s)(?:side|margin)-?note(?=\s|$)", re.I)
MAX_INLINE_LENGTH: Final = 1000  # characters of a hidden inline element; a longer one is unclosed


@lru_cache(maxsize=20_000)
def is_hiding_class(names: str) -> bool:
    """Tell whether class names hide an element from the eye on every screen."""
    if SPOKEN_CLASS.search(names):
        return True
    return HIDDEN_CLASS.search(names) is not None and SHOWN_CLASS.search(names) is None


@lru_cache(maxsize=20_000)
def is_hiding_style(style: str) -> bool:
    """Tell whether an inline style hides an element."""
    return HIDING_STYLE.search(style) is not None


def is_hidden(element: HtmlElement) -> bool:
    """Tell whether the eye does not see an element, by its own markup."""
    return is_hidden_by(element.get)


def is_hidden_by(get: Callable[[str], str | None]) -> bool:
    """Tell whether the eye does not see an element, by what returns its attributes."""
    if (names := get("class")) and is_hiding_class(names):
        return True
    if (style := get("style")) and is_hiding_style(style):
        return True
    return get("hidden") is not None


def is_short(element: HtmlElement) -> bool:
    """Tell whether an inline element does not hold the rest of the page."""
    length = 0
    for text in element.itertext():
        length += len(text)
        if length > MAX_INLINE_LENGTH:
            return False
    return True


def is_decoration(element: HtmlElement) -> bool:
    """Tell whether a block is no text for screen readers, and not the visible twin of one."""
    if element.get("aria-hidden") != "true":
        return False
    before = element.getprevious()
    return before is None or not is_hidden(before)


def is_side_note(names: str) -> bool:
    """Tell whether an inline element with a class stands beside the line that it interrupts."""
    return "note" in names and SIDE_NOTE_CLASS.search(names) is not None
