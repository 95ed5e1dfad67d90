"""Completion of commands, options and site ids in a shell.

The shell calls `nightdesk` with a variable of the environment, and gets the words that fit.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Final

PROGRAM: Final = "nightdesk"
COMPLETE_VARIABLE: Final = "_NIGHTDESK_COMPLETE"
# where each shell writes what was typed so far
WORDS_VARIABLES: Final = ("COMP_WORDS", "_TYPER_COMPLETE_ARGS")


def is_asked() -> bool:
    """Return whether a shell asks for words, and wants no command to run."""
    return COMPLETE_VARIABLE in os.environ


def prepare() -> None:
    """Teach the command line the protocols of the shells."""
    from typer._completion_classes import completion_init

    completion_init()


def typed_words() -> list[str]:
    """Return the words that were typed so far, without the name of the program."""
    for name in WORDS_VARIABLES:
        line = os.environ.get(name)
        if line:
            return line.split()[1:]
    return []


def completion_script(program: str, variable: str, shell: str) -> str:
    """Return the lines for the configuration of a shell."""
    from typer._completion_shared import get_completion_script

    script = get_completion_script(prog_name=program, complete_var=variable, shell=shell)
    return script.strip()


def complete_site(incomplete: str) -> list[str]:
    """Return the ids of site files that begin with what was typed. Errors complete nothing."""
    from pipeline.config.home_folder import find_home_folder
    from pipeline.core.errors import NightdeskError

    words = typed_words()
    named: Path | None = None
    if "--home" in words[:-1]:
        named = Path(shlex.split(words[words.index("--home") + 1])[0]).expanduser()
    try:
        folder = find_home_folder(named) / "config" / "sites"
        names = sorted(path.stem for path in folder.glob("*.toml"))
    except (NightdeskError, OSError, ValueError):
        return []
    return [name for name in names if name.startswith(incomplete)]
