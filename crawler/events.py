"""Reports a crawl's progress to its parent process: one JSON object a line on standard output.

`pipeline.jobs.crawl`, `pipeline.jobs.probe` and the progress display read these events.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from pipeline.core.errors import ExitCode, NightdeskError
from pipeline.core.models import Capture, Outcome, Reason, UrlKind
from pipeline.core.urls import without_credentials

FLUSH_INTERVAL = 0.1  # seconds; the progress display draws ten times a second at most


class EventWriter:
    """Print events. Nothing else may write to standard output.

    Args:
        flush_interval: Seconds for which events of single pages may wait for each other.
    """

    def __init__(self, flush_interval: float = FLUSH_INTERVAL) -> None:
        self._flush_interval = flush_interval
        self._flushed_at = 0.0

    def started(self, run: int) -> None:
        """Report that the run has started."""
        self._write("started", run=run)

    def source_fetched(
        self, url: str, capture: Capture, *, links: int, new: int, known: int, refused: int
    ) -> None:
        """Report a source, with how many links it showed and what was decided about them."""
        self._write(
            "source",
            url=without_credentials(url),
            outcome=capture.outcome,
            reason=capture.reason,
            detail=capture.detail,
            links=links,
            new=new,
            known=known,
            refused=refused,
        )

    def pages_leased(self, count: int) -> None:
        """Report how many pages the run has leased so far."""
        self._write("due", count=count)

    def page_fetched(self, url: str, capture: Capture, outcome: Outcome) -> None:
        """Report a story page.

        Args:
            url: Its URL.
            capture: What was fetched.
            outcome: The outcome as the archive saved it.
        """
        needs_flush = time.monotonic() - self._flushed_at >= self._flush_interval
        self._write(
            "page",
            needs_flush,
            url=without_credentials(url),
            outcome=outcome,
            reason=_saved_reason(capture, outcome),
            detail=capture.detail,
            bytes=capture.size,
        )

    def probe_fetched(self, url: str, kind: UrlKind, capture: Capture) -> None:
        """Report one fetch of a probe."""
        self._write(
            "probed",
            url=without_credentials(url),
            kind=kind,
            outcome=capture.outcome,
            reason=capture.reason,
        )

    def probe_finished(self) -> None:
        """Report that the probe has written its result."""
        self._write("probe_finished")

    def finished(self, run: int, status: str, counts: dict[str, int], detail: str) -> None:
        """Report the end of the run, with its number of URLs by outcome."""
        self._write("finished", run=run, status=status, counts=counts, detail=detail)

    def ready(self) -> None:
        """Report that the process waits for its next job."""
        self._write("ready")

    def source_read_again(self, url: str, queued: int) -> None:
        """Report that the stored versions of a source were read again."""
        self._write("read_again", url=without_credentials(url), queued=queued)

    def rediscovered(self, run: int, counts: dict[str, int], totals: dict[str, int]) -> None:
        """Report the end of a run that read stored sources: its outcomes, and what it read."""
        self._write("rediscovered", run=run, counts=counts, **totals)

    def error(self, error: NightdeskError) -> None:
        """Report an error that ends the process."""
        self._write("error", kind=type(error).__name__, message=str(error))

    def _write(self, event: str, needs_flush: bool = True, /, **values: Any) -> None:
        try:
            sys.stdout.write(json.dumps({"event": event, **values}, ensure_ascii=False) + "\n")
            if needs_flush:
                self._flushed_at = time.monotonic()
                sys.stdout.flush()
        except BrokenPipeError:  # no parent is left to read; what is saved is saved
            os._exit(ExitCode.INTERRUPTED)


def _saved_reason(capture: Capture, outcome: Outcome) -> Reason:
    """The reason of a page's outcome as the archive saved it."""
    was_fetched = capture.outcome is Outcome.FETCHED
    if outcome is Outcome.UNCHANGED and was_fetched:
        return Reason.SAME_BYTES
    if outcome is Outcome.REDIRECTED and was_fetched:
        return Reason.DUPLICATE
    return Reason.NONE if outcome is Outcome.FETCHED else capture.reason
