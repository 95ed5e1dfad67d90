"""The command that shows the archive in a browser."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline import sites
from pipeline.cli.output import complain, say
from pipeline.cli.setup import door


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen; this machine alone by default.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes one that is free.")] = 8642,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A further name that it may be asked by, as behind a reverse proxy."),
    ] = None,
) -> None:
    """Show the archive in a browser: read, search, compare; nothing can be changed there. Ends on Ctrl-C."""
    from pipeline.web.app import application  # a web framework is no part of any other command
    from pipeline.web.serving import address_of, listen
    from pipeline.web.serving import serve as serving

    here = door(context)
    store = here.archive()
    found, errors = sites.load_all(here.settings.sites_folder)
    for error in errors:
        complain(str(error))
    with listen(host, port) as listening:
        address = address_of(listening)
        app = application(store, {site.id: site for site in found}, (host, *(allow_host or ())))
        try:
            serving(app, listening, lambda: say(f"The archive is at {address} (Ctrl-C ends it)."))
        except KeyboardInterrupt:  # uvicorn has ended in order and passes the signal on
            pass
        finally:
            store.close()
