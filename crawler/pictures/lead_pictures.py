"""Fetches the lead pictures of stories, after the stories: lease, fetch, check, save.

A picture may be on any host. Robots rules, the guard of private addresses, the delay and the
limits of the Site count for it as for each page.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Final

from crawler.budgets import UNRESPONSIVE_REASONS, CrawlBudget
from crawler.capture import apply_opt_outs
from crawler.fetcher import PageFetcher
from crawler.revisit import retry_at
from crawler.run import CrawlRun
from pipeline.core.models import Capture, DueUrl, Outcome, Reason
from pipeline.core.pictures import MAX_PICTURE_BYTES, picture_info
from pipeline.store.crawl.session import FetchedPage

LEASE_SIZE: Final = 16
MAX_FAILURES: Final = 5  # in a row without a useful answer; the rest stays due
PERMANENT_REASONS: Final = (Reason.NOT_PICTURE, Reason.TOO_MANY_PIXELS, Reason.TOO_LARGE)


class PictureCrawler:
    """Fetch the lead pictures of a Site that are due.

    A host of pictures that does not answer ends the pictures of tonight, and not the Run.

    Args:
        run: The Run.
        fetcher: Fetches the pictures.
        budget: Says when to stop.
        only_seen: Whether only pictures that stories of this Run declare are fetched.
    """

    def __init__(
        self, run: CrawlRun, fetcher: PageFetcher, budget: CrawlBudget, *, only_seen: bool
    ) -> None:
        self._run = run
        self._fetcher = fetcher
        self._budget = budget
        self._only_seen = only_seen
        self._leased: list[DueUrl] = []
        self._lease_lock = asyncio.Lock()
        self._failures = 0

    async def crawl_next(self) -> bool:
        """Fetch and save the next picture.

        Returns:
            False where none is due any more, or the Run must stop.
        """
        due = await self._next_due()
        if due is None:
            return False
        result = await self._fetcher.fetch(due, follow_redirects=True)
        capture = check_picture(apply_opt_outs(result.capture, self._run.site.politeness))
        has_failed = capture.reason in UNRESPONSIVE_REASONS
        self._failures = self._failures + 1 if has_failed else 0
        outcome = await self._run.save_article(FetchedPage(capture, _due_at(capture, due)))
        self._run.events.page_fetched(due.url, capture, outcome)
        return True

    async def _next_due(self) -> DueUrl | None:
        async with self._lease_lock:
            if self._budget.should_stop() or self._failures >= MAX_FAILURES:
                return None
            limit = min(LEASE_SIZE, self._budget.pages_left)
            if not self._leased and limit > 0:
                batch = await self._run.lease_pictures(limit, only_seen=self._only_seen)
                self._leased = list(reversed(batch))
                self._budget.pages_leased += len(batch)
            return self._leased.pop() if self._leased else None


def check_picture(capture: Capture) -> Capture:
    """Return the Capture of a picture with its type by its bytes.

    Bytes that are no picture, or a picture of too many pixels, become a failure without bytes.
    """
    body = capture.body
    if capture.outcome is not Outcome.FETCHED or body is None:
        return capture
    info = picture_info(body)
    if info is not None and len(body) <= MAX_PICTURE_BYTES and not info.is_too_large:
        return replace(capture, reason=Reason.NEW, media_type=info.media_type, charset="")
    reason, detail = Reason.NOT_PICTURE, f"no picture but {capture.media_type or 'unnamed bytes'}"
    if info is not None:
        reason = Reason.TOO_MANY_PIXELS
        detail = f"a picture of {info.width} × {info.height} pixels"
        if len(body) > MAX_PICTURE_BYTES:
            reason, detail = Reason.TOO_LARGE, f"a picture of {len(body):,} bytes"
    return replace(
        capture, outcome=Outcome.FAILED, reason=reason, detail=detail[:200], body=None, headers={}
    )


def _due_at(capture: Capture, due: DueUrl) -> datetime | None:
    """When a picture is asked for again: only if another time it may be had."""
    return None if capture.reason in PERMANENT_REASONS else retry_at(capture, due)
