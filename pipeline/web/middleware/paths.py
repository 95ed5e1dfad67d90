"""Which paths are for programs: the API and the feeds, in contrast to the pages for people."""

from __future__ import annotations

FEED_SUFFIXES = (".atom", "/feed.json")


def is_api_path(path: str) -> bool:
    """Return whether the path belongs to the JSON API."""
    return path == "/api" or path.startswith("/api/")


def is_machine_path(path: str) -> bool:
    """Return whether the path belongs to the JSON API or to a feed."""
    return is_api_path(path) or path.endswith(FEED_SUFFIXES)
