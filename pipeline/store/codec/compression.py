"""Bytes ↔ packed bytes. The coding is stored beside each packed value, so that old ones stay readable.

A dictionary is whole pages of one site, one after the other, as raw content: it has no format of its own, and any zstd unpacks
by it. What is packed by one carries a checksum, so that another dictionary is an error and never other bytes.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Sequence
from typing import Final

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ZSTD: Final = "zstd"
ZSTD_DICT: Final = "zstd+dict"
LEVEL: Final = 3  # level 9 saves a tenth for five times the time
OPTIONS: Final[dict[int, int]] = {
    zstd.CompressionParameter.compression_level: LEVEL,
    zstd.CompressionParameter.checksum_flag: 1,
}


class ZstdDictionary:
    """A dictionary made ready; safe to share between threads."""

    def __init__(self, content: bytes) -> None:
        self.size = len(content)
        self._zstd_dict = zstd.ZstdDict(content, is_raw=True)

    def compress(self, body: bytes) -> tuple[str, bytes]:
        """(coding, packed bytes)."""
        # digested: its tables are made once, and so it is three times as fast as no dictionary at all
        return ZSTD_DICT, zstd.compress(
            body, options=OPTIONS, zstd_dict=self._zstd_dict.as_digested_dict
        )

    def decompress(self, body: bytes) -> bytes:
        return zstd.decompress(body, self._zstd_dict)


def compress(body: bytes) -> tuple[str, bytes]:
    """(coding, packed bytes)."""
    try:
        return ZSTD, _thread_local.compressor.compress(body, zstd.ZstdCompressor.FLUSH_FRAME)
    except BaseException:  # it may hold half a body now
        _thread_local.compressor = zstd.ZstdCompressor(LEVEL)
        raise


class _ThreadLocalCompressor(threading.local):
    """To make a compressor takes a fifth of the time of a page."""

    def __init__(self) -> None:
        self.compressor = zstd.ZstdCompressor(LEVEL)


_thread_local = _ThreadLocalCompressor()


def decompress(coding: str, body: bytes, words: ZstdDictionary | None = None) -> bytes:
    """The bytes as they were. Raises ValueError on a coding that this version does not know, and for bytes that are damaged."""
    if coding not in (ZSTD, ZSTD_DICT):
        raise ValueError(f"unknown coding {coding!r}")
    if coding == ZSTD_DICT and words is None:
        raise ValueError("the dictionary that it was packed by is missing")
    try:
        return zstd.decompress(body) if coding == ZSTD or words is None else words.decompress(body)
    except (zstd.ZstdError, MemoryError) as error:
        raise ValueError(f"damaged: {error}") from None


def select_dictionary_pages(pages: Sequence[bytes], most: int, largest: int) -> tuple[int, ...]:
    """Which pages make the best dictionary, best last since zstd reaches what is near more cheaply: at most so many, of so many
    bytes in all. The next one is always that by which the others come to least."""
    chosen: list[int] = []
    while len(chosen) < most:
        room = largest - sum(len(pages[each]) for each in chosen)
        left = [number for number in range(len(pages)) if number not in chosen]
        fit = [number for number in left if len(pages[number]) <= room]
        if not fit or len(left) < 2:
            break
        chosen.insert(0, min(fit, key=lambda number: _compressed_size_of_rest([number, *chosen], pages)))
    return tuple(chosen)


def _compressed_size_of_rest(chosen: Sequence[int], pages: Sequence[bytes]) -> int:
    words = ZstdDictionary(concat(pages[each] for each in chosen))
    return sum(
        len(words.compress(page)[1]) for number, page in enumerate(pages) if number not in chosen
    )


def concat(pages: Iterable[bytes]) -> bytes:
    """The content of a dictionary that is made of these pages."""
    return b"".join(pages)
