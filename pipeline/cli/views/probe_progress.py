"""Progress of a probe: one line at a terminal with the request that runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from rich.status import Status

from pipeline.cli.console import errors
from pipeline.jobs.progress import SiteEventCallback

MAX_WIDTH: Final = 110  # columns


@contextmanager
def probe_progress(*, quiet: bool) -> Iterator[SiteEventCallback]:
    """Show what a probe requests while the block runs.

    Args:
        quiet: Show nothing.
    """
    if quiet or not errors.is_terminal:
        yield lambda _site, _event: None
        return
    with Status("", console=errors) as status:

        def update(site: str, event: dict[str, Any]) -> None:
            match event["event"]:
                case "probed":
                    status.update(f"{site}: {event['kind']} {event['url']}"[:MAX_WIDTH])
                case "cleaning":
                    status.update(f"{site}: cleaning {event['samples']} samples")

        yield update
