"""The end of a sentence about an unknown name: "did you mean …?", or the names that exist."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

CUTOFF = 0.5  # similarity of difflib, 0.0 to 1.0


def closest_name(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like a name; None if no name is like it."""
    similar = get_close_matches(name, list(known), n=1, cutoff=CUTOFF)
    return similar[0] if similar else None


def did_you_mean(name: str, known: Iterable[str], all_names: str = "there are:") -> str:
    """Return a hint for a name that does not exist.

    Args:
        name: The unknown name.
        known: The names that exist.
        all_names: Words before the list of all names, which is given if no name is similar.

    Returns:
        `did you mean 'feeds'?`, or `there are: cron, feeds` in the order of `known`.
    """
    names = list(known)
    similar = closest_name(name, names)
    if similar:
        return f"did you mean '{similar}'?"
    return f"{all_names} {', '.join(names) or 'none yet'}"
