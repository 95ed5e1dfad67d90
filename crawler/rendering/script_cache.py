"""Scripts that a page of tonight has brought already: asked for once in a Run, not once for each page.

Promises bounded memory, and to keep nothing that its server says is not to be stored.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

MAX_CACHE_BYTES: Final = 64 * 1024 * 1024  # bytes
REPLAYED_HEADERS: Final = (
    "content-type", "access-control-allow-origin", "access-control-allow-credentials", "cross-origin-resource-policy",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CachedScript:
    """A script as it is answered again."""

    headers: Mapping[str, str]
    body: bytes


@dataclass
class ScriptCache:
    """See the module's head. Those that were asked for longest ago go first."""

    max_bytes: int = MAX_CACHE_BYTES
    _kept: OrderedDict[str, CachedScript] = field(default_factory=OrderedDict)
    _size: int = 0

    def get(self, url: str) -> CachedScript | None:
        found = self._kept.get(url)
        if found is not None:
            self._kept.move_to_end(url)
        return found

    def put(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        if (
            "no-store" in headers.get("cache-control", "").lower()
            or len(body) > self.max_bytes
            or url in self._kept
        ):
            return
        self._kept[url] = CachedScript(
            {name: headers[name] for name in REPLAYED_HEADERS if name in headers}, body
        )
        self._size += len(body)
        while self._size > self.max_bytes:
            self._size -= len(self._kept.popitem(last=False)[1].body)
