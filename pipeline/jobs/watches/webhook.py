"""Post a message to a webhook, signed so that the receiver knows who sent it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.request import Request, urlopen

from pipeline._version import __version__

TIMEOUT: Final = 20.0  # seconds
SIGNATURE_HEADER: Final = "X-Nightdesk-Signature"
DELIVERY_HEADER: Final = "X-Nightdesk-Delivery"


def signature(secret: str, body: bytes) -> str:
    """Return the signature of a body: HMAC-SHA256 in hex (RFC 2104), with the name of the hash."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def post(url: str, secret: str, delivery_id: str, document: Mapping[str, Any]) -> str:
    """Post a JSON document.

    Args:
        url: Where to.
        secret: The key of the signature.
        delivery_id: The id of the message. It stays the same when the message is sent again.
        document: The message.

    Returns:
        What went wrong, or "". It never names the URL, which may hold a password.
    """
    body = json.dumps(document, ensure_ascii=False).encode()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": f"Nightdesk/{__version__}",
        DELIVERY_HEADER: delivery_id,
        SIGNATURE_HEADER: signature(secret, body),
    }
    if not url.startswith(("https://", "http://")):
        return "its address is no http or https URL"
    try:
        request = Request(url, body, headers, method="POST")
        with urlopen(request, timeout=TIMEOUT) as response:
            return "" if response.status < 300 else f"HTTP {response.status}"
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error)) or type(error).__name__
