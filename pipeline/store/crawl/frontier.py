"""The frontier: Links become Pages, and Pages that are due are handed out.

All functions work inside a transaction of `archive`. Promises that a URL becomes a Page once, in whatever spelling it is met,
and that a Page is handed to a Run at most once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select, update

from pipeline.core.models import DueUrl, Link, LinkDecision, Outcome, Reason, UrlKind
from pipeline.core.urls import MAX_URL_LENGTH, canonicalize, url_key
from pipeline.store.db import run_log
from pipeline.store.db.schema import LedgerEntryRow, PageRow
from pipeline.store.db.sql import chunks, insert_or_ignore, storable

# Whose word on a title or a date counts more, where several Places show one URL.
SOURCE_RANK = {"": 0, UrlKind.SECTION: 1, UrlKind.SITEMAP: 2, UrlKind.FEED: 3}
LIFTABLE_REFUSALS = (
    Reason.OFF_SITE,
    Reason.NOT_ALLOWED,
    Reason.DENIED,
)  # refusals that a changed site file may lift

PageState = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class LinkCounts:
    """How the Links of one Place fared."""

    new: int
    known: int
    refused: int


@dataclass(frozen=True, slots=True)
class PageUpdate:
    """What one Link does to a Page that is known already."""

    outcome: Outcome
    reason: Reason
    changes: dict[str, Any]


def save_links(
    db: Connection,
    run: int,
    site: str,
    verdicts: Sequence[LinkDecision],
    found_on: UrlKind,
    at: datetime,
) -> LinkCounts:
    """Pages and ledger entries for the Links of a Place. Links to further Places are `meet`'s, unless they are refused."""
    ours = [
        verdict
        for verdict in verdicts
        if verdict.link.kind is UrlKind.STORY or verdict.outcome is Outcome.REFUSED
    ]
    judged: dict[str, LinkDecision] = {}
    for verdict in ours:
        judged.setdefault(page_key(verdict.link.url), verdict)
    known = _pages(db, list(judged))
    fresh = {key: verdict for key, verdict in judged.items() if key not in known}
    _insert(db, site, fresh, found_on, at)
    made = _pages(db, list(fresh))
    plans = {row.id: page_update(row, judged[key], site, found_on, at) for key, row in known.items()}
    _update(db, {page: each.changes for page, each in plans.items() if each.changes})
    entries = [(made[key].id, verdict.outcome, verdict.reason) for key, verdict in fresh.items()]
    entries += [(page, each.outcome, each.reason) for page, each in plans.items()]
    run_log.add_entries(db, run, entries, at)
    refused = sum(outcome is Outcome.REFUSED for _, outcome, _ in entries)
    new = sum(verdict.outcome is Outcome.PENDING for verdict in fresh.values())
    return LinkCounts(new, len(judged) - new - refused, refused)


def save_redirect_target(db: Connection, run: int, site: str, verdict: LinkDecision, at: datetime) -> int:
    """The Page that a redirect points to."""
    save_links(db, run, site, (verdict,), UrlKind.SECTION, at)
    key = page_key(verdict.link.url)
    return int(_pages(db, [key])[key].id)


def register_sources(
    db: Connection,
    run: int,
    site: str,
    places: Sequence[Link],
    at: datetime,
    *,
    again: bool = False,
) -> tuple[DueUrl, ...]:
    """The Pages of Places, made where they are new, with pending entries in the ledger. One that this Run met before is left
    out unless `again`, so that sitemaps which name each other end."""
    links = {_source_key(db, site, place.url): place for place in places}
    pages = _ensure_source_pages(db, site, links, at)
    if lost := {
        key for key, page in pages.items() if page.site != site
    }:  # another Site met it since we looked
        links = {_site_scoped_key(site, key) if key in lost else key: place for key, place in links.items()}
        pages = _ensure_source_pages(db, site, links, at)
    seen = set() if again else _pages_in_ledger(db, run, [page.id for page in pages.values()])
    rows = [(pages[key], link) for key, link in links.items() if pages[key].id not in seen]
    _update(db, {row.id: {"kind": link.kind} for row, link in rows if row.kind != link.kind})
    run_log.add_entries(db, run, [(row.id, Outcome.PENDING, Reason.NONE) for row, _ in rows], at)
    return tuple(_due_url(row, link.kind) for row, link in rows)


