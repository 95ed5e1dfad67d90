"""Find the script in which a text is written.

Only scripts whose letters can be in the text are searched for. The upper bytes of its characters
tell them at almost no cost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

MIN_SHARE = 0.85  # of a text's letters in one script, for it to have one
MIN_LETTERS = 4  # of a line that has a script
SAMPLE_LENGTH = 200  # characters of a line that are read
RANGES = {
    "latin": "A-Za-z\u00c0-\u024f\u1e00-\u1eff",
    "cyrillic": "\u0400-\u052f",
    "greek": "\u0370-\u03ff\u1f00-\u1fff",
    "arabic": "\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc",
    "hebrew": "\u05d0-\u05ea",
    "cjk": "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff",
    "hangul": "\uac00-\ud7af",
    "devanagari": "\u0900-\u097f",
    "armenian": "\u0530-\u058f",
    "georgian": "\u10a0-\u10ff",
    "thai": "\u0e00-\u0e7f",
}
# Upper bytes of Latin letters, and of punctuation that stands in any text.
LATIN_BYTES = b"\x00\x01\x02\x1e\x20"
LETTER_RANGE = re.compile("(.)-(.)")


class Script(NamedTuple):
    """A script with what finds its letters."""

    name: str
    letters: re.Pattern[str]  # runs of its letters
    upper_bytes: frozenset[int]  # of its letters in UTF-16


def _make_script(name: str, letters: str) -> Script:
    upper_bytes: set[int] = set()
    for first, last in LETTER_RANGE.findall(letters):
        upper_bytes.update(range(ord(first) >> 8, (ord(last) >> 8) + 1))
    return Script(name, re.compile(f"[{letters}]+"), frozenset(upper_bytes))


SCRIPTS = tuple(_make_script(name, letters) for name, letters in RANGES.items())


def scripts_in(text: str) -> tuple[Script, ...]:
    """Return the scripts whose letters can be in a text.

    These are Latin and all that share an upper byte with a character of the text.

    Args:
        text: Any text.

    Returns:
        Scripts in a fixed order. Some may have no letter in the text: this is a quick first look.
    """
    latin, *others = SCRIPTS
    if text.isascii():
        return (latin,)
    upper_bytes = set(text.encode("utf-16-le", "surrogatepass")[1::2].translate(None, LATIN_BYTES))
    return (latin, *(s for s in others if not upper_bytes.isdisjoint(s.upper_bytes)))


def script_of_line(line: str, scripts: Iterable[Script]) -> str:
    """Return the script of a line; "" where it has several, or hardly a letter."""
    return dominant_script((line,), scripts, MIN_LETTERS)


def dominant_script(lines: Iterable[str], scripts: Iterable[Script], min_letters: int = 1) -> str:
    """Return the one script in which the beginnings of some lines are written, or "".

    Args:
        lines: The lines.
        scripts: The scripts that `scripts_in` returns.
        min_letters: Fewer letters have no script.
    """
    sample = " ".join([line[:SAMPLE_LENGTH] for line in lines])
    letters = {}
    for script in scripts:
        letters[script.name] = sum(map(len, script.letters.findall(sample)))
    most, total = max(letters, key=letters.__getitem__), sum(letters.values())
    if total < min_letters or letters[most] < MIN_SHARE * total:
        return ""
    return most
