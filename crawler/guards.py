"""Guards on every way out: which addresses may be connected to, and which headers go where.

Promises that no connection is opened to a private, loopback, link-local or otherwise inner address, whatever a URL looks like
and wherever it came from (robots.txt and redirects too), because the address is judged after the name is resolved and that
same address is then connected to. A refusal is a Refusal with a reason of its own. Robots rules are in `robots`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextvars import ContextVar
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import Any

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
from crawler.trouble import Refusal
from pipeline.model import Reason
from pipeline.sites import Site
from pipeline.urls import MAX_URL, host_of

NAT64 = IPv6Network("64:ff9b::/96")
# Where a connection attempt learns that the guard struck addresses: Twisted itself only says that a name has none.
_struck: ContextVar[list[str] | None] = ContextVar("struck", default=None)


def is_public(address: str) -> bool:
    """Whether an address is one of the open Internet. Addresses that carry an IPv4 address inside are judged by that."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(each.is_global and not each.is_multicast for each in (parsed, *_inside(parsed)))


def _inside(address: IPv4Address | IPv6Address) -> tuple[IPv4Address, ...]:
    if isinstance(address, IPv4Address):
        return ()
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in NAT64:
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return tuple(each for each in found if each is not None)


@implementer(IResolutionReceiver)
class _PublicOnly:
    """Passes on public addresses; notes the others where the connection attempt can see them."""

    def __init__(self, receiver: Any, struck: list[str] | None) -> None:
        self._receiver = receiver
        self._struck = struck if struck is not None else []

    def resolutionBegan(self, resolution: IHostResolution) -> None:
        self._receiver.resolutionBegan(resolution)

    def addressResolved(self, address: IAddress) -> None:
        host = str(getattr(address, "host", ""))
        if is_public(host):
            self._receiver.addressResolved(address)
        else:
            self._struck.append(host)

    def resolutionComplete(self) -> None:
        self._receiver.resolutionComplete()


class GuardedResolver(CachingHostnameResolver):
    """Scrapy's resolver for IPv4 and IPv6, with only public addresses let through unless the Site allows others."""

    def __init__(self, reactor: ReactorBase, cache_size: int, allow_private: bool) -> None:
        super().__init__(reactor, cache_size)
        self.allow_private = allow_private

    @classmethod
    def from_crawler(cls, crawler: Crawler, reactor: ReactorBase) -> GuardedResolver:
        settings = crawler.settings
        return cls(reactor, settings.getint("DNSCACHE_SIZE"), settings.getbool("NIGHTDESK_ALLOW_PRIVATE"))

    def resolveHostName(
        self,
        resolutionReceiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        if not self.allow_private:
            resolutionReceiver = _PublicOnly(resolutionReceiver, _struck.get())
        return super().resolveHostName(resolutionReceiver, hostName, portNumber, addressTypes, transportSemantics)


class GuardedHandler(HTTP11DownloadHandler):
    """Scrapy's HTTP, which says `blocked_address` where the resolver left no address to connect to."""

    async def download_request(self, request: Request) -> Response:
        if len(request.url) > MAX_URL:  # a redirect may be of any length
            raise Refusal(Reason.URL_TOO_LONG, f"a URL of {len(request.url)} characters")
        struck: list[str] = []
        token = _struck.set(struck)
        try:
            return await super().download_request(request)
        except CannotResolveHostError as error:
            if struck:
                detail = f"{host_of(request.url)} is at the inner address {struck[0]}, and allow_private is not set"
                raise Refusal(Reason.BLOCKED_ADDRESS, detail) from error
            raise
        finally:
            _struck.reset(token)


class FollowingWithoutReferer(RedirectMiddleware):
    """Follows redirects of Places and of robots.txt; no host is ever told where we came from."""

    def _engine_started(self) -> None:
        """Scrapy's looks for the middleware that sets a Referer, and warns that there is none."""

    def _build_redirect_request(self, source_request: Request, response: Response, *, url: str, **kwargs: Any) -> Request:
        """A name and password in a URL are no use to us, and would stand in every log line."""
        return super()._build_redirect_request(source_request, response, url=without_credentials(url), **kwargs)

    def handle_referer(self, request: Request, response: Response) -> None:
        request.headers.pop("Referer", None)


class PatientRetry(RetryMiddleware):
    """Tries again tonight, unless the server said when to come back."""

    def process_response(self, request: Request, response: Response, spider: Any = None) -> Request | Response:
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


class OwnHeaders:
    """Puts a Site's own headers and cookies on requests to its own hosts, and takes them off where a redirect leads elsewhere.
    A value whose secret nobody filled in is not sent."""

    def __init__(self, site: Site) -> None:
        self._site = site
        cookies = "; ".join(f"{name}={value}" for name, value in site.cookies.items() if "${" not in value)
        headers = site.headers | ({"Cookie": cookies} if cookies else {})
        self._headers = {name: value for name, value in headers.items() if "${" not in value}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> OwnHeaders:
        return cls(getattr(crawler.spider, "site"))  # noqa: B009 - Scrapy knows it as a Spider, which has no site

    def process_request(self, request: Request) -> None:
        for name, value in self._headers.items():
            if self._site.owns(request.url):
                request.headers[name] = value
            else:
                request.headers.pop(name, None)
