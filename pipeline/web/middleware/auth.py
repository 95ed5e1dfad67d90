"""The door: a token where one was set, and for programs other origins as far as they were named.

Promises that without either nothing changes, that a token closes all addresses alike, and that no method but GET, HEAD and a
named origin's preflight comes through. Programs send the token as `Bearer`; browsers and feed readers, which know no other way,
as the password of HTTP Basic, under any name.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable
from hashlib import sha256
from hmac import compare_digest

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.web.routes.api import problem

FEEDS = (".atom", "/feed.json")
ALLOWED = "GET, HEAD"
BEARER = ("WWW-Authenticate", 'Bearer realm="Nightdesk"')
BASIC = ("WWW-Authenticate", 'Basic realm="Nightdesk", charset="UTF-8"')
CLOSED = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>The token is needed · Nightdesk</title>
<h1>The token is needed</h1>
<p>This archive is open to those who have its token. Load the page again and give the token as the password;
any user name will do.</p>
</html>
"""


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
            await self._preflight(is_ours and headers.get("origin", "") in self._origins)(
                scope, receive, send
            )
        elif not self._may(headers):
            await _closed(scope["path"])(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _may(self, headers: Headers) -> bool:
        if not self._token:
            return True
        given = _given(headers.get("authorization", ""))
        return compare_digest(sha256(given).digest(), self._token) and bool(given)

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


def _given(header: str) -> bytes:
    """The token that a request brings; nothing where it brings none that can be read."""
    kind, _, rest = header.partition(" ")
    said = rest.strip().encode("latin1")  # as a server hands on the bytes of a header
    if kind.lower() == "bearer":
        return said
    try:
        return b64decode(said, validate=True).partition(b":")[2] if kind.lower() == "basic" else b""
    except ValueError:
        return b""


def _closed(path: str) -> Response:
    """The answer to those who have no token: to a browser a page, with the question for a name and a password."""
    if not is_for_programs(path):
        answer = Response(CLOSED, 401, media_type="text/html; charset=utf-8")
    else:
        answer = problem(
            401,
            "This needs the token: send it as 'Authorization: Bearer TOKEN', or as the password of HTTP Basic.",
        )
    is_asked_by_scripts = path == "/api" or path.startswith(
        "/api/"
    )  # for which no browser should open a window
    for name, value in (BEARER,) if is_asked_by_scripts else (BASIC, BEARER):
        answer.headers.append(name, value)
    answer.headers["Cache-Control"] = "no-store"
    return answer
