"""The application: its routes, what it answers when something is wrong, and the guard before it.

Promises a calm page for every trouble and a traceback for nobody but the log. JSON for programs hangs below `/api`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from anyio import to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from pipeline.config.site import Site
from pipeline.core.errors import ConfigError, NightdeskError
from pipeline.store.db.engine import Database
from pipeline.web.dependencies import AtDesk, Desk, Missing, tagged
from pipeline.web.middleware.auth import Door, is_for_programs
from pipeline.web.middleware.security_headers import METHODS, Guard
from pipeline.web.routes import articles, feeds, home, pages, report, runs, search, sites
from pipeline.web.routes.api import api, problem

READERS = 8  # requests that read the archive at the same time
YEAR = "public, max-age=31536000, immutable"


def application(
    store: Database, known: Mapping[str, Site] | None = None, hosts: Iterable[str] = (), *, token: str = "",
    origins: Iterable[str] = (),
) -> Guard:  # fmt: skip
    """The reading room of an archive, as an ASGI application. `known` are the Sites by id, as far as they have files; `hosts`
    further names that it may be asked by, besides those of this machine. Where there is a `token`, whoever asks has to give it;
    pages of `origins` may ask as programs do."""
    app = FastAPI(
        title="Nightdesk", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_few_readers
    )
    app.state.desk = Desk(store, known or {})
    for room in (home, articles, pages, search, sites, runs, report, feeds):
        app.include_router(room.router, include_in_schema=False)
    app.mount("/api", api(app.state.desk))
    app.add_api_route("/style.css", _style, include_in_schema=False)
    for error, answer in ((HTTPException, _refused), (RequestValidationError, _not_understood), (Missing, _missing),
                          (ConfigError, _not_asked_so), (NightdeskError, _unwell), (Exception, _fault)):  # fmt: skip
        app.add_exception_handler(error, answer)  # type: ignore[arg-type]
    named = tuple(origins)
    app.add_middleware(Door, token=token, origins=named)
    return Guard(app, hosts, (*METHODS, "OPTIONS") if named else METHODS)


@asynccontextmanager
async def _few_readers(_app: FastAPI) -> AsyncIterator[None]:
    to_thread.current_default_thread_limiter().total_tokens = READERS
    yield


def _style(request: Request, desk: AtDesk) -> Response:
    return tagged(
        request,
        desk.style,
        "text/css; charset=utf-8",
        headers={"Cache-Control": YEAR if request.url.query else "no-cache"},
    )


def _trouble(request: Request, status: int, title: str, sentence: str) -> Response:
    if is_for_programs(request.url.path):
        return problem(status, sentence)
    desk: Desk = request.app.state.desk
    return desk.page(request, "trouble.html", status, title=title, sentence=sentence)


def _missing(request: Request, error: Missing) -> Response:
    return _trouble(request, 404, "Not in the archive", str(error))


def _refused(request: Request, error: HTTPException) -> Response:
    if error.status_code == 404:
        return _trouble(request, 404, "No such page", "There is nothing at this address.")
    return _trouble(request, error.status_code, "That cannot be done here", str(error.detail))


def _not_understood(request: Request, error: RequestValidationError) -> Response:
    wrong = [each["loc"] for each in error.errors()]
    if any(where[0] == "path" for where in wrong):
        return _trouble(request, 404, "No such page", "There is nothing at this address.")
    names = ", ".join(str(where[-1]) for where in wrong)
    return _trouble(
        request, 400, "Not understood", f"The address has a value that cannot be one here: {names}."
    )


def _not_asked_so(request: Request, error: ConfigError) -> Response:
    return _trouble(request, 400, "Not understood", str(error))


def _unwell(request: Request, error: NightdeskError) -> Response:
    return _trouble(
        request,
        503,
        "The archive cannot be read just now",
        f"{type(error).__name__}: the log says why.",
    )


def _fault(request: Request, error: Exception) -> Response:
    return _trouble(
        request, 500, "A fault of Nightdesk's own", "The log has what is needed to mend it."
    )
