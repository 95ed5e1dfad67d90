"""How far the workers of a cluster are, as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.cli.console import print_line
from pipeline.core.formatting import format_duration, format_if, pluralize
from pipeline.monitoring.queue_progress import BatchStatus
from pipeline.store import read

if TYPE_CHECKING:
    from pipeline.store.db.engine import Database


def print_queue(status: read.QueueStatus) -> None:
    """Print the workers, the batches, the tasks that were given up, and a last sentence."""
    print_line("Workers:" if status.workers else "Workers: none is running")
    for worker in status.workers:
        print_line(f"  {_worker_text(worker)}")
    if status.batches:
        print_line("Batches:")
    for batch in status.batches:
        print_line(f"  {batch_sentence(batch)}")
    for site, kind, batch_name in status.failed:
        print_line(
            f"! {site}: {kind} of '{batch_name}' was given up; the log of its worker says why"
        )
    print_line(queue_sentence(status))


def _worker_text(worker: read.WorkerStatus) -> str:
    """Return the queues of a worker, its last sign of life, and the sites that it has in hand."""
    text = f"{worker.process} ({worker.queues}): "
    if worker.is_silent:
        text += f"no sign of life for {worker.silent_seconds:.0f} s, perhaps dead"
        return text + format_if("; had in hand: {}", worker.sites)
    text += f"last sign of life {worker.silent_seconds:.0f} s ago"
    return text + (f"; in hand: {worker.sites}" if worker.sites else "; waits for tasks")


def queue_sentence(status: read.QueueStatus) -> str:
    """Return the state of the whole queue, and what to do if nothing goes on."""
    waiting = sum(batch.waiting for batch in status.batches)
    running = sum(batch.running for batch in status.batches)
    silent = sum(worker.is_silent for worker in status.workers)
    alive = len(status.workers) - silent
    failed = sum(batch.failed for batch in status.batches)
    tasks = f"{waiting:,} waiting, {running:,} running, {failed:,} given up"
    sentence = f"Workers alive: {alive}, silent: {silent}. Tasks: {tasks}."
    if not waiting and not running:
        return sentence
    if not alive:
        return f"{sentence} Nothing goes on: start 'nightdesk worker'."
    if silent and running:
        seconds = f"{read.WORKER_TIMEOUT:.0f} s"
        sentence += f" Other workers take over the tasks of a worker that is silent for {seconds}."
    return sentence


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
