"""Refuse markup that no page, feed or sitemap needs, and that takes a parser minutes or gigabytes.

The checks cost a few milliseconds a megabyte at most. They count generously: markup inside a
script counts, too.
"""

from __future__ import annotations

import re
from typing import Final

MAX_ELEMENTS: Final = 100_000  # of a page; long live blogs have a third of that
MAX_ATTRIBUTES: Final = 2_000  # of one element: libxml2 compares each with all others
MAX_TEXT_LENGTH: Final = 2_000_000  # characters of a page's text; a novel has a third of that
LONG_TAG_BYTES: Final = 10_000  # a shorter tag cannot have so many attributes
ELEMENT_START = re.compile(rb"<[A-Za-z]")
LONG_TAG_PATTERN = re.compile(rb"<[A-Za-z][^<>]{%d,}" % LONG_TAG_BYTES)
TAG_NAME = re.compile(rb"<[A-Za-z][A-Za-z0-9-]{0,40}")
QUOTED = re.compile(rb"\"[^\"]*\"|'[^']*'")


def complexity_problem(markup: bytes) -> str:
    """Return why an HTML page must not be parsed, or "" if it may be."""
    # counting "<" is much faster than counting elements, and settles it for nearly all pages
    if markup.count(b"<") > MAX_ELEMENTS and len(ELEMENT_START.findall(markup)) > MAX_ELEMENTS:
        return f"more than {MAX_ELEMENTS} elements"
    if any(map(_has_many_attributes, LONG_TAG_PATTERN.finditer(markup))):
        return f"more than {MAX_ATTRIBUTES} attributes in one element"
    return ""


def drop_excess_attributes(markup: bytes) -> bytes:
    """Drop all attributes of each element that has more than MAX_ATTRIBUTES.

    Such an element is mostly no element: a script holds an "i<n" with a long text after it. What is
    lost then is a part of that script.
    """
    return LONG_TAG_PATTERN.sub(_short_tag, markup)


def _short_tag(tag: re.Match[bytes]) -> bytes:
    name = TAG_NAME.match(tag[0])
    return name[0] if name and _has_many_attributes(tag) else tag[0]


def _has_many_attributes(tag: re.Match[bytes]) -> bool:
    return len(QUOTED.sub(b"", tag[0]).split()) > MAX_ATTRIBUTES


def has_more_than(body: bytes, limit: int, *signs: bytes) -> bool:
    """Return whether a body has more occurrences of some signs than a parser may be given."""
    return sum(map(body.count, signs)) > limit
