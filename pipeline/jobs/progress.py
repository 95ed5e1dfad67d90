"""Callbacks through which jobs report their progress, and the exception that cancels a job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from pipeline.jobs.results import SiteResult

ProgressCallback = Callable[[str, int, int], None]
"""Receives the stage, how much of it is done, and how much there is. May raise `Cancelled`."""

SiteEventCallback = Callable[[str, dict[str, Any]], None]
"""Receives a site's id, or its URL if it has no id yet, and an event of its child process."""


class Cancelled(Exception):
    """Raised by a progress callback to cancel a job. What is done is kept."""


class ProgressListener(Protocol):
    """Receives the progress of a night. Several threads call it."""

    def crawl(self, site: str, event: dict[str, Any]) -> None:
        """Receive an event of a crawl."""

    def clean(self, site: str, stage: str, done: int, total: int) -> None:
        """Receive the progress of a clean."""

    def done(self, result: SiteResult) -> None:
        """Receive the result of a site, once its night is over."""
