"""What was found wrong with Sites, as rows: opened by the night that shows it first, closed by the one that shows it no more.

Promises one open row for each (site, kind, subject), times that are those of nights, and that a row is told once when it is
opened and once when it is over.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update

from pipeline.monitoring.issues import Issue, IssueKind
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import IssueRow as Row
from pipeline.store.db.sql import insert_into, storable

MAX_UNSENT = 500  # that are read at a time


@dataclass(frozen=True, slots=True)
class IssueView:
    """One Finding. `closed_at` is the time of the first night that did not show it any more."""

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
        return self.kind in set(IssueKind) and Issue(IssueKind(self.kind), "").is_serious


COLUMNS = tuple(getattr(Row, name) for name in IssueView.__dataclass_fields__)


def save_issues(
    store: Database, site: str, at: datetime, found: Sequence[Issue], undecided: Collection[str]
) -> None:
    """Writes what a Site's night at that time shows: opens what is new, refreshes what lasts, closes what is over. Kinds
    that are `undecided` stay as they are: the night had nothing to tell them by."""
    with store.write() as db:
        query = select(Row.id, Row.kind, Row.subject).where(
            Row.site == site, Row.closed_at.is_(None)
        )
        standing = {(row.kind, row.subject): row.id for row in db.execute(query)}
        for each in found:
            told = {
                "sentence": storable(each.sentence), "cause": storable(each.cause), "command": storable(each.command),
                "evidence": dict(each.evidence), "seen_at": at,
            }  # fmt: skip
            number = standing.pop((each.kind, each.subject), None)
            if number is not None:
                db.execute(update(Row).where(Row.id == number).values(**told))
            else:
                row = told | {
                    "site": site,
                    "kind": each.kind,
                    "subject": each.subject,
                    "opened_at": at,
                    "accepted": False,
                }
                db.execute(
                    insert_into(db, Row).on_conflict_do_nothing(), row
                )  # somebody else judges the same night
        over = [number for (kind, _), number in standing.items() if kind not in undecided]
        db.execute(update(Row).where(Row.id.in_(over)).values(closed_at=at))


def open_issues(store: Database, sites: Collection[str] | None = None) -> tuple[IssueView, ...]:
    """All that are open, of some Sites or of all, by site and age."""
    query = (
        select(*COLUMNS).where(Row.closed_at.is_(None)).order_by(Row.site, Row.opened_at, Row.id)
    )
    with store.read() as db:
        rows = db.execute(query if sites is None else query.where(Row.site.in_(sites)))
        return tuple(IssueView(*row) for row in rows)


def site_issues(store: Database, site: str, limit: int) -> tuple[IssueView, ...]:
    """A Site's newest, open and over."""
    query = (
        select(*COLUMNS)
        .where(Row.site == site)
        .order_by(Row.closed_at.is_not(None), Row.id.desc())
        .limit(limit)
    )
    with store.read() as db:
        return tuple(IssueView(*row) for row in db.execute(query))


def issues_closed_since(store: Database, since: datetime) -> tuple[IssueView, ...]:
    """Those that are over since that time, and that nobody accepted."""
    query = select(*COLUMNS).where(Row.closed_at >= since, ~Row.accepted).order_by(Row.site, Row.id)
    with store.read() as db:
        return tuple(IssueView(*row) for row in db.execute(query))


def unsent_issues(store: Database) -> tuple[IssueView, ...]:
    """What nobody was told yet: those that are open, and the end of those that were told."""
    ended = (
        (Row.closed_at.is_not(None))
        & Row.notified_at.is_not(None)
        & Row.closed_notified_at.is_(None)
        & ~Row.accepted
    )
    query = select(*COLUMNS).where(or_(Row.closed_at.is_(None) & Row.notified_at.is_(None), ended))
    with store.read() as db:
        return tuple(
            IssueView(*row) for row in db.execute(query.order_by(Row.site, Row.id).limit(MAX_UNSENT))
        )


def mark_notified(store: Database, told: Sequence[IssueView], at: datetime) -> None:
    """Writes that somebody was told of these as they are."""
    with store.write() as db:
        opened = [each.id for each in told if each.closed_at is None]
        db.execute(update(Row).where(Row.id.in_(opened)).values(notified_at=at))
        ended = [each.id for each in told if each.closed_at is not None]
        db.execute(update(Row).where(Row.id.in_(ended)).values(closed_notified_at=at))


def accept_issues(store: Database, site: str, kind: str | None, at: datetime) -> int:
    """Closes what is open of a Site because that is how it is now; the nights since then count as its settled past. Returns how
    many there were."""
    query = update(Row).where(Row.site == site, Row.closed_at.is_(None))
    query = query.where(Row.kind == kind) if kind else query
    with store.write() as db:
        return int(db.execute(query.values(closed_at=at, accepted=True)).rowcount)
