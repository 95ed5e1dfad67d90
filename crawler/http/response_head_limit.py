"""Limits how much a server may send before the body of its answer.

Status lines, headers and interim responses (1xx) of one request count together. A larger head
raises ResponseHeadTooLarge. Scrapy and Twisted limit single lines only, and report no more than
that the connection was closed.
"""

from __future__ import annotations

from typing import Any, Final

from scrapy.core.downloader.handlers.http11 import (
    _LenientHTTP11ClientFactory,
    _LenientHTTP11ClientProtocol,
    _LenientHTTPClientParser,
)
from twisted.internet.interfaces import IAddress

from crawler.http.fetch_errors import ResponseHeadTooLarge

MAX_HEAD_BYTES: Final = 256 * 1024  # of one answer; Twisted limits one line to 16 KiB
MAX_HEAD_LINES: Final = 5_000


class HeadLimitedParser(_LenientHTTPClientParser):
    """Scrapy's response parser, which counts the bytes and lines of a head.

    The count goes on over interim responses.
    """

    _bytes_read = _lines_read = 0

    def lineReceived(self, line: bytes) -> None:
        """Count one line. Twisted calls this.

        Args:
            line: A line of the response head, without its end.
        """
        self._bytes_read += len(line) + 1
        self._lines_read += 1
        if self._bytes_read > MAX_HEAD_BYTES or self._lines_read > MAX_HEAD_LINES:
            raise ResponseHeadTooLarge
        super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Refuse a line that is too long. Twisted calls this."""
        raise ResponseHeadTooLarge


class HeadLimitedProtocol(_LenientHTTP11ClientProtocol):
    """Scrapy's connection with `HeadLimitedParser`, set the way Scrapy sets its own parser."""

    def request(self, request: Any) -> Any:
        """Send a request. Twisted calls this.

        Args:
            request: A request of Twisted.

        Returns:
            A Deferred of the response; it fails where the head is over a limit.
        """
        response = super().request(request)
        assert self._parser is not None
        self._parser.__class__ = HeadLimitedParser
        return response


class HeadLimitedFactory(_LenientHTTP11ClientFactory):
    """Create such connections."""

    def buildProtocol(self, addr: IAddress | None) -> HeadLimitedProtocol:
        """Create a connection. Twisted calls this."""
        return HeadLimitedProtocol(self._quiescentCallback)  # type: ignore[no-untyped-call]
