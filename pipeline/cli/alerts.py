"""Sending of issues and of matches of watches to the addresses of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.cli.console import print_error
from pipeline.cli.context import AppContext
from pipeline.jobs import notify

if TYPE_CHECKING:
    from pipeline.store.db.engine import Database


def tell_watches(app: AppContext, database: Database) -> None:
    """Send the new matches of the watches. What could not be sent is printed, and sent later."""
    if app.settings.watch:
        from pipeline.jobs.watches import deliver

        for problem in deliver.tell_watches(app.settings, database):
            print_error(problem)


def send_alerts(app: AppContext, database: Database, footer: str = "") -> bool:
    """Send the issues that were not sent yet.

    Args:
        app: The context of the command.
        database: The archive.
        footer: A line below the issues, such as the checkpoint of the log.

    Returns:
        Whether all could be sent. If not, the reason is printed and a later night tries again.
    """
    error = notify.send_alerts(app.settings, database, footer)
    if error:
        print_error(error)
    return not error
