"""Open compressed files: gzip, xz and Zstandard, recognized by their first bytes."""

from __future__ import annotations

import gzip
import lzma
import sys
import zlib
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import Any, Final

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

COMPRESSED_ENDINGS: Final = (".gz", ".xz", ".zst")
GZIP_MAGIC: Final = b"\x1f\x8b"  # RFC 1952
XZ_MAGIC: Final = b"\xfd7zXZ"
ZSTD_MAGIC: Final = (b"\x28\xb5\x2f\xfd", b"\x5d\x2a\x4d\x18")  # RFC 8878; a dictionary frame
DAMAGE_ERRORS: Final = (gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError, zstd.ZstdError)
READ_ERRORS: Final = (OSError, *DAMAGE_ERRORS)


class _DamageTolerantReader(RawIOBase):
    """Reads a stream, and ends where it is damaged.

    A buffered reader that meets an error drops data that it has read before. This reader keeps the
    error instead, for `check_complete`.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.error: Exception | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.error is not None:
            return 0
        try:
            data: bytes = self._stream.read1(len(buffer))
        except READ_ERRORS as error:
            self.error = error
            return 0
        buffer[: len(data)] = data
        return len(data)


def check_complete(stream: BufferedReader) -> None:
    """Check a stream of `decompressed` that was read to its end.

    Raises:
        One of READ_ERRORS: If it ended because it is damaged.
    """
    raw = stream.raw
    if isinstance(raw, _DamageTolerantReader) and raw.error is not None:
        raise raw.error


def decompressed(stream: BufferedReader) -> BufferedReader:
    """Return the stream itself, or one that reads its decompressed content.

    A damaged stream ends early. `check_complete` tells whether it did.
    """
    magic = stream.peek(6)[:6]
    if magic.startswith(GZIP_MAGIC):
        return BufferedReader(_DamageTolerantReader(gzip.GzipFile(fileobj=stream)))
    if magic.startswith(XZ_MAGIC):
        return BufferedReader(_DamageTolerantReader(lzma.LZMAFile(stream)))
    if magic.startswith(ZSTD_MAGIC):
        return BufferedReader(_DamageTolerantReader(zstd.ZstdFile(stream)))
    return stream


def suffix_of(path: Path) -> str:
    """Return the ending of a file name in lower case, without that of its compression."""
    if path.suffix.lower() in COMPRESSED_ENDINGS:
        path = path.with_suffix("")
    return path.suffix.lower()
