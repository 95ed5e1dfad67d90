"""The command line: `nightdesk`.

Promises one clear sentence and a documented exit code for each trouble, a traceback only for a fault of our own, and
`--json` on whatever a program may want to read.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from keyword import iskeyword
from typing import Final

import typer

from pipeline.cli import context
from pipeline.cli.console import print_error
from pipeline.core.errors import NightdeskError

COMMANDS: Final = {  # and the module of each, in the order of the help
    "add": "add",
    "check": "add",
    "crawl": "crawl",
    "clean": "clean",
    "review": "review",
    "rollback": "review",
    "memory": "clean",
    "schedule": "crawl",
    "worker": "worker",
    "queue": "worker",
    "sites": "show",
    "search": "search",
    "show": "show",
    "explain": "show",
    "runs": "show",
    "status": "show",
    "report": "report",
    "export": "export",
    "verify": "export",
    "backup": "backup",
    "prune": "prune",
    "compact": "compact",
    "doctor": "doctor",
    "import": "import_",
    "serve": "serve",
    "extract": "extract",
    "draft": "draft",
    "demo": "crawl",
}
HELP: Final = ("-h", "--help")


def application(words: Sequence[str] = ()) -> typer.Typer:
    """The command line. Where the words name one command, only that one: loading what the others need takes half of a start."""
    app = typer.Typer(
        name="nightdesk",
        help="A nightly archive of news sites: crawl, keep the bytes, clean, search, and say why.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": list(HELP)},
    )
    app.callback()(context.global_options)
    for name in _named(words):
        app.command(name)(
            getattr(
                import_module(f"pipeline.cli.commands.{COMMANDS[name]}"),
                f"{name}_" if iskeyword(name) else name,
            )
        )
    return app


def _named(words: Sequence[str]) -> Sequence[str]:
    found = [word for word in words if word in COMMANDS or word in HELP]
    return (
        found[:1]
        if found and found[0] in COMMANDS and len(COMMANDS.keys() & set(found)) == 1
        else tuple(COMMANDS)
    )


def main() -> None:
    """The console script."""
    try:
        application(sys.argv[1:])()
    except NightdeskError as error:
        print_error(str(error))
        sys.exit(int(error.exit_code))
