"""Numbers, codes and texts as people read them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

UNITS: Final = ("B", "kB", "MB", "GB")  # of 1,000 each (SI)


def format_size(number: int) -> str:
    """Return a number of bytes with its unit: `12.3 MB`.

    Args:
        number: The bytes.

    Returns:
        The size with one decimal from a kilobyte (1,000 bytes) on.
    """
    value = float(number)
    unit = UNITS[0]
    for unit in UNITS:
        if value < 1000 or unit == UNITS[-1]:
            break
        value /= 1000
    if unit == UNITS[0] or value >= 100:
        return f"{value:.0f} {unit}"
    return f"{value:.1f} {unit}"


def format_duration(duration: timedelta) -> str:
    """Return a duration in the unit that fits it: `45 s`, `12 min`, `1.6 h`.

    Args:
        duration: A duration of zero or more.

    Returns:
        The duration, rounded to the unit.
    """
    seconds = duration.total_seconds()
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} h"
    if seconds >= 90:
        return f"{seconds / 60:.0f} min"
    return f"{seconds:.0f} s"


def pluralize(number: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun: `1 article`, `2,000 articles`.

    Args:
        number: How many there are.
        singular: The noun for one.
        plural: The noun for several; by default the singular with an "s".
    """
    noun = singular
    if number != 1:
        noun = plural or f"{singular}s"
    return f"{number:,} {noun}"


def format_counts(counts: Iterable[tuple[str, int]]) -> str:
    """Return names with their numbers: `prompt 1,204, byline 3`."""
    return ", ".join(f"{name} {number:,}" for name, number in counts)


def format_if(template: str, value: str) -> str:
    """Return a template with a value in the place of `{}`, or "" if the value is ""."""
    return template.format(value) if value else ""


def shorten(text: str, width: int) -> str:
    """Return a text that is cut to a width in characters, with `…` in the place of the rest."""
    if len(text) <= width:
        return text
    return f"{text[: width - 1].rstrip()}…"


def plain_words(code: str) -> str:
    """Return a code such as `not_article` as words."""
    return code.replace("_", " ")
