"""Chromium, driven by scrapy-playwright: it is given the bytes of one page, and gives back what its scripts made of them.

Promises that whatever else a page asks for is let through by `subrequests` and goes out through `tunnel`; that nothing of it is
left when the next one comes, in the browser or on the disk, but scripts (see `scripts`); and an end in bounded time, memory and
bytes: a page that breaks a limit is a Refusal, and the next one finds a browser all the same. The page itself was fetched
before, by all the rules of a crawl; which pages are rendered is decided in `rendering`.
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
from playwright.async_api import Request as Asked
from scrapy import Request
from scrapy.crawler import Crawler
from scrapy_playwright.handler import ScrapyPlaywrightDownloadHandler
from scrapy_playwright.provider import PlaywrightBrowserProvider

from crawler.capture import RenderInfo
from crawler.http.fetch_errors import RequestRefused
from crawler.rendering.process_tree import descendant_processes, kill_all, private_megabytes
from crawler.rendering.request_policy import RequestAction, decide_request, host_and_port
from crawler.rendering.script_cache import ScriptCache
from crawler.rendering.socks_proxy import SocksProxy
from pipeline.config.site import Site
from pipeline.core.errors import ConfigError
from pipeline.core.models import Outcome, Reason

QUIET_SECONDS: Final = 0.5  # seconds in which nothing was asked for and the text did not change
POLL_SECONDS: Final = 0.15  # seconds between two looks at the text
GRACE_SECONDS: Final = 5.0  # seconds to answer us, beyond what the scripts may take
START_SECONDS: Final = 60.0  # seconds for the browser to start
MAX_BROWSER_MB: Final = 1500  # of all its processes together
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
NO_HOME: Final = "/dev/null"  # a home in which nothing can be kept
ALLOW_ANY_ORIGIN = {"Access-Control-Allow-Origin": "*"}

log = logging.getLogger(__name__)


class LazyBrowserProvider(PlaywrightBrowserProvider):  # type: ignore[misc]
    """Starts Playwright with the first page that is rendered, not with the crawl."""

    async def start(self) -> None:
        pass

    async def launch_browser(self) -> Any:
        try:
            if self.playwright is None:
                await super().start()
            return await super().launch_browser()
        except (PlaywrightError, OSError) as error:
            log.error("Chromium could not be started: %s", error)
            path = self.config.launch_options["executable_path"]
            raise ConfigError(
                f"{path}: could not be started as a browser; the site's log has its last words"
            ) from None


@dataclass
class _PageSession:
    """One page in the browser: what it is given, what it asked for, and what it still waits for."""

    url: str
    body: bytes
    headers: Mapping[str, str]
    requests: int = 0
    refused: int = 0
    has_crashed: bool = False
    waits_for: set[Asked] = field(default_factory=set)
    got: list[Asked] = field(default_factory=list)  # scripts
    _is_given: bool = False
    _task: asyncio.Task[tuple[bytes, str]] | None = None

    async def under_way(self, work: Coroutine[Any, Any, tuple[bytes, str]]) -> tuple[bytes, str]:
        """The outcome of the work on this page. Raises a PlaywrightError once the browser crashes: not every call would."""
        self._task = asyncio.create_task(work)
        try:
            return await self._task
        except asyncio.CancelledError:
            if self.has_crashed:
                raise PlaywrightError("the browser crashed") from None
            raise

    def crash(self, _: object) -> None:
        self.has_crashed = True
        if self._task is not None:
            self._task.cancel()

    def has_got(self, asked: Asked) -> None:
        if asked in self.waits_for and asked.resource_type == "script":
            self.got.append(asked)
        self.waits_for.discard(asked)

    def give(self) -> bool:
        """True the first time: the page is given once, and where its scripts lead the browser then, it does not go."""
        before, self._is_given = self._is_given, True
        return not before


class Browser:
    """See the module's head. `may_fetch` knows the robots rules of the hosts that were asked for theirs."""

    def __init__(self, crawler: Crawler, site: Site, may_fetch: Callable[[str], bool]) -> None:
        self._crawler = crawler
        self._site = site
        self._may_fetch = may_fetch
        self._agent = str(crawler.settings["USER_AGENT"])
        self._path = str(crawler.settings["NIGHTDESK_CHROMIUM"])
        self._tunnel = SocksProxy(self._may_be_private, site.politeness.timeout)
        self._scripts = ScriptCache()
        self._port = 0
        self._names = count(1)
        self._handler = self._driver()

    def _may_be_private(self, host: str, port: int) -> bool:
        name = f"[{host}]" if ":" in host else host
        return self._site.allows_private(f"{'https' if port == 443 else 'http'}://{name}:{port}/")

    async def render(
        self, url: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[bytes, RenderInfo]:
        """What the scripts of a page made of it, as UTF-8. Raises Refusal, and ConfigError where no browser starts."""
        if not self._port:
            self._port = await self._tunnel.open()
            self._handler = self._driver()
        began, visit = time.monotonic(), _PageSession(url, body, headers)
        self._tunnel.start_page(max(0, self._site.safety.max_bytes - len(body)))
        start = 0.0 if hasattr(self._handler, "browser") else START_SECONDS
        with _watched() as memory:
            try:
                async with asyncio.timeout(self._site.render_seconds + GRACE_SECONDS + start):
                    made, version = await visit.under_way(self._show(visit))
            except (PlaywrightError, TimeoutError) as error:
                log.info("rendering failed: %s", type(error).__name__)
                refusal = self._refusal(visit, memory.done(), isinstance(error, TimeoutError))
                await self._give_up()
                raise refusal from error
        took = int((time.monotonic() - began) * 1000)
        received = len(body) + self._tunnel.received
        return made, RenderInfo(
            f"Chromium {version}", visit.requests, visit.refused, received, took
        )

    async def close(self) -> None:
        """The end of the browser, whatever it is at."""
        with suppress(PlaywrightError, TimeoutError):
            await asyncio.wait_for(self._handler.close(), 2 * GRACE_SECONDS)
        if self._port:
            kill_all(descendant_processes())
            await self._tunnel.close()

    # one page

    async def _show(self, visit: _PageSession) -> tuple[bytes, str]:
        """The page as its scripts made it, and the browser's version."""

        async def prepare(page: Page, request: Request) -> None:
            await page.context.add_cookies(self._cookies(visit.url))
            page.on("crash", visit.crash)
            if page.context.browser is not None:
                page.context.browser.once("disconnected", visit.crash)
            page.on("requestfinished", visit.has_got)
            page.on("requestfailed", lambda asked: visit.waits_for.discard(asked))
            page.on("popup", lambda popup: asyncio.ensure_future(popup.close()))
            await page.context.route(
                "**", lambda route: route.abort()
            )  # of a popup; the page's own go before
            await page.route("**", lambda route: self._answer(page, visit, route))

        request = Request(
            visit.url, meta=self._orders() | {"playwright_page_init_callback": prepare}
        )
        await self._handler.download_request(request)
        page: Page = request.meta["playwright_page"]
        await self._settle(page, visit)
        if await page.evaluate(HTML_LENGTH_SCRIPT) > self._site.safety.max_bytes:
            await page.context.close()
            raise RequestRefused(
                Reason.TOO_LARGE,
                "what its scripts make of it is larger than max_bytes",
                Outcome.FAILED,
            )
        if not page.url.startswith("http"):
            raise PlaywrightError("the browser shows an error of its own")
        made = (await page.content()).encode("utf8", "replace")
        await self._keep_scripts(visit)
        version = page.context.browser.version if page.context.browser else ""
        await page.context.close()
        return made, version

    async def _settle(self, page: Page, visit: _PageSession) -> None:
        """Waits until all was loaded and the text has not changed for a moment, or the time of its scripts is over."""
        now = still_since = time.monotonic()
        end, before = now + self._site.render_seconds, -1
        while now < end and now - still_since < QUIET_SECONDS:
            await asyncio.sleep(POLL_SECONDS)
            if self._tunnel.is_full:
                raise PlaywrightError("the page brings in too much")
            is_loaded, size = await page.evaluate(TEXT_LENGTH_SCRIPT)
            now = time.monotonic()
            if not is_loaded or visit.waits_for or size != before:
                before, still_since = size, now

    async def _keep_scripts(self, visit: _PageSession) -> None:
        for asked in visit.got:
            with suppress(PlaywrightError):  # the browser lets go of bodies as it likes
                response = await asked.response()
                if (
                    response is not None
                    and response.status == 200
                    and asked.redirected_from is None
                ):
                    self._scripts.put(
                        asked.url, await response.all_headers(), await response.body()
                    )

    async def _answer(self, page: Page, visit: _PageSession, route: Route) -> None:
        """Answers one request of the page."""
        asked = route.request
        with suppress(PlaywrightError):  # the page may be gone by now
            if asked.is_navigation_request():
                if asked.frame != page.main_frame:
                    await route.abort("blockedbyclient")
                elif visit.give():
                    await route.fulfill(status=200, headers=dict(visit.headers), body=visit.body)
                else:
                    await route.fulfill(
                        status=204
                    )  # the page stays where it is; an abort would show an error in its place
                return
            known = self._scripts.get(asked.url) if asked.resource_type == "script" else None
            say = decide_request(
                asked.resource_type, asked.method, asked.url, visit.url, visit.requests
            )
            if say is RequestAction.EMPTY:
                await route.fulfill(
                    status=200, content_type="text/css", headers=ALLOW_ANY_ORIGIN, body=""
                )
            elif say is RequestAction.REFUSE or not self._may_fetch(asked.url):
                visit.refused += 1
                await route.abort("blockedbyclient")
            elif known is not None:
                await route.fulfill(status=200, headers=dict(known.headers), body=known.body)
            else:
                visit.requests += 1
                visit.waits_for.add(asked)
                self._tunnel.allow(*host_and_port(asked.url))
                await route.continue_()

    def _refusal(self, visit: _PageSession, is_too_big: bool, is_late: bool) -> RequestRefused:
        if self._tunnel.is_full:
            return RequestRefused(
                Reason.TOO_LARGE,
                "the page and what it loads are larger than max_bytes",
                Outcome.FAILED,
            )
        why = "the browser could not show it"
        if is_too_big:
            why = f"its scripts need more than {MAX_BROWSER_MB} MB of memory"
        elif visit.has_crashed:
            why = "the browser crashed on it"
        elif is_late:
            why = "it did not let go of the browser in the time of its scripts"
        return RequestRefused(Reason.RENDER_FAILED, why, Outcome.FAILED)

    async def _give_up(self) -> None:
        """Ends the browser, so that the next page begins with a new one."""
        browser = getattr(self._handler, "browser", None)
        if browser is not None:
            with suppress(PlaywrightError, TimeoutError):
                await asyncio.wait_for(browser.close(), GRACE_SECONDS)
        kill_all(descendant_processes())
        until = time.monotonic() + GRACE_SECONDS
        while (
            hasattr(self._handler, "browser") and time.monotonic() < until
        ):  # scrapy-playwright hears of it by and by
            await asyncio.sleep(0.02)
        if hasattr(self._handler, "browser"):  # its driver is gone, too
            self._handler = self._driver()

    # how the browser is started, and how a page is opened

    def _driver(self) -> Any:
        """What drives the browser: scrapy-playwright's download handler, which is asked for rendered pages alone."""
        handler = ScrapyPlaywrightDownloadHandler.from_crawler(self._crawler)
        handler.config.target_closed_max_retries = 0
        handler.config.launch_options = self._options()
        handler.browser_provider = LazyBrowserProvider(handler.config)
        return handler

    def _options(self) -> dict[str, Any]:
        """Background services of the browser reach nobody: the tunnel lets nothing through but what a page asked for."""
        return {
            "executable_path": self._path,
            "proxy": {"server": f"socks5://127.0.0.1:{self._port}", "bypass": "<-loopback>"},
            "chromium_sandbox": os.geteuid() != 0,  # it refuses to run with it as root
            "args": [
                f"--user-agent={self._agent}",
                "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",  # names are resolved in the tunnel
                "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
            ],
            "env": {"PATH": os.defpath, "TMPDIR": gettempdir(), "LANG": "C.UTF-8"}
            | dict.fromkeys(HOME_VARIABLES, NO_HOME),
            "handle_sigint": False,  # who ends the crawl ends the browser
            "handle_sigterm": False,
            "handle_sighup": False,
            "timeout": START_SECONDS * 1000,
        }

    def _cookies(self, url: str) -> list[Any]:
        """Those of the Site's file, for the host of its page alone; one whose secret nobody filled in is not sent."""
        if not self._site.owns(url):
            return []
        return [
            {"name": name, "value": value, "url": url}
            for name, value in self._site.cookies.items()
            if "${" not in value
        ]

    def _orders(self) -> dict[str, Any]:
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
            "playwright_context": f"page-{next(self._names)}",
            "playwright_context_kwargs": context,
            "playwright_page_goto_kwargs": {"wait_until": "commit", "timeout": limit},
        }


@contextmanager
def _watched() -> Iterator[asyncio.Task[None]]:
    """Watches the browser's memory. The task is done once that was too much, and the browser was ended."""

    async def watch() -> None:
        while private_megabytes(descendant_processes()) <= MAX_BROWSER_MB:
            await asyncio.sleep(0.5)
        kill_all(descendant_processes())

    task = asyncio.create_task(watch())
    try:
        yield task
    finally:
        task.cancel()
