"""`nightdesk schedule`: the built-in scheduler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import typer

from pipeline.cli.console import print_line
from pipeline.cli.context import get_context
from pipeline.cli.enqueue import Enqueue
from pipeline.scheduler import service
from pipeline.scheduler.planning import PastRun
from pipeline.store import read

EXAMPLES: Final = (
    "nightdesk schedule",
    "nightdesk schedule --enqueue",
)


def schedule(context: typer.Context, enqueue: Enqueue = False) -> None:
    """Run until Ctrl-C or SIGTERM, and crawl each site at the times of its cron line."""
    app = get_context(context)
    _ = app.settings.sent_user_agent  # without a contact in the settings nothing is started
    app.sites()
    starter = None
    if enqueue:
        database = app.open_cluster_archive()
        from pipeline.cluster.dispatch import ClusterDispatcher

        starter = ClusterDispatcher(database, print_line)
    else:
        database = app.open_archive(create=True)

    def past_runs(site: str | None) -> Mapping[str, Sequence[PastRun]]:
        runs_by_site = {}
        for name, crawls in read.recent_crawls(database, datetime.now(UTC), site).items():
            runs_by_site[name] = [PastRun(*crawl) for crawl in crawls]
        return runs_by_site

    service.run_scheduler(app.settings, past_runs, print_line, starter)
    database.close()
