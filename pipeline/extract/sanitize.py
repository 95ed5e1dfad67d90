"""Repair text so that the parsers survive it, and clean single lines.

XML forbids some characters and references. One `&#1;` or `&#xFFFE;` made trafilatura lose a whole
article, because it swallows its own ValueError. Nothing readable is removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from unicodedata import is_normalized, normalize

FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
REFERENCE = re.compile(r"&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));?")
REFERENCE_TEXT = re.compile(r"&#(?:[xX][0-9a-fA-F]+|[0-9]+);?")
NONCHARACTERS = ("\ufffe".encode(), "\uffff".encode())
NONCHARACTER_START = b"\xef\xbf"  # of both in UTF-8
FORBIDDEN_BYTES = bytes([*range(9), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F])
# These characters split words for a search, and no reader sees them: soft hyphens, spaces without
# width, and marks of direction. Joiners stay, because Persian and Hindi are read with them.
INVISIBLE = re.compile("[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
ENDS = " \u200c\u200d"  # joiners join nothing at the ends of a line
SPACE = re.compile(r"\s+")
SLASHED_DOCTYPE = re.compile(rb"^\s*<\s?!\s?DOCTYPE[^>]*/[^<>]*>", re.I)
SLASHED_HTML = re.compile(rb"(<html[^>]*?)\s*/>", re.I)
HEAD_BYTES = 4096  # in which a page's own head begins
MAX_DIGITS = 7  # of the highest code point


def repair_markup(text: str) -> bytes:
    """Return markup as UTF-8 that libxml2 reads to its end.

    Characters and references that XML forbids go, and so do slashes in the doctype and in `<html/>`
    that stop libxml2.

    Args:
        text: The decoded page.

    Returns:
        The bytes for the parser; the same characters where nothing had to be repaired.
    """
    if "&#" in text and _has_bad_reference(text):
        text = REFERENCE.sub(_valid_reference, text)
    # A search in bytes is ten times as fast as in text, and the parser wants bytes. "ignore" drops
    # surrogates, which UTF-8 cannot hold.
    markup = text.encode("utf-8", "ignore").translate(None, FORBIDDEN_BYTES)
    if NONCHARACTER_START in markup:
        for character in NONCHARACTERS:
            markup = markup.replace(character, b"")
    old_head = markup[:HEAD_BYTES]
    head = SLASHED_DOCTYPE.sub(b"", old_head, count=1)
    head = SLASHED_HTML.sub(rb"\1>", head, count=1)
    if head == old_head:
        return markup
    return head + markup[HEAD_BYTES:]


def _has_bad_reference(text: str) -> bool:
    return any(_valid_reference(match) != match[0] for match in _distinct_references(text))


def _distinct_references(text: str) -> Iterator[re.Match[str]]:
    """Return one match for each distinct reference of a text: long texts repeat a few."""
    return filter(None, map(REFERENCE.fullmatch, set(REFERENCE_TEXT.findall(text))))


def _valid_reference(match: re.Match[str]) -> str:
    """Return what may stand for a reference: itself, another character, or nothing."""
    digits = (match[1] or match[2]).lstrip("0")
    if len(digits) > MAX_DIGITS:
        return ""
    base = 16 if match[1] else 10
    code = int(digits or "0", base)
    if 0x80 <= code <= 0x9F:  # browsers read these as windows-1252, libxml2 as controls
        return bytes([code]).decode("cp1252", "replace").replace("\ufffd", "")
    if code > 0x10FFFF or (code < 0x20 and code not in (9, 10, 13)) or FORBIDDEN.match(chr(code)):
        return ""
    return match[0]


def single_line(text: str) -> str:
    """Return a text on one line, with single spaces and no control or invisible characters.

    Letters with accents are one character each (Unicode form NFC), so that a search finds them.

    Args:
        text: Any text of a page.

    Returns:
        The line, without spaces at its ends.
    """
    text = " ".join(text.split())
    if text.isascii() and text.isprintable():  # most lines, at a third of the cost
        return text
    if not is_normalized("NFC", text):
        text = normalize("NFC", text)
    return SPACE.sub(" ", CONTROLS.sub(" ", INVISIBLE.sub("", text))).strip(ENDS)
