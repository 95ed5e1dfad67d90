"""Read what stands inside a sentence as a reader sees it.

Pages put words of a sentence into buttons and elements of their own, letters into pictures, and
marks of footnotes behind words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

from lxml.html import HtmlElement

BLOCKS = (
    "address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "fieldset",
    "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr",
    "li", "main", "nav", "ol", "p", "pre", "section", "table", "tbody", "td", "th", "tr", "ul",
)  # fmt: skip
READINGS: Final = frozenset(("rt", "rp", "rtc"))  # of a word, which stands in small above it
REPLACED_TAGS: Final = READINGS | {"a", "img", "sup"}
NOTE_MARK = re.compile(r"[\[(]?(?:\d{1,3}|[a-z]|[*†‡§]{1,3})[\])]?")
LINK_MARK = re.compile(r"[\[(](?:\d{1,3}|[a-z])[\])]|[#¶§🔗↩↑]\ufe0e?")
SUPERSCRIPTS = str.maketrans("0123456789+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")
INITIAL_MARK = re.compile(r"drop-?_?cap|initial|first-?letter|letrine|capital", re.I)
WORDS_OF_ONE_LETTER: Final = frozenset("AIOUYÀÈÉEÓWZКСВОУИЯАІЄ")
NUMBER = re.compile(r"[+−-]?\d{1,3}")
MAX_MARK_LENGTH: Final = 6  # characters
MAX_SYMBOL_LENGTH: Final = 8  # characters of a picture of a letter or a symbol
MAX_WORDS_LENGTH: Final = 300  # characters of words of a sentence in an element of their own
MAX_OUTER: Final = 3  # elements around a picture that end with it
SENTENCE_GOES_ON = ",.;:!?)]}”’\"'»…-–—，。、；：！？）」』"


def stands_in_sentence(element: HtmlElement, tag: str) -> bool:
    """Tell whether an element that is no usual inline element holds words of a sentence.

    Such are custom elements, `<slot>` and buttons. A button needs more evidence, because most
    buttons beside a text ask for something.

    Args:
        element: The element.
        tag: Its tag.
    """
    if not isinstance(tag, str):  # a reference that the parser left
        return False
    before, after = _text_before(element), (element.tail or "").strip()
    if not before and not after:
        return False
    if tag == "button" and not _sentence_goes_on(before, after):
        return False
    if next(element.iter(*BLOCKS), None) is not None:
        return False
    return sum(map(len, element.itertext())) <= MAX_WORDS_LENGTH


def _text_before(element: HtmlElement) -> str:
    """Return the text between the element before and this one, or that of an element before."""
    previous = element.getprevious()
    if previous is not None:
        return (previous.tail or "").strip()
    parent = element.getparent()
    return "" if parent is None else (parent.text or "").strip()


def _sentence_goes_on(before: str, after: str) -> bool:
    if not after:
        return False
    if after[0].islower() or after[0] in SENTENCE_GOES_ON:
        return True
    return bool(before) and before[-1] not in ".!?…:。！？"


def replacement(element: HtmlElement, tag: str, is_line_empty: Callable[[], bool]) -> str | None:
    """Return what a reader sees instead of the text of an inline element.

    Args:
        element: An inline element with a tag of REPLACED_TAGS.
        tag: Its tag.
        is_line_empty: Tells whether the line has no text before it.

    Returns:
        The text; "" where a reader sees none, and None where it is the text of the element.
    """
    if tag == "a":
        if not _is_link_mark(element):
            return None
        return None if is_line_empty() and not _is_in_heading(element) else ""
    if tag == "img":
        return _picture_text(element, is_line_empty)
    if tag == "sup":
        return None if is_line_empty() else _superscript(element)
    return ""


def _picture_text(picture: HtmlElement, is_line_empty: Callable[[], bool]) -> str | None:
    """Return the symbol that a picture shows, or the letter with which a text begins."""
    text = (picture.get("alt") or "").strip()
    if not text or len(text) > MAX_SYMBOL_LENGTH:
        return None
    if all(unicodedata.category(character) in ("So", "Sk", "Mn", "Cf") for character in text):
        return text
    is_initial = len(text) == 1 and text.isalpha() and is_line_empty()
    return text if is_initial and _next_text(picture)[:1].isalpha() else None


def _next_text(element: HtmlElement) -> str:
    """Return the text right behind an element, also where it ends an element around it."""
    outer: HtmlElement | None = element
    for _ in range(MAX_OUTER):
        if outer is None:
            break
        if outer.tail or outer.getnext() is not None:
            return outer.tail or ""
        outer = outer.getparent()
    return ""


def _superscript(element: HtmlElement) -> str | None:
    text = "".join(element.itertext()).strip()
    if len(text) > MAX_MARK_LENGTH:
        return None
    if NOTE_MARK.fullmatch(text) and _is_linked(element):
        return ""
    return text.translate(SUPERSCRIPTS) if NUMBER.fullmatch(text) else None


def _is_linked(element: HtmlElement) -> bool:
    """Tell whether a link holds the element alone, or stands in it."""
    if element.find(".//a[@href]") is not None:
        return True
    parent = element.getparent()
    if parent is None or parent.tag != "a":
        return False
    return not (parent.text or "").strip() and not (element.tail or "").strip()


def _is_link_mark(link: HtmlElement) -> bool:
    """Tell whether a link within the page is a mark: of a footnote, or of a heading's address."""
    if "#" not in (link.get("href") or ""):
        return False
    text = (link.text or "").strip()
    return len(text) <= MAX_MARK_LENGTH and not len(link) and LINK_MARK.fullmatch(text) is not None


def _is_in_heading(element: HtmlElement) -> bool:
    parent = element.getparent()
    return parent is not None and parent.tag in ("h1", "h2", "h3", "h4", "h5", "h6")


def is_initial(letter: str, marks: str) -> bool:
    """Tell whether a line of one letter may be the first letter of the next line, shown large."""
    return letter.isupper() and INITIAL_MARK.search(marks) is not None


def join_initial(initial: str, text: str) -> str:
    """Return a text with the initial before it; "" where the text does not go on from it.

    Args:
        initial: The enlarged first letter of a paragraph, which stands in an element of its own.
        text: The text that follows it.

    Returns:
        The joined text: with a space after words of one letter such as "A", else without one.
    """
    rest = text.lstrip()
    if not rest[:1].islower() and rest[:1] not in ("’", "'"):
        return ""
    is_word = initial in WORDS_OF_ONE_LETTER and text[0].isspace()
    return f"{initial} {rest}" if is_word else initial + rest
