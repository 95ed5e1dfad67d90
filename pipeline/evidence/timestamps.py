"""Tokens of timestamp authorities, as in RFC 3161. They need the extra `evidence`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from urllib.request import Request, urlopen

from pipeline.core.errors import ConfigError, NightdeskError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.x509 import Certificate

TIMEOUT: Final = 15.0  # seconds
MAX_REPLY_BYTES: Final = 1 << 20
GRANTED: Final = (0, 1)  # granted, granted with modifications


class TimestampError(NightdeskError):
    """A token that is none, or an authority that gives none."""


@dataclass(frozen=True, slots=True)
class Token:
    """The reply of an authority, and the time that it names."""

    data: bytes
    at: datetime


def require_client() -> None:
    """Check that the extra is installed.

    Raises:
        ConfigError: It is not.
    """
    try:
        import rfc3161_client  # noqa: F401
    except ImportError:
        raise ConfigError(
            "'timestamps' needs the extra 'evidence', which is not installed:"
            " pip install 'nightdesk[evidence]'"
        ) from None


def request_token(url: str, message: bytes) -> Token:
    """Ask an authority to stamp the SHA-256 of a message.

    Raises:
        TimestampError: It cannot be reached, or gives no token for this message.
        ConfigError: The extra is not installed.
    """
    require_client()
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    builder = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256)
    request = builder.nonce(nonce=True).cert_request(cert_request=True).build()
    headers = {"Content-Type": "application/timestamp-query"}
    try:
        posted = Request(url, data=request.as_bytes(), headers=headers, method="POST")
        with urlopen(posted, timeout=TIMEOUT) as response:
            data = response.read(MAX_REPLY_BYTES)
    except (OSError, ValueError) as error:
        raise TimestampError(str(getattr(error, "reason", error)) or "no answer") from None
    token = read_token(data, message)
    if _nonce(data) != request.nonce:
        raise TimestampError("the reply is to another request")
    return token


def read_token(data: bytes, message: bytes) -> Token:
    """Return the token in a reply. Its signature is not checked: see `verify_token`.

    Raises:
        TimestampError: It is no token for this message.
    """
    from rfc3161_client import decode_timestamp_response

    try:
        reply = decode_timestamp_response(data)
        if reply.status not in GRANTED:
            raise TimestampError(f"refused with status {reply.status}")
        info = reply.tst_info
        digest, at = info.message_imprint.message, info.gen_time
    except ValueError as error:
        raise TimestampError(f"the reply is no timestamp ({error})") from None
    if digest != sha256(message).digest():
        raise TimestampError("the timestamp is of something else")
    return Token(data, at)


def _nonce(data: bytes) -> int | None:
    from rfc3161_client import decode_timestamp_response

    return decode_timestamp_response(data).tst_info.nonce


def load_roots(pem: bytes) -> Sequence[Certificate]:
    """Return the certificates in a PEM file.

    Raises:
        TimestampError: There is none.
    """
    from cryptography.x509 import load_pem_x509_certificates

    try:
        return load_pem_x509_certificates(pem)
    except ValueError:
        raise TimestampError("is no file of certificates (PEM)") from None


def verify_token(data: bytes, message: bytes, roots: Sequence[Certificate]) -> Token:
    """Return the token in a reply, once its signature leads to one of the certificates.

    Raises:
        TimestampError: It does not, or the token is of something else.
    """
    from rfc3161_client import VerifierBuilder, decode_timestamp_response
    from rfc3161_client.errors import VerificationError

    token = read_token(data, message)
    for root in roots:
        verifier = VerifierBuilder().add_root_certificate(root).build()
        try:
            verifier.verify(decode_timestamp_response(data), sha256(message).digest())
        except (VerificationError, ValueError):
            continue
        return token
    raise TimestampError("none of the certificates that you trust signed the timestamp")
