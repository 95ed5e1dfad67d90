"""Letters that only one language has → that language.

Promises an answer only for Tajik, Uzbek, Kazakh and Kyrgyz, which statistics confuse with each other and with Russian, and only
where their letters are as frequent as in a text of theirs: a Russian text that quotes a Tajik name stays Russian.
"""

from __future__ import annotations

import re
from collections import Counter

CYRILLIC = re.compile("[\u0400-\u04ff]")
# Uzbek in Latin letters: oʻ and gʻ inside words, with any of the marks that people type.
UZBEK = re.compile(r"([og])[ʻ‘’ʼ'`](?=[^\W\d_])", re.I)
ENOUGH, FEW = (
    0.012,
    2,
)  # the share of own letters, measured on short news: 2 to 7 % are usual; their least number


def language_by_letters(text: str) -> str:
    """The language whose own letters a text has, or ""."""
    count = Counter(text.casefold())
    cyrillic = len(CYRILLIC.findall(text))
    return (
        _cyrillic(count, cyrillic) if cyrillic * 2 > sum(map(str.isalpha, text)) else _latin(text)
    )


def _cyrillic(count: Counter[str], letters: int) -> str:
    def number(own: str) -> int:
        return sum(count[letter] for letter in own)

    def kinds(own: str) -> int:
        return sum(count[letter] > 0 for letter in own)

    def is_frequent(own: str) -> bool:
        return number(own) >= max(FEW, ENOUGH * letters)

    if (
        number("ӣӯҷ")
        and kinds("ӣӯҷҳқғ") > FEW
        and is_frequent("ӣӯҷҳқғ")
        and number("ӣӯҷҳқғ") > number("ыщьцў")
    ):  # which Tajik does without
        return "tg"
    if (
        count["ў"]
        and is_frequent("ўқғҳ")
        and number("қғҳ")
        and not number("ңәі")
        and number("ўқғҳ") > number("ыщ")
    ):
        return "uz"
    if count["і"] and number("ұқғ") and is_frequent("әғқңұі"):
        return "kk"
    if count["ң"] and is_frequent("ңөү") and not number("әғқұіһҕҥ"):
        return "ky"
    return ""


def _latin(text: str) -> str:
    found = [letter.lower() for letter in UZBEK.findall(text)]
    return (
        "uz"
        if "g" in found and "o" in found and len(found) >= max(FEW, ENOUGH / 2 * len(text))
        else ""
    )
