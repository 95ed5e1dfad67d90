"""Leases: which pages of stories a run fetches next.

To find the newest pages, all due pages of the site are sorted. A large site has up to a million,
so they are sorted once for many leases: for a thousand first, and for twice as many each time. In
between only pages are looked for that have become due since. Each lease checks its pages again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, func, or_, select, update

from pipeline.core.models import DueUrl, Outcome, Reason, UrlKind
from pipeline.store.crawl.due_urls import due_story, story_urls_of
from pipeline.store.crawl.frontier import PAGE_COLUMNS, PageState, pages_in_ledger
from pipeline.store.db import run_log
from pipeline.store.db.schema import LedgerEntryRow, PageRow
from pipeline.store.db.sql import chunks

LEASED_KINDS: Final = (UrlKind.STORY, UrlKind.PART)
# Pages for which the due pages of a site are sorted the first time, and after which those that have
# become due meanwhile are looked for.
DUE_AHEAD: Final = 1000
MAX_DUE_AHEAD: Final = 64_000  # their ids take three megabytes
# Longer than any fetch. The leases of a run that died end when the next run of the site starts.
LEASE_DURATION: Final = timedelta(minutes=30)


class LeaseQueue:
    """The pages of a site that were due when they were sorted last, newest first.

    Args:
        site: The site's id.
        kinds: The kinds of the pages.
        look_after: Pages after which those that have become due meanwhile are looked for.
    """

    def __init__(
        self, site: str, kinds: Sequence[UrlKind] = LEASED_KINDS, look_after: int = DUE_AHEAD
    ) -> None:
        self._site = site
        self._kinds = kinds
        self._look_after = look_after
        self._pages = deque[int]()
        self._ahead = look_after
        self._looked_at: datetime | None = None
        self._leased_since = 0  # pages since the last look

    def lease(self, db: Connection, run: int, now: datetime, limit: int) -> tuple[DueUrl, ...]:
        """Lease up to `limit` pages that are due to a run.

        A page that becomes due meanwhile has its turn after `look_after` others at most.
        """
        if self._pages and self._leased_since >= self._look_after:
            limits = self._look_after, self._kinds, self._looked_at
            newly_due = newest_due(db, run, self._site, now, *limits)
            self._pages.extendleft(reversed(newly_due))
            self._note_look(now)
        leased = self._lease_sorted(db, run, now, limit)
        if not leased:
            ahead = max(limit, self._ahead)
            self._ahead = min(2 * ahead, MAX_DUE_AHEAD)
            self._pages.extend(newest_due(db, run, self._site, now, ahead, self._kinds))
            self._note_look(now)
            leased = self._lease_sorted(db, run, now, limit)
        self._leased_since += len(leased)
        return leased

    def _note_look(self, now: datetime) -> None:
        self._looked_at, self._leased_since = now, 0

    def _lease_sorted(
        self, db: Connection, run: int, now: datetime, limit: int
    ) -> tuple[DueUrl, ...]:
        leased: tuple[DueUrl, ...] = ()
        while self._pages and not leased:
            pages = [self._pages.popleft() for _ in range(min(limit, len(self._pages)))]
            leased = lease(db, run, self._site, pages, now, now + LEASE_DURATION, self._kinds)
        return leased


def newest_due(
    db: Connection,
    run: int,
    site: str,
    now: datetime,
    limit: int,
    kinds: Sequence[UrlKind] = LEASED_KINDS,
    due_after: datetime | None = None,
) -> list[int]:
    """Return the ids of pages that are due and not leased, newest first.

    All due pages of the site are sorted for this, so ask for many at a time.

    Args:
        db: A transaction.
        run: The run that would lease them. It gets each page at most once.
        site: The site's id.
        now: Pages that are due at this time are returned.
        limit: How many pages to return at most.
        kinds: The kinds of the pages.
        due_after: Only pages that have become due after this time.
    """
    was_leased = (
        select(LedgerEntryRow.page_id)
        .where(LedgerEntryRow.run_id == run, LedgerEntryRow.page_id == PageRow.id)
        .where(LedgerEntryRow.outcome != Outcome.PENDING)
        .exists()
    )
    date = func.coalesce(PageRow.announced_published_at, PageRow.first_seen_at)
    query = (
        select(PageRow.id)
        .where(
            PageRow.site == site,
            PageRow.kind.in_(kinds),
            PageRow.due_at <= now,
            ~was_leased,
            or_(PageRow.lease_until.is_(None), PageRow.lease_until < now),
        )
        .order_by(date.desc(), PageRow.id)
        .limit(limit)
    )
    if due_after is not None:
        query = query.where(PageRow.due_at > due_after)
    return list(db.scalars(query))


def lease(
    db: Connection,
    run: int,
    site: str,
    pages: Sequence[int],
    now: datetime,
    until: datetime,
    kinds: Sequence[UrlKind] = LEASED_KINDS,
) -> tuple[DueUrl, ...]:
    """Lease those of some pages to a run that are still due and not leased, newest first.

    Args:
        db: A write transaction.
        run: The run's id. It gets each page at most once.
        site: The site's id.
        pages: The ids of the pages.
        now: Pages that are due at this time are leased.
        until: The end of the lease.
        kinds: The kinds of the pages.
    """
    rows: list[PageState] = []
    for chunk in chunks(pages):
        # The conditions are checked below: SQLite would read all due pages of the site for them.
        # The lock does nothing on SQLite, which has one writer anyway.
        query = select(*PAGE_COLUMNS, PageRow.lease_until).where(PageRow.id.in_(chunk))
        rows += db.execute(query.with_for_update(skip_locked=True)).all()
    finished = pages_in_ledger(db, run, [row.id for row in rows], only_finished=True)
    free: list[PageState] = []
    for row in rows:
        is_due = row.due_at is not None and row.due_at <= now
        is_free = row.lease_until is None or row.lease_until < now
        is_wanted = row.site == site and row.kind in kinds and row.id not in finished
        if is_wanted and is_due and is_free:
            free.append(row)
    free.sort(key=lambda row: row.id)
    free.sort(key=lambda row: row.announced_published_at or row.first_seen_at, reverse=True)
    for chunk in chunks([row.id for row in free]):
        leased = update(PageRow).where(PageRow.id.in_(chunk))
        db.execute(leased.values(lease_run=run, lease_until=until))
    run_log.add_entries(db, run, [(row.id, Outcome.PENDING, Reason.NONE) for row in free], now)
    story_urls = story_urls_of(db, free)
    return tuple(due_story(row, story_urls) for row in free)
