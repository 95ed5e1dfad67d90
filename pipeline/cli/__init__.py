"""The command line `nightdesk`.

An error of the world or of the user is one sentence on standard error and an exit code of
`pipeline.core.errors.ExitCode`. A traceback means a bug.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from keyword import iskeyword
from typing import Final

import typer

from pipeline.cli import context
from pipeline.cli.console import print_error
from pipeline.core.errors import NightdeskError

SETUP: Final = "Set up"
EVERY_NIGHT: Final = "Every night"
READ: Final = "Read"
CLEANING: Final = "Cleaning"
EXCHANGE: Final = "Export and import"
OPERATIONS: Final = "Operations"
CLUSTER: Final = "Several machines"

# Each command with its group, in the order of the help. The module of a command in
# `pipeline.cli.commands` has the command's name, and so has the function in it.
COMMANDS: Final[Mapping[str, str]] = {
    "demo": SETUP,
    "add": SETUP,
    "check": SETUP,
    "sites": SETUP,
    "doctor": SETUP,
    "crawl": EVERY_NIGHT,
    "fetch": EVERY_NIGHT,
    "schedule": EVERY_NIGHT,
    "status": EVERY_NIGHT,
    "report": EVERY_NIGHT,
    "search": READ,
    "show": READ,
    "explain": READ,
    "runs": READ,
    "serve": READ,
    "clean": CLEANING,
    "review": CLEANING,
    "rollback": CLEANING,
    "profile": CLEANING,
    "export": EXCHANGE,
    "import": EXCHANGE,
    "extract": EXCHANGE,
    "extract-export": EXCHANGE,
    "verify": OPERATIONS,
    "backup": OPERATIONS,
    "prune": OPERATIONS,
    "compact": OPERATIONS,
    "worker": CLUSTER,
    "queue": CLUSTER,
}
HELP_OPTIONS: Final = ("-h", "--help")


def application(words: Sequence[str] = ()) -> typer.Typer:
    """Return the command line.

    Args:
        words: The arguments of the call. If they name one command, only its module is loaded:
            the modules of the others would double the time of a start.
    """
    app = typer.Typer(
        name="nightdesk",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": list(HELP_OPTIONS)},
    )
    app.callback(epilog="Example: nightdesk demo")(context.global_options)
    for name in _commands_to_load(words):
        identifier = identifier_of(name)
        module = import_module(f"pipeline.cli.commands.{identifier}")
        command = app.command(name, rich_help_panel=COMMANDS[name], epilog=_epilog(module.EXAMPLES))
        command(getattr(module, identifier))
    return app


def identifier_of(command: str) -> str:
    """Return the name of a command's module and function."""
    name = command.replace("-", "_")
    return f"{name}_" if iskeyword(name) else name


def _epilog(examples: Sequence[str]) -> str:
    heading = "Example:" if len(examples) == 1 else "Examples:"
    # An empty line before each example keeps it on a line of its own.
    return "\n\n".join([heading, *examples])


def _commands_to_load(words: Sequence[str]) -> Sequence[str]:
    """Return the one command that the words name, or all if that is not certain."""
    hits = [word for word in words if word in COMMANDS or word in HELP_OPTIONS]
    commands = COMMANDS.keys() & set(hits)
    if len(commands) == 1 and hits[0] in COMMANDS:
        return hits[:1]
    return tuple(COMMANDS)


def main() -> None:
    """Run the command line; the entry point of the console script."""
    try:
        application(sys.argv[1:])()
    except NightdeskError as error:
        print_error(str(error))
        sys.exit(int(error.exit_code))
