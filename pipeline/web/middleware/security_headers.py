"""Checks of host and method before each request, and security headers on each response.

The host check stops DNS rebinding: a page of another site must not reach the archive through a name
that resolves to this machine. The policy makes sure that no response runs or loads anything but the
stylesheet and the script of the app itself.

Starlette's TrustedHostMiddleware is not used: it rejects the valid name `archive.example.org.`, its
message cannot name `--allow-host`, and older versions that FastAPI allows do not parse IPv6 hosts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

LOOPBACK_HOSTS: Final = ("localhost", "127.0.0.1", "[::1]")
READ_METHODS: Final = ("GET", "HEAD")
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Our pages may frame an archived page, and it may show what it contains itself. Nothing in it runs,
# loads, submits or navigates.
FRAME_POLICY: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:;"
    " form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
# A picture of a story, opened on its own, can do nothing.
PICTURE_POLICY: Final = "sandbox; default-src 'none'; frame-ancestors 'none'"
SECURITY_HEADERS: Final = {
    "content-security-policy": PAGE_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "x-dns-prefetch-control": "off",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), interest-cohort=()",
    "cache-control": "private, no-cache",
}
WRONG_HOST = "Nightdesk was not started for this host name; see --allow-host."
READ_ONLY = "The archive is read-only here."


def normalize_host(header: str) -> str:
    """Return the name in a Host header in lower case, without the port."""
    host = header.strip().lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].rstrip(".")


class SecurityHeadersMiddleware:
    """Rejects other hosts and methods, and adds the security headers to each response.

    Args:
        app: The ASGI application.
        hosts: The host names and addresses to accept, besides those of this machine.
        methods: The HTTP methods to accept.
    """

    def __init__(
        self, app: Application, hosts: Iterable[str] = (), methods: Iterable[str] = READ_METHODS
    ) -> None:
        self._app = app
        self._methods = frozenset(methods)
        self._hosts = set(LOOPBACK_HOSTS)
        for host in hosts:
            is_bare_ipv6 = host.count(":") > 1
            self._hosts.add(normalize_host(f"[{host}]" if is_bare_ipv6 else host))

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        secure_send = _with_security_headers(send, is_head=method == "HEAD")
        if not self._is_known_host(scope):
            await _send_text(secure_send, 421, WRONG_HOST)
        elif method not in self._methods:
            await _send_text(secure_send, 405, READ_ONLY, (b"allow", b"GET, HEAD"))
        else:
            if method == "HEAD":  # routes know GET only
                scope = {**scope, "method": "GET"}
            await self._app(scope, receive, secure_send)

    def _is_known_host(self, scope: MutableMapping[str, Any]) -> bool:
        hosts = [value.decode("latin1") for name, value in scope["headers"] if name == b"host"]
        return len(hosts) == 1 and normalize_host(hosts[0]) in self._hosts


def _with_security_headers(send: Send, *, is_head: bool) -> Send:
    """Add the headers that are missing, and drop the body of the response to HEAD."""

    async def secure_send(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            present = {name.lower() for name, _ in headers}
            for name, value in SECURITY_HEADERS.items():
                if name.encode() not in present:
                    headers.append((name.encode(), value.encode()))
            message = {**message, "headers": headers}
        elif is_head and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return secure_send


async def _send_text(send: Send, status: int, message: str, *headers: tuple[bytes, bytes]) -> None:
    body = f"{message}\n".encode()
    all_headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": all_headers})
    await send({"type": "http.response.body", "body": body})
