"""Guards on every way out: which addresses may be connected to, and which headers go where.

Promises that no connection is opened to a private, loopback, link-local or otherwise inner address, whatever a URL looks like
and wherever it came from (robots.txt and redirects too), because the address is judged after the name is resolved and that
same address is then connected to. A refusal is a Refusal with a reason of its own. Robots rules are in `robots`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.redirect import RedirectMiddleware
from scrapy.downloadermiddlewares.retry import RetryMiddleware
from scrapy.exceptions import CannotResolveHostError
from scrapy.extensions.memusage import MemoryUsage
from scrapy.http import Response
from scrapy.resolver import CachingHostnameResolver
from twisted.internet.base import ReactorBase
from twisted.internet.interfaces import IAddress, IHostResolution, IResolutionReceiver
from zope.interface import implementer  # type: ignore[import-untyped]

from crawler.capture import without_credentials
from crawler.http.fetch_errors import RequestRefused
from crawler.http.response_head_limit import HeadLimitedFactory
from pipeline.config.site import Site
from pipeline.core.ip_addresses import is_internal_host, is_public_address
from pipeline.core.models import Reason
from pipeline.core.urls import MAX_URL_LENGTH, host_of


@dataclass(slots=True)
class _Attempt:
    """One request: whether its host may have a private address, and the addresses that were struck."""

    may_be_private: bool
    struck: list[str] = field(default_factory=list)


# Where the resolver learns which request it works for, and the request what was struck: Twisted only says that a name has no
# address.
_attempt: ContextVar[_Attempt | None] = ContextVar("attempt", default=None)


@implementer(IResolutionReceiver)
class _PublicOnly:
    """Passes on public addresses; notes the others where the connection attempt can see them."""

    def __init__(self, receiver: Any, struck: list[str]) -> None:
        self._receiver = receiver
        self._struck = struck

    def resolutionBegan(self, resolution: IHostResolution) -> None:
        self._receiver.resolutionBegan(resolution)

    def addressResolved(self, address: IAddress) -> None:
        host = str(getattr(address, "host", ""))
        if is_public_address(host):
            self._receiver.addressResolved(address)
        else:
            self._struck.append(host)

    def resolutionComplete(self) -> None:
        self._receiver.resolutionComplete()


class GuardedResolver(CachingHostnameResolver):
    """Scrapy's resolver for IPv4 and IPv6, with only public addresses let through unless the Site allows this host others."""

    @classmethod
    def from_crawler(cls, crawler: Crawler, reactor: ReactorBase) -> GuardedResolver:
        return cls(reactor, crawler.settings.getint("DNSCACHE_SIZE"))

    def resolveHostName(
        self,
        resolutionReceiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        attempt = _attempt.get() or _Attempt(may_be_private=False)
        if not attempt.may_be_private:
            resolutionReceiver = _PublicOnly(resolutionReceiver, attempt.struck)
        return super().resolveHostName(
            resolutionReceiver, hostName, portNumber, addressTypes, transportSemantics
        )


class GuardedHandler(HTTP11DownloadHandler):
    """Scrapy's HTTP, which bounds heads, and says `blocked_address` where the resolver left no address to connect to."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._pool._factory = HeadLimitedFactory

    async def download_request(self, request: Request) -> Response:
        if len(request.url) > MAX_URL_LENGTH:  # a redirect may be of any length
            raise RequestRefused(Reason.URL_TOO_LONG, f"a URL of {len(request.url)} characters")
        site: Site = getattr(self._crawler.spider, "site")  # noqa: B009 - Scrapy knows it as a Spider, which has no site
        attempt = _Attempt(site.allows_private(request.url))
        host = urlsplit(request.url).hostname or ""
        if not attempt.may_be_private and is_internal_host(
            host
        ):  # not every resolver would know what it spells
            raise RequestRefused(
                Reason.BLOCKED_ADDRESS,
                f"{host} is an inner address, which allow_private does not name",
            )
        token = _attempt.set(attempt)
        try:
            return await super().download_request(request)
        except CannotResolveHostError as error:
            if attempt.struck:
                detail = f"{host_of(request.url)} is at the inner address {attempt.struck[0]}, which allow_private does not name"
                raise RequestRefused(Reason.BLOCKED_ADDRESS, detail) from error
            raise
        finally:
            _attempt.reset(token)


class RefererlessRedirect(RedirectMiddleware):
    """Follows redirects of Places and of robots.txt; no host is ever told where we came from."""

    def _engine_started(self) -> None:
        """Scrapy's looks for the middleware that sets a Referer, and warns that there is none."""

    def _build_redirect_request(
        self, source_request: Request, response: Response, *, url: str, **kwargs: Any
    ) -> Request:
        """A name and password in a URL are no use to us, and would stand in every log line."""
        return super()._build_redirect_request(
            source_request, response, url=without_credentials(url), **kwargs
        )

    def handle_referer(self, request: Request, response: Response) -> None:
        request.headers.pop("Referer", None)


class RetryAfterAwareRetry(RetryMiddleware):
    """Tries again tonight, unless the server said when to come back."""

    def process_response(
        self, request: Request, response: Response, spider: Any = None
    ) -> Request | Response:
        if response.headers.get("Retry-After"):
            return response
        return super().process_response(request, response)


class MemoryGuard(MemoryUsage):
    """Scrapy's memory limit on what is in use now. Scrapy takes the peak, and on Linux a process begins with that of its
    parent: started from one of 1.2 GB, a crawl would end before its first request."""

    def get_virtual_size(self) -> int:
        try:
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        except OSError:  # not Linux
            return super().get_virtual_size()
        return pages * os.sysconf("SC_PAGE_SIZE")


class SiteHeaders:
    """Puts a Site's own headers and cookies on requests to its own hosts, and takes them off where a redirect leads elsewhere.
    A value whose secret nobody filled in is not sent."""

    def __init__(self, site: Site) -> None:
        self._site = site
        cookies = "; ".join(
            f"{name}={value}" for name, value in site.cookies.items() if "${" not in value
        )
        headers = site.headers | ({"Cookie": cookies} if cookies else {})
        self._headers = {name: value for name, value in headers.items() if "${" not in value}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> SiteHeaders:
        return cls(getattr(crawler.spider, "site"))  # noqa: B009 - Scrapy knows it as a Spider, which has no site

    def process_request(self, request: Request) -> None:
        for name, value in self._headers.items():
            if self._site.owns(request.url):
                request.headers[name] = value
            else:
                request.headers.pop(name, None)
