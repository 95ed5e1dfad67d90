"""Access with a token, for all paths alike.

Programs send the token as `Bearer`. Browsers and feed readers, which know no other way, send it as
the password of HTTP Basic with any user name.
"""

from __future__ import annotations

from base64 import b64decode
from hashlib import sha256
from hmac import compare_digest

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from pipeline.web.errors import error_response
from pipeline.web.middleware.paths import is_api_path, is_machine_path

BEARER_CHALLENGE = 'Bearer realm="Nightdesk"'
BASIC_CHALLENGE = 'Basic realm="Nightdesk", charset="UTF-8"'
TOKEN_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>This archive needs a token · Nightdesk</title>
<h1>This archive needs a token</h1>
<p>Load the page again and enter the token as the password. You can use any user name.</p>
</html>
"""
TOKEN_ERROR = (
    "This needs the token: send it as 'Authorization: Bearer TOKEN', or as the password of HTTP"
    " Basic."
)


class AuthMiddleware:
    """Lets a request pass only with the token; without a token to compare it lets all pass."""

    def __init__(self, app: ASGIApp, token: str = "") -> None:
        self._app = app
        self._token_digest = b""
        if token:
            self._token_digest = sha256(token.encode("utf8", "surrogateescape")).digest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] == "http" and not self._is_allowed(Headers(scope=scope)):
            await _unauthorized(scope["path"])(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _is_allowed(self, headers: Headers) -> bool:
        if not self._token_digest:
            return True
        token = _sent_token(headers.get("authorization", ""))
        return compare_digest(sha256(token).digest(), self._token_digest) and bool(token)


def _sent_token(header: str) -> bytes:
    """Return the token in an Authorization header, or b"" if it has none."""
    scheme, _, rest = header.partition(" ")
    credentials = rest.strip().encode("latin1")  # the server decodes header bytes as Latin-1
    if scheme.lower() == "bearer":
        return credentials
    if scheme.lower() != "basic":
        return b""
    try:
        return b64decode(credentials, validate=True).partition(b":")[2]
    except ValueError:
        return b""


def _unauthorized(path: str) -> Response:
    response = Response(TOKEN_PAGE, 401, media_type="text/html; charset=utf-8")
    if is_machine_path(path):
        response = error_response(401, TOKEN_ERROR)
    if not is_api_path(path):  # for a script's request no browser should open a dialog
        response.headers.append("WWW-Authenticate", BASIC_CHALLENGE)
    response.headers.append("WWW-Authenticate", BEARER_CHALLENGE)
    response.headers["Cache-Control"] = "no-store"
    return response
