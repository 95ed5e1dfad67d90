"""Lines that a page changes by itself: counters of readers, ages, times of the last update.

A line is one of these only if nothing else is on it, so a sentence of a story stays.
"""

from __future__ import annotations

import re
from typing import Final

from pipeline.changes import phrases

MAX_LETTERS: Final = 90
MAX_OTHER_WORDS: Final = 2  # beside an age: "John Doe · 5 minutes ago"
NUMBER: Final = re.compile(r"\d+(?:[.,:/\u00a0-]\d+)*(?:k|m|тыс\.?|млн\.?)?", re.IGNORECASE)
WORD: Final = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
SENTENCE_END: Final = re.compile(r"[.!?。؟][\"')\]]*$")
TIME_WORD: Final = re.compile(
    r"(?:am|pm|a\.m|p\.m|gmt|utc|[a-z]{1,2}st|[a-z]{1,2}dt|uhr|h|в|at|on|um|am|"
    r"à|le|alle|il|el|de|em|às|om|op|"
    r"r|г|года|року|мск|по|ч|год|o|о|kl|del|den|der)",
    re.IGNORECASE,
)
MAX_NAMES: Final = 3  # in a date: of a month, a day of the week, a time zone
MAX_NAME_LETTERS: Final = 14
SEPARATOR: Final = re.compile(r"\s*[·•|]\s*")
DATE_OR_TIME: Final = re.compile(r"\d[:./-]\d|(?<!\d)(?:19|20)\d\d(?!\d)|[年月日時时]")


def without_churn(line: str) -> str:
    """Return a line with uniform typography without what the page changes by itself.

    Returns:
        What is left of the line; "" if it has nothing that the editors wrote.
    """
    if len(line) > MAX_LETTERS or phrases.CORRECTION_LABEL.match(line):
        return line
    if NUMBER.fullmatch(line) or _is_churn(line):
        return ""
    parts = SEPARATOR.split(line)
    if len(parts) == 1:
        return line
    return " | ".join(part for part in parts if not _is_churn(part))


def _is_churn(text: str) -> bool:
    return _is_age(text) or _is_counter(text) or _is_stamp(text)


def _is_age(text: str) -> bool:
    rest, count = phrases.AGE.subn(" ", text)
    if not count or SENTENCE_END.search(text):
        return False
    rest = phrases.STAMP.sub(" ", rest, count=1)
    return len(WORD.findall(rest)) <= MAX_OTHER_WORDS


def _is_counter(text: str) -> bool:
    """Tell whether a text has nothing but numbers and what they count."""
    if not NUMBER.search(text):
        return False
    rest, count = phrases.COUNTER.subn(" ", text)
    return bool(count) and not WORD.search(NUMBER.sub(" ", rest))


def _is_stamp(text: str) -> bool:
    """Tell whether a text says only when the story was published or changed."""
    match = phrases.STAMP.match(text)
    if match is None or not NUMBER.search(text):
        return False
    rest = text[match.end() :]
    if not rest.lstrip().startswith((":", "：")) and not DATE_OR_TIME.search(rest):
        return False
    words = WORD.findall(NUMBER.sub(" ", phrases.AGE.sub(" ", rest)))
    names = [word for word in words if not TIME_WORD.fullmatch(word)]
    # a month, a day of the week, a time zone
    return len(names) <= MAX_NAMES and all(len(name) <= MAX_NAME_LETTERS for name in names)
