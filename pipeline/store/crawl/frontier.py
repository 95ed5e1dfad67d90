"""The frontier: links become pages, and pages that are due are leased to a run.

All functions work inside a transaction of `CrawlSession`. A URL becomes a page once, however a
link spells it, and a page is leased to a run at most once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, func, select, update

from pipeline.core.link_rules import TRAP_REASONS
from pipeline.core.models import DueUrl, Link, LinkDecision, Outcome, Reason, UrlKind
from pipeline.core.urls import MAX_URL_LENGTH, canonicalize, url_key
from pipeline.store.crawl.corrections import corrected_pages
from pipeline.store.crawl.due_urls import (
    due_source,
    requested_or_storable,
)
from pipeline.store.db import run_log, taken_down
from pipeline.store.db.schema import LedgerEntryRow, PageRow
from pipeline.store.db.sql import chunks, insert_or_ignore, storable

# Where several sources list one URL, the title and date of the higher rank win.
SOURCE_RANK: Final = {"": 0, UrlKind.SECTION: 1, UrlKind.SITEMAP: 2, UrlKind.FEED: 3}
# refusals that a changed site file or another source may lift
LIFTABLE_REFUSALS: Final = (Reason.OFF_SITE, Reason.NOT_ALLOWED, Reason.DENIED, *TRAP_REASONS)

PAGE_COLUMNS: Final = (
    PageRow.id,
    PageRow.site,
    PageRow.kind,
    PageRow.url,
    PageRow.requested_url,
    PageRow.url_key,
    PageRow.first_seen_at,
    PageRow.announced_title,
    PageRow.announced_published_at,
    PageRow.announced_modified_at,
    PageRow.announced_source,
    PageRow.announced_tags,
    PageRow.announced_published_precision,
    PageRow.announced_modified_precision,
    PageRow.due_at,
    PageRow.attempts,
    PageRow.outcome,
    PageRow.reason,
    PageRow.etag,
    PageRow.last_modified,
    PageRow.payload_id,
    PageRow.last_matched_at,
    PageRow.part_of,
    PageRow.part_number,
)
# Built once: to build a statement costs more than to run it.
PAGES_BY_KEY: Final = select(*PAGE_COLUMNS).where(
    PageRow.url_key.in_(bindparam("keys", expanding=True))
)
OWNER_OF_KEY: Final = select(PageRow.site).where(PageRow.url_key == bindparam("key"))

PageState = Row[*tuple[Any, ...]]  # of PAGE_COLUMNS


@dataclass(frozen=True, slots=True)
class LinkCounts:
    """How many links of a source are new, known or refused."""

    new: int
    known: int
    refused: int


@dataclass(frozen=True, slots=True)
class PageUpdate:
    """What one link does to an existing page."""

    outcome: Outcome
    reason: Reason
    changes: dict[str, Any]


def save_links(
    db: Connection,
    run: int,
    site: str,
    decisions: Sequence[LinkDecision],
    found_on: UrlKind,
    at: datetime,
    *,
    force: bool = False,
) -> LinkCounts:
    """Save pages and ledger entries for the links that a source lists.

    Links to further sources are left to `register_sources`, unless they are refused.

    Args:
        db: A write transaction.
        run: The run's id.
        site: The site's id.
        decisions: The links and what was decided about them.
        found_on: The kind of the source.
        at: The time of the fetch.
        force: Whether listed pages are due now, whenever they would be.
    """
    decision_by_key: dict[str, LinkDecision] = {}
    for decision in decisions:
        if decision.link.kind is UrlKind.STORY or decision.outcome is Outcome.REFUSED:
            decision_by_key.setdefault(page_key(decision.link.url), decision)
    decision_by_key = _refuse_taken_down(db, decision_by_key)
    known = pages_by_key(db, list(decision_by_key))
    new = {key: decision for key, decision in decision_by_key.items() if key not in known}
    insert_pages(db, site, new, found_on, at)
    created = pages_by_key(db, list(new))
    entries: list[tuple[int, Outcome, Reason]] = []
    for key, decision in new.items():
        entries.append((created[key].id, decision.outcome, decision.reason))
    corrected = corrected_pages(known, decision_by_key, at)
    changes: dict[int, dict[str, Any]] = {}
    for key, row in known.items():
        change = page_update(
            row, decision_by_key[key], site, found_on, at, is_due_now=force or key in corrected
        )
        entries.append((row.id, change.outcome, change.reason))
        if change.changes:
            changes[row.id] = change.changes
    update_pages(db, changes)
    run_log.add_entries(db, run, entries, at)
    refused_count = sum(outcome is Outcome.REFUSED for _, outcome, _ in entries)
    new_count = sum(decision.outcome is Outcome.PENDING for decision in new.values())
    known_count = len(decision_by_key) - new_count - refused_count
    return LinkCounts(new_count, known_count, refused_count)


def _refuse_taken_down(
    db: Connection, decision_by_key: dict[str, LinkDecision]
) -> dict[str, LinkDecision]:
    """Refuse links that were taken down. Their tombstones stand for them, without the URL."""
    refused = taken_down.tombstones(db, list(decision_by_key))
    if not refused:
        return decision_by_key
    decisions: dict[str, LinkDecision] = {}
    for key, decision in decision_by_key.items():
        if key in refused:
            link = Link(taken_down.tombstone_url(refused[key]))
            decision = LinkDecision(link, Outcome.REFUSED, Reason.TAKEN_DOWN)
        decisions[refused.get(key, key)] = decision
    return decisions


def save_redirect_target(
    db: Connection, run: int, site: str, decision: LinkDecision, at: datetime
) -> int:
    """Save the page that a redirect points to, and return its id.

    Args:
        db: A connection in a transaction.
        run: The number of the run.
        site: The id of the site.
        decision: The decision about the target of the redirect.
        at: The time of the fetch.

    Returns:
        The id of the page, which is made where the archive has none.
    """
    save_links(db, run, site, (decision,), UrlKind.SECTION, at)
    key = page_key(decision.link.url)
    key = taken_down.tombstones(db, [key]).get(key, key)
    return int(pages_by_key(db, [key])[key].id)


def register_sources(
    db: Connection,
    run: int,
    site: str,
    sources: Sequence[Link],
    at: datetime,
    *,
    again: bool = False,
) -> tuple[DueUrl, ...]:
    """Return the pages of sources, with pending entries in the ledger. New pages are created.

    Args:
        db: A write transaction.
        run: The run's id.
        site: The site's id.
        sources: The sources.
        at: The time of the entries.
        again: Whether to return also a source that this run has registered before. Without it,
            sitemaps that name each other come to an end.
    """
    links = {_source_key(db, site, source.url): source for source in sources}
    pages = _ensure_source_pages(db, site, links, at)
    taken = {key for key, page in pages.items() if page.site != site}
    if taken:  # another site has created the page since we looked
        links = _with_own_keys(site, links, taken)
        pages = _ensure_source_pages(db, site, links, at)
    registered: set[int] = set()
    if not again:
        registered = pages_in_ledger(db, run, [page.id for page in pages.values()])
    due: list[DueUrl] = []
    entries: list[tuple[int, Outcome, Reason]] = []
    changes: dict[int, dict[str, Any]] = {}
    for key, link in links.items():
        page = pages[key]
        if page.id in registered:
            continue
        due.append(due_source(page, link))
        entries.append((page.id, Outcome.PENDING, Reason.NONE))
        if page.kind != link.kind:
            changes[page.id] = {"kind": link.kind}
    update_pages(db, changes)
    run_log.add_entries(db, run, entries, at)
    return tuple(due)


def last_read(db: Connection, site: str, urls: Sequence[str]) -> dict[str, datetime]:
    """Return when sources of a site were last read, by URL. One never read is left out.

    Args:
        db: A connection that reads.
        site: The id of the site.
        urls: URLs of sources in any spelling.

    Returns:
        The times of the last fetch that ended as fetched, unchanged or gone.
    """
    url_by_key: dict[str, str] = {}
    for url in urls:
        key = page_key(url)
        url_by_key[key] = url
        url_by_key[_site_scoped_key(site, key)] = url
    was_read = LedgerEntryRow.outcome.in_((Outcome.FETCHED, Outcome.UNCHANGED, Outcome.GONE))
    query = (
        select(PageRow.url_key, func.max(LedgerEntryRow.at))
        .join(LedgerEntryRow, LedgerEntryRow.page_id == PageRow.id)
        .where(PageRow.site == site, was_read)
        .group_by(PageRow.url_key)
    )
    times: dict[str, datetime] = {}
    for chunk in chunks(list(url_by_key)):
        for key, at in db.execute(query.where(PageRow.url_key.in_(chunk))):
            url = url_by_key[key]
            times[url] = max(at, times.get(url, at))
    return times


def page_update(
    row: PageState,
    decision: LinkDecision,
    site: str,
    found_on: UrlKind,
    at: datetime,
    *,
    is_due_now: bool = False,
) -> PageUpdate:
    """Decide what a link changes of an existing page, and the outcome of the page in the run.

    Args:
        row: The page's `PAGE_COLUMNS`.
        decision: The link and what was decided about it.
        site: The site whose source lists the link.
        found_on: The kind of the source.
        at: The time of the fetch.
        is_due_now: Whether the page is fetched now, whenever it would be due.
    """
    if decision.reason is Reason.TAKEN_DOWN:
        return PageUpdate(Outcome.REFUSED, Reason.TAKEN_DOWN, {})
    if row.site != site:
        return PageUpdate(Outcome.REFUSED, Reason.OTHER_SITE, {})
    if row.kind != UrlKind.STORY:
        return PageUpdate(Outcome.KNOWN, Reason.NOT_DUE, {})
    if decision.outcome is Outcome.REFUSED and not _is_accepted_elsewhere(row, decision):
        return PageUpdate(Outcome.REFUSED, decision.reason, _refusal_changes(row, decision.reason))
    changes = _announced_changes(row, decision.link, found_on)
    due_at = row.due_at
    if is_due_now or (due_at is None and is_refusal_lifted(row)):
        due_at = at if due_at is None else min(due_at, at)
    if due_at != row.due_at:
        changes["due_at"] = due_at
    if _has_untried_spelling(row, decision.link):
        changes["requested_url"] = requested_or_storable(decision.link.url)
        changes["due_at"] = due_at = at
    if due_at is not None and due_at <= at:
        return PageUpdate(Outcome.PENDING, Reason.NONE, changes)
    return PageUpdate(Outcome.KNOWN, Reason.NOT_DUE, changes)


def _is_accepted_elsewhere(row: PageState, decision: LinkDecision) -> bool:
    """Return whether a link is a trap for its own source, and a story for another one."""
    return decision.reason in TRAP_REASONS and row.outcome != Outcome.REFUSED


def _refusal_changes(row: PageState, reason: Reason) -> dict[str, Any]:
    """Return what a refusal changes: a due page without bytes is not fetched any more."""
    if row.payload_id or not row.due_at:
        return {}
    return {"due_at": None, "outcome": Outcome.REFUSED, "reason": reason}


def is_refusal_lifted(row: PageState) -> bool:
    """Return whether a page was refused by rules that allow it now."""
    return row.outcome == Outcome.REFUSED and row.reason in LIFTABLE_REFUSALS


def _has_untried_spelling(row: PageState, link: Link) -> bool:
    """Return whether a source spells the URL of a missing page as it was never asked for.

    Pages of older archives were asked for in the canonical spelling only.
    """
    if row.outcome != Outcome.GONE or row.requested_url != row.url:
        return False
    return bool(requested_or_storable(link.url) != row.url)


def _announced_changes(row: PageState, link: Link, found_on: UrlKind) -> dict[str, Any]:
    """Return what a source announces that is new, or replaces that of a source of lower rank.

    A page with bytes is then cleaned again.
    """
    announced = {
        "announced_title": storable(link.title),
        "announced_published_at": link.published_at,
        "announced_modified_at": link.modified_at,
        "announced_tags": storable("\n".join(link.tags)),
    }
    outranks = SOURCE_RANK[found_on] >= SOURCE_RANK[row.announced_source]
    changes: dict[str, Any] = {}
    for name, value in announced.items():
        known = getattr(row, name)
        if value and value != known and (outranks or not known):
            changes[name] = value
    if not changes:
        return {}
    if "announced_published_at" in changes:
        changes["announced_published_precision"] = link.published_precision
    if "announced_modified_at" in changes:
        changes["announced_modified_precision"] = link.modified_precision
    changes["announced_source"] = str(found_on) if outranks else row.announced_source
    changes["needs_clean"] = row.payload_id is not None
    return changes


def page_key(url: str) -> str:
    """Return the key of a link's URL. A string that is no URL has the key of its letters."""
    try:
        return url_key(url)
    except ValueError:
        return blake2b(f"not a url:{url}".encode("utf8", "replace"), digest_size=16).hexdigest()


