"""How much markup is too much: what no page, feed or sitemap needs, and what parsers take minutes and gigabytes for.

Promises pure functions over bytes that cost a few milliseconds a megabyte at the worst, and nothing to speak of for an ordinary
page. They count generously: what stands in a script counts, too.
"""

from __future__ import annotations

import re
from typing import Final

MAX_ELEMENTS: Final = 100_000  # of a page; long live blogs have a third of that
MAX_ATTRIBUTES: Final = 2_000  # of one element: libxml2 compares each with all others
MAX_TEXT_LENGTH: Final = 2_000_000  # letters of text of a page; a novel has a third of that
LONG_TAG_BYTES: Final = 10_000  # bytes: shorter ones cannot have so many
ELEMENT_START = re.compile(rb"<[A-Za-z]")
LONG_TAG_PATTERN = re.compile(rb"<[A-Za-z][^<>]{%d,}" % LONG_TAG_BYTES)
QUOTED = re.compile(rb"\"[^\"]*\"|'[^']*'")


def complexity_problem(markup: bytes) -> str:
    """Why an HTML page is not to be parsed, as a sentence; "" for all that may be."""
    if (
        markup.count(b"<") > MAX_ELEMENTS
        and sum(1 for _ in ELEMENT_START.finditer(markup)) > MAX_ELEMENTS
    ):
        return f"more than {MAX_ELEMENTS} elements"
    if any(
        len(QUOTED.sub(b"", tag[0]).split()) > MAX_ATTRIBUTES
        for tag in LONG_TAG_PATTERN.finditer(markup)
    ):
        return f"more than {MAX_ATTRIBUTES} attributes in one element"
    return ""


def has_more_than(body: bytes, most: int, *signs: bytes) -> bool:
    """Whether there are more of some signs in a body than a parser should be given."""
    return sum(map(body.count, signs)) > most
