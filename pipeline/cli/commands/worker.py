"""`nightdesk worker`: a process that takes tasks of an archive from a queue."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import typer

from pipeline.cli.console import print_line
from pipeline.cli.context import get_context
from pipeline.core.errors import ConfigError

EXAMPLES: Final = (
    "nightdesk worker",
    "nightdesk worker --queues clean --concurrency 2",
)
QUEUES: Final = ("crawl", "clean")


def worker(
    context: typer.Context,
    queues: Annotated[
        str,
        typer.Option(metavar="NAMES", help="Queues to take tasks from, with commas between."),
    ] = ",".join(QUEUES),
    concurrency: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=64,
            metavar="N",
            help="How many tasks of each queue to run at a time."
            " Default: 'crawls' of the settings, and one clean.",
        ),
    ] = None,
) -> None:
    """Run tasks of an archive on PostgreSQL until Ctrl-C or SIGTERM, beside other machines."""
    app = get_context(context)
    names = tuple(dict.fromkeys(name.strip() for name in queues.split(",")))
    for name in names:
        if name not in QUEUES:
            raise ConfigError(
                f"--queues {queues}: there is no queue '{name}'; there are: {', '.join(QUEUES)}"
            )
    database = app.open_cluster_archive()
    if "crawl" in names:
        _ = app.settings.sent_user_agent  # without a contact in the settings nothing is started
    from pipeline.cluster.worker import run_worker
    from pipeline.jobs.nightly import make_log_folder

    make_log_folder(app.settings.log_folder)
    print_line(f"takes tasks from {' and '.join(names)} of {database.name}")
    run_worker(app.settings, database, names, concurrency, _print_with_time)
    database.close()


def _print_with_time(sentence: str) -> None:
    print_line(f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S} {sentence}")
