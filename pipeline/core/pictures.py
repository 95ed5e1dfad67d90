"""What the first bytes of a picture say: its type and its size in pixels.

Only types that every browser shows are known, and none that can hold scripts, as SVG can. Pure
functions that read headers, in time linear in the number of segments, and decode nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_PICTURE_BYTES: Final = 2 * 1024 * 1024
MAX_PICTURE_PIXELS: Final = 12_000_000  # 48 MB in a browser; a photo of 4000 × 3000
MAX_PICTURE_SIDE: Final = 8_192  # pixels
MAX_JPEG_SEGMENTS: Final = 2_000
PICTURE_TYPES: Final = ("image/jpeg", "image/png", "image/webp", "image/gif")
JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
JPEG_WITHOUT_LENGTH: Final = frozenset((0x01, *range(0xD0, 0xD8)))


@dataclass(frozen=True, slots=True)
class PictureInfo:
    """The type of a picture by its bytes, and its size in pixels."""

    media_type: str
    width: int
    height: int

    @property
    def is_too_large(self) -> bool:
        """Whether a browser would need too much memory to show it."""
        is_long = max(self.width, self.height) > MAX_PICTURE_SIDE
        return is_long or self.width * self.height > MAX_PICTURE_PIXELS


def picture_info(body: bytes) -> PictureInfo | None:
    """Return what the header of a picture says.

    Args:
        body: The bytes.

    Returns:
        None where they are no JPEG, PNG, WebP or GIF, or name no size.
    """
    media_type, size = "", None
    if body.startswith(b"\xff\xd8\xff"):
        media_type, size = "image/jpeg", _jpeg_size(body)
    elif body.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"):
        media_type, size = "image/png", _two_numbers(body, 16, 4, "big")
    elif body.startswith((b"GIF87a", b"GIF89a")):
        media_type, size = "image/gif", _two_numbers(body, 6, 2, "little")
    elif body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        media_type, size = "image/webp", _webp_size(body)
    if size is None or 0 in size:
        return None
    return PictureInfo(media_type, *size)


def _two_numbers(body: bytes, start: int, width: int, order: str) -> tuple[int, int] | None:
    """Two unsigned integers of some bytes each, one after the other."""
    values = body[start : start + 2 * width]
    if len(values) < 2 * width:
        return None
    if order == "little":
        return int.from_bytes(values[:width], "little"), int.from_bytes(values[width:], "little")
    return int.from_bytes(values[:width], "big"), int.from_bytes(values[width:], "big")


def _jpeg_size(body: bytes) -> tuple[int, int] | None:
    """The size in the first frame header of a JPEG (ITU-T T.81, annex B)."""
    position = 2
    for _ in range(MAX_JPEG_SEGMENTS):
        while body[position : position + 2] == b"\xff\xff":  # fill bytes
            position += 1
        if len(body) < position + 4 or body[position] != 0xFF:
            return None
        marker = body[position + 1]
        if marker in JPEG_WITHOUT_LENGTH:
            position += 2
            continue
        if marker in JPEG_FRAMES:
            size = _two_numbers(body, position + 5, 2, "big")
            return None if size is None else (size[1], size[0])  # height comes first
        if marker in (0xD9, 0xDA):  # its end, or the data before any frame
            return None
        position += 2 + int.from_bytes(body[position + 2 : position + 4], "big")
    return None


def _webp_size(body: bytes) -> tuple[int, int] | None:
    """The size in the first chunk of a WebP (RFC 9649, section 2)."""
    chunk = body[12:16]
    if chunk == b"VP8X" and len(body) >= 30:
        width = int.from_bytes(body[24:27], "little") + 1
        return width, int.from_bytes(body[27:30], "little") + 1
    if chunk == b"VP8L" and len(body) >= 25 and body[20] == 0x2F:
        bits = int.from_bytes(body[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 " and body[23:26] == b"\x9d\x01\x2a":
        size = _two_numbers(body, 26, 2, "little")
        return None if size is None else (size[0] & 0x3FFF, size[1] & 0x3FFF)
    return None
