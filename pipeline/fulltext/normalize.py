"""Letters folded for search: what a reader types finds what a writer wrote.

Promises pure functions: case, diacritics, ё, the Tajik letters that many keyboards lack, the two spellings of Arabic and
Persian letters, and digits of all scripts make no difference; what only joins or shapes letters is dropped.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Neither FTS5's tokenizers nor PostgreSQL's fold these; й keeps its breve, because и is another letter to its readers.
SPECIAL = {
    "ё": "е", "ӣ": "и", "ӯ": "у", "ҷ": "ч", "ҳ": "х", "қ": "к", "ғ": "г", "й": "й", "ß": "ss", "ı": "i", "ł": "l",
    "ك": "ک", "ي": "ی", "ى": "ی", "ة": "ه", "ـ": "", "\u00ad": "", "\u2060": "", "\ufeff": "",
}  # fmt: skip
# Vowel signs of Indic and other scripts: they stand within words, but are no letters to `\w`.
VOWEL_SIGNS = "".join(
    c
    for c in map(chr, range(0x0900, 0x1D00))
    if unicodedata.category(c) in ("Mn", "Mc") and not unicodedata.combining(c)
)
WORD = re.compile(rf"[\w{VOWEL_SIGNS}]+")


@lru_cache(maxsize=8192)
def normalize_letter(letter: str) -> str:
    """One character folded; combining marks become nothing."""
    if letter.isascii():
        return letter.lower()
    if letter.isdecimal():
        return str(unicodedata.decimal(letter))
    low = unicodedata.normalize("NFKC", letter).casefold()
    if low in SPECIAL:
        return SPECIAL[low]
    parts = unicodedata.normalize("NFD", low)
    return "".join(SPECIAL.get(part, part) for part in parts if not unicodedata.combining(part))


class _Folds(dict[int, str]):
    """What `str.translate` asks, filled as letters are met: several times as fast as a call for each."""

    def __missing__(self, number: int) -> str:
        self[number] = found = normalize_letter(chr(number))
        return found


FOLDS = _Folds()


def normalize_for_search(text: str) -> str:
    """A text folded for search."""
    return unicodedata.normalize("NFC", text).translate(FOLDS)


def split_words(text: str) -> list[str]:
    """The folded words of a text."""
    return WORD.findall(normalize_for_search(text))
