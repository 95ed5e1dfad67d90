"""Scripts that a page of this run has loaded before: fetched once in a run, not once for each page.

Memory is limited, and nothing is cached that its server forbids to store.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

MAX_CACHE_BYTES: Final = 64 * 1024 * 1024
REPLAYED_HEADERS: Final = (
    "content-type",
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "cross-origin-resource-policy",
)


@dataclass(frozen=True, slots=True)
class CachedScript:
    """A script with the headers that are sent again."""

    headers: Mapping[str, str]
    body: bytes


@dataclass
class ScriptCache:
    """Cache scripts by URL. The least recently used ones are dropped first.

    Args:
        max_bytes: Size of all bodies together, at most.
    """

    max_bytes: int = MAX_CACHE_BYTES
    _scripts: OrderedDict[str, CachedScript] = field(default_factory=OrderedDict)
    _size: int = 0

    def get(self, url: str) -> CachedScript | None:
        """Return the script of a URL; None where it is not cached."""
        script = self._scripts.get(url)
        if script is not None:
            self._scripts.move_to_end(url)
        return script

    def put(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Cache a script, unless it is too large or its server forbids that.

        Args:
            url: The URL.
            headers: The response headers, in lower case.
            body: The script.
        """
        is_forbidden = "no-store" in headers.get("cache-control", "").lower()
        if is_forbidden or len(body) > self.max_bytes or url in self._scripts:
            return
        replayed = {name: headers[name] for name in REPLAYED_HEADERS if name in headers}
        self._scripts[url] = CachedScript(replayed, body)
        self._size += len(body)
        while self._size > self.max_bytes:
            _, oldest = self._scripts.popitem(last=False)
            self._size -= len(oldest.body)
