"""The command that shows the archive in a browser."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from pipeline.cli.console import print_error, print_line
from pipeline.cli.context import get_context
from pipeline.config import site as sites
from pipeline.config.settings import filled_in
from pipeline.core.errors import ConfigError

NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")
ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?")


def serve(
    context: typer.Context,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; this machine alone by default.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port; 0 takes one that is free.")
    ] = 8642,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A further name that it may be asked by, as behind a reverse proxy.",
        ),
    ] = None,
    token_env: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The variable of the environment with the token that readers have to give.",
        ),
    ] = None,
    cors: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGIN",
            help="An origin whose pages may ask the API, as https://desk.example.org.",
        ),
    ] = None,
) -> None:
    """Show the archive in a browser: read, search, compare; nothing can be changed there. Ends on Ctrl-C."""
    from pipeline.web.app import application  # a web framework is no part of any other command
    from pipeline.web.server import address_of, listen
    from pipeline.web.server import serve as serving

    token = _token(token_env) if token_env is not None else ""
    origins = [_origin(each) for each in cors or ()]
    here = get_context(context)
    store = here.open_archive()
    found, errors = sites.load_all(here.settings.sites_folder)
    for error in errors:
        print_error(str(error))
    with listen(host, port) as listening:
        address = address_of(listening)
        app = application(
            store,
            {site.id: site for site in found},
            (host, *(allow_host or ())),
            token=token,
            origins=origins,
        )
        try:
            serving(app, listening, lambda: print_line(f"The archive is at {address} (Ctrl-C ends it)."))
        except KeyboardInterrupt:  # uvicorn has ended in order and passes the signal on
            pass
        finally:
            store.close()


def _token(name: str) -> str:
    """What that variable of the environment holds. Raises ConfigError."""
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"--token-env {name[:80]}: is no name of a variable; give the name, and the token in the environment"
        )
    return filled_in({"token": f"${{{name}}}"}, "--token-env")["token"]


def _origin(text: str) -> str:
    """An origin as a browser spells it. Raises ConfigError."""
    found = text.strip().rstrip("/").lower()
    if not ORIGIN.fullmatch(found):
        raise ConfigError(
            f"--cors {text[:80]}: is no origin; write it as https://desk.example.org or http://127.0.0.1:3000"
        )
    return found
