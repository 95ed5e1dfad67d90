"""The payload of a story in several pages: the list of the digests of its parts, as JSON.

It is stored like the bytes of a page, so that a text in several parts is made of one payload, too.
The bytes of the parts are payloads of their own. The list follows from their captures.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

MEDIA_TYPE: Final = "application/vnd.nightdesk.parts+json"


def part_list(digests: Sequence[tuple[int, str]]) -> bytes:
    """Return the list of parts.

    Args:
        digests: The number and the SHA-256 of each part, in their order.
    """
    parts = [{"part": number, "sha256": digest} for number, digest in digests]
    return json.dumps({"parts": parts}, separators=(",", ":")).encode()
