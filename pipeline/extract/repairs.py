"""Text → text that the parsers survive.

Promises that no character or reference is left that XML forbids: one `&#1;` or `&#xFFFE;` made the
extractor lose a whole article (its ValueError is swallowed). What stands for itself is kept; nothing
readable is removed.
"""

from __future__ import annotations

import re

FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
REFERENCE = re.compile(r"&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));?")
INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")  # they split words for a search and no reader sees them
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
SPACE = re.compile(r"\s+")
SLASHED_DOCTYPE = re.compile(r"^\s*<\s?!\s?DOCTYPE[^>]*/[^<>]*>", re.I)
SLASHED_HTML = re.compile(r"(<html[^>]*?)\s*/>", re.I)
LONGEST = 7  # digits of the highest code point


def repair(text: str) -> str:
    """Markup without characters or references that XML forbids, and without heads that stop libxml2."""
    if "&#" in text:
        text = REFERENCE.sub(_reference, text)
    text = FORBIDDEN.sub("", text)
    head, rest = text[:4096], text[4096:]
    return SLASHED_HTML.sub(r"\1>", SLASHED_DOCTYPE.sub("", head, count=1), count=1) + rest


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


def line(text: str) -> str:
    """Text on one line: white space folded, no control and no invisible characters."""
    text = " ".join(text.split())
    if text.isascii() and text.isprintable():  # most lines, at a third of the cost
        return text
    return SPACE.sub(" ", CONTROLS.sub(" ", INVISIBLE.sub("", text))).strip()
