"""What reading a Place came to, and the small rules that all readers of Places share."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from html.entities import name2codepoint
from itertools import islice
from typing import Any

from pipeline.core.models import Link, Reason
from pipeline.core.urls import url_key

MAX_LINKS = 50_000  # of one Place: what the sitemap protocol allows
MAX_TITLE = 500  # characters
MAX_TEXT_NODES = 500  # of the text of one link
MAX_TAGS = 50  # of one Link
MAX_TAG = 100  # characters
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u200b\ufeff\ufffe\uffff]+")
FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)  # by XML, as a reference, too
DOCTYPE = re.compile(rb"<!DOCTYPE", re.IGNORECASE)
AMPERSAND = re.compile(
    rb"<!\[CDATA\[.*?(?:\]\]>|\Z)|&(?:([A-Za-z][A-Za-z0-9]{1,20});|#(\d{1,9}|[xX][0-9A-Fa-f]{1,9});|(?!#\d+;|#x[0-9A-Fa-f]+;))",
    re.DOTALL,
)
CONTROLS = bytes([*range(9), 0x0B, 0x0C, *range(0x0E, 0x20)])
MULTIBYTE_SIGNS = (b"\0", b"2022")  # UTF-16 and ISO-2022: there they are parts of letters
FIRST_ELEMENT = re.compile(rb"<[A-Za-z_]")


@dataclass(frozen=True, slots=True)
class LinkListing:
    """The Links of a Place. `reason` says why there are none, or, as TOO_MANY_LINKS, why there are no more;
    `next_page` is where a section goes on."""

    links: tuple[Link, ...] = ()
    reason: Reason = Reason.NONE
    detail: str = ""
    next_page: str = ""

    @property
    def was_read(self) -> bool:
        return self.reason in (Reason.NONE, Reason.TOO_MANY_LINKS)


@dataclass(slots=True)
class LinkCollector:
    """Collects Links in order, each URL once; the first that has a title or tags lends them to the first place."""

    limit: int = MAX_LINKS
    by_key: dict[str, Link] = field(default_factory=dict)
    offered: int = 0
    overflowed: bool = False

    def add(self, link: Link) -> bool:
        """Takes a Link; False once there is no room for another, or the same ones were offered over and over."""
        self.offered += 1
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
        self.overflowed = self.overflowed or self.offered > 4 * self.limit
        return not self.overflowed

    def result(self) -> LinkListing:
        links = tuple(self.by_key.values())
        if self.overflowed:
            return LinkListing(
                links, Reason.TOO_MANY_LINKS, f"only the first {self.limit} links were taken"
            )
        return LinkListing(links)


def unreadable_source(detail: str) -> LinkListing:
    """A Place that is not what it should be."""
    return LinkListing((), Reason.UNREADABLE, detail)


def too_complex_source(detail: str) -> LinkListing:
    """A Place that a parser would take too long for."""
    return LinkListing((), Reason.TOO_COMPLEX, detail)


def plain_text(text: str) -> str:
    """One line without control characters or lone surrogates, of bounded length."""
    return " ".join(UNPRINTABLE.sub(" ", text).split())[:MAX_TITLE].rstrip()


def element_text(element: Any) -> str:
    """The text inside an element, as far as it makes a title: links that stand in each other would be read again and again."""
    found, letters = [], 0
    for piece in islice(element.itertext(), MAX_TEXT_NODES):
        found.append(piece)
        letters += len(piece.strip())
        if letters > 2 * MAX_TITLE:
            break
    return plain_text("".join(found))


def normalize_tags(names: Iterable[str]) -> tuple[str, ...]:
    """The tags that a Place gives a story: each once, and not endlessly many of them."""
    found = (plain_text(name)[:MAX_TAG].rstrip() for name in names)
    return tuple(islice(dict.fromkeys(filter(None, found)), MAX_TAGS))


def has_doctype(body: bytes) -> bool:
    """Whether an XML file declares a document type before its first element."""
    start = FIRST_ELEMENT.search(body)
    return DOCTYPE.search(body, 0, start.start() if start else len(body)) is not None


def end_tag_pattern(*names: str) -> re.Pattern[bytes]:
    """What matches the end of an element of one of these names, with or without a prefix."""
    return re.compile(rf"</(?:[\w.-]+:)?(?:{'|'.join(names)})\s*>".encode())


def repair_xml(body: bytes, root_end: re.Pattern[bytes], entry_end: re.Pattern[bytes]) -> bytes:
    """Broken XML made fit for a parser that recovers: with its bare ampersands escaped, which are common in URLs, and without
    the entry in which a file was cut off, since half a URL is another URL."""
    if not root_end.search(body, max(0, len(body) - 500)):
        whole = 0
        for entry in entry_end.finditer(body):
            whole = entry.end()
        body = body[:whole] or body
    if not any(sign in body[:200] for sign in MULTIBYTE_SIGNS):
        body = body.translate(
            None, CONTROLS
        )  # a parser that recovers takes the bracket behind one for its part
    return AMPERSAND.sub(_escaped, body)


def _escaped(found: re.Match[bytes]) -> bytes:
    """HTML's names, which XML does not know, as numbers; a name that nobody knows as its letters; CDATA as it is. The number
    of a character that XML forbids is left out: what a parser makes of it would stand in titles."""
    if number := found.group(2):
        code = int(number[1:], 16) if number[:1] in b"xX" else int(number)
        return b"" if code > 0x10FFFF or FORBIDDEN.match(chr(code)) else b"&#%d;" % code
    name = (found.group(1) or b"").decode("ascii")
    if found.group().startswith(b"<") or name in ("amp", "lt", "gt", "quot", "apos"):
        return found.group()
    return (
        b"&#%d;" % name2codepoint[name] if name in name2codepoint else b"&amp;" + found.group()[1:]
    )
