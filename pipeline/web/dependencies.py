"""What all routes share: the archive, the site names, the templates, and responses with an ETag."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, Query, Request
from fastapi import Path as InPath
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response

from pipeline.config.site import Site
from pipeline.store.db.engine import Database
from pipeline.web import filters

WEB_FOLDER = Path(__file__).parent
MAX_ID = 2**63 - 1  # the largest integer of SQLite and PostgreSQL
MAX_CACHE_ENTRIES = 200
CachedValue = TypeVar("CachedValue")

RecordId = Annotated[int, InPath(ge=1, le=MAX_ID)]
QueryText = Annotated[str, Query(max_length=2000)]
CodeFilter = Annotated[str, Query(max_length=64, pattern=r"^[a-z0-9_-]*$")]
PageKey = Annotated[int | None, Query(ge=0, le=MAX_ID)]


@dataclass(frozen=True)
class WebContext:
    """The archive and the site files that the routes read.

    Attributes:
        database: The archive.
        sites: The sites that have a file, by id.
        cache: Costly values by name, each with the key that it was made for.
    """

    database: Database
    sites: Mapping[str, Site] = field(default_factory=dict)
    cache: dict[str, tuple[object, Any]] = field(default_factory=dict)

    def site_name(self, site: str) -> str:
        """Return the name in the site's file, or its id if it has no file."""
        if site not in self.sites:
            return site
        return self.sites[site].name

    def cached(self, name: str, key: object, make: Callable[[], CachedValue]) -> CachedValue:
        """Return a cached value, and make it again if the key has changed.

        Args:
            name: The name of the value; the cache keeps one value for each name.
            key: What the value depends on.
            make: Makes the value.
        """
        entry = self.cache.get(name)
        if entry is None or entry[0] != key:
            if len(self.cache) >= MAX_CACHE_ENTRIES:
                self.cache.clear()
            entry = self.cache[name] = (key, make())
        value: CachedValue = entry[1]
        return value

    @cached_property
    def stylesheet(self) -> bytes:
        """The bytes of the stylesheet."""
        return (WEB_FOLDER / "static" / "style.css").read_bytes()

    @cached_property
    def script(self) -> bytes:
        """The bytes of the script for keys."""
        return (WEB_FOLDER / "static" / "keys.js").read_bytes()

    @cached_property
    def templates(self) -> Environment:
        """The templates, which escape every value."""
        environment = Environment(
            loader=FileSystemLoader(WEB_FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=filters.printable,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters |= filters.FILTERS
        environment.globals |= {
            "site_name": self.site_name,
            "stylesheet_url": f"/style.css?{etag_of(self.stylesheet)[1:9]}",
            "script_url": f"/keys.js?{etag_of(self.script)[1:9]}",
            "query_string": query_string,
        }
        return environment

    def render(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        """Render a template as an HTML response, or as 304 if the client has the page.

        Args:
            template: The file name of the template.
            values: The variables of the template, besides `current_path`.
        """
        page = self.templates.get_template(template)
        html = page.render(current_path=request.url.path, **values).encode("utf8", "replace")
        return etag_response(request, html, "text/html; charset=utf-8", status=status)


def etag_response(
    request: Request,
    body: bytes,
    media_type: str,
    *,
    status: int = 200,
    etag: str = "",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a response with an ETag, or 304 without a body if the client has the bytes.

    Args:
        etag: The ETag with its quotation marks; by default the digest of the body.
        headers: Further headers, also for the 304.
    """
    all_headers = {"ETag": etag or etag_of(body), **(headers or {})}
    if status == 200 and client_has(request, all_headers["ETag"]):
        return Response(status_code=304, headers=all_headers)
    return Response(body, status, all_headers, media_type)


def etag_of(body: bytes) -> str:
    """Return the ETag of a body, in its quotation marks."""
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


def client_has(request: Request, etag: str) -> bool:
    """Return whether If-None-Match names this ETag (weak comparison, RFC 9110, 13.1.2)."""
    header = request.headers.get("if-none-match", "")
    return any(value.strip().removeprefix("W/") == etag for value in header.split(","))


def query_string(**values: object) -> str:
    """Build a query string from the values that are not empty."""
    parameters = {name: str(value) for name, value in values.items() if value not in ("", None)}
    return urlencode(parameters)


def get_web_context(request: Request) -> WebContext:
    """Return the context of the app that got the request."""
    context = request.app.state.context
    assert isinstance(context, WebContext)
    return context


Context = Annotated[WebContext, Depends(get_web_context)]
