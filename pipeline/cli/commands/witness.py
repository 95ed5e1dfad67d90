"""`nightdesk witness`: watches the log of an archive from another machine."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from pipeline.cli.console import print_error, print_json, print_line
from pipeline.cli.context import AsJson, get_context
from pipeline.config.settings import expand_variables
from pipeline.core.errors import ExitCode, NightdeskError
from pipeline.core.formatting import pluralize
from pipeline.jobs.evidence.witness import Observation, Witness

EXAMPLES: Final = (
    "nightdesk witness https://archive.example/",
    "nightdesk witness https://archive.example/ --key 0123456789abcdef --token-env ARCHIVE_TOKEN",
    "nightdesk witness /media/stick/checkpoints",
)


def witness(
    context: typer.Context,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="URL|FILE",
            help="Addresses of 'nightdesk serve', checkpoint files, or checkpoint folders.",
        ),
    ],
    folder: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where checkpoints are kept. Default: var/witness."),
    ] = None,
    name: Annotated[
        str, typer.Option(metavar="NAME", help="Your name in cosignatures. Default: the host's.")
    ] = "",
    key: Annotated[
        str,
        typer.Option(
            metavar="FINGERPRINT", help="The key of the archive. Default: the first one seen."
        ),
    ] = "",
    token_env: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Environment variable with the token of the web app."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch checkpoints of archives, check that each extends the last one, co-sign and keep them.

    Run it on a machine that the archive's operator cannot write to.
    """
    home = get_context(context).settings.home
    token = ""
    if token_env is not None:
        token = expand_variables({"token": f"${{{token_env}}}"}, "--token-env")["token"]
    observer = Witness(folder or home / "var" / "witness", name or socket.gethostname())
    has_failed = False
    rows: list[dict[str, Any]] = []
    for source in sources:
        try:
            for observation in observer.observe(source, token, key):
                rows.append(_row(source, observation))
                if not as_json:
                    _print(source, observation)
        except NightdeskError as error:
            has_failed = True
            sentence = str(error)
            print_error(sentence if sentence.startswith(source) else f"{source}: {sentence}")
            rows.append({"source": source, "problem": sentence})
    if as_json:
        print_json(rows)
    raise typer.Exit(ExitCode.PARTLY if has_failed else ExitCode.OK)


def _row(source: str, observation: Observation) -> dict[str, Any]:
    checkpoint = observation.accepted.checkpoint
    return {
        "source": source,
        "archive": checkpoint.archive,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "is_new": observation.accepted.is_new,
        "declared": list(observation.accepted.declared),
        "file": str(observation.path),
    }


def _print(source: str, observation: Observation) -> None:
    accepted = observation.accepted
    size = pluralize(accepted.checkpoint.size, "leaf", "leaves")
    for sentence in accepted.declared:
        print_line(f"! {source}: {sentence}")
    if observation.previous_size and accepted.is_new:
        print_line(f"{source}: {size}; extends the {observation.previous_size:,} seen before.")
    elif accepted.is_new:
        print_line(f"{source}: {size}; seen for the first time.")
    else:
        print_line(f"{source}: {size}; nothing new.")
