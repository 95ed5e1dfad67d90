"""`nightdesk log`: shows the state of the log, and declares a restored backup."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from pipeline.cli.checkpoint_line import finish_log
from pipeline.cli.console import Cell, print_json, print_line, print_table
from pipeline.cli.context import AsJson, get_context
from pipeline.core.errors import ConfigError
from pipeline.core.formatting import pluralize
from pipeline.jobs.evidence import checkpoints as jobs

EXAMPLES: Final = (
    "nightdesk log",
    'nightdesk log restore --reason "the disk failed; backup of 2026-11-20"',
)


class LogAction(StrEnum):
    """What to do with the log."""

    SHOW = "show"
    RESTORE = "restore"


def log(
    context: typer.Context,
    action: Annotated[
        LogAction,
        typer.Argument(help="`show`, or `restore` to declare that a backup was restored."),
    ] = LogAction.SHOW,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why the backup was restored, for witnesses.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Show the size, root, key and events of the log, or declare that a backup was restored."""
    app = get_context(context)
    database = app.open_archive()
    try:
        if action is LogAction.RESTORE:
            if not reason.strip():
                raise ConfigError("log restore: say why with --reason; witnesses show it")
            signer = jobs.load_signer(app.settings)
            leaf = jobs.declare_restore(database, reason.strip(), signer)
            finish_log(app, database, quiet=True)
            if not as_json:
                print_line(f"Leaf {leaf} of the log says that a backup was restored.")
                return
        state = jobs.log_state(database)
    finally:
        database.close()
    if as_json:
        print_json(state)
    else:
        _print_state(state)


def _print_state(state: dict[str, Any]) -> None:
    if not state["size"]:
        print_line("There is no log yet: the end of the next run begins it.")
        return
    print_line(f"Archive {state['archive']}")
    print_line(f"{pluralize(state['size'], 'leaf', 'leaves')}, root {state['root']}")
    print_line(f"Key {state['fingerprint'] or 'none: nightdesk keys makes one'}")
    if state["checkpoint"]:
        print_line()
        print_line(state["checkpoint"].rstrip("\n"))
    rows: list[list[Cell]] = []
    for event in state["events"]:
        rows.append([event["leaf"], event["at"], event["kind"], event["reason"]])
    print_line()
    print_table(["Leaf", "Time", "Event", "Reason"], rows)
