"""Texts without differences of typography, so that only their wording is compared."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

SAME_SIGNS: Final = str.maketrans(
    {
        **dict.fromkeys("“”„‟«»″〝〞❝❞", '"'),
        **dict.fromkeys("‘’‚‛′ʼ`´", "'"),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        "…": "...",
        **dict.fromkeys("\u00ad\u200b\u200c\u200e\u200f\u2060\ufeff\u202a\u202b\u202c", ""),
    }
)
SPACES: Final = re.compile(r"\s+")
THOUSANDS: Final = re.compile(r"(?<![\d.,])\d{1,3}(?: \d{3})+(?!\d)")
DIGIT_GROUP_SPACE: Final = "\u00a0"


def normalize_typography(text: str) -> str:
    """Return a text with one kind of quotes, dashes and spaces, and without invisible signs.

    A space between groups of thousands becomes a no-break space, so that `1 200` stays one number.
    """
    plain = unicodedata.normalize("NFC", text).translate(SAME_SIGNS)
    plain = SPACES.sub(" ", plain).strip()
    return THOUSANDS.sub(lambda match: SPACES.sub(DIGIT_GROUP_SPACE, match[0]), plain)


def has_same_wording(one: str, other: str) -> bool:
    """Tell whether two lines differ in nothing but typography."""
    return one == other or normalize_typography(one) == normalize_typography(other)
