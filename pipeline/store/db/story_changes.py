"""Rows of what publications change in their stories, and what follows from the visits to a page.

The edits of a story follow from its revisions, which a clean makes. Whether its page is gone or
back follows from the captures of the page, which a crawl makes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from pipeline.core.changes.kinds import ChangeAspect, ChangeKind, PresenceChange
from pipeline.core.models import Outcome
from pipeline.store.db.schema import (
    ArticleRow,
    CaptureRow,
    ChangeRow,
    LedgerEntryRow,
    PageRow,
    RevisionRow,
)
from pipeline.store.db.sql import chunks

ChangeValues = dict[str, Any]  # the columns of a row, without `page_id` and `site`
VISITED: Final = (Outcome.FETCHED, Outcome.UNCHANGED, Outcome.GONE)


def replace_changes(
    db: Connection,
    edits: Mapping[int, Sequence[ChangeValues]],
    first_seen: Mapping[int, datetime],
) -> None:
    """Replace all changes of some pages.

    Args:
        db: A write transaction.
        edits: The edits of each page.
        first_seen: When the story of each page was first seen. A page without a time is no article
            and has no changes.
    """
    pages = list(edits)
    for chunk in chunks(pages):
        db.execute(delete(ChangeRow).where(ChangeRow.page_id.in_(chunk)))
    rows: dict[int, list[ChangeValues]] = {}
    for page, values in edits.items():
        if values:
            rows[page] = list(values)
    for page, presence in presence_changes(db, pages).items():
        since = first_seen.get(page)
        if since is not None:
            rows.setdefault(page, []).extend(presence_values(presence, since))
    _insert(db, rows)


def refresh_presence(db: Connection, pages: Sequence[int]) -> None:
    """List again when pages were gone and back, and mark their articles to be indexed again.

    Args:
        db: A write transaction.
        pages: Pages that are gone or back since a moment ago. Those without an article are left
            out: they have no story that could be gone.
    """
    first_seen: dict[int, datetime] = {}
    query = select(RevisionRow.page_id, RevisionRow.first_seen_at)
    query = query.join(ArticleRow, ArticleRow.page_id == RevisionRow.page_id)
    for chunk in chunks(pages):
        first = query.where(RevisionRow.page_id.in_(chunk), RevisionRow.number == 1)
        for page, at in db.execute(first):
            first_seen[page] = at
        is_presence = ChangeRow.aspect == ChangeAspect.PRESENCE
        db.execute(delete(ChangeRow).where(ChangeRow.page_id.in_(chunk), is_presence))
    stories = list(first_seen)
    rows: dict[int, list[ChangeValues]] = {}
    for page, presence in presence_changes(db, stories).items():
        rows[page] = presence_values(presence, first_seen[page])
    _insert(db, rows)
    mark_unindexed(db, stories)


def mark_unindexed(db: Connection, pages: Sequence[int]) -> None:
    """Mark articles of which the full-text index has to know something else."""
    for chunk in chunks(pages):
        db.execute(update(ArticleRow).where(ArticleRow.page_id.in_(chunk)).values(index_version=""))


def presence_values(presence: Sequence[PresenceChange], since: datetime) -> list[ChangeValues]:
    """Return the columns of rows: when a page was gone or back after a time."""
    rows: list[ChangeValues] = []
    for change in presence:
        if change.at <= since:
            continue
        evidence = ["", change.note] if change.kind is ChangeKind.GONE else [change.note, ""]
        rows.append(
            {
                "at": change.at,
                "aspect": ChangeAspect.PRESENCE,
                "kind": change.kind,
                "number": None,
                "before_at": change.before_at,
                "words_lost": 0,
                "words_gained": 0,
                "evidence": [evidence],
                "digest": "",
            }
        )
    return rows


def presence_changes(db: Connection, pages: Sequence[int]) -> dict[int, list[PresenceChange]]:
    """Return when pages were gone and when they were back, by page, oldest first.

    Args:
        db: A connection that reads.
        pages: Ids of articles.

    Returns:
        The changes of the kinds `gone` and `back`, by turns. Pages that were always there are
        absent.
    """
    changes: dict[int, list[PresenceChange]] = {}
    gone = select(CaptureRow.page_id).where(CaptureRow.outcome == Outcome.GONE).distinct()
    for chunk in chunks(pages):
        ids = list(db.scalars(gone.where(CaptureRow.page_id.in_(chunk))))
        if ids:
            for page, visits in _visits(db, ids).items():
                changes[page] = changes_of_visits(visits)
    return changes


def changes_of_visits(visits: Sequence[Row[*tuple[Any, ...]]]) -> list[PresenceChange]:
    """Return when a page was gone and back.

    Args:
        visits: The visits, oldest first, each with `at`, `outcome`, `reason`, `status` and
            `prior_seen_at`.
    """
    changes: list[PresenceChange] = []
    is_there = False
    note = ""
    before_at: datetime | None = None
    for visit in visits:
        if visit.outcome == Outcome.GONE:
            if is_there:
                note = _gone_note(visit.status, visit.reason)
                last_seen_at = visit.prior_seen_at or before_at or visit.at
                changes.append(PresenceChange(ChangeKind.GONE, visit.at, last_seen_at, note))
            is_there = False
        else:
            if changes and not is_there:
                last_gone_at = before_at or visit.at
                changes.append(PresenceChange(ChangeKind.BACK, visit.at, last_gone_at, note))
            is_there = True
        before_at = visit.at
    return changes


def _gone_note(status: int | None, reason: str) -> str:
    words = reason.replace("_", " ")
    return f"HTTP {status}, {words}" if status else words


def _visits(db: Connection, pages: Sequence[int]) -> dict[int, list[Row[*tuple[Any, ...]]]]:
    """Return the visits to pages, oldest first.

    Visits that found a page as before are only in the ledger, except for the first one after the
    page was gone. Archives of older versions have that one only in the ledger, too.
    """
    captures = select(
        CaptureRow.page_id,
        CaptureRow.fetched_at.label("at"),
        CaptureRow.outcome,
        CaptureRow.reason,
        CaptureRow.status,
        CaptureRow.prior_seen_at,
    ).where(CaptureRow.page_id.in_(pages), CaptureRow.outcome.in_(VISITED))
    unchanged = select(
        LedgerEntryRow.page_id,
        LedgerEntryRow.at,
        LedgerEntryRow.outcome,
        LedgerEntryRow.reason,
        LedgerEntryRow.status,
        LedgerEntryRow.at.label("prior_seen_at"),
    ).where(
        LedgerEntryRow.page_id.in_(pages),
        LedgerEntryRow.outcome == Outcome.UNCHANGED,
        LedgerEntryRow.status.is_not(None),
    )
    visits: dict[int, list[Row[*tuple[Any, ...]]]] = defaultdict(list)
    for query in (captures, unchanged):
        for row in db.execute(query):
            visits[row.page_id].append(row)
    for rows in visits.values():
        rows.sort(key=lambda row: row.at)
    return visits


def _insert(db: Connection, rows: Mapping[int, Sequence[ChangeValues]]) -> None:
    """Insert rows. Two changes of one aspect at one time are the last one of them."""
    if not rows:
        return
    sites: dict[int, str] = {}
    for chunk in chunks(list(rows)):
        query = select(PageRow.id, PageRow.site).where(PageRow.id.in_(chunk))
        for page, site in db.execute(query):
            sites[page] = site
    by_key: dict[tuple[int, datetime, str], ChangeValues] = {}
    for page, page_rows in rows.items():
        for values in page_rows:
            key = (page, values["at"], str(values["aspect"]))
            by_key[key] = {"page_id": page, "site": sites[page], **values}
    if by_key:
        db.execute(insert(ChangeRow), list(by_key.values()))


def edited_kinds(db: Connection, pages: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Return the kinds of edits of pages, for the full-text index.

    Args:
        db: A connection that reads.
        pages: Ids of articles.

    Returns:
        The kinds by page, each once. Pages without an edit are absent.
    """
    kinds: dict[int, set[str]] = defaultdict(set)
    query = select(ChangeRow.page_id, ChangeRow.kind).where(
        ChangeRow.aspect != ChangeAspect.PRESENCE
    )
    for chunk in chunks(pages):
        for page, kind in db.execute(query.where(ChangeRow.page_id.in_(chunk)).distinct()):
            kinds[page].add(kind)
    return {page: tuple(sorted(names)) for page, names in kinds.items()}


def count_pending(db: Connection, site: str) -> int:
    """Count the articles of a site whose changes are not listed yet."""
    query = (
        select(func.count())
        .select_from(ArticleRow)
        .join(PageRow, PageRow.id == ArticleRow.page_id)
        .where(ArticleRow.changes_pending, PageRow.site == site)
    )
    return db.scalar(query) or 0
