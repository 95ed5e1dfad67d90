"""The proxy of the browser, and which requests a page may make; without a browser."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from crawler.rendering.request_policy import (
    MAX_REQUESTS,
    RequestAction,
    decide_request,
    host_and_port,
)
from crawler.rendering.script_cache import ScriptCache
from crawler.rendering.socks_proxy import NOT_ALLOWED, SUCCEEDED, UNREACHABLE, SocksProxy
from tests.support.local_site import LocalSite, serve_local_site

PAGE = "https://www.news.example/2026/11/a-story"


async def connect(
    port: int, host: str, to: int
) -> tuple[int, asyncio.StreamReader, asyncio.StreamWriter]:
    """Ask the proxy for a connection by name, as a browser does. Return reply and connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    name = host.encode()
    writer.write(
        b"\x05\x01\x00" + b"\x05\x01\x00\x03" + bytes([len(name)]) + name + to.to_bytes(2, "big")
    )
    assert await reader.readexactly(2) == b"\x05\x00"
    return (await reader.readexactly(10))[1], reader, writer


def through(proxy: SocksProxy, use: Callable[[int], Coroutine[Any, Any, Any]]) -> Any:
    async def run() -> Any:
        port = await proxy.open()
        try:
            return await use(port)
        finally:
            await proxy.close()

    return asyncio.run(run())


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "0",
        "::1",
        "::ffff:127.0.0.1",
    ],
)
def test_proxy_opens_no_connection_to_an_internal_address(host: str) -> None:
    proxy = SocksProxy(may_be_private=lambda host, port: False, timeout=5)

    async def use(port: int) -> int:
        proxy.start_page(1000)
        proxy.allow(host, site.port)
        return (await connect(port, host, site.port))[0]

    with serve_local_site() as site:
        assert through(proxy, use) in (NOT_ALLOWED, UNREACHABLE)
        assert site.received == []


def test_proxy_connects_only_to_hosts_that_the_page_may_ask() -> None:
    proxy = SocksProxy(may_be_private=lambda host, port: True, timeout=5)

    async def use(port: int) -> list[int]:
        proxy.start_page(1000)
        proxy.allow("127.0.0.1", site.port)
        replies = [(await connect(port, "127.0.0.1", to))[0] for to in (site.port, site.port + 1)]
        proxy.start_page(1000)
        return [*replies, (await connect(port, "127.0.0.1", site.port))[0]]

    with serve_local_site() as site:
        assert through(proxy, use) == [SUCCEEDED, NOT_ALLOWED, NOT_ALLOWED], (
            "permission ends with the page"
        )


def test_proxy_closes_if_a_page_exceeds_its_bytes() -> None:
    proxy = SocksProxy(may_be_private=lambda host, port: True, timeout=5)

    async def use(port: int) -> int:
        proxy.start_page(300_000)
        proxy.allow("127.0.0.1", site.port)
        _, reader, writer = await connect(port, "127.0.0.1", site.port)
        writer.write(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
        got = 0
        while chunk := await reader.read(65536):
            got += len(chunk)
        return got

    def prepare(site: LocalSite) -> None:
        site.add_page("/endless", endless=True)

    with serve_local_site(prepare) as site:
        assert 0 < through(proxy, use) <= 300_000
        assert proxy.is_full


@pytest.mark.parametrize(
    ("resource_type", "method", "url", "request_count", "action"),
    [
        ("script", "GET", "https://cdn.example/app.js", 0, RequestAction.FETCH),
        ("fetch", "GET", "https://api.elsewhere.example/story/1", 0, RequestAction.FETCH),
        ("xhr", "POST", "https://api.news.example/graphql", 0, RequestAction.FETCH),
        ("xhr", "POST", "https://api.elsewhere.example/graphql", 0, RequestAction.REFUSE),
        ("stylesheet", "GET", "https://cdn.example/app.css", 0, RequestAction.EMPTY),
        ("image", "GET", "https://www.news.example/a.jpg", 0, RequestAction.REFUSE),
        ("media", "GET", "https://www.news.example/a.mp4", 0, RequestAction.REFUSE),
        ("font", "GET", "https://www.news.example/a.woff2", 0, RequestAction.REFUSE),
        ("document", "GET", "https://www.news.example/frame", 0, RequestAction.REFUSE),
        ("websocket", "GET", "wss://www.news.example/live", 0, RequestAction.REFUSE),
        ("ping", "POST", "https://www.news.example/seen", 0, RequestAction.REFUSE),
        ("script", "GET", "https://www.googletagmanager.com/gtm.js", 0, RequestAction.REFUSE),
        ("script", "GET", "https://notfacebook.com/app.js", 0, RequestAction.FETCH),
        ("script", "GET", "file:///etc/passwd", 0, RequestAction.REFUSE),
        ("script", "GET", "http://[broken/", 0, RequestAction.REFUSE),
        ("script", "GET", "https://cdn.example/app.js", MAX_REQUESTS, RequestAction.REFUSE),
    ],
)  # fmt: skip
def test_page_may_request_what_its_text_can_depend_on(
    resource_type: str, method: str, url: str, request_count: int, action: RequestAction
) -> None:
    assert decide_request(resource_type, method, url, PAGE, request_count) is action


def test_host_and_port_of_urls() -> None:
    assert host_and_port("https://h.tj/a") == ("h.tj", 443)
    assert host_and_port("http://h.tj/a") == ("h.tj", 80)
    assert host_and_port("http://h.tj:81/") == ("h.tj", 81)


def test_scripts_are_cached_within_the_limit_and_as_their_server_allows() -> None:
    scripts = ScriptCache(max_bytes=10)
    scripts.put("/a", {"content-type": "text/javascript", "set-cookie": "x=1"}, b"aaaa")
    scripts.put("/b", {"cache-control": "private, No-Store"}, b"bbbb")
    scripts.put("/c", {}, b"c" * 11)
    scripts.put("/d", {}, b"dddd")
    assert scripts.get("/a")
    scripts.put("/e", {}, b"eeee")
    cached = {url for url in ("/a", "/b", "/c", "/d", "/e") if scripts.get(url)}
    assert cached == {"/a", "/e"}, "the least recently used one is dropped first"
    script = scripts.get("/a")
    assert script is not None
    assert script.headers == {"content-type": "text/javascript"}
