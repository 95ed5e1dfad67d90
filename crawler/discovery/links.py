"""The links of one source, and the small functions that all readers of sources share."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from html.entities import name2codepoint
from itertools import islice
from typing import Any

from pipeline.core.models import Link, Reason
from pipeline.core.urls import url_key

MAX_LINKS = 50_000  # of one source; the limit of sitemaps.org
MAX_TITLE = 500  # characters
MAX_TEXT_NODES = 500  # of one link
MAX_TAGS = 50  # of one link
MAX_TAG = 100  # characters
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u200b\ufeff\ufffe\uffff]+")
# Characters that XML 1.0 forbids, also as references
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
DOCTYPE = re.compile(rb"<!DOCTYPE", re.IGNORECASE)
ENTITY = re.compile(rb"<!ENTITY\b", re.IGNORECASE)
AMPERSAND = re.compile(
    rb"<!\[CDATA\[.*?(?:\]\]>|\Z)"
    rb"|&(?:([A-Za-z][A-Za-z0-9]{1,20});|#(\d{1,9}|[xX][0-9A-Fa-f]{1,9});"
    rb"|(?!#\d+;|#x[0-9A-Fa-f]+;))",
    re.DOTALL,
)
XML_ENTITIES = ("amp", "lt", "gt", "quot", "apos")
CONTROLS = bytes([*range(9), 0x0B, 0x0C, *range(0x0E, 0x20)])
MULTIBYTE_SIGNS = (b"\0", b"2022")  # UTF-16 and ISO-2022, where controls are parts of letters
ROOT_END_BYTES = 500  # at the end of a file, in which its root element has to end


@dataclass(frozen=True, slots=True)
class LinkListing:
    """The links of a source.

    `reason` says why there are none or, as TOO_MANY_LINKS, why there are no more. `next_page` is
    the URL on which a section continues.
    """

    links: tuple[Link, ...] = ()
    reason: Reason = Reason.NONE
    detail: str = ""
    next_page: str = ""

    @property
    def was_read(self) -> bool:
        """Whether the source could be read."""
        return self.reason in (Reason.NONE, Reason.TOO_MANY_LINKS)


@dataclass(slots=True)
class LinkCollector:
    """Collect links in order, each URL once.

    A URL that occurs again may add its title or tags to the first link.
    """

    limit: int = MAX_LINKS
    by_key: dict[str, Link] = field(default_factory=dict)
    offered: int = 0
    overflowed: bool = False

    def add(self, link: Link | None) -> bool:
        """Add a link, or None for an entry without one.

        Returns:
            False once the limit is reached, or the same URLs were offered again and again.
        """
        self.offered += 1
        if link is None:
            return self._has_room()
        key = url_key(link.url)
        known = self.by_key.get(key)
        if known is not None:
            if (link.title and not known.title) or (link.tags and not known.tags):
                self.by_key[key] = replace(
                    known, title=known.title or link.title, tags=known.tags or link.tags
                )
        elif len(self.by_key) < self.limit:
            self.by_key[key] = link
        else:
            self.overflowed = True
        return self._has_room()

    def _has_room(self) -> bool:
        self.overflowed = self.overflowed or self.offered > 4 * self.limit
        return not self.overflowed

    def result(self) -> LinkListing:
        """Return the listing of what was added.

        Returns:
            The links in their order, with what was left out because of a limit.
        """
        links = tuple(self.by_key.values())
        if self.overflowed:
            detail = f"only the first {self.limit} links were read"
            return LinkListing(links, Reason.TOO_MANY_LINKS, detail)
        if self.offered and not links:
            detail = f"it has {self.offered} entries, and none has a link to a page"
            return LinkListing((), Reason.NO_LINKS, detail)
        return LinkListing(links)


def unreadable_source(detail: str) -> LinkListing:
    """Return the listing of a source that is not what it should be."""
    return LinkListing((), Reason.UNREADABLE, detail)


def too_complex_source(detail: str) -> LinkListing:
    """Return the listing of a source that a parser would need too long for."""
    return LinkListing((), Reason.TOO_COMPLEX, detail)


def plain_text(text: str) -> str:
    """Return a text as one line of limited length, without controls or lone surrogates."""
    return " ".join(UNPRINTABLE.sub(" ", text).split())[:MAX_TITLE].rstrip()


def element_text(element: Any) -> str:
    """Return the text inside an element, as far as it makes a title.

    The text is cut early: nested links would be read again and again.
    """
    pieces, letters = [], 0
    for piece in islice(element.itertext(), MAX_TEXT_NODES):
        pieces.append(piece)
        letters += len(piece.strip())
        if letters > 2 * MAX_TITLE:
            break
    return plain_text("".join(pieces))


def normalize_tags(names: Iterable[str]) -> tuple[str, ...]:
    """Return the tags that a source gives a story: each once, up to a limit."""
    tags: dict[str, None] = {}
    for name in names:
        tag = plain_text(name)[:MAX_TAG].rstrip()
        if tag:
            tags[tag] = None
        if len(tags) >= MAX_TAGS:
            break
    return tuple(tags)


def declares_entities(body: bytes) -> bool:
    """Return whether the document type of an XML file declares entities.

    A few entities in each other can make gigabytes of a file. Other document types are harmless,
    because none is loaded from elsewhere.
    """
    doctype = DOCTYPE.search(body)
    return doctype is not None and ENTITY.search(body, doctype.end()) is not None


def end_tag_pattern(*names: str) -> re.Pattern[bytes]:
    """Return a pattern for the end tags of elements, with or without a prefix."""
    return re.compile(rf"</(?:[\w.-]+:)?(?:{'|'.join(names)})\s*>".encode())


def repair_xml(body: bytes, root_end: re.Pattern[bytes], entry_end: re.Pattern[bytes]) -> bytes:
    """Prepare broken XML for a parser that recovers from errors.

    Bare ampersands, which are common in URLs, are escaped. An entry in which the file was cut off
    is dropped, because half a URL is another URL.

    Args:
        body: The file.
        root_end: Matches the end tag of the root element.
        entry_end: Matches the end tag of an entry.
    """
    if not root_end.search(body, max(0, len(body) - ROOT_END_BYTES)):
        last_entry_end = 0
        for entry in entry_end.finditer(body):
            last_entry_end = entry.end()
        body = body[:last_entry_end] or body
    if not any(sign in body[:200] for sign in MULTIBYTE_SIGNS):
        # A parser that recovers takes the bracket after a control for a part of it.
        body = body.translate(None, CONTROLS)
    return AMPERSAND.sub(_escape, body)


def _escape(match: re.Match[bytes]) -> bytes:
    """Replace an ampersand that XML does not understand.

    HTML entities become numbers, and unknown ones their letters. CDATA stays. References to
    characters that XML forbids are dropped: what a parser makes of them would appear in titles.
    """
    number = match.group(2)
    if number:
        code = int(number[1:], 16) if number[:1] in b"xX" else int(number)
        is_forbidden = code > 0x10FFFF or FORBIDDEN.match(chr(code))
        return b"" if is_forbidden else b"&#%d;" % code
    name = (match.group(1) or b"").decode("ascii")
    if match.group().startswith(b"<") or name in XML_ENTITIES:
        return match.group()
    if name in name2codepoint:
        return b"&#%d;" % name2codepoint[name]
    return b"&amp;" + match.group()[1:]
