"""Letters folded for search: what a reader types finds what a writer wrote.

Promises a pure function that maps each character to one or none, so that a place in the folded text can be found in the
original: case, diacritics, ё, and the Tajik letters that many keyboards lack.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Neither FTS5's tokenizers nor PostgreSQL's fold these; й keeps its breve, because и is another letter to its readers.
SPECIAL = {"ё": "е", "ӣ": "и", "ӯ": "у", "ҷ": "ч", "ҳ": "х", "қ": "к", "ғ": "г", "й": "й", "ß": "ss", "ı": "i", "ł": "l"}
WORD = re.compile(r"\w+")


@lru_cache(maxsize=8192)
def fold_letter(letter: str) -> str:
    """One character folded; combining marks become nothing."""
    if letter.isascii():
        return letter.lower()
    low = unicodedata.normalize("NFKC", letter).casefold()
    if low in SPECIAL:
        return SPECIAL[low]
    parts = unicodedata.normalize("NFD", low)
    return "".join(part for part in parts if not unicodedata.combining(part)) or ""


def folded(text: str) -> str:
    """A text folded for search."""
    return "".join(map(fold_letter, unicodedata.normalize("NFC", text)))


def words(text: str) -> list[str]:
    """The folded words of a text."""
    return WORD.findall(folded(text))
