"""`nightdesk log`: shows the log, declares a restored backup, takes cosignatures."""

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
    "nightdesk log cosign /media/stick/witness/20261120T031500000000-5120.json",
)


class LogAction(StrEnum):
    """What to do with the log."""

    SHOW = "show"
    RESTORE = "restore"
    COSIGN = "cosign"


def log(
    context: typer.Context,
    action: Annotated[
        LogAction,
        typer.Argument(
            help="`show`; `restore` declares that a backup was restored; `cosign` adds the"
            " cosignatures of a witness."
        ),
    ] = LogAction.SHOW,
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE|URL", help="With `cosign`: files that 'nightdesk witness' keeps."
        ),
    ] = None,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why the backup was restored, for witnesses.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Show the log, declare that a backup was restored, or add cosignatures of witnesses."""
    if bool(sources) != (action is LogAction.COSIGN):
        raise ConfigError("log cosign FILE|URL: takes files of witnesses; the other actions none")
    app = get_context(context)
    database = app.open_archive()
    try:
        if action is LogAction.COSIGN:
            from pipeline.jobs.evidence.cosignatures import add_cosignatures

            added = sum(add_cosignatures(database, source) for source in sources or ())
            if not as_json:
                print_line(f"{pluralize(added, 'cosignature')} added.")
                return
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
