"""Tell whether a replaced passage is a corrected spelling of the same words."""

from __future__ import annotations

import re
from typing import Final

MAX_LETTERS: Final = 60  # of a passage that is compared letter by letter
MIN_LETTERS: Final = 4  # of a word in which one letter may differ: "now" and "not" are two words
MIN_LETTERS_FOR_TWO: Final = 8
WORD: Final = re.compile(r"[^\W_]+")


def is_spelling(before: str, after: str, context: str = "") -> bool:
    """Tell whether two passages are the same words, spelled or punctuated otherwise.

    Args:
        before: The passage as it was; "" if it was added.
        after: The passage as it is; "" if it was removed.
        context: What stands before the passage in its paragraph.
    """
    if max(len(before), len(after)) > MAX_LETTERS:
        return False
    old_words, new_words = WORD.findall(before.casefold()), WORD.findall(after.casefold())
    if "".join(old_words) == "".join(new_words):
        return True  # case, punctuation, or a space within a word
    if not after or not before:
        return _is_doubled(old_words or new_words, context)
    if len(old_words) != len(new_words):
        return False
    differing = [(old, new) for old, new in zip(old_words, new_words, strict=True) if old != new]
    return len(differing) == 1 and _is_misspelling(*differing[0])


def _is_doubled(words: list[str], context: str) -> bool:
    """Tell whether a word stands twice in a row."""
    last = WORD.findall(context.casefold())[-1:]
    return len(words) == 1 and words == last


def _is_misspelling(old: str, new: str) -> bool:
    shorter = min(len(old), len(new))
    if sorted(old) == sorted(new):
        return shorter >= MIN_LETTERS - 1 and edit_distance(old, new, 2) <= 2
    if abs(len(old) - len(new)) > 1 and old.endswith(new) | new.endswith(old):
        return False  # "likely" and "unlikely"
    limit = int(shorter >= MIN_LETTERS) + int(shorter >= MIN_LETTERS_FOR_TWO)
    return bool(limit) and edit_distance(old, new, limit) <= limit


def edit_distance(one: str, other: str, limit: int) -> int:
    """Return how many letters differ: replaced, added, removed, or swapped with the next one.

    This is the distance of optimal string alignment. Only distances up to the limit are exact.
    """
    if abs(len(one) - len(other)) > limit:
        return limit + 1
    before: list[int] = []
    current = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        before_that, before, current = before, current, [row]
        for column, other_letter in enumerate(other, 1):
            cost = int(letter != other_letter)
            distance = min(before[column] + 1, current[-1] + 1, before[column - 1] + cost)
            is_swap = row > 1 and column > 1 and letter == other[column - 2]
            if is_swap and one[row - 2] == other_letter:
                distance = min(distance, before_that[column - 2] + 1)
            current.append(distance)
        if min(current) > limit:
            return limit + 1
    return current[-1]
