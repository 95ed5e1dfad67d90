"""Normalize text for search, so that what a reader types finds what a writer wrote.

Case, diacritics, ё, the Tajik letters that many keyboards lack, the two spellings of Arabic and
Persian letters, and the digits of all scripts make no difference. Characters that only join or
shape letters are dropped.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Neither the tokenizers of FTS5 nor PostgreSQL normalize these letters. й keeps its breve, because
# и is another letter to its readers.
SPECIAL_LETTERS = {
    "ё": "е", "ӣ": "и", "ӯ": "у", "ҷ": "ч", "ҳ": "х", "қ": "к", "ғ": "г", "й": "й", "ß": "ss",
    "ı": "i", "ł": "l", "ك": "ک", "ي": "ی", "ى": "ی", "ة": "ه", "ـ": "", "\u00ad": "",
    "\u2060": "", "\ufeff": "",
}  # fmt: skip
SIGN_RANGE = range(0x0900, 0x1D00)  # scripts whose vowel signs are combined with letters


def _vowel_signs() -> str:
    signs = []
    for char in map(chr, SIGN_RANGE):
        if unicodedata.category(char) in ("Mn", "Mc") and not unicodedata.combining(char):
            signs.append(char)
    return "".join(signs)


# Vowel signs of Indic and other scripts stand in words, but `\w` does not match them.
VOWEL_SIGNS = _vowel_signs()
WORD = re.compile(rf"[\w{VOWEL_SIGNS}]+")


@lru_cache(maxsize=8192)
def normalize_letter(letter: str) -> str:
    """Normalize one character; a combining mark gives "".

    Args:
        letter: One character.

    Returns:
        Its form in the index: lower case, without accents, digits as ASCII. It may be several
        letters.
    """
    if letter.isascii():
        return letter.lower()
    if letter.isdecimal():
        return str(unicodedata.decimal(letter))
    low = unicodedata.normalize("NFKC", letter).casefold()
    if low in SPECIAL_LETTERS:
        return SPECIAL_LETTERS[low]
    normalized = ""
    for part in unicodedata.normalize("NFD", low):
        if not unicodedata.combining(part):
            normalized += SPECIAL_LETTERS.get(part, part)
    return normalized


class _TranslationTable(dict[int, str]):
    """A table for `str.translate` that fills itself: several times as fast as calls per letter."""

    def __missing__(self, number: int) -> str:
        self[number] = normalized = normalize_letter(chr(number))
        return normalized


TRANSLATION_TABLE = _TranslationTable()


def normalize_for_search(text: str) -> str:
    """Normalize a text."""
    return unicodedata.normalize("NFC", text).translate(TRANSLATION_TABLE)


def split_words(text: str) -> list[str]:
    """Return the normalized words of a text."""
    return WORD.findall(normalize_for_search(text))