def last_read(db: Connection, site: str, urls: Sequence[str]) -> dict[str, datetime]:
    """When a Site's Places were last read, by their URL as given; one that never was is left out."""
    by_key = {key: url for url in urls for key in (page_key(url), _site_scoped_key(site, page_key(url)))}
    found: dict[str, datetime] = {}
    for chunk in chunks(list(by_key)):
        query = select(PageRow.url_key, func.max(LedgerEntryRow.at)).join(
            LedgerEntryRow, LedgerEntryRow.page_id == PageRow.id
        )
        query = query.where(PageRow.url_key.in_(chunk), PageRow.site == site)
        query = query.where(
            LedgerEntryRow.outcome.in_((Outcome.FETCHED, Outcome.UNCHANGED, Outcome.GONE))
        ).group_by(PageRow.url_key)
        for key, at in db.execute(query):
            found[by_key[key]] = max(at, found.get(by_key[key], at))
    return found


def lease_due(
    db: Connection, run: int, site: str, now: datetime, until: datetime, limit: int
) -> tuple[DueUrl, ...]:
    """Story Pages that are due, newest first, leased until the given time. A Page has at most one turn in a Run."""
    had_its_turn = (
        select(LedgerEntryRow.page_id)
        .where(LedgerEntryRow.run_id == run, LedgerEntryRow.page_id == PageRow.id)
        .where(LedgerEntryRow.outcome != Outcome.PENDING)
        .exists()
    )
    query = (
        select(*PAGE_COLUMNS)
        .where(
            PageRow.site == site,
            PageRow.kind == UrlKind.STORY,
            PageRow.due_at <= now,
            ~had_its_turn,
        )
        .where(or_(PageRow.lease_until.is_(None), PageRow.lease_until < now))
        .order_by(
            func.coalesce(PageRow.announced_published_at, PageRow.first_seen_at).desc(), PageRow.id
        )
        .limit(limit)
        .with_for_update(
            skip_locked=True
        )  # means nothing to SQLite, where there is one writer anyway
    )
    rows = db.execute(query).all()
    for chunk in chunks([row.id for row in rows]):
        db.execute(
            update(PageRow).where(PageRow.id.in_(chunk)).values(lease_run=run, lease_until=until)
        )
    run_log.add_entries(db, run, [(row.id, Outcome.PENDING, Reason.NONE) for row in rows], now)
    return tuple(_due_url(row, UrlKind.STORY) for row in rows)


def page_update(row: PageState, verdict: LinkDecision, site: str, found_on: UrlKind, at: datetime) -> PageUpdate:
    """What a Link changes of a Page that is known, and which outcome this sight of it has."""
    if row.site != site:
        return PageUpdate(Outcome.REFUSED, Reason.OTHER_SITE, {})
    if row.kind != UrlKind.STORY:
        return PageUpdate(Outcome.KNOWN, Reason.NOT_DUE, {})
    if verdict.outcome is Outcome.REFUSED:
        never = (
            {}
            if row.payload_id
            else {"due_at": None, "outcome": Outcome.REFUSED, "reason": verdict.reason}
        )
        return PageUpdate(Outcome.REFUSED, verdict.reason, never if row.due_at else {})
    changes = _announced_changes(row, verdict.link, found_on)
    due_at = row.due_at
    lifted = row.outcome == Outcome.REFUSED and row.reason in LIFTABLE_REFUSALS
    modified = verdict.link.modified_at
    newer = (
        modified is not None and row.last_matched_at is not None and modified > row.last_matched_at
    )
    if due_at is None and (lifted or newer):
        changes["due_at"] = due_at = at
    if due_at is not None and due_at <= at:
        return PageUpdate(Outcome.PENDING, Reason.NONE, changes)
    return PageUpdate(Outcome.KNOWN, Reason.NOT_DUE, changes)


def _announced_changes(row: PageState, link: Link, found_on: UrlKind) -> dict[str, Any]:
    """What a Place says of a Page, where it says more than is known or has more weight; the Page is then cleaned again."""
    said = {
        "announced_title": storable(link.title), "announced_published_at": link.published_at, "announced_modified_at": link.modified_at,
        "announced_tags": storable("\n".join(link.tags)),
    }  # fmt: skip
    weightier = SOURCE_RANK[found_on] >= SOURCE_RANK[row.announced_source]
    news = {
        name: value
        for name, value in said.items()
        if value and value != getattr(row, name) and (weightier or not getattr(row, name))
    }
    if not news:
        return {}
    return news | {
        "announced_source": str(found_on) if weightier else row.announced_source,
        "needs_clean": row.payload_id is not None,
    }


