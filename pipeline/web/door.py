"""The door for programs, before `/api` and the feeds: a token where one was set, and other origins as far as they were named.

Promises that without either nothing changes, and that no method but GET, HEAD and a named origin's preflight comes through.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from hmac import compare_digest

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.web.api import problem

FEEDS = (".atom", "/feed.json")
ALLOWED = "GET, HEAD"


def is_for_programs(path: str) -> bool:
    """Whether this is an address of the API or a feed."""
    return path == "/api" or path.startswith("/api/") or path.endswith(FEEDS)


class Door:
    """An ASGI application before another one."""

    def __init__(self, app: ASGIApp, token: str = "", origins: Iterable[str] = ()) -> None:
        self._app = app
        self._token = sha256(token.encode("utf8", "surrogateescape")).digest() if token else b""
        self._origins = frozenset(each.rstrip("/") for each in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        is_ours = is_for_programs(scope["path"])
        if is_ours and self._origins:
            send = self._shared(headers.get("origin", ""), send)
        if scope["method"] == "OPTIONS":
            await self._preflight(is_ours and headers.get("origin", "") in self._origins)(scope, receive, send)
        elif is_ours and not self._may(headers):
            told = {"WWW-Authenticate": 'Bearer realm="Nightdesk"', "Cache-Control": "no-store"}
            await problem(401, "This needs the token: send it as 'Authorization: Bearer TOKEN'.", told)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _may(self, headers: Headers) -> bool:
        if not self._token:
            return True
        kind, _, given = headers.get("authorization", "").partition(" ")
        same = compare_digest(sha256(given.strip().encode("latin1")).digest(), self._token)
        return same and kind.lower() == "bearer"

    def _preflight(self, is_named: bool) -> Response:
        if not is_named:
            return problem(405, "The archive can only be read here.", {"Allow": ALLOWED})
        told = {
            "Access-Control-Allow-Methods": "GET", "Access-Control-Allow-Headers": "Authorization, If-None-Match",
            "Access-Control-Max-Age": "600",
        }  # fmt: skip
        return Response(status_code=204, headers=told)

    def _shared(self, origin: str, send: Send) -> Send:
        async def shared(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.add_vary_header("Origin")
                if origin in self._origins:
                    headers["Access-Control-Allow-Origin"] = origin
                    headers["Access-Control-Expose-Headers"] = "ETag"
            await send(message)

        return shared
