"""Pages that a person asks for by their URL: they are due now, whatever a source lists.

Works inside a transaction of `CrawlSession`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, func, select, update

from pipeline.core.models import DueUrl, LinkDecision, Outcome, Reason, UrlKind
from pipeline.store.crawl import frontier, leases
from pipeline.store.crawl.frontier import page_key
from pipeline.store.db import run_log
from pipeline.store.db.schema import PageRow
from pipeline.store.db.sql import chunks

# A page that only a foreign site has seen, as the target of a link or redirect.
FOREIGN: Final = (Reason.OFF_SITE, Reason.BLOCKED_ADDRESS)
SEEN_BY_OTHERS: Final = (PageRow.outcome == Outcome.REFUSED) & PageRow.reason.in_(FOREIGN)


def register(
    db: Connection, run: int, site: str, decisions: Sequence[LinkDecision], at: datetime
) -> tuple[int, ...]:
    """Save the pages that a person asks for, and return the ids of those that are stories.

    Args:
        db: A write transaction.
        run: The run's id.
        site: The site's id.
        decisions: The URLs and what was decided about them.
        at: The time of the request.
    """
    keys = list(dict.fromkeys(page_key(decision.link.url) for decision in decisions))
    for chunk in chunks(keys):
        is_adopted = (PageRow.url_key.in_(chunk), PageRow.site != site, SEEN_BY_OTHERS)
        db.execute(update(PageRow).where(*is_adopted).values(site=site))
    frontier.save_links(db, run, site, decisions, UrlKind.SECTION, at, force=True)
    story = func.coalesce(PageRow.part_of, PageRow.id)  # a part is fetched with its story
    query = select(PageRow.url_key, story).where(
        PageRow.site == site, PageRow.kind.in_((UrlKind.STORY, UrlKind.PART))
    )
    ids: dict[str, int] = {}
    for chunk in chunks(keys):
        for key, page_id in db.execute(query.where(PageRow.url_key.in_(chunk))):
            ids[key] = page_id
    return tuple(ids[key] for key in keys if key in ids)


def follow_ups(db: Connection, site: str, pages: Sequence[int]) -> tuple[int, ...]:
    """Return the pages to which pages of a site redirect, and the further parts of stories.

    Args:
        db: A connection that reads.
        site: The id of the site.
        pages: Ids of pages that were fetched.

    Returns:
        Ids of pages, each once; some may be among those that were given.
    """
    targets = select(PageRow.redirect_to).where(
        PageRow.site == site, PageRow.redirect_to.is_not(None)
    )
    parts = select(PageRow.id).where(PageRow.site == site).order_by(PageRow.part_number)
    ids: list[int] = []
    for chunk in chunks(pages):
        ids += db.scalars(targets.where(PageRow.id.in_(chunk)))
        ids += db.scalars(parts.where(PageRow.part_of.in_(chunk)))
    return tuple(ids)


def lease(
    db: Connection, run: int, site: str, pages: Sequence[int], now: datetime, until: datetime
) -> tuple[DueUrl, ...]:
    """Lease pages of a site to a run, whether they are due or not.

    A refused target of a redirect is left out.

    Args:
        db: A write transaction.
        run: The run's id.
        site: The site's id.
        pages: The ids of the pages.
        now: The time of the lease.
        until: The end of the lease.
    """
    if not pages:
        return ()
    is_refused = (PageRow.outcome == Outcome.REFUSED) & PageRow.due_at.is_(None)
    query = select(PageRow.id).where(PageRow.site == site, ~is_refused)
    ids: list[int] = []
    for chunk in chunks(pages):
        ids += db.scalars(query.where(PageRow.id.in_(chunk)))
    for chunk in chunks(ids):
        db.execute(update(PageRow).where(PageRow.id.in_(chunk)).values(due_at=now))
    run_log.add_entries(db, run, [(page, Outcome.PENDING, Reason.NONE) for page in ids], now)
    return leases.lease(db, run, site, ids, now, until)
