"""Turns every error of a fetch into an Outcome, a Reason and a sentence.

No sentence repeats the message of an exception: those hold whole URLs, and a URL may hold a
password.
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
    """Why a fetch brought no answer."""

    outcome: Outcome
    reason: Reason
    detail: str


class ResponseHeadTooLarge(Exception):
    """Raised while an answer is read: its head is larger than the limit."""


class RequestRefused(IgnoreRequest):
    """Raised by a guard: this request must not be made.

    Scrapy neither retries nor logs an IgnoreRequest.

    Args:
        reason: The reason code.
        detail: A sentence for people.
        outcome: The outcome of the page.
    """

    def __init__(self, reason: Reason, detail: str, outcome: Outcome = Outcome.REFUSED) -> None:
        super().__init__(detail)
        self.fetch_error = FetchError(outcome, reason, detail)


@dataclass(frozen=True, slots=True)
class _ErrorRule:
    """The meaning of some exception types."""

    types: tuple[type[BaseException], ...]
    reason: Reason
    detail: str


# These say more than the exceptions that wrap them.
SPECIFIC_ERRORS = (SSL.Error, VerificationError, ResponseHeadTooLarge)
UNDECODABLE_BODY = "the body could not be decompressed"
ERROR_RULES = (
    _ErrorRule(
        (DownloadTimeoutError, twisted_errors.TimeoutError),
        Reason.TIMEOUT,
        "no full answer within the time limit",
    ),
    _ErrorRule(
        (CannotResolveHostError, twisted_errors.DNSLookupError),
        Reason.DNS,
        "the host's name does not resolve",
    ),
    _ErrorRule(
        (SSL.Error, VerificationError),
        Reason.TLS,
        "the certificate or the TLS handshake was not accepted",
    ),
    _ErrorRule(
        (DownloadConnectionRefusedError, twisted_errors.ConnectError),
        Reason.CONNECT,
        "the host accepted no connection",
    ),
    _ErrorRule(
        (ResponseHeadTooLarge,),
        Reason.HEADERS_TOO_LARGE,
        "its headers, or one line of them, are larger than the limit",
    ),
    # An endless or oversized body is cut off by cancelling its download. Nothing else cancels one.
    _ErrorRule((DownloadCancelledError,), Reason.TOO_LARGE, "the body is larger than max_bytes"),
    _ErrorRule(
        (UnsupportedURLSchemeError, NotSupported), Reason.BAD_URL, "not an http or https URL"
    ),
    _ErrorRule(
        (ResponseDataLossError,),
        Reason.BROKEN_RESPONSE,
        "the connection ended before the whole body was there",
    ),
    _ErrorRule(
        (DownloadFailedError, twisted_errors.ConnectionClosed),
        Reason.BROKEN_RESPONSE,
        "the answer was no valid HTTP",
    ),
    _ErrorRule((zlib.error, EOFError, OSError), Reason.BROKEN_RESPONSE, UNDECODABLE_BODY),
    _ErrorRule((ValueError,), Reason.BAD_URL, "a URL that cannot be requested"),
)


def classify_error(error: BaseException) -> FetchError:
    """Return what an exception of a download means.

    INTERNAL means an error in our own code: the caller logs it with its traceback.

    Args:
        error: The exception of Scrapy, Twisted or the guards.

    Returns:
        The outcome and the reason for the ledger, with a sentence.
    """
    if isinstance(error, RequestRefused):
        return error.fetch_error
    if isinstance(error, IgnoreRequest):
        return _classify_ignored(error)
    errors = tuple(_error_chain(error))
    specific_errors = tuple(item for item in errors if isinstance(item, SPECIFIC_ERRORS))
    for item in specific_errors or errors:
        for rule in ERROR_RULES:
            if isinstance(item, rule.types):
                return FetchError(Outcome.FAILED, rule.reason, rule.detail)
        if type(item).__module__.partition(".")[0] in DECODER_MODULES:
            return FetchError(Outcome.FAILED, Reason.BROKEN_RESPONSE, UNDECODABLE_BODY)
    return FetchError(Outcome.FAILED, Reason.INTERNAL, f"unexpected {type(error).__name__}")


def _classify_ignored(error: IgnoreRequest) -> FetchError:
    """Scrapy's own refusals differ in their message only."""
    if "redirections" in str(error):
        detail = "more redirects than we follow"
        return FetchError(Outcome.FAILED, Reason.HTTP_REDIRECT, detail)
    detail = "the decompressed body is larger than max_bytes"
    return FetchError(Outcome.FAILED, Reason.TOO_LARGE, detail)


def _error_chain(error: BaseException) -> Iterator[BaseException]:
    """The error, then the errors that Twisted wraps in it."""
    yield error
    for failure in getattr(error, "reasons", None) or ():
        if isinstance(failure, Failure) and failure.value is not None:
            yield from _error_chain(failure.value)
    if error.__cause__ is not None:
        yield from _error_chain(error.__cause__)
