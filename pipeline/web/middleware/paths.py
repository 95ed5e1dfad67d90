"""Which paths are for programs: the API, feeds and Memento, in contrast to the pages for people."""

from __future__ import annotations

MEMENTO_PREFIXES = ("/timemap/", "/timegate/")
FEED_SUFFIXES = (".atom", "/feed.json")


def is_api_path(path: str) -> bool:
    """Return whether the path belongs to the JSON API."""
    return path == "/api" or path.startswith("/api/")


def is_machine_path(path: str) -> bool:
    """Return whether the path belongs to the JSON API, to a feed or to Memento."""
    return is_api_path(path) or path.startswith(MEMENTO_PREFIXES) or path.endswith(FEED_SUFFIXES)
