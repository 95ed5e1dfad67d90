"""CORS for the API and the feeds; pages for people answer no other origin."""

from __future__ import annotations

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from pipeline.web.errors import error_response
from pipeline.web.middleware.paths import is_machine_path
from pipeline.web.middleware.security_headers import READ_ONLY

ALLOWED_HEADERS = ("Authorization", "If-None-Match")
EXPOSED_HEADERS = ("ETag",)
PREFLIGHT_MAX_AGE = 600  # seconds that a browser may keep the answer to a preflight


class ApiCorsMiddleware:
    """Applies Starlette's CORS middleware to the paths for programs only.

    Args:
        app: The ASGI application.
        origins: The origins whose pages may read these paths.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._app_with_cors = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=("GET",),
            allow_headers=ALLOWED_HEADERS,
            expose_headers=EXPOSED_HEADERS,
            max_age=PREFLIGHT_MAX_AGE,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] == "OPTIONS" and not _is_preflight(scope):
            response = error_response(405, READ_ONLY, {"Allow": "GET, HEAD"})
            await response(scope, receive, send)
        elif is_machine_path(scope["path"]):
            await self._app_with_cors(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _is_preflight(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    is_cors_request = "origin" in headers and "access-control-request-method" in headers
    return is_cors_request and is_machine_path(scope["path"])
