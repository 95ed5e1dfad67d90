"""The checkpoint of the log at the end of a command that records something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.cli.console import print_error, print_line
from pipeline.cli.context import AppContext
from pipeline.jobs.evidence.checkpoints import finish_with_checkpoint

if TYPE_CHECKING:
    from pipeline.store.db.engine import Database


def finish_log(app: AppContext, database: Database, *, quiet: bool) -> str:
    """Make a checkpoint of the log, and print it on one line where a key signed it.

    Args:
        app: The context of the command.
        database: The archive.
        quiet: Print no checkpoint.

    Returns:
        The line, which goes out with alerts; "" where the log has no checkpoint.
    """
    result = finish_with_checkpoint(app.settings, database)
    for sentence in result.errors:
        print_error(sentence)
    if not result.line:
        return ""
    line = f"Checkpoint {result.line}"
    if result.is_signed and not quiet:
        print_line(line)
    return line
