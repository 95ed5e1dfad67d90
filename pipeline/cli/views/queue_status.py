"""How far the workers of a cluster are, as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.cli.console import print_line
from pipeline.core.formatting import format_duration, pluralize
from pipeline.monitoring.queue_progress import BatchStatus
from pipeline.store import read

if TYPE_CHECKING:
    from pipeline.store.db.engine import Database


SILENT_SECONDS: Final = 15.0  # a worker that lives says so every ten


def print_queue(status: read.QueueStatus) -> None:
    """Print the workers, the batches and the tasks that were given up."""
    workers = [_worker_text(worker) for worker in status.workers]
    print_line(f"Workers: {'; '.join(workers) or 'none is running'}")
    for batch in status.batches:
        print_line(f"  {batch_sentence(batch)}")
    for site, kind, batch_name in status.failed:
        print_line(
            f"! {site}: {kind} of '{batch_name}' was given up; the log of its worker says why"
        )


def _worker_text(worker: read.WorkerStatus) -> str:
    """Return what a worker does, and when it last gave a sign of life if that is a while ago."""
    parts = [worker.queues]
    if worker.sites:
        parts.append(f"at {worker.sites}")
    if worker.silent_seconds >= SILENT_SECONDS:
        parts.append(f"no sign of life for {worker.silent_seconds:.0f} s")
    return f"{worker.process} ({'; '.join(parts)})"


def print_queue_if_used(database: Database) -> None:
    """Print the queue, and nothing if no worker and no batch is known."""
    status = read.queue_status(database)
    if status.workers or status.batches:
        print_line()
        print_queue(status)


def batch_sentence(batch: BatchStatus) -> str:
    """Return how far a batch is, in one line."""
    parts = []
    if batch.crawls:
        parts.append(f"{batch.crawled:,} of {pluralize(batch.crawls, 'site')} crawled")
    if batch.cleans:
        parts.append(f"{batch.cleaned:,} of {pluralize(batch.cleans, 'site')} cleaned")
    if batch.pages:
        parts.append(f"{batch.extracted:,} of {pluralize(batch.pages, 'page')} extracted")
    parts.append(f"{batch.running:,} running")
    if batch.time_left is not None:
        parts.append(f"about {format_duration(batch.time_left)} left")
    return f"{batch.name}: {', '.join(parts)}"
