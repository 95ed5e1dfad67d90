"""Numbers about the text of one line alone. Hot code: it runs for most lines of a page."""

from __future__ import annotations

import re
from string import ascii_letters, ascii_uppercase, digits

from pipeline.core import models

CREDIT_SIGN = re.compile("[©@|/»›•]")
ADDRESS_START = re.compile(r"\bhttps?:|\bwww\.")
CAPITALS, DECIMALS, LETTERS = ascii_uppercase.encode(), digits.encode(), ascii_letters.encode()


def has_credit(text: str) -> bool:
    """Tell whether a text has a sign or the beginning of an address, as credits have."""
    if CREDIT_SIGN.search(text) is not None:
        return True
    return ("http" in text or "www." in text) and ADDRESS_START.search(text) is not None


def character_shares(text: str) -> tuple[float, float, float]:
    """Return the shares of capital letters, digits and letters."""
    size = len(text)
    if text.isascii():  # bytes take a twentieth of the time
        encoded = text.encode()
        capitals = size - len(encoded.translate(None, CAPITALS))
        decimals = size - len(encoded.translate(None, DECIMALS))
        letters = size - len(encoded.translate(None, LETTERS))
    else:
        capitals = sum(map(str.isupper, text))
        decimals = sum(map(str.isdigit, text))
        letters = sum(map(str.isalpha, text))
    return capitals / size, decimals / size, letters / size


def count_words(text: str) -> float:
    """Count the words of a line; of scripts without spaces, each character is one."""
    if text.isascii():
        return len(text.split())
    return models.count_words(text)
