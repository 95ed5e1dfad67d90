"""Recognize Tajik, Uzbek, Kazakh and Kyrgyz by letters that only they have.

Statistics confuse these languages with each other and with Russian. The letters decide only where
they are as frequent as in a text of that language: a Russian text that quotes a Tajik name stays
Russian.
"""

from __future__ import annotations

import re
from collections import Counter

CYRILLIC = re.compile("[\u0400-\u04ff]")
# Uzbek in Latin letters: oʻ and gʻ inside words, with any of the marks that people type.
UZBEK_LATIN = re.compile(r"([og])[ʻ‘’ʼ'`](?=[^\W\d_])", re.I)
MIN_SHARE = 0.012  # of own letters in a text; in short news 2 to 7 % are usual
MIN_LETTERS = 2
TAJIK = "ӣӯҷҳқғ"
TAJIK_ONLY = "ӣӯҷ"
NOT_TAJIK = "ыщьцў"
UZBEK = "ўқғҳ"
UZBEK_BESIDE_SHORT_U = "қғҳ"
NOT_UZBEK = "ңәі"
RARE_IN_UZBEK = "ыщ"
KAZAKH = "әғқңұі"
KAZAKH_ONLY = "ұқғ"
KYRGYZ = "ңөү"
NOT_KYRGYZ = "әғқұіһҕҥ"


def language_by_letters(text: str) -> str:
    """Return the language whose own letters a text has, or ""."""
    cyrillic = len(CYRILLIC.findall(text))
    if cyrillic * 2 > sum(map(str.isalpha, text)):
        return _cyrillic_language(Counter(text.casefold()), cyrillic)
    return _latin_language(text)


def _cyrillic_language(counts: Counter[str], cyrillic: int) -> str:
    def number(letters: str) -> int:
        return sum(counts[letter] for letter in letters)

    def distinct(letters: str) -> int:
        return sum(counts[letter] > 0 for letter in letters)

    def is_frequent(letters: str) -> bool:
        return number(letters) >= max(MIN_LETTERS, MIN_SHARE * cyrillic)

    has_tajik = number(TAJIK_ONLY) and distinct(TAJIK) > MIN_LETTERS and is_frequent(TAJIK)
    if has_tajik and number(TAJIK) > number(NOT_TAJIK):
        return "tg"
    has_uzbek = counts["ў"] and is_frequent(UZBEK) and number(UZBEK_BESIDE_SHORT_U)
    if has_uzbek and not number(NOT_UZBEK) and number(UZBEK) > number(RARE_IN_UZBEK):
        return "uz"
    if counts["і"] and number(KAZAKH_ONLY) and is_frequent(KAZAKH):
        return "kk"
    if counts["ң"] and is_frequent(KYRGYZ) and not number(NOT_KYRGYZ):
        return "ky"
    return ""


def _latin_language(text: str) -> str:
    letters = [letter.lower() for letter in UZBEK_LATIN.findall(text)]
    has_both = "g" in letters and "o" in letters
    if has_both and len(letters) >= max(MIN_LETTERS, MIN_SHARE / 2 * len(text)):
        return "uz"
    return ""
