"""What stands before every page: who may ask, by which method, and the headers of every answer.

Promises that a page of another site cannot reach the archive through its reader's browser (the host is checked, so a name that
is bound to this machine's address gets nothing), and that no answer leaves without a policy which lets nothing run or load.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

OWN: Final = ("localhost", "127.0.0.1", "[::1]")
METHODS: Final = ("GET", "HEAD")
POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
# An archived page may be framed by ours and may show what it brings itself; nothing in it runs, loads, submits or leads away.
FRAMED: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; form-action 'none';"
    " base-uri 'none'; frame-ancestors 'self'"
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "x-dns-prefetch-control": "off",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), interest-cohort=()",
    "cache-control": "private, no-cache",
}


def host_name(header: str) -> str:
    """The name in a Host header, in lower case and without its port."""
    name = header.strip().lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.partition(":")[0].rstrip(".")


class Guard:
    """An ASGI application before another one."""

    def __init__(
        self, app: Application, hosts: Iterable[str] = (), methods: Iterable[str] = METHODS
    ) -> None:
        self._app = app
        self._methods = frozenset(methods)
        self._hosts = frozenset(
            (*OWN, *(host_name(f"[{each}]" if each.count(":") > 1 else each) for each in hosts))
        )

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        hosts = [value.decode("latin1") for name, value in scope["headers"] if name == b"host"]
        answer = _guarded(send, only_head=scope["method"] == "HEAD")
        if len(hosts) != 1 or host_name(hosts[0]) not in self._hosts:
            await _say(
                answer,
                421,
                "This address is not one that Nightdesk was started for; see --allow-host.",
            )
        elif scope["method"] not in self._methods:
            await _say(answer, 405, "The archive can only be read here.", (b"allow", b"GET, HEAD"))
        else:
            await self._app(
                {**scope, "method": "GET" if scope["method"] in METHODS else scope["method"]},
                receive,
                answer,
            )


def _guarded(send: Send, *, only_head: bool) -> Send:
    """Adds the headers that are not there, and leaves out the body where only the head was asked for."""

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            there = {name.lower() for name, _ in headers}
            headers += [
                (n.encode(), v.encode()) for n, v in HEADERS.items() if n.encode() not in there
            ]
            message = {**message, "headers": headers}
        elif only_head and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return guarded


async def _say(send: Send, status: int, sentence: str, *more: tuple[bytes, bytes]) -> None:
    body = f"{sentence}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
