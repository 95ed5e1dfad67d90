"""The desk that every page is served from: the archive, the names of its sites, the templates.

Promises that each answer is whole HTML of escaped texts with a tag of its own, so that a reader who has it already is told so
in a few bytes.
"""

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

HERE = Path(__file__).parent
LARGEST = 2**63 - 1
MOST_KEPT = 200
Kept = TypeVar("Kept")

Number = Annotated[int, InPath(ge=1, le=LARGEST)]
Text = Annotated[str, Query(max_length=2000)]
Code = Annotated[str, Query(max_length=64, pattern=r"^[a-z0-9_-]*$")]
Place = Annotated[int | None, Query(ge=0, le=LARGEST)]


class Missing(Exception):
    """What was asked for is not in the archive; the message says so in one sentence."""


@dataclass(frozen=True)
class Desk:
    """What the pages are made from."""

    store: Database
    sites: Mapping[str, Site] = field(default_factory=dict)
    kept: dict[str, tuple[object, Any]] = field(
        default_factory=dict
    )  # what is costly to find, and what it was found for

    def name(self, site: str) -> str:
        """A Site as people call it: by the name in its file, else by its id."""
        return self.sites[site].name if site in self.sites else site

    def keep(self, name: str, made_for: object, make: Callable[[], Kept]) -> Kept:
        """What `make` finds, found anew only where it is made for something else than the last time."""
        known = self.kept.get(name)
        if known is None or known[0] != made_for:
            if len(self.kept) >= MOST_KEPT:
                self.kept.clear()
            known = self.kept[name] = (made_for, make())
        return known[1]

    @cached_property
    def style(self) -> bytes:
        """The style sheet."""
        return (HERE / "static" / "style.css").read_bytes()

    @cached_property
    def templates(self) -> Environment:
        """The templates, which escape whatever they are given."""
        found = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, finalize=filters.clean,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        found.filters |= filters.FILTERS
        found.globals |= {
            "name": self.name,
            "style": f"/style.css?{tag(self.style)[1:9]}",
            "query": query,
        }
        return found

    def page(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        """A page as HTML, or 304 where the reader has it."""
        here = request.url.path
        text = self.templates.get_template(template).render(here=here, **values)
        return tagged(
            request, text.encode("utf8", "replace"), "text/html; charset=utf-8", status=status
        )


def tagged(
    request: Request,
    body: bytes,
    media_type: str,
    *,
    status: int = 200,
    made: str = "",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An answer with its tag, which is that of its bytes unless it is given; 304 without them where the reader has it."""
    told = {"ETag": made or tag(body), **(headers or {})}
    if status == 200 and has_it(request, told["ETag"]):
        return Response(status_code=304, headers=told)
    return Response(body, status, told, media_type)


def tag(body: bytes) -> str:
    """The tag of bytes."""
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


def has_it(request: Request, made: str) -> bool:
    """Whether the reader has what this tag names."""
    return made in (
        each.strip().removeprefix("W/")
        for each in request.headers.get("if-none-match", "").split(",")
    )


def query(**values: object) -> str:
    """A query string of those values that say something."""
    return urlencode(
        {name: str(value) for name, value in values.items() if value not in ("", None)}
    )


def _desk(request: Request) -> Desk:
    found = request.app.state.desk
    assert isinstance(found, Desk)
    return found


AtDesk = Annotated[Desk, Depends(_desk)]