def _source_key(db: Connection, site: str, url: str) -> str:
    """Return the key of a source's page.

    Two sites may read one feed. Each then has its own page for it: shared validators would hide
    links from one of them.
    """
    key = page_key(url)
    owner = db.scalar(OWNER_OF_KEY, {"key": key})
    return key if owner in (None, site) else _site_scoped_key(site, key)


def _site_scoped_key(site: str, key: str) -> str:
    return blake2b(f"{site}:{key}".encode(), digest_size=16).hexdigest()


def _with_own_keys(site: str, links: Mapping[str, Link], taken: set[str]) -> dict[str, Link]:
    own_links: dict[str, Link] = {}
    for key, link in links.items():
        own_links[_site_scoped_key(site, key) if key in taken else key] = link
    return own_links


def _ensure_source_pages(
    db: Connection, site: str, links: Mapping[str, Link], at: datetime
) -> dict[str, PageState]:
    """Return the pages of sources by key. New ones are created."""
    known = pages_by_key(db, list(links))
    new = {key: LinkDecision(link) for key, link in links.items() if key not in known}
    if not new:
        return known
    insert_pages(db, site, new, None, at)
    return pages_by_key(db, list(links))


def _canonical_or_storable(url: str) -> str:
    try:
        return canonicalize(url)
    except ValueError:
        return storable(url)


