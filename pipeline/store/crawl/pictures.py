"""Save the lead pictures that stories declare, and lease those that are due.

Works inside a transaction of `CrawlSession`. A picture is a page of kind `picture`. It is fetched
once, however many stories declare it, and again only while it could not be had.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from pipeline.core.models import DueUrl, Link, LinkDecision, Outcome, Reason, UrlKind
from pipeline.store.crawl import frontier, leases
from pipeline.store.crawl.frontier import page_key
from pipeline.store.db import run_log, taken_down
from pipeline.store.db.schema import StoryPictureRow
from pipeline.store.db.sql import upsert


def save_links(db: Connection, run: int, site: str, urls: Mapping[int, str], at: datetime) -> None:
    """Save which pictures stories declare. New ones are due, and pending in the ledger.

    The URL of a page that is no picture, and one that was taken down, is left out.

    Args:
        db: A write transaction.
        run: The run's id.
        site: The site's id.
        urls: The URL of the picture of each story, by the id of the story's page.
        at: The time of the fetch.
    """
    keys = {story: page_key(url) for story, url in urls.items()}
    by_key = {keys[story]: url for story, url in urls.items()}
    by_key = taken_down.without_taken_down(db, by_key)
    known = frontier.pages_by_key(db, list(by_key))
    new: dict[str, LinkDecision] = {}
    for key, url in by_key.items():
        if key not in known:
            new[key] = LinkDecision(Link(url, UrlKind.PICTURE))
    if new:
        frontier.insert_pages(db, site, new, None, at)
        created = frontier.pages_by_key(db, list(new))
        entries = [(row.id, Outcome.PENDING, Reason.NONE) for row in created.values()]
        run_log.add_entries(db, run, entries, at)
        known |= created
    rows: list[dict[str, object]] = []
    for story, key in sorted(keys.items()):
        if key in known and known[key].kind == UrlKind.PICTURE:
            seen = {"first_seen_at": at, "last_seen_at": at}
            rows.append({"page_id": story, "picture_id": known[key].id, **seen})
    if rows:
        statement = upsert(db, StoryPictureRow, ["page_id", "picture_id"], ["last_seen_at"])
        db.execute(statement, rows)


def lease(
    db: Connection,
    run: int,
    site: str,
    now: datetime,
    until: datetime,
    limit: int,
    *,
    only_seen: bool,
) -> tuple[DueUrl, ...]:
    """Lease lead pictures that are due to a run.

    Args:
        db: A write transaction.
        run: The run's id.
        site: The site's id.
        now: The time of the lease.
        until: The end of the lease.
        limit: How many at most.
        only_seen: Whether only pictures that stories of this run declare are leased.
    """
    kinds = (UrlKind.PICTURE,)
    pages = leases.newest_due(db, run, site, now, limit, kinds)
    if only_seen:
        seen = frontier.pages_in_ledger(db, run, pages)
        pages = [page for page in pages if page in seen]
    return leases.lease(db, run, site, pages, now, until, kinds)
