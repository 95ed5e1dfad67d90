"""Chromium, driven by scrapy-playwright: gets a page and returns what its scripts make of it.

The page itself was fetched before, by all rules of a crawl. `request_policy` decides what else it
may load, and `socks_proxy` is its only way to the network. Nothing of a page is left for the next
one, in the browser or on the disk, except scripts (see `script_cache`). Time, memory and bytes are
limited. A page that breaks a limit is refused, and the next one gets a new browser.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from tempfile import gettempdir
from typing import Any, Final

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page, Route
from playwright.async_api import Request as PageRequest
from scrapy import Request
from scrapy.crawler import Crawler
from scrapy_playwright.handler import ScrapyPlaywrightDownloadHandler
from scrapy_playwright.provider import PlaywrightBrowserProvider

from crawler.capture import RenderInfo
from crawler.http.fetch_errors import RequestRefused
from crawler.rendering.process_tree import descendant_processes, kill_all, private_megabytes
from crawler.rendering.request_policy import RequestAction, decide_request, host_and_port
from crawler.rendering.script_cache import CachedScript, ScriptCache
from crawler.rendering.socks_proxy import SocksProxy
from pipeline.config.site import Site
from pipeline.core.errors import ConfigError
from pipeline.core.models import Outcome, Reason

QUIET_SECONDS: Final = 0.5  # without a request and without a change of the text
POLL_SECONDS: Final = 0.15  # between two looks at the text
GRACE_SECONDS: Final = 5.0  # for the browser to answer, beyond the time of the scripts
START_SECONDS: Final = 60.0  # for the browser to start
MAX_BROWSER_MB: Final = 1500  # of all its processes together
MEMORY_CHECK_SECONDS: Final = 0.5
TEXT_LENGTH_SCRIPT = (
    "() => [document.readyState === 'complete', document.body ? document.body.innerText.length : 0]"
)
HTML_LENGTH_SCRIPT = (
    "() => document.documentElement ? document.documentElement.outerHTML.length : 0"
)
FORWARDED_HEADERS: Final = (
    "content-type",
    "content-language",
    "content-security-policy",
    "last-modified",
    "set-cookie",
)
HOME_VARIABLES: Final = ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
NO_HOME: Final = "/dev/null"  # a home folder in which nothing can be kept
ALLOW_ANY_ORIGIN = {"Access-Control-Allow-Origin": "*"}

log = logging.getLogger(__name__)


class LazyBrowserProvider(PlaywrightBrowserProvider):  # type: ignore[misc]
    """Start Playwright with the first page that is rendered, not with the crawl."""

    async def start(self) -> None:
        """Do nothing yet. scrapy-playwright calls this."""

    async def launch_browser(self) -> Any:
        """Start the browser. scrapy-playwright calls this.

        Raises:
            ConfigError: It cannot be started.
        """
        try:
            if self.playwright is None:
                await super().start()
            return await super().launch_browser()
        except (PlaywrightError, OSError) as error:
            log.error("Chromium could not be started: %s", error)
            path = self.config.launch_options["executable_path"]
            message = f"{path}: could not be started as a browser; see the site's log"
            raise ConfigError(message) from None


@dataclass
class _PageSession:
    """One page in the browser: its bytes, its requests, and what it still waits for."""

    url: str
    body: bytes
    headers: Mapping[str, str]
    requests: int = 0
    refused: int = 0
    has_crashed: bool = False
    pending: set[PageRequest] = field(default_factory=set)
    loaded_scripts: list[PageRequest] = field(default_factory=list)
    _is_delivered: bool = False
    _task: asyncio.Task[tuple[bytes, str]] | None = None

    async def run(self, work: Coroutine[Any, Any, tuple[bytes, str]]) -> tuple[bytes, str]:
        """Return the result of the work on this page.

        Raises:
            PlaywrightError: The browser crashed. Not every call of Playwright notices that.
        """
        self._task = asyncio.create_task(work)
        try:
            return await self._task
        except asyncio.CancelledError:
            if self.has_crashed:
                raise PlaywrightError("the browser crashed") from None
            raise

    def crash(self, _: object) -> None:
        """End the work, because the browser crashed."""
        self.has_crashed = True
        if self._task is not None:
            self._task.cancel()

    def request_finished(self, request: PageRequest) -> None:
        """Note that a request got its answer."""
        if request in self.pending and request.resource_type == "script":
            self.loaded_scripts.append(request)
        self.pending.discard(request)

    def request_failed(self, request: PageRequest) -> None:
        """Note that a request got no answer."""
        self.pending.discard(request)

    def take_delivery(self) -> bool:
        """Return True the first time.

        The page is delivered once. Where its scripts then lead the browser, it does not go.
        """
        was_delivered, self._is_delivered = self._is_delivered, True
        return not was_delivered


class Browser:
    """Render pages in Chromium, one at a time.

    Args:
        crawler: The running Scrapy crawler.
        site: The site with its limits.
        may_fetch: Whether robots rules allow a URL, as far as those of its host were read.
    """

    def __init__(self, crawler: Crawler, site: Site, may_fetch: Callable[[str], bool]) -> None:
        self._crawler = crawler
        self._site = site
        self._may_fetch = may_fetch
        self._user_agent = str(crawler.settings["USER_AGENT"])
        self._path = str(crawler.settings["NIGHTDESK_CHROMIUM"])
        self._proxy = SocksProxy(self._may_be_private, site.politeness.timeout)
        self._scripts = ScriptCache()
        self._proxy_port = 0
        self._context_numbers = count(1)
        self._handler = self._make_handler()

    def _may_be_private(self, host: str, port: int) -> bool:
        name = f"[{host}]" if ":" in host else host
        scheme = "https" if port == 443 else "http"
        return self._site.allows_private(f"{scheme}://{name}:{port}/")

    async def render(
        self, url: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[bytes, RenderInfo]:
        """Return what the scripts of a page make of it.

        Args:
            url: The page's URL.
            body: Its bytes.
            headers: Its headers, as far as they concern the browser.

        Returns:
            The page as UTF-8, and what it cost.

        Raises:
            RequestRefused: The page broke a limit.
            ConfigError: The browser cannot be started.
        """
        if not self._proxy_port:
            self._proxy_port = await self._proxy.open()
            self._handler = self._make_handler()
        started_at, session = time.monotonic(), _PageSession(url, body, headers)
        self._proxy.start_page(max(0, self._site.safety.max_bytes - len(body)))
        start_seconds = 0.0 if hasattr(self._handler, "browser") else START_SECONDS
        time_limit = self._site.render_seconds + GRACE_SECONDS + start_seconds
        with _memory_watch() as memory_exceeded:
            try:
                async with asyncio.timeout(time_limit):
                    rendered, version = await session.run(self._render_page(session))
            except (PlaywrightError, TimeoutError) as error:
                log.info("rendering failed: %s", type(error).__name__)
                is_late = isinstance(error, TimeoutError)
                refusal = self._refusal(session, memory_exceeded.done(), is_late)
                await self._restart()
                raise refusal from error
        info = RenderInfo(
            browser=f"Chromium {version}",
            requests=session.requests,
            refused=session.refused,
            received=len(body) + self._proxy.received,
            elapsed_ms=int((time.monotonic() - started_at) * 1000),
        )
        return rendered, info

    async def close(self) -> None:
        """End the browser, whatever it does."""
        with suppress(PlaywrightError, TimeoutError):
            await asyncio.wait_for(self._handler.close(), 2 * GRACE_SECONDS)
        if self._proxy_port:
            kill_all(descendant_processes())
            await self._proxy.close()

    # One page

    async def _render_page(self, session: _PageSession) -> tuple[bytes, str]:
        """The page as its scripts make it, and the browser's version."""

        async def prepare(page: Page, request: Request) -> None:
            await self._prepare(page, session)

        meta = self._page_meta() | {"playwright_page_init_callback": prepare}
        request = Request(session.url, meta=meta)
        await self._handler.download_request(request)
        page: Page = request.meta["playwright_page"]
        await self._wait_until_quiet(page, session)
        if await page.evaluate(HTML_LENGTH_SCRIPT) > self._site.safety.max_bytes:
            await page.context.close()
            detail = "what its scripts make of it is larger than max_bytes"
            raise RequestRefused(Reason.TOO_LARGE, detail, Outcome.FAILED)
        if not page.url.startswith("http"):
            raise PlaywrightError("the browser shows an error page of its own")
        rendered = (await page.content()).encode("utf8", "replace")
        await self._cache_scripts(session)
        version = page.context.browser.version if page.context.browser else ""
        await page.context.close()
        return rendered, version

    async def _prepare(self, page: Page, session: _PageSession) -> None:
        """Set up a new page before it loads anything."""
        await page.context.add_cookies(self._cookies(session.url))
        page.on("crash", session.crash)
        if page.context.browser is not None:
            page.context.browser.once("disconnected", session.crash)
        page.on("requestfinished", session.request_finished)
        page.on("requestfailed", session.request_failed)
        page.on("popup", lambda popup: asyncio.ensure_future(popup.close()))
        # Requests of a popup: those of the page match its own route first.
        await page.context.route("**", lambda route: route.abort())
        await page.route("**", lambda route: self._answer(page, session, route))

    async def _wait_until_quiet(self, page: Page, session: _PageSession) -> None:
        """Wait until all is loaded and the text is stable, or the time of the scripts is over."""
        now = quiet_since = time.monotonic()
        end, last_length = now + self._site.render_seconds, -1
        while now < end and now - quiet_since < QUIET_SECONDS:
            await asyncio.sleep(POLL_SECONDS)
            if self._proxy.is_full:
                raise PlaywrightError("the page loads too much")
            is_loaded, length = await page.evaluate(TEXT_LENGTH_SCRIPT)
            now = time.monotonic()
            if not is_loaded or session.pending or length != last_length:
                last_length, quiet_since = length, now

    async def _cache_scripts(self, session: _PageSession) -> None:
        for request in session.loaded_scripts:
            with suppress(PlaywrightError):  # the browser may have dropped the body
                response = await request.response()
                if response is None or response.status != 200:
                    continue
                if request.redirected_from is None:
                    headers, body = await response.all_headers(), await response.body()
                    self._scripts.put(request.url, headers, body)

    async def _answer(self, page: Page, session: _PageSession, route: Route) -> None:
        """Answer one request of the page."""
        request = route.request
        with suppress(PlaywrightError):  # the page may be gone by now
            if request.is_navigation_request():
                await self._answer_navigation(page, session, route)
                return
            script = self._cached_script(request)
            action = decide_request(
                request.resource_type, request.method, request.url, session.url, session.requests
            )
            if action is RequestAction.EMPTY:
                await route.fulfill(
                    status=200, content_type="text/css", headers=ALLOW_ANY_ORIGIN, body=""
                )
            elif action is RequestAction.REFUSE or not self._may_fetch(request.url):
                session.refused += 1
                await route.abort("blockedbyclient")
            elif script is not None:
                await route.fulfill(status=200, headers=dict(script.headers), body=script.body)
            else:
                session.requests += 1
                session.pending.add(request)
                self._proxy.allow(*host_and_port(request.url))
                await route.continue_()

    async def _answer_navigation(self, page: Page, session: _PageSession, route: Route) -> None:
        if route.request.frame != page.main_frame:
            await route.abort("blockedbyclient")
        elif session.take_delivery():
            await route.fulfill(status=200, headers=dict(session.headers), body=session.body)
        else:
            # The page stays where it is. An abort would show an error page in its place.
            await route.fulfill(status=204)

    def _cached_script(self, request: PageRequest) -> CachedScript | None:
        if request.resource_type != "script":
            return None
        return self._scripts.get(request.url)

    def _refusal(
        self, session: _PageSession, is_memory_exceeded: bool, is_late: bool
    ) -> RequestRefused:
        if self._proxy.is_full:
            detail = "the page and what it loads are larger than max_bytes"
            return RequestRefused(Reason.TOO_LARGE, detail, Outcome.FAILED)
        detail = "the browser could not show it"
        if is_memory_exceeded:
            detail = f"its scripts need more than {MAX_BROWSER_MB} MB of memory"
        elif session.has_crashed:
            detail = "the browser crashed on it"
        elif is_late:
            detail = "its scripts did not end within their time limit"
        return RequestRefused(Reason.RENDER_FAILED, detail, Outcome.FAILED)

    async def _restart(self) -> None:
        """End the browser, so that the next page starts a new one."""
        browser = getattr(self._handler, "browser", None)
        if browser is not None:
            with suppress(PlaywrightError, TimeoutError):
                await asyncio.wait_for(browser.close(), GRACE_SECONDS)
        kill_all(descendant_processes())
        deadline = time.monotonic() + GRACE_SECONDS
        # scrapy-playwright notices the end of the browser after a while.
        while hasattr(self._handler, "browser") and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        if hasattr(self._handler, "browser"):  # its driver is gone too
            self._handler = self._make_handler()

    # How the browser is started, and how a page is opened

    def _make_handler(self) -> Any:
        """The download handler of scrapy-playwright, which gets only the pages to render."""
        handler = ScrapyPlaywrightDownloadHandler.from_crawler(self._crawler)
        handler.config.target_closed_max_retries = 0
        handler.config.launch_options = self._launch_options()
        handler.browser_provider = LazyBrowserProvider(handler.config)
        return handler

    def _launch_options(self) -> dict[str, Any]:
        """Options of the browser.

        Its background services reach nobody: the proxy allows only what a page asked for.
        """
        environment = {"PATH": os.defpath, "TMPDIR": gettempdir(), "LANG": "C.UTF-8"}
        return {
            "executable_path": self._path,
            "proxy": {"server": f"socks5://127.0.0.1:{self._proxy_port}", "bypass": "<-loopback>"},
            "chromium_sandbox": os.geteuid() != 0,  # as root Chromium refuses to run with it
            "args": [
                f"--user-agent={self._user_agent}",
                # The proxy resolves names.
                "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
                "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
            ],
            "env": environment | dict.fromkeys(HOME_VARIABLES, NO_HOME),
            "handle_sigint": False,  # the end of the crawl ends the browser
            "handle_sigterm": False,
            "handle_sighup": False,
            "timeout": START_SECONDS * 1000,
        }

    def _cookies(self, url: str) -> list[Any]:
        """The cookies of the site file, for the page's own host only.

        A cookie whose secret is not filled in is not sent.
        """
        if not self._site.owns(url):
            return []
        cookies = []
        for name, value in self._site.cookies.items():
            if "${" not in value:
                cookies.append({"name": name, "value": value, "url": url})
        return cookies

    def _page_meta(self) -> dict[str, Any]:
        """How scrapy-playwright opens a page: each one in a context of its own."""
        site = self._site
        context = {
            "service_workers": "block",
            "accept_downloads": False,
            "locale": site.language or "en",
            "timezone_id": site.timezone,
            "permissions": ["local-network-access"] if site.safety.allow_private else [],
        }
        limit = (site.render_seconds + GRACE_SECONDS + START_SECONDS) * 1000
        return {
            "playwright": True,
            "playwright_include_page": True,
            "playwright_context": f"page-{next(self._context_numbers)}",
            "playwright_context_kwargs": context,
            "playwright_page_goto_kwargs": {"wait_until": "commit", "timeout": limit},
        }


@contextmanager
def _memory_watch() -> Iterator[asyncio.Task[None]]:
    """Watch the browser's memory. The task is done once that was too much and it was killed."""

    async def watch() -> None:
        while private_megabytes(descendant_processes()) <= MAX_BROWSER_MB:
            await asyncio.sleep(MEMORY_CHECK_SECONDS)
        kill_all(descendant_processes())

    task = asyncio.create_task(watch())
    try:
        yield task
    finally:
        task.cancel()
