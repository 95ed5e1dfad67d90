"""Answers whose head has no end: how much a server may say before its body begins.

Promises that status lines, headers and interim answers (1xx) of one request are read up to a size, and that what is larger is
given up as HeadTooLarge. Scrapy and Twisted bound one line only, and say no more of it than that the connection was closed.
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

MAX_HEAD_BYTES: Final = (
    256 * 1024
)  # bytes of one answer before its body; one line may have Twisted's 16 KiB
MAX_HEAD_LINES: Final = 5_000  # of them


class HeadLimitedParser(_LenientHTTPClientParser):
    """Scrapy's parser of answers, which counts what it reads of a head. Interim answers do not begin the count anew."""

    _read = _lines = 0

    def lineReceived(self, line: bytes) -> None:
        self._read += len(line) + 1
        self._lines += 1
        if self._read > MAX_HEAD_BYTES or self._lines > MAX_HEAD_LINES:
            raise ResponseHeadTooLarge
        super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        raise ResponseHeadTooLarge


class HeadLimitedProtocol(_LenientHTTP11ClientProtocol):
    """Scrapy's connection with the parser above, put in its place as Scrapy puts its own."""

    def request(self, request: Any) -> Any:
        answer = super().request(request)
        assert self._parser is not None
        self._parser.__class__ = HeadLimitedParser
        return answer


class HeadLimitedFactory(_LenientHTTP11ClientFactory):
    """Makes such connections."""

    def buildProtocol(self, addr: IAddress | None) -> HeadLimitedProtocol:
        return HeadLimitedProtocol(self._quiescentCallback)  # type: ignore[no-untyped-call]
