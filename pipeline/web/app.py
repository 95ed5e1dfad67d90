"""The ASGI application: its routes, its error pages and its middleware."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from anyio import to_thread
from fastapi import FastAPI, Request
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response

from pipeline.config.site import Site
from pipeline.store.db.engine import Database
from pipeline.web.dependencies import Context, WebContext, etag_response
from pipeline.web.errors import HANDLED_ERRORS, describe_error, error_response
from pipeline.web.middleware.auth import AuthMiddleware
from pipeline.web.middleware.cors import ApiCorsMiddleware
from pipeline.web.middleware.paths import is_machine_path
from pipeline.web.middleware.security_headers import READ_METHODS, SecurityHeadersMiddleware
from pipeline.web.routes import (
    articles,
    changes,
    compare,
    exports,
    feeds,
    home,
    listings,
    memento,
    pages,
    pictures,
    report,
    runs,
    search,
    sites,
)
from pipeline.web.routes.api import create_api

PAGE_ROUTES = (
    *(home, articles, pictures, changes, pages, listings, search, exports, compare),
    *(sites, runs, report, feeds, memento),
)
MAX_PARALLEL_READS = 8  # requests that read the archive at the same time
MIN_GZIP_SIZE = 1_000  # bytes of a response, below which gzip makes it hardly smaller
GZIP_LEVEL = 4  # level 9 takes four times as long for pages that are 3 % smaller
CACHE_FOR_A_YEAR = "public, max-age=31536000, immutable"


def create_app(
    database: Database,
    sites_by_id: Mapping[str, Site] | None = None,
    hosts: Iterable[str] = (),
    *,
    token: str = "",
    origins: Iterable[str] = (),
) -> SecurityHeadersMiddleware:
    """Create the web app of an archive as an ASGI application.

    Args:
        database: The archive.
        sites_by_id: The sites that have a site file.
        hosts: Host names and addresses to accept, besides those of this machine.
        token: The token that each request needs; "" for none.
        origins: Origins whose pages may read the API and the feeds.
    """
    app = FastAPI(
        title="Nightdesk",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_limit_parallel_reads,
    )
    app.state.context = WebContext(database, sites_by_id or {})
    for routes in PAGE_ROUTES:
        app.include_router(routes.router, include_in_schema=False)
    app.mount("/api", create_api(app.state.context))
    app.add_api_route("/style.css", _stylesheet, include_in_schema=False)
    app.add_api_route("/keys.js", _script, include_in_schema=False)
    for error_type in HANDLED_ERRORS:
        app.add_exception_handler(error_type, _error_page)
    app.add_middleware(GZipMiddleware, minimum_size=MIN_GZIP_SIZE, compresslevel=GZIP_LEVEL)
    app.add_middleware(AuthMiddleware, token=token)
    allowed_origins = [origin.rstrip("/") for origin in origins]
    methods: tuple[str, ...] = READ_METHODS
    if allowed_origins:
        app.add_middleware(ApiCorsMiddleware, origins=allowed_origins)
        methods = (*READ_METHODS, "OPTIONS")
    return SecurityHeadersMiddleware(app, hosts, methods)


def openapi_schema() -> dict[str, Any]:
    """Return the OpenAPI description of the API, for the documentation."""
    return create_api(WebContext(Database("sqlite:///unused.db"), {})).openapi()


@asynccontextmanager
async def _limit_parallel_reads(_app: FastAPI) -> AsyncIterator[None]:
    to_thread.current_default_thread_limiter().total_tokens = MAX_PARALLEL_READS
    yield


def _stylesheet(request: Request, context: Context) -> Response:
    return _static_file(request, context.stylesheet, "text/css; charset=utf-8")


def _script(request: Request, context: Context) -> Response:
    return _static_file(request, context.script, "text/javascript; charset=utf-8")


def _static_file(request: Request, body: bytes, media_type: str) -> Response:
    # With a query the URL has the digest of the file, so its content never changes.
    cache_control = CACHE_FOR_A_YEAR if request.url.query else "no-cache"
    return etag_response(request, body, media_type, headers={"Cache-Control": cache_control})


def _error_page(request: Request, error: Exception) -> Response:
    described = describe_error(error)
    if is_machine_path(request.url.path):
        return error_response(described.status, described.message)
    context: WebContext = request.app.state.context
    return context.render(
        request,
        "error.html",
        described.status,
        title=described.title,
        message=described.message,
    )
