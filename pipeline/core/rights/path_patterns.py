"""Patterns of paths in robots.txt (RFC 9309, 2.2.3) and tdmrep.json: with `*`, and `$` at the end.

Time is linear in the lengths of pattern and path, times the number of stars.
"""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

MAX_PATTERN_LENGTH = 2000
MAX_STARS = 20


def path_of(url: str) -> str:
    """Return the path and the query of a URL as patterns see them."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "/"
    path = unquote(parts.path) or "/"
    return f"{path}?{unquote(parts.query)}" if parts.query else path


def matches(pattern: str, path: str) -> bool:
    """Return whether a pattern matches the beginning of a path; with `$`, the whole path.

    Args:
        pattern: The pattern. One that is too long or has too many stars matches nothing.
        path: The result of `path_of`.
    """
    is_anchored = pattern.endswith("$")
    pieces = unquote(pattern.removesuffix("$")).split("*")
    if len(pattern) > MAX_PATTERN_LENGTH or len(pieces) > MAX_STARS + 1:
        return False
    first, *others = pieces
    if not path.startswith(first):
        return False
    position = len(first)
    if not others:
        return not is_anchored or position == len(path)
    last = others.pop()
    for piece in others:
        start = path.find(piece, position)
        if start < 0:
            return False
        position = start + len(piece)
    if is_anchored:
        return len(path) - position >= len(last) and path.endswith(last)
    return path.find(last, position) >= 0
