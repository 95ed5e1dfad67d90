"""Open compressed files: gzip, xz and Zstandard, recognized by their first bytes."""

from __future__ import annotations

import gzip
import lzma
import sys
import zlib
from io import BufferedReader
from pathlib import Path
from typing import Any, Final, cast

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


def decompressed(stream: BufferedReader) -> BufferedReader:
    """Return the stream itself, or one that reads its decompressed content."""
    magic = stream.peek(6)[:6]
    if magic.startswith(GZIP_MAGIC):
        return BufferedReader(cast(Any, gzip.GzipFile(fileobj=stream)))
    if magic.startswith(XZ_MAGIC):
        return BufferedReader(cast(Any, lzma.LZMAFile(stream)))
    if magic.startswith(ZSTD_MAGIC):
        return BufferedReader(cast(Any, zstd.ZstdFile(stream)))
    return stream


def suffix_of(path: Path) -> str:
    """Return the ending of a file name in lower case, without that of its compression."""
    if path.suffix.lower() in COMPRESSED_ENDINGS:
        path = path.with_suffix("")
    return path.suffix.lower()
