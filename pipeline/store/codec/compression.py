"""Compress and decompress bytes with zstd.

The codec is stored beside each compressed value, so that old values stay readable. A dictionary
is whole pages of one site, one after the other, as raw content: it has no format of its own, and
any zstd can use it. What is compressed with a dictionary carries a checksum, so that a wrong
dictionary gives an error and never other bytes.
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
VERSION_OPTIONS: Final[dict[int, int]] = {
    **OPTIONS,
    zstd.CompressionParameter.window_log: 24,
    zstd.CompressionParameter.enable_long_distance_matching: 1,
}
MAX_VERSION_BYTES: Final = 1 << 23  # two versions fit into the window of VERSION_OPTIONS
MIN_DICTIONARY_BYTES: Final = 8  # of one page; zstd takes no shorter dictionary


class ZstdDictionary:
    """A dictionary that is loaded. Threads may share it."""

    def __init__(self, content: bytes) -> None:
        self.size = len(content)
        self._zstd_dict = zstd.ZstdDict(content, is_raw=True)

    def compress(self, body: bytes) -> tuple[str, bytes]:
        """Compress with this dictionary and return the codec and the compressed bytes."""
        # Digested: its tables are built once, which makes it three times as fast as no dictionary.
        digested = self._zstd_dict.as_digested_dict
        return ZSTD_DICT, zstd.compress(body, options=OPTIONS, zstd_dict=digested)

    def compress_version(self, body: bytes) -> tuple[str, bytes]:
        """Compress a later version of the bytes that this dictionary consists of.

        Equal parts are found at any distance, as long as both versions fit into the window.
        """
        return ZSTD_DICT, zstd.compress(
            body, options=VERSION_OPTIONS, zstd_dict=self._zstd_dict.as_prefix
        )

    def decompress(self, body: bytes) -> bytes:
        """Decompress what was compressed with this dictionary."""
        return zstd.decompress(body, self._zstd_dict)


def compress(body: bytes) -> tuple[str, bytes]:
    """Compress without a dictionary and return the codec and the compressed bytes."""
    try:
        frame = _thread_local.compressor.compress(body, zstd.ZstdCompressor.FLUSH_FRAME)
    except BaseException:  # the compressor may hold a part of the body now
        _thread_local.compressor = zstd.ZstdCompressor(LEVEL)
        raise
    return ZSTD, frame


class _ThreadLocalCompressor(threading.local):
    """A compressor for each thread: to create one takes a fifth of the time of a page."""

    def __init__(self) -> None:
        self.compressor = zstd.ZstdCompressor(LEVEL)


_thread_local = _ThreadLocalCompressor()


def decompress(codec: str, body: bytes, dictionary: ZstdDictionary | None = None) -> bytes:
    """Decompress stored bytes.

    Args:
        codec: The codec that is stored beside them.
        body: The compressed bytes.
        dictionary: The dictionary that they were compressed with.

    Raises:
        ValueError: The bytes are damaged, or this version does not know the codec.
    """
    if codec not in (ZSTD, ZSTD_DICT):
        raise ValueError(f"unknown codec {codec!r}")
    if codec == ZSTD_DICT and dictionary is None:
        raise ValueError("the dictionary that it was compressed with is missing")
    try:
        if codec == ZSTD or dictionary is None:
            return zstd.decompress(body)
        return dictionary.decompress(body)
    except (zstd.ZstdError, MemoryError) as error:
        raise ValueError(f"damaged: {error}") from None


def select_dictionary_pages(
    pages: Sequence[bytes], max_pages: int, max_bytes: int
) -> tuple[int, ...]:
    """Select the pages that make the best dictionary.

    Each next page is the one with which the remaining pages compress to the least bytes.

    Args:
        pages: The candidates.
        max_pages: How many pages the dictionary may have.
        max_bytes: How many bytes they may have together.

    Returns:
        Indexes into `pages`, the best last, since zstd refers to near bytes more cheaply.
    """
    selected: list[int] = []
    while len(selected) < max_pages:
        room = max_bytes - sum(len(pages[index]) for index in selected)
        remaining = [index for index in range(len(pages)) if index not in selected]
        candidates = [
            index for index in remaining if MIN_DICTIONARY_BYTES <= len(pages[index]) <= room
        ]
        if not candidates or len(remaining) < 2:
            break
        sizes = {index: _compressed_size_of_rest([index, *selected], pages) for index in candidates}
        selected.insert(0, min(candidates, key=sizes.__getitem__))
    return tuple(selected)


def _compressed_size_of_rest(selected: Sequence[int], pages: Sequence[bytes]) -> int:
    dictionary = ZstdDictionary(concat(pages[index] for index in selected))
    size = 0
    for index, page in enumerate(pages):
        if index not in selected:
            size += len(dictionary.compress(page)[1])
    return size


def concat(pages: Iterable[bytes]) -> bytes:
    """Return the content of a dictionary that consists of these pages."""
    return b"".join(pages)
