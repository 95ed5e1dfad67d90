"""`nightdesk serve`: the web app."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.cli.console import print_line
from pipeline.cli.context import get_context
from pipeline.config.settings import expand_variables
from pipeline.core.errors import ConfigError

if TYPE_CHECKING:
    from socket import socket

    from pipeline.web.middleware.security_headers import SecurityHeadersMiddleware

EXAMPLES: Final = (
    "nightdesk serve",
    "nightdesk serve --host 0.0.0.0 --allow-host news.example.org --token-env NIGHTDESK_TOKEN",
)
VARIABLE_NAME: Final = re.compile("[A-Za-z_][A-Za-z0-9_]*")
ORIGIN: Final = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?")
MAX_SHOWN: Final = 80  # characters of a wrong value that a message repeats


def serve(
    context: typer.Context,
    host: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="Where to listen; the default is this machine alone."),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")
    ] = 8642,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Another name that requests may use, as behind a reverse proxy. Repeatable.",
        ),
    ] = None,
    token_env: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Name of the environment variable with the token that readers must send.",
        ),
    ] = None,
    cors: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGIN",
            help="An origin whose pages may call the API, as https://desk.example.org. Repeatable.",
        ),
    ] = None,
) -> None:
    """Show the archive in a browser, for reading only, until Ctrl-C."""
    # No other command needs the web framework.
    from pipeline.web.app import create_app
    from pipeline.web.server import listen

    token = ""
    if token_env is not None:
        token = _read_token(token_env)
    origins = [_parse_origin(origin) for origin in cors or ()]
    app = get_context(context)
    database = app.open_archive()
    sites = {site.id: site for site in app.readable_sites()}
    app.save_site_labels(database)
    hosts = (host, *(allow_host or ()))
    try:
        with listen(host, port) as listening:
            web_app = create_app(database, sites, hosts, token=token, origins=origins)
            run_web_app(web_app, listening)
    finally:
        database.close()


def run_web_app(web_app: SecurityHeadersMiddleware, listening: socket) -> None:
    """Print the address of a web app, and serve it until Ctrl-C or SIGTERM."""
    from pipeline.web.server import serve as run_server
    from pipeline.web.server import server_url

    def print_address() -> None:
        print_line(f"The archive is at {server_url(listening)} (press Ctrl-C to stop).")

    # after Ctrl-C uvicorn stops in order, and passes the signal on
    with suppress(KeyboardInterrupt):
        run_server(web_app, listening, print_address)


def _read_token(name: str) -> str:
    """Return the value of this environment variable. Raises ConfigError."""
    if not VARIABLE_NAME.fullmatch(name):
        raise ConfigError(
            f"--token-env {name[:MAX_SHOWN]}: is not the name of a variable;"
            " give the name here, and the token in the environment"
        )
    return expand_variables({"token": f"${{{name}}}"}, "--token-env")["token"]


def _parse_origin(text: str) -> str:
    """Return an origin as browsers write it. Raises ConfigError."""
    origin = text.strip().rstrip("/").lower()
    if not ORIGIN.fullmatch(origin):
        raise ConfigError(
            f"--cors {text[:MAX_SHOWN]}: is not an origin;"
            " write it as https://desk.example.org or http://127.0.0.1:3000"
        )
    return origin