PAGE_COLUMNS = (
    PageRow.id,
    PageRow.site,
    PageRow.kind,
    PageRow.url,
    PageRow.url_key,
    PageRow.first_seen_at,
    PageRow.announced_title,
    PageRow.announced_published_at,
    PageRow.announced_modified_at,
    PageRow.announced_source,
    PageRow.announced_tags,
    PageRow.due_at,
    PageRow.attempts,
    PageRow.outcome,
    PageRow.reason,
    PageRow.etag,
    PageRow.last_modified,
    PageRow.payload_id,
    PageRow.last_matched_at,
)


def page_key(url: str) -> str:
    """The key of any string that a Place called a URL; one that is none has the key of its letters."""
    try:
        return url_key(url)
    except ValueError:
        return blake2b(f"not a url:{url}".encode("utf8", "replace"), digest_size=16).hexdigest()


def _source_key(db: Connection, site: str, url: str) -> str:
    """Two Sites may read one feed. Each then has a Page of its own for it: shared validators would hide Links from one."""
    key = page_key(url)
    owner = db.scalar(select(PageRow.site).where(PageRow.url_key == key))
    return key if owner in (None, site) else _site_scoped_key(site, key)


def _site_scoped_key(site: str, key: str) -> str:
    return blake2b(f"{site}:{key}".encode(), digest_size=16).hexdigest()


def _ensure_source_pages(db: Connection, site: str, links: dict[str, Link], at: datetime) -> dict[str, PageState]:
    """The Pages of Places by key, made where they are new."""
    known = _pages(db, list(links))
    _insert(
        db,
        site,
        {key: LinkDecision(link) for key, link in links.items() if key not in known},
        None,
        at,
    )
    return _pages(db, list(links))


def _canonical_or_storable(url: str) -> str:
    try:
        return canonicalize(url)
    except ValueError:
        return storable(url)


def _pages(db: Connection, keys: Sequence[str]) -> dict[str, PageState]:
    rows: dict[str, PageState] = {}
    for chunk in chunks(keys):
        rows.update(
            (row.url_key, row)
            for row in db.execute(select(*PAGE_COLUMNS).where(PageRow.url_key.in_(chunk)))
        )
    return rows


def _pages_in_ledger(db: Connection, run: int, pages: Sequence[int]) -> set[int]:
    query = select(LedgerEntryRow.page_id).where(LedgerEntryRow.run_id == run)
    return {
        page
        for chunk in chunks(pages)
        for page in db.scalars(query.where(LedgerEntryRow.page_id.in_(chunk)))
    }


def _insert(
    db: Connection,
    site: str,
    verdicts: dict[str, LinkDecision],
    found_on: UrlKind | None,
    at: datetime,
) -> None:
    """New Pages. Another crawl may have made one of them since we looked: that is no conflict."""
    rows = [
        {
            "site": site,
            "kind": verdict.link.kind,
            "url": _canonical_or_storable(verdict.link.url)[:MAX_URL_LENGTH],
            "url_key": key,
            "first_seen_at": at,
            "announced_title": storable(verdict.link.title),
            "announced_published_at": verdict.link.published_at,
            "announced_modified_at": verdict.link.modified_at,
            "announced_source": found_on or "",
            "announced_tags": storable("\n".join(verdict.link.tags)),
            "due_at": at
            if verdict.outcome is Outcome.PENDING and verdict.link.kind is UrlKind.STORY
            else None,
            "outcome": verdict.outcome,
            "reason": verdict.reason,
        }
        for key, verdict in sorted(
            verdicts.items()
        )  # in one order everywhere, else two crawls wait for each other's rows
    ]
    for chunk in chunks(rows):
        db.execute(insert_or_ignore(db, PageRow, ["url_key"]), list(chunk))


def _update(db: Connection, changes: dict[int, dict[str, Any]]) -> None:
    for page, values in sorted(changes.items()):
        db.execute(update(PageRow).where(PageRow.id == page).values(values))


def _due_url(row: PageState, kind: UrlKind) -> DueUrl:
    return DueUrl(
        row.id, row.url, kind, row.first_seen_at, row.etag, row.last_modified, row.attempts
    )
