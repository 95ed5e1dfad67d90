"""Whatever can go wrong with a fetch, as an Outcome, a Reason of ours and a sentence.

Promises that every exception of Scrapy and Twisted has a name here, and that no sentence repeats an exception's message: those
hold whole URLs, and a URL may hold a password. What is done about a trouble is decided elsewhere.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from OpenSSL import SSL
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
    NotSupported,
    ResponseDataLossError,
    UnsupportedURLSchemeError,
)
from service_identity import VerificationError
from twisted.internet import error as twisted_errors
from twisted.python.failure import Failure

from pipeline.core.models import Outcome, Reason

DECODER_MODULES = frozenset(
    {"zlib", "gzip", "brotli", "_brotli", "brotlicffi", "backports", "compression", "struct"}
)


@dataclass(frozen=True, slots=True)
class FetchError:
    """Why a fetch obtained nothing."""

    outcome: Outcome
    reason: Reason
    detail: str


class ResponseHeadTooLarge(Exception):
    """Raised while an answer is read: its head goes on for longer than any."""


class RequestRefused(IgnoreRequest):
    """Raised by a guard: this request is not to be made. IgnoreRequest keeps Scrapy from retrying and logging it."""

    def __init__(self, reason: Reason, detail: str, outcome: Outcome = Outcome.REFUSED) -> None:
        super().__init__(detail)
        self.fetch_error = FetchError(outcome, reason, detail)


SPECIFIC_ERRORS = (
    SSL.Error,
    VerificationError,
    ResponseHeadTooLarge,
)  # these say more than what they are wrapped in
ERROR_TABLE: tuple[tuple[tuple[type[BaseException], ...], Reason, str], ...] = (
    (
        (DownloadTimeoutError, twisted_errors.TimeoutError),
        Reason.TIMEOUT,
        "no full answer within the time limit",
    ),
    (
        (CannotResolveHostError, twisted_errors.DNSLookupError),
        Reason.DNS,
        "the host's name does not resolve",
    ),
    (
        (SSL.Error, VerificationError),
        Reason.TLS,
        "the certificate or the TLS handshake was not accepted",
    ),
    (
        (DownloadConnectionRefusedError, twisted_errors.ConnectError),
        Reason.CONNECT,
        "the host took no connection",
    ),
    (
        (ResponseHeadTooLarge,),
        Reason.HEADERS_TOO_LARGE,
        "its headers, or one line of them, are larger than we read",
    ),
    # an endless or oversized body is cut off by cancelling the download; nothing else cancels one
    ((DownloadCancelledError,), Reason.TOO_LARGE, "the body is larger than max_bytes"),
    ((UnsupportedURLSchemeError, NotSupported), Reason.BAD_URL, "not an http or https URL"),
    (
        (ResponseDataLossError,),
        Reason.BROKEN_RESPONSE,
        "the connection ended before the whole body was there",
    ),
    (
        (DownloadFailedError, twisted_errors.ConnectionClosed),
        Reason.BROKEN_RESPONSE,
        "the answer was no valid HTTP",
    ),
    ((zlib.error, EOFError, OSError), Reason.BROKEN_RESPONSE, "the body could not be decompressed"),
    ((ValueError,), Reason.BAD_URL, "a URL that cannot be requested"),
)


def classify_error(error: BaseException) -> FetchError:
    """What an exception of a download means. INTERNAL is our own fault: the caller logs it with its traceback."""
    if isinstance(error, RequestRefused):
        return error.fetch_error
    if isinstance(error, IgnoreRequest):
        return _ignored(error)
    chain = tuple(_causes(error))
    chain = tuple(each for each in chain if isinstance(each, SPECIFIC_ERRORS)) or chain
    for each in chain:
        for types, reason, detail in ERROR_TABLE:
            if isinstance(each, types):
                return FetchError(Outcome.FAILED, reason, detail)
        if type(each).__module__.partition(".")[0] in DECODER_MODULES:
            return FetchError(
                Outcome.FAILED, Reason.BROKEN_RESPONSE, "the body could not be decompressed"
            )
    return FetchError(Outcome.FAILED, Reason.INTERNAL, f"unexpected {type(error).__name__}")


def _ignored(error: IgnoreRequest) -> FetchError:
    """Scrapy's own refusals differ in their words only."""
    if "redirections" in str(error):
        return FetchError(Outcome.FAILED, Reason.HTTP_REDIRECT, "more redirects than we follow")
    return FetchError(
        Outcome.FAILED, Reason.TOO_LARGE, "the decompressed body is larger than max_bytes"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, then what Twisted wraps inside it."""
    yield error
    reasons = getattr(error, "reasons", None) or ()
    for failure in reasons:
        if isinstance(failure, Failure) and failure.value is not None:
            yield from _causes(failure.value)
    if error.__cause__ is not None:
        yield from _causes(error.__cause__)