def pages_by_key(db: Connection, keys: Sequence[str]) -> dict[str, PageState]:
    """Return the `PAGE_COLUMNS` of pages by key. A key without a page is left out."""
    rows: dict[str, PageState] = {}
    for chunk in chunks(keys):
        for row in db.execute(PAGES_BY_KEY, {"keys": chunk}):
            rows[row.url_key] = row
    return rows


def pages_in_ledger(
    db: Connection, run: int, pages: Sequence[int], *, only_finished: bool = False
) -> set[int]:
    """Return those of some pages that are in the ledger of a run; on demand, not as pending.

    Args:
        db: A connection that reads.
        run: The number of the run.
        pages: Ids of pages.
        only_finished: Whether entries that are still pending do not count.

    Returns:
        Ids among those that were asked about.
    """
    query = select(LedgerEntryRow.page_id).where(LedgerEntryRow.run_id == run)
    if only_finished:
        query = query.where(LedgerEntryRow.outcome != Outcome.PENDING)
    page_ids: set[int] = set()
    for chunk in chunks(pages):
        page_ids.update(db.scalars(query.where(LedgerEntryRow.page_id.in_(chunk))))
    return page_ids


def insert_pages(
    db: Connection,
    site: str,
    decision_by_key: Mapping[str, LinkDecision],
    found_on: UrlKind | None,
    at: datetime,
) -> None:
    """Insert new pages. One that another crawl has inserted since we looked is left as it is."""
    # The same order everywhere: otherwise two crawls would wait for each other's rows.
    rows: list[dict[str, Any]] = []
    for key, decision in sorted(decision_by_key.items()):
        rows.append(_new_row(site, key, decision, found_on, at))
    for chunk in chunks(rows):
        db.execute(insert_or_ignore(db, PageRow, ["url_key"]), list(chunk))


def _new_row(
    site: str, key: str, decision: LinkDecision, found_on: UrlKind | None, at: datetime
) -> dict[str, Any]:
    link = decision.link
    has_schedule = link.kind in (UrlKind.STORY, UrlKind.PICTURE)
    is_due = decision.outcome is Outcome.PENDING and has_schedule
    return {
        "site": site,
        "kind": link.kind,
        "url": _canonical_or_storable(link.url)[:MAX_URL_LENGTH],
        "requested_url": requested_or_storable(link.url),
        "url_key": key,
        "first_seen_at": at,
        "announced_title": storable(link.title),
        "announced_published_at": link.published_at,
        "announced_modified_at": link.modified_at,
        "announced_source": found_on or "",
        "announced_tags": storable("\n".join(link.tags)),
        "announced_published_precision": link.published_precision,
        "announced_modified_precision": link.modified_precision,
        "due_at": at if is_due else None,
        "outcome": decision.outcome,
        "reason": decision.reason,
    }


def update_pages(db: Connection, changes: Mapping[int, dict[str, Any]]) -> None:
    """Write changed values of pages, by id."""
    for page, values in sorted(changes.items()):
        db.execute(update(PageRow).where(PageRow.id == page).values(values))
