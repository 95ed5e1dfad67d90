"""`nightdesk queue`: what waits for workers, and what they do."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

import typer

from pipeline.cli.console import print_json, print_line
from pipeline.cli.context import AsJson, get_context
from pipeline.cli.views.queue_status import print_queue
from pipeline.monitoring.queue_progress import BatchStatus
from pipeline.store import read

EXAMPLES: Final = ("nightdesk queue",)


def queue(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the tasks in the queue and at work, how long they take, and those that were given up.

    Each worker is shown with its last sign of life and the sites that it has in hand. One that is
    silent for 15 seconds may be dead; after 45 seconds other workers take over its tasks.
    """
    status = read.queue_status(get_context(context).open_archive())
    if as_json:
        print_json(_queue_json(status))
    elif status == read.QueueStatus():
        print_line("Nothing is enqueued and no worker is running; see 'nightdesk worker --help'.")
    else:
        print_queue(status)


def _queue_json(status: read.QueueStatus) -> dict[str, Any]:
    workers = []
    for worker in status.workers:
        sites = worker.sites.split(", ") if worker.sites else []
        workers.append(
            {
                "process": worker.process,
                "queues": worker.queues.split(", "),
                "silent_seconds": worker.silent_seconds,
                "silent": worker.is_silent,
                "sites": sites,
            }
        )
    failed = []
    for site, kind, batch in status.failed:
        failed.append({"site": site, "kind": kind, "batch": batch})
    batches = [_batch_json(batch) for batch in status.batches]
    return {"workers": workers, "batches": batches, "failed": failed}


def _batch_json(batch: BatchStatus) -> dict[str, Any]:
    values = asdict(batch) | {"seconds_left": None}
    del values["time_left"]
    if batch.time_left is not None:
        values["seconds_left"] = batch.time_left.total_seconds()
    return values
