"""Redact stored bytes: put a mark in place of what a pattern matches, or of what names a story.

The mark is written with character references, so it fits into any charset of HTML and XML. The rule
`redaction` removes the blocks that hold it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final
from urllib.parse import urlsplit

import lxml.html
from lxml.etree import LxmlError

from pipeline.cleaning.rules.redaction import MARK

BYTES_MARK: Final = b"".join(
    b"&#%d;" % ord(letter) if ord(letter) > 127 else letter.encode() for letter in MARK
)
ITEM: Final = re.compile(
    rb"<(item|entry|url|sitemap)\b[^>]*>.*?</\1\s*>", re.IGNORECASE | re.DOTALL
)
MIN_NEEDLE: Final = 6  # characters; a shorter title would match too much
MAX_CLIMB: Final = 8  # elements around a link that are about the same story


def decode_bytes(body: bytes, charset: str) -> tuple[str, str]:
    """Return the text of some bytes, and the charset that gives the same bytes back."""
    for name in (charset, "utf-8"):
        try:
            codecs.lookup(name or "utf-8")
            return body.decode(name or "utf-8"), name or "utf-8"
        except (LookupError, UnicodeError):
            continue
    return body.decode("latin-1"), "latin-1"


def redact_matches(body: bytes, charset: str, pattern: re.Pattern[str]) -> tuple[bytes, int]:
    """Put the mark in place of all matches of a pattern.

    Args:
        body: The bytes of a page.
        charset: Their charset as declared.
        pattern: The pattern. It must not match an empty text.

    Returns:
        The new bytes, and how many matches there were.
    """
    text, charset = decode_bytes(body, charset)
    mark = BYTES_MARK.decode()
    redacted, count = pattern.subn(mark, text)
    return redacted.encode(charset), count


def needles_of(urls: Iterable[str], titles: Iterable[str]) -> tuple[bytes, ...]:
    """Return the bytes by which a source may name a story, the longest first.

    Args:
        urls: The URLs of the story, in all spellings.
        titles: Its titles, as pages and sources give them.
    """
    texts = set[str]()
    for url in urls:
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        texts.update(spelling for spelling in (url, path) if len(spelling) >= MIN_NEEDLE)
    texts.update(title.strip() for title in titles if len(title.strip()) >= MIN_NEEDLE)
    needles = set[bytes]()
    for text in texts:
        for spelling in (text, escape(text), escape(text, quote=False), text.replace("/", "\\/")):
            needles.add(spelling.encode("utf8", "replace"))
            needles.add(spelling.encode("ascii", "xmlcharrefreplace"))
    return tuple(sorted(needles, key=lambda needle: (-len(needle), needle)))


def names_story(body: bytes, needles: Sequence[bytes]) -> bool:
    """Return whether the bytes of a source name a story."""
    return any(needle in body for needle in needles)


def redact_source(body: bytes, needles: Sequence[bytes]) -> bytes:
    """Return the bytes of a source without all that it says of a story.

    The entry of a feed or sitemap goes as a whole. Of an HTML page the elements around the link go
    as far as they are about no other link. The mark takes the place of what is left.

    Args:
        body: The bytes of a feed, a sitemap, a section or a front page.
        needles: See `needles_of`.
    """
    without = ITEM.sub(lambda item: b"" if names_story(item[0], needles) else item[0], body)
    if without == body and b"<a" in body.lower():
        without = _without_elements(body, needles)
    for needle in needles:
        without = without.replace(needle, BYTES_MARK)
    return without


def _without_elements(body: bytes, needles: Sequence[bytes]) -> bytes:
    try:
        tree = lxml.html.document_fromstring(body)
    except (LxmlError, ValueError):
        return body
    links = [link for link in tree.iter("a") if _names(link, needles)]
    for link in links:
        element = _block_about(link)
        parent = element.getparent()
        if parent is not None:
            element.drop_tree()
    if not links:
        return body
    encoding = tree.getroottree().docinfo.encoding or "utf-8"
    made: bytes = lxml.html.tostring(tree, encoding=encoding, include_meta_content_type=True)
    return made


def _names(element: lxml.html.HtmlElement, needles: Sequence[bytes]) -> bool:
    shown = f"{element.get('href') or ''} {element.text_content()}"
    return names_story(shown.encode("utf8", "replace"), needles)


def _block_about(link: lxml.html.HtmlElement) -> lxml.html.HtmlElement:
    """Return the largest element around a link in which all links lead to the same page."""
    block = link
    for _ in range(MAX_CLIMB):
        parent = block.getparent()
        if parent is None or parent.tag in ("body", "html", "main"):
            break
        if len({other.get("href") for other in parent.iter("a")}) > 1:
            break
        block = parent
    return block
