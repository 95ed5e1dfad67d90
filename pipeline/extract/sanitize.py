"""Text → text that the parsers survive.

Promises that no character or reference is left that XML forbids: one `&#1;` or `&#xFFFE;` made the
extractor lose a whole article (its ValueError is swallowed). What stands for itself is kept; nothing
readable is removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
REFERENCE = re.compile(r"&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));?")
ANY_REFERENCE = re.compile(r"&#(?:[xX][0-9a-fA-F]+|[0-9]+);?")
NO_CHARACTERS = ("\ufffe".encode(), "\uffff".encode())
FORBIDDEN_BYTES = bytes([*range(9), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F])
INVISIBLE = re.compile(
    "[\u00ad\u200b\u2060\ufeff]"
)  # they split words for a search and no reader sees them
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
SPACE = re.compile(r"\s+")
SLASHED_DOCTYPE = re.compile(rb"^\s*<\s?!\s?DOCTYPE[^>]*/[^<>]*>", re.I)
SLASHED_HTML = re.compile(rb"(<html[^>]*?)\s*/>", re.I)
HEAD = 4096  # bytes in which a page's own head begins
LONGEST = 7  # digits of the highest code point


def repair_markup(text: str) -> bytes:
    """Markup as UTF-8, without characters or references that XML forbids, and without heads that stop libxml2."""
    if "&#" in text and any(_reference(match) != match[0] for match in _distinct(text)):
        text = REFERENCE.sub(_reference, text)
    # bytes are searched ten times as fast as text, and are what the parser asks for; surrogates have no place in UTF-8
    markup = text.encode("utf-8", "ignore").translate(None, FORBIDDEN_BYTES)
    for character in NO_CHARACTERS:
        markup = markup.replace(character, b"")
    head = SLASHED_HTML.sub(rb"\1>", SLASHED_DOCTYPE.sub(b"", markup[:HEAD], count=1), count=1)
    return markup if head == markup[:HEAD] else head + markup[HEAD:]


def _distinct(text: str) -> Iterator[re.Match[str]]:
    """One match for each reference that the text has, however often."""
    return filter(None, map(REFERENCE.fullmatch, set(ANY_REFERENCE.findall(text))))


def _reference(match: re.Match[str]) -> str:
    digits = (match[1] or match[2]).lstrip("0")
    if len(digits) > LONGEST:
        return ""
    code = int(digits or "0", 16 if match[1] else 10)
    if 0x80 <= code <= 0x9F:  # browsers read these as windows-1252, libxml2 as controls
        return bytes([code]).decode("cp1252", "replace").replace("\ufffd", "")
    if code > 0x10FFFF or (code < 0x20 and code not in (9, 10, 13)) or FORBIDDEN.match(chr(code)):
        return ""
    return match[0]


def single_line(text: str) -> str:
    """Text on one line: white space folded, no control and no invisible characters."""
    text = " ".join(text.split())
    if text.isascii() and text.isprintable():  # most lines, at a third of the cost
        return text
    return SPACE.sub(" ", CONTROLS.sub(" ", INVISIBLE.sub("", text))).strip()
