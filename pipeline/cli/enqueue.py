"""The option `--enqueue`, and what is printed about work that goes to workers."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.console import print_json, print_line
from pipeline.core.formatting import pluralize

if TYPE_CHECKING:
    from pipeline.cluster.dispatch import Enqueued

Enqueue = Annotated[
    bool,
    typer.Option(
        "--enqueue",
        help="Put the work into the queue of the archive for 'nightdesk worker', and do none here.",
    ),
]


def print_enqueued(enqueued: Enqueued, noun: str, rest: str, *, as_json: bool) -> None:
    """Print how many tasks were enqueued.

    Args:
        enqueued: The numbers.
        noun: What the tasks are: "crawl" or "clean".
        rest: Why the other sites got no task.
        as_json: Print JSON.
    """
    if as_json:
        print_json(asdict(enqueued))
        return
    tasks = pluralize(enqueued.enqueued, noun)
    sites = pluralize(enqueued.requested, "site")
    if enqueued.enqueued < enqueued.requested:
        print_line(f"{tasks} enqueued for {sites}; {rest}.")
    else:
        print_line(f"{tasks} enqueued for {sites}.")
    print_line("'nightdesk queue' shows how far the workers are.")
