"""`nightdesk completion`: prints what makes a shell complete commands, options and site ids."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import typer

from pipeline.cli.completion import COMPLETE_VARIABLE, PROGRAM, completion_script

EXAMPLES: Final = (
    "nightdesk completion bash >> ~/.bashrc",
    "nightdesk completion zsh >> ~/.zshrc",
    "nightdesk completion fish > ~/.config/fish/completions/nightdesk.fish",
)


class Shell(StrEnum):
    """A shell that can complete commands."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
) -> None:
    """Print the lines that make a shell complete commands, options and site ids with Tab."""
    typer.echo(completion_script(PROGRAM, COMPLETE_VARIABLE, shell))
