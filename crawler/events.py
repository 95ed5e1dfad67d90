"""What a crawl tells the process that started it: one JSON object a line on standard output."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from crawler.capture import without_credentials
from pipeline.core.errors import ExitCode, NightdeskError
from pipeline.core.models import Capture, Outcome, Reason, UrlKind

FLUSH_INTERVAL = 0.1  # seconds


class EventWriter:
    """Prints events. Nothing else may write to standard output. What became of a page may wait a moment for others: who listens
    looks ten times a second at the most."""

    def __init__(self) -> None:
        self._flushed = 0.0

    def started(self, run: int) -> None:
        self._print("started", run=run)

    def source_fetched(
        self, url: str, capture: Capture, *, links: int, new: int, known: int, refused: int
    ) -> None:
        self._print(
            "place", url=without_credentials(url), outcome=capture.outcome, reason=capture.reason, detail=capture.detail,
            links=links, new=new, known=known, refused=refused,
        )  # fmt: skip

    def pages_leased(self, count: int) -> None:
        self._print("due", count=count)

    def page_fetched(self, url: str, capture: Capture, outcome: Outcome) -> None:
        same = outcome is Outcome.UNCHANGED and capture.outcome is Outcome.FETCHED
        reason = (
            Reason.SAME_BYTES
            if same
            else Reason.NONE
            if outcome is Outcome.FETCHED
            else capture.reason
        )
        if outcome is Outcome.REDIRECTED and capture.outcome is Outcome.FETCHED:
            reason = Reason.DUPLICATE
        now = time.monotonic()
        self._print(
            "page",
            now - self._flushed >= FLUSH_INTERVAL,
            url=without_credentials(url),
            outcome=outcome,
            reason=reason,
            detail=capture.detail,
            bytes=capture.size,
        )

    def probe_fetched(self, url: str, kind: UrlKind, capture: Capture) -> None:
        self._print(
            "probed",
            url=without_credentials(url),
            kind=kind,
            outcome=capture.outcome,
            reason=capture.reason,
        )

    def probe_finished(self) -> None:
        self._print("surveyed")

    def finished(self, run: int, status: str, counts: dict[str, int], detail: str) -> None:
        self._print("finished", run=run, status=status, counts=counts, detail=detail)

    def error(self, error: NightdeskError) -> None:
        self._print("error", kind=type(error).__name__, message=str(error))

    def _print(self, event: str, at_once: bool = True, /, **values: Any) -> None:
        try:
            sys.stdout.write(json.dumps({"event": event, **values}, ensure_ascii=False) + "\n")
            if at_once:
                self._flushed = time.monotonic()
                sys.stdout.flush()
        except BrokenPipeError:  # nobody is left to tell, and what is kept is kept
            os._exit(ExitCode.INTERRUPTED)
