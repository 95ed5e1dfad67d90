"""`nightdesk watches`: the searches that are followed, and a test of their addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pipeline.cli.console import (
    Cell,
    format_time,
    partial_failure_code,
    print_error,
    print_json,
    print_line,
    print_table,
)
from pipeline.cli.context import AsJson, get_context
from pipeline.core.errors import ConfigError
from pipeline.core.formatting import pluralize
from pipeline.jobs.watches import deliver

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.config.watch import Watch
    from pipeline.store.db.engine import Database

EXAMPLES: Final = ("nightdesk watches", "nightdesk watches --test")


def watches(
    context: typer.Context,
    test: Annotated[
        bool,
        typer.Option("--test", help="Send the newest matches to all addresses. Records nothing."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the watches of the settings with what they found, and test their addresses."""
    app = get_context(context)
    configured = app.settings.watch
    database = app.open_archive()
    if test:
        _test(database, configured)
        return
    if as_json:
        print_json([_watch_json(database, watch) for watch in configured])
        return
    if not configured:
        print_line("The settings have no [[watch]].")
        return
    rows: list[list[Cell]] = []
    for watch in configured:
        state = deliver.watch_state(database, watch)
        checked = format_time(state.checked_at) or "never"
        rows.append([watch.name, watch.query, watch.every, checked, state.found, state.unsent])
    print_table(["Watch", "Query", "Every", "Checked (UTC)", "Found", "Not sent"], rows)


def _watch_json(database: Database, watch: Watch) -> dict[str, Any]:
    state = deliver.watch_state(database, watch)
    return {
        "name": watch.name,
        "query": watch.query,
        "every": watch.every,
        "changes": watch.changes,
        "addresses": len(watch.to),
        "checked_at": state.checked_at,
        "found": state.found,
        "unsent_messages": state.unsent,
    }


def _test(database: Database, configured: Sequence[Watch]) -> None:
    problems: list[str] = []
    for watch in configured:
        try:
            wrong = deliver.send_test(watch, database)
        except ConfigError as error:
            wrong = [str(error)]
        problems += wrong
        taken = len(watch.to) - len(wrong)
        print_line(f"{watch.name}: {pluralize(taken, 'address', 'addresses')} took the message.")
    for problem in problems:
        print_error(problem)
    raise typer.Exit(partial_failure_code(problems))
