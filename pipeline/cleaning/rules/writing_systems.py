"""Which script a text is written in.

Promises to look for the letters of those scripts alone whose letters can be there at all, which the upper bytes of a text's
characters tell for next to nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

OWN_SHARE = 0.85  # of a text's letters in one script, for it to have one
FEWEST = 4  # letters of a line that has a script
SAMPLE = 200  # characters of a line that are looked at
RANGES = (
    ("latin", "A-Za-z\u00c0-\u024f\u1e00-\u1eff"), ("cyrillic", "\u0400-\u052f"), ("greek", "\u0370-\u03ff\u1f00-\u1fff"),
    ("arabic", "\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc"), ("hebrew", "\u05d0-\u05ea"),
    ("cjk", "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"), ("hangul", "\uac00-\ud7af"), ("devanagari", "\u0900-\u097f"),
    ("armenian", "\u0530-\u058f"), ("georgian", "\u10a0-\u10ff"), ("thai", "\u0e00-\u0e7f"),
)  # fmt: skip
LATIN = b"\x00\x01\x02\x1e\x20"  # upper bytes of its letters, and of the punctuation that stands in any text

Script = tuple[str, re.Pattern[str], frozenset[int]]  # name, runs of its letters, their upper bytes


def _script(name: str, letters: str) -> Script:
    bounds = ((ord(first) >> 8, ord(last) >> 8) for first, last in re.findall("(.)-(.)", letters))
    upper = frozenset(byte for first, last in bounds for byte in range(first, last + 1))
    return name, re.compile(f"[{letters}]+"), upper


SCRIPTS = tuple(_script(name, letters) for name, letters in RANGES)


def scripts_in(text: str) -> tuple[Script, ...]:
    """The scripts whose letters can stand in a text: Latin, and those that share an upper byte with one of its characters."""
    if text.isascii():
        return SCRIPTS[:1]
    upper = set(text.encode("utf-16-le", "surrogatepass")[1::2].translate(None, LATIN))
    return (SCRIPTS[0], *(script for script in SCRIPTS[1:] if not upper.isdisjoint(script[2])))


def script_of(line: str, scripts: Iterable[Script]) -> str:
    """The script of a line; "" where it has no single one, or hardly a letter."""
    return dominant((line,), scripts, FEWEST)


def dominant(lines: Iterable[str], scripts: Iterable[Script], fewest: int = 1) -> str:
    """The one script that the beginnings of some lines are written in; "" where there is none."""
    sample = " ".join(line[:SAMPLE] for line in lines)
    letters = {name: sum(map(len, runs.findall(sample))) for name, runs, _ in scripts}
    most, total = max(letters, key=letters.__getitem__), sum(letters.values())
    return most if total >= fewest and letters[most] >= OWN_SHARE * total else ""
