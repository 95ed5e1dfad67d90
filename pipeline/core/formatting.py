"""Numbers as people read them: sizes, durations and counted nouns."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

UNITS: Final = ("B", "kB", "MB", "GB")  # of 1,000 each (SI)


def format_size(number: int) -> str:
    """Return a number of bytes with its unit: `12.3 MB`."""
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
    """Return a duration in the unit that fits it: `45 s`, `12 min`, `1.6 h`."""
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
