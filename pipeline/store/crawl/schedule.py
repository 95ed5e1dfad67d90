"""When stored pages are due: computed again after a change of a site file, or all at once.

Works inside a transaction of `CrawlSession`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, bindparam, or_, select, update

from pipeline.core.models import Outcome, UrlKind
from pipeline.store.db.schema import PageRow, SiteRevisitRow
from pipeline.store.db.sql import upsert

VISITED: Final = (Outcome.FETCHED, Outcome.UNCHANGED)
FETCHED_AGAIN: Final = (*VISITED, Outcome.GONE, Outcome.FAILED, Outcome.DEFERRED)
UPDATE_DUE_DATES: Final = (
    update(PageRow).where(PageRow.id == bindparam("page")).values(due_at=bindparam("due"))
)

NextFetch = Callable[[datetime, datetime], datetime | None]
"""Returns when a page is due, from when it was first seen and when it was last fetched."""


def stored_revisit(db: Connection, site: str) -> tuple[float, float] | None:
    """Return the hours and days by which due dates were computed; None where nobody noted them."""
    query = select(SiteRevisitRow.after_hours, SiteRevisitRow.for_days)
    row = db.execute(query.where(SiteRevisitRow.site == site)).first()
    return None if row is None else (row.after_hours, row.for_days)


def save_revisit(db: Connection, site: str, after_hours: float, for_days: float) -> None:
    """Note the hours and days by which due dates are computed from now on."""
    row = {"site": site, "after_hours": after_hours, "for_days": for_days}
    db.execute(upsert(db, SiteRevisitRow, ["site"], ["after_hours", "for_days"]), [row])


def ask_tdmrep(db: Connection, site: str, before: datetime, now: datetime) -> bool:
    """Note a request for a site's tdmrep.json: see `CrawlSession.ask_tdmrep`."""
    asked_at = SiteRevisitRow.tdmrep_asked_at
    statement = (
        update(SiteRevisitRow)
        .where(SiteRevisitRow.site == site, or_(asked_at.is_(None), asked_at < before))
        .values(tdmrep_asked_at=now)
    )
    return bool(db.execute(statement.returning(SiteRevisitRow.site)).all())


def compute_due_dates(db: Connection, site: str, first_day: datetime, next_fetch: NextFetch) -> int:
    """Compute again when the visited stories of a site are due, and return how many change.

    Args:
        db: A write transaction.
        site: The site's id.
        first_day: Pages that are not due and were first seen before it stay as they are.
        next_fetch: Says when a page is due.
    """
    query = select(
        PageRow.id, PageRow.first_seen_at, PageRow.last_matched_at, PageRow.due_at
    ).where(
        *_is_story_of(site),
        PageRow.outcome.in_(VISITED),
        PageRow.last_matched_at.is_not(None),
        or_(PageRow.due_at.is_not(None), PageRow.first_seen_at >= first_day),
    )
    changes: list[dict[str, Any]] = []
    for row in db.execute(query):
        due_at = next_fetch(row.first_seen_at, row.last_matched_at)
        if due_at != row.due_at:
            changes.append({"page": row.id, "due": due_at})
    if changes:
        db.execute(UPDATE_DUE_DATES, changes)
    return len(changes)


def make_all_due(db: Connection, site: str, now: datetime, first_day: datetime) -> None:
    """Make all stories of a site due that were first seen after a day, unless they were refused."""
    db.execute(
        update(PageRow)
        .where(
            *_is_story_of(site),
            PageRow.outcome.in_(FETCHED_AGAIN),
            PageRow.first_seen_at >= first_day,
            or_(PageRow.due_at.is_(None), PageRow.due_at > now),
        )
        .values(due_at=now)
    )


def _is_story_of(site: str) -> tuple[ColumnElement[bool], ...]:
    return PageRow.site == site, PageRow.kind == UrlKind.STORY
