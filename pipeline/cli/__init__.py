"""The command line `nightdesk`.

An error of the world or of the user is one sentence on standard error and an exit code of
`pipeline.core.errors.ExitCode`. A traceback means a bug.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from keyword import iskeyword
from typing import Final

import typer

from pipeline.cli import completion, context
from pipeline.cli.command_table import COMMANDS
from pipeline.core.errors import NightdeskError

HELP_OPTIONS: Final = ("-h", "--help")


def application(words: Sequence[str] | None = None) -> typer.Typer:
    """Return the command line.

    Args:
        words: The arguments of the call. Only the modules of commands that they name are loaded:
            the modules of the others would double the time of a start. None loads all.
    """
    if words is not None and completion.is_asked():
        completion.prepare()
        words = [*words, *completion.typed_words()]
    app = typer.Typer(
        name="nightdesk",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": list(HELP_OPTIONS)},
    )
    app.callback(epilog="Example: nightdesk demo")(context.global_options)
    for name, entry in COMMANDS.items():
        if words is not None and name not in words:
            app.command(name, rich_help_panel=entry.group, help=entry.summary)(_not_loaded)
            continue
        identifier = identifier_of(name)
        module = import_module(f"pipeline.cli.commands.{identifier}")
        command = app.command(name, rich_help_panel=entry.group, epilog=_epilog(module.EXAMPLES))
        command(getattr(module, identifier))
    return app


def identifier_of(command: str) -> str:
    """Return the name of a command's module and function."""
    name = command.replace("-", "_")
    return f"{name}_" if iskeyword(name) else name


def _not_loaded() -> None:
    """Stand in the help for a command that the arguments do not name."""


def _epilog(examples: Sequence[str]) -> str:
    heading = "Example:" if len(examples) == 1 else "Examples:"
    # An empty line before each example keeps it on a line of its own.
    return "\n\n".join([heading, *examples])


def run(words: Sequence[str]) -> None:
    """Run one command and end the process.

    Args:
        words: The arguments after the name of the program.
    """
    try:
        application(words)(words, prog_name=completion.PROGRAM)
    except NightdeskError as error:
        from pipeline.cli.console import print_error

        print_error(str(error))
        sys.exit(int(error.exit_code))
