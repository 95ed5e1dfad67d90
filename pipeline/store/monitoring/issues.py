"""The issues of sites. The first night that shows one opens it; the first without it closes it.

There is one open row for each site, kind and subject. All times are those of nights. People are
notified once when an issue is opened, and once when it is closed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, or_, select, update

from pipeline.monitoring.issues import MINOR_KINDS, Issue, IssueKind
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import IssueRow
from pipeline.store.db.sql import fetch_as, insert_into, storable

MAX_UNSENT = 500  # issues in one notification


@dataclass(frozen=True, slots=True)
class IssueView:
    """One issue. `closed_at` is the time of the first night that did not show it any more."""

    id: int
    site: str
    kind: str
    subject: str
    sentence: str
    cause: str
    command: str
    evidence: dict[str, Any]
    opened_at: datetime
    seen_at: datetime
    closed_at: datetime | None
    accepted: bool
    notified_at: datetime | None
    closed_notified_at: datetime | None

    @property
    def is_serious(self) -> bool:
        """Whether stories, or parts of them, are being lost. A kind of a later version is not."""
        return self.kind in set(IssueKind) and self.kind not in MINOR_KINDS


COLUMNS = tuple(getattr(IssueRow, name) for name in IssueView.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class NightIssues:
    """The issues of one night of a site.

    Attributes:
        site: The site.
        at: When the night began.
        issues: What the night shows.
        undecided: Kinds that the night says nothing about. Their open issues stay as they are.
    """

    site: str
    at: datetime
    issues: Sequence[Issue]
    undecided: Collection[str] = ()


def save_issues(database: Database, nights: Sequence[NightIssues]) -> None:
    """Save the issues of nights: open new ones, update open ones, close what is over.

    Args:
        database: The archive.
        nights: One night of each site.
    """
    query = select(IssueRow.site, IssueRow.id, IssueRow.kind, IssueRow.subject).where(
        IssueRow.site.in_([night.site for night in nights]), IssueRow.closed_at.is_(None)
    )
    with database.write() as db:
        open_ids: dict[str, dict[tuple[str, str], int]] = defaultdict(dict)
        for row in db.execute(query):
            open_ids[row.site][row.kind, row.subject] = row.id
        for night in nights:
            _save_night(db, night, open_ids[night.site])


def _save_night(db: Connection, night: NightIssues, open_ids: dict[tuple[str, str], int]) -> None:
    for issue in night.issues:
        issue_id = open_ids.pop((issue.kind, issue.subject), None)
        _save_issue(db, night.site, night.at, issue, issue_id)
    closed = [number for (kind, _), number in open_ids.items() if kind not in night.undecided]
    if closed:
        db.execute(update(IssueRow).where(IssueRow.id.in_(closed)).values(closed_at=night.at))


def _save_issue(
    db: Connection, site: str, at: datetime, issue: Issue, issue_id: int | None
) -> None:
    values: dict[str, Any] = {
        "sentence": storable(issue.sentence),
        "cause": storable(issue.cause),
        "command": storable(issue.command),
        "evidence": dict(issue.evidence),
        "seen_at": at,
    }
    if issue_id is not None:
        db.execute(update(IssueRow).where(IssueRow.id == issue_id).values(**values))
        return
    row = values | {
        "site": site,
        "kind": issue.kind,
        "subject": issue.subject,
        "opened_at": at,
        "accepted": False,
    }
    # another process may evaluate the same night
    db.execute(insert_into(db, IssueRow).on_conflict_do_nothing(), row)


def open_issues(database: Database, sites: Collection[str] | None = None) -> tuple[IssueView, ...]:
    """Return the open issues by site, oldest first.

    Args:
        sites: Only issues of these sites. None means all sites.
    """
    query = select(*COLUMNS).where(IssueRow.closed_at.is_(None))
    if sites is not None:
        query = query.where(IssueRow.site.in_(sites))
    query = query.order_by(IssueRow.site, IssueRow.opened_at, IssueRow.id)
    with database.read() as db:
        return fetch_as(db, query, IssueView)


def site_issues(database: Database, site: str, limit: int) -> tuple[IssueView, ...]:
    """Return the newest issues of a site, open ones first."""
    query = (
        select(*COLUMNS)
        .where(IssueRow.site == site)
        .order_by(IssueRow.closed_at.is_not(None), IssueRow.id.desc())
        .limit(limit)
    )
    with database.read() as db:
        return fetch_as(db, query, IssueView)


def issues_closed_since(database: Database, since: datetime) -> tuple[IssueView, ...]:
    """Return the issues that were closed since that time and that nobody accepted."""
    query = (
        select(*COLUMNS)
        .where(IssueRow.closed_at >= since, ~IssueRow.accepted)
        .order_by(IssueRow.site, IssueRow.id)
    )
    with database.read() as db:
        return fetch_as(db, query, IssueView)


def accepted_issues(
    database: Database, sites: Collection[str]
) -> dict[str, dict[tuple[str, str], datetime]]:
    """Return when issues were accepted, by site, and of each site by kind and subject.

    Args:
        database: The archive.
        sites: Ids of sites.

    Returns:
        For each site, kind and subject of an issue, the time at which somebody accepted it last.
    """
    query = (
        select(IssueRow.site, IssueRow.kind, IssueRow.subject, func.max(IssueRow.closed_at))
        .where(IssueRow.site.in_(sites), IssueRow.accepted)
        .group_by(IssueRow.site, IssueRow.kind, IssueRow.subject)
    )
    accepted: dict[str, dict[tuple[str, str], datetime]] = defaultdict(dict)
    with database.read() as db:
        for site, kind, subject, at in db.execute(query):
            if at is not None:
                accepted[site][kind, subject] = at
    return accepted


def unsent_issues(database: Database) -> tuple[IssueView, ...]:
    """Return what nobody was notified of yet.

    These are open issues, and closed ones whose opening was sent.

    Args:
        database: The archive.

    Returns:
        The issues by site, those of each site oldest first.
    """
    opened = IssueRow.closed_at.is_(None) & IssueRow.notified_at.is_(None)
    closed = (
        (IssueRow.closed_at.is_not(None))
        & IssueRow.notified_at.is_not(None)
        & IssueRow.closed_notified_at.is_(None)
        & ~IssueRow.accepted
    )
    query = select(*COLUMNS).where(or_(opened, closed)).order_by(IssueRow.site, IssueRow.id)
    with database.read() as db:
        return fetch_as(db, query.limit(MAX_UNSENT), IssueView)


def mark_notified(database: Database, issues: Sequence[IssueView], at: datetime) -> None:
    """Save that people were notified of these issues as they are.

    Args:
        database: The archive.
        issues: The issues that were sent.
        at: The time of sending.
    """
    opened: list[int] = []
    closed: list[int] = []
    for issue in issues:
        ids = opened if issue.closed_at is None else closed
        ids.append(issue.id)
    with database.write() as db:
        db.execute(update(IssueRow).where(IssueRow.id.in_(opened)).values(notified_at=at))
        db.execute(update(IssueRow).where(IssueRow.id.in_(closed)).values(closed_notified_at=at))


def accept_issues(database: Database, site: str, kind: str | None, at: datetime) -> int:
    """Close the open issues of a site, because that is how the site is now.

    The nights since then count as its baseline.

    Args:
        kind: Only issues of this kind. None means all.
        at: The current time.

    Returns:
        How many issues were closed.
    """
    query = update(IssueRow).where(IssueRow.site == site, IssueRow.closed_at.is_(None))
    if kind:
        query = query.where(IssueRow.kind == kind)
    with database.write() as db:
        return int(db.execute(query.values(closed_at=at, accepted=True)).rowcount)
