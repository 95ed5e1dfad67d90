"""Fetches one page: from a due URL to a request, its response and a capture.

Requests are awaited and never enter Scrapy's scheduler. No queue, filter or lost callback can drop
one, so each request ends where it was made.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response

from crawler.capture import RENDER_META, capture_error, capture_response
from crawler.detours import MAX_DETOUR_REQUESTS, end_of_detour, next_url
from crawler.http.chain_cookies import COOKIES_META, ChainCookies, set_cookie_values
from crawler.http.fetch_errors import RequestRefused, classify_error
from pipeline.config.site import Site
from pipeline.core.errors import NightdeskError
from pipeline.core.models import Capture, DueUrl, Outcome, Reason, UrlKind
from pipeline.core.pictures import MAX_PICTURE_BYTES, PICTURE_TYPES
from pipeline.core.urls import requested_spelling, url_key, without_credentials

# Answers of servers that know the page in another spelling of its URL only
UNKNOWN_URL_STATUSES = (400, 404, 410)
CIRCLE = "redirects to itself, or in a circle"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FetchResult:
    """The capture of one fetch; `response` is None where no answer came."""

    capture: Capture
    response: Response | None = None

    @property
    def final_url(self) -> str:
        """The URL where redirects ended, without credentials; "" where no answer came."""
        return "" if self.response is None else without_credentials(self.response.url)


class PageFetcher:
    """Fetch pages of one site through Scrapy's downloader.

    Args:
        crawler: The running Scrapy crawler.
        site: The site; it says which kinds of pages a browser renders.
        force: Whether requests have no validators, so that the server sends each page whole.
    """

    def __init__(self, crawler: Crawler, site: Site, *, force: bool = False) -> None:
        self._crawler = crawler
        self._site = site
        self._force = force

    async def fetch(self, due: DueUrl, *, follow_redirects: bool) -> FetchResult:
        """Fetch a page, with its validators.

        Where the server knows no page under one spelling of the URL, the other one is tried.

        Args:
            due: The page.
            follow_redirects: Whether redirects are followed. Otherwise a redirect is the outcome.

        Returns:
            The capture, whatever the server does.

        Raises:
            NightdeskError: The browser cannot be started, which is not the page's fault.
        """
        first_url, *other_urls = due.request_urls or (due.url,)
        result = await self._fetch(due, first_url, follow_redirects=follow_redirects)
        for url in other_urls:
            if result.capture.status not in UNKNOWN_URL_STATUSES:
                break
            without_validators = replace(due, etag="", last_modified="")
            other = await self._fetch(without_validators, url, follow_redirects=follow_redirects)
            if other.capture.requested_url:
                result = other
        return result

    async def _fetch(self, due: DueUrl, url: str, *, follow_redirects: bool) -> FetchResult:
        """Fetch a page in one spelling of its URL."""
        fetched_at = datetime.now(UTC)
        if self._force:
            due = replace(due, etag="", last_modified="")
        try:
            request, response = await self._download(due, url, follow_redirects=follow_redirects)
        except NightdeskError:
            raise
        except Exception as error:
            fetch_error = classify_error(error)
            if fetch_error.reason is Reason.INTERNAL:
                log.exception("%s: fetching failed", without_credentials(due.url))
            return FetchResult(capture_error(due, fetch_error, fetched_at))
        capture = capture_response(
            due,
            response,
            fetched_at,
            conditional=_is_conditional(request),
            agent=self._crawler.settings["ROBOTSTXT_USER_AGENT"],
            requested_url=_answered_spelling(due, url, response),
        )
        if not follow_redirects:
            capture = end_of_detour(self._site, due.url, response.url, capture)
        return FetchResult(capture, response)

    async def _download(
        self, due: DueUrl, url: str, *, follow_redirects: bool
    ) -> tuple[Request, Response]:
        """Download a page, with the detours that may lead back to it.

        Returns:
            The last request and its answer.

        Raises:
            RequestRefused: The detour goes in a circle.
        """
        renders = self._site.renders(due.kind)
        cookies = ChainCookies()
        visited = set[tuple[str, str]]()
        while len(visited) <= MAX_DETOUR_REQUESTS:
            visited.add((url, cookies.header_for(url)))
            if url_key(url) != url_key(due.url):
                due = replace(due, etag="", last_modified="")
            request = build_request(due, url, follow_redirects=follow_redirects, renders=renders)
            request.meta[COOKIES_META] = cookies
            response = await self._crawler.engine.download_async(request)
            cookies.remember(response.url, set_cookie_values(response.headers))
            target = "" if follow_redirects else next_url(self._site, due.url, response)
            if not target:
                return request, response
            url = target
            if (url, cookies.header_for(url)) in visited:
                break
        raise RequestRefused(Reason.HTTP_REDIRECT, CIRCLE, Outcome.FAILED)


def _answered_spelling(due: DueUrl, url: str, response: Response) -> str:
    """The spelling of a page's URL under which its server answers."""
    if url_key(response.url) == url_key(due.url):
        return requested_spelling(response.url)
    return url


def build_request(due: DueUrl, url: str, *, follow_redirects: bool, renders: bool) -> Request:
    """Build the request for a page that is due.

    Args:
        due: The page.
        url: The spelling of its URL to ask for.
        follow_redirects: Whether redirects are followed. A story's redirect is an outcome of its
            own, because its target has to be checked first.
        renders: Whether a browser renders the page. Such a request has no validators: what the
            server sends of a page that scripts build may stay the same for ever.

    Raises:
        ValueError: The URL cannot be requested.
    """
    headers: dict[str, str] = {}
    meta: dict[str, Any] = {"verbatim_url": bool(due.request_urls)}
    if due.etag and not renders:
        headers["If-None-Match"] = due.etag
    if due.last_modified and not renders:
        headers["If-Modified-Since"] = due.last_modified
    if not follow_redirects:
        meta["dont_redirect"] = True
    if renders:
        meta[RENDER_META] = True
    if due.kind is UrlKind.PICTURE:
        headers["Accept"] = ",".join(PICTURE_TYPES)
        meta["download_maxsize"] = MAX_PICTURE_BYTES
    return Request(without_credentials(url), headers=headers, meta=meta)


def _is_conditional(request: Request) -> bool:
    return b"If-None-Match" in request.headers or b"If-Modified-Since" in request.headers
