"""Guards on every outgoing request: which addresses may be connected to, which headers are sent.

No connection is opened to a private, loopback, link-local or other internal address, whatever a URL
looks like and wherever it comes from (robots.txt and redirects too). The address is checked after
its name is resolved, and that same address is then connected to. Robots rules are in `robots`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
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
from twisted.internet.interfaces import IAddress, IHostResolution, IResolutionReceiver
from zope.interface import implementer  # type: ignore[import-untyped]

from crawler.http.chain_cookies import COOKIES_META, ChainCookies, set_cookie_values
from crawler.http.fetch_errors import RequestRefused
from crawler.http.response_head_limit import HeadLimitedFactory
from pipeline.config.site import Site
from pipeline.core.ip_addresses import is_internal_host, is_public_address
from pipeline.core.memory import resident_bytes
from pipeline.core.models import Reason
from pipeline.core.urls import MAX_URL_LENGTH, host_of, without_credentials


def site_of(crawler: Crawler) -> Site:
    """Return the site that a crawler's spider crawls. Scrapy's type of a spider has no site."""
    site: Site = getattr(crawler.spider, "site")  # noqa: B009
    return site


@dataclass(slots=True)
class _ConnectionAttempt:
    """One request: whether its host may have a private address, and the addresses refused."""

    may_be_private: bool
    refused: list[str] = field(default_factory=list)


# Here the resolver learns for which request it works, and the request which addresses were refused.
# Twisted says no more than that a name has no address.
_attempt: ContextVar[_ConnectionAttempt | None] = ContextVar("attempt", default=None)


@implementer(IResolutionReceiver)
class _PublicAddressReceiver:
    """Pass on public addresses; note the others for the connection attempt."""

    def __init__(self, receiver: Any, refused: list[str]) -> None:
        self._receiver = receiver
        self._refused = refused

    def resolutionBegan(self, resolution: IHostResolution) -> None:
        self._receiver.resolutionBegan(resolution)

    def addressResolved(self, address: IAddress) -> None:
        host = str(getattr(address, "host", ""))
        if is_public_address(host):
            self._receiver.addressResolved(address)
        else:
            self._refused.append(host)

    def resolutionComplete(self) -> None:
        self._receiver.resolutionComplete()


class GuardedResolver(CachingHostnameResolver):
    """Scrapy's resolver for IPv4 and IPv6, limited to public addresses.

    A Site may allow private addresses for single hosts.
    """

    def resolveHostName(
        self,
        resolutionReceiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """Resolve a name. Twisted calls this."""
        attempt = _attempt.get() or _ConnectionAttempt(may_be_private=False)
        if not attempt.may_be_private:
            resolutionReceiver = _PublicAddressReceiver(resolutionReceiver, attempt.refused)
        return super().resolveHostName(
            resolutionReceiver, hostName, portNumber, addressTypes, transportSemantics
        )


class GuardedHandler(HTTP11DownloadHandler):
    """Scrapy's HTTP handler, with limited response heads and a reason for refused addresses.

    Args:
        crawler: The running Scrapy crawler.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._pool._factory = HeadLimitedFactory

    async def download_request(self, request: Request) -> Response:
        """Download a request.

        Raises:
            RequestRefused: The URL is too long, or its host has an internal address only.
        """
        if len(request.url) > MAX_URL_LENGTH:  # a redirect may be of any length
            raise RequestRefused(Reason.URL_TOO_LONG, f"a URL of {len(request.url)} characters")
        attempt = _ConnectionAttempt(site_of(self._crawler).allows_private(request.url))
        host = urlsplit(request.url).hostname or ""
        # Not every resolver understands all spellings of an address, so the host is checked first.
        if not attempt.may_be_private and is_internal_host(host):
            detail = f"{host} is an internal address, and allow_private does not name it"
            raise RequestRefused(Reason.BLOCKED_ADDRESS, detail)
        token = _attempt.set(attempt)
        try:
            return await super().download_request(request)
        except CannotResolveHostError as error:
            if not attempt.refused:
                raise
            detail = (
                f"{host_of(request.url)} has the internal address {attempt.refused[0]},"
                " and allow_private does not name it"
            )
            raise RequestRefused(Reason.BLOCKED_ADDRESS, detail) from error
        finally:
            _attempt.reset(token)


class RefererlessRedirect(RedirectMiddleware):
    """Follow redirects of sources and of robots.txt without telling any host where we came from."""

    def _engine_started(self) -> None:
        """Scrapy's version looks for the middleware that sets a Referer, and warns."""

    def _build_redirect_request(
        self, source_request: Request, response: Response, *, url: str, **kwargs: Any
    ) -> Request:
        """Drop the name and password of a URL, which would appear in every log line.

        Cookies that the answer sets go with the request, because some servers check for them.
        """
        cookies = source_request.meta.setdefault(COOKIES_META, ChainCookies())
        cookies.remember(response.url, set_cookie_values(response.headers))
        return super()._build_redirect_request(
            source_request, response, url=without_credentials(url), **kwargs
        )

    def handle_referer(self, request: Request, response: Response) -> None:
        """Remove the Referer header. Scrapy calls this."""
        request.headers.pop("Referer", None)


class RetryAfterAwareRetry(RetryMiddleware):
    """Retry in the same night, unless the server said when to come again."""

    def process_response(
        self, request: Request, response: Response, spider: Any = None
    ) -> Request | Response:
        """Return the response, or the request again. Scrapy calls this."""
        if response.headers.get("Retry-After"):
            return response
        return super().process_response(request, response)


class MemoryGuard(MemoryUsage):
    """Scrapy's memory limit, applied to the memory that is in use now.

    Scrapy takes the peak. On Linux a process starts with the peak of its parent, so a crawl that a
    process of 1.2 GB starts would end before its first request.
    """

    def get_virtual_size(self) -> int:
        """Return the resident memory in bytes. Scrapy calls this."""
        return resident_bytes() or super().get_virtual_size()


class SiteHeaders:
    """Send a site's own headers and cookies to its own hosts only.

    They are removed where a redirect leads to another host. A value whose secret is not filled in
    is not sent.

    Args:
        site: The site.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._headers = _filled_in(site.headers)
        cookies = [f"{name}={value}" for name, value in _filled_in(site.cookies).items()]
        if cookies:
            self._headers["Cookie"] = "; ".join(cookies)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> SiteHeaders:
        """Create the middleware. Scrapy calls this."""
        return cls(site_of(crawler))

    def process_request(self, request: Request) -> None:
        """Set or remove the headers of a request. Scrapy calls this."""
        for name, value in self._headers.items():
            if self._site.owns(request.url):
                request.headers[name] = value
            else:
                request.headers.pop(name, None)
        self._add_chain_cookies(request)

    def _add_chain_cookies(self, request: Request) -> None:
        cookies: ChainCookies | None = request.meta.get(COOKIES_META)
        header = "" if cookies is None else cookies.header_for(request.url)
        if not self._site.owns(request.url):
            header = ""
        own_cookies = self._headers.get("Cookie", "")
        if header:
            own = f"{own_cookies}; " if own_cookies else ""
            request.headers["Cookie"] = own + header
        elif not own_cookies:
            request.headers.pop("Cookie", None)


def _filled_in(values: Mapping[str, str]) -> dict[str, str]:
    """The values without those that still hold the name of a secret."""
    return {name: value for name, value in values.items() if "${" not in value}
