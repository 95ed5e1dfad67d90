"""Articles and visits in streams, for exports: any search or all, in short transactions and at flat memory.

Promises that an Article comes once however long the stream is read, that each step costs the same wherever the stream stands,
and that no transaction is open while the reader works. What comes into the archive behind the stream's place is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, null, select

from pipeline.core.models import Outcome, UrlKind
from pipeline.fulltext import query_language
from pipeline.fulltext.query_language import Query
from pipeline.store.codec.dictionaries import PACKED, unpacked
from pipeline.store.db.article_view import ArticleView, selected, viewed
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import (
    ArticleRow,
    CaptureRow,
    CleanResultRow,
    LedgerEntryRow,
    PageRow,
    PayloadRow,
)
from pipeline.store.db.sql import chunks
from pipeline.store.search import planner
from pipeline.store.search.index import first_key
from pipeline.store.search.planner import TOP

STEP = 200  # Articles, or Pages, that are read at a time
COUNTED = 20_000  # matches of a query that are counted beforehand, at the most
VISITED = 50  # Pages whose visits are read at a time
HELD = 4_000_000  # bytes of Payloads, unpacked, that are read at a time


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be exported. `since` is included and `until` is not; both by the date that Articles are ordered by."""

    query: str = ""
    sites: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None

    @property
    def is_narrow(self) -> bool:
        """Whether it is about some Articles, and not about all that the Sites have."""
        return bool(self.query.strip()) or any(
            each is not None for each in (self.since, self.until, self.limit)
        )


@dataclass(frozen=True, slots=True)
class Sourced:
    """An Article with where it comes from."""

    article: ArticleView
    canonical_url: str
    description: str
    payload: str  # SHA-256 of the bytes as served
    recipe: str


@dataclass(frozen=True, slots=True)
class Seen:
    """One visit to a story, as it is told to other programs. `body` is None where the server sent none, or the same as before:
    then `digest` names what it was."""

    url: str
    at: datetime
    status: int
    headers: dict[str, str]
    digest: str = ""
    body: bytes | None = None
    media_type: str = ""
    first_at: datetime | None = None  # the visit that brought the same bytes
    location: str = ""


def understood(asked: Asked) -> Query:
    """The query as it is read, with its notes."""
    return query_language.parse(asked.query)


def count(store: Database) -> int:
    """All Articles."""
    with store.read() as db:
        return db.scalar(select(func.count()).select_from(ArticleRow)) or 0


def expected(store: Database, asked: Asked, *, visits: bool = False) -> int | None:
    """How many Articles or visits an export of what is asked for would have now; None where only the export itself can tell."""
    if visits:
        return None if asked.is_narrow else _expected_visits(store, asked.sites)
    most = asked.limit if asked.limit is not None else TOP
    start, end = _stretch(asked, TOP)
    with store.read() as db:
        if asked.query.strip():
            plan = planner.plan(db, understood(asked))
            keys = planner.keys(db, plan.within(start, end), COUNTED + 1) if plan else []
            if len(keys) > COUNTED:
                return None
            return min(most, sum(len(_of_sites(db, few, asked.sites)) for few in chunks(keys)))
        query = (
            select(func.count())
            .select_from(ArticleRow)
            .where(ArticleRow.order_key >= start, ArticleRow.order_key < end)
        )
        if asked.sites:
            query = query.join(PageRow, PageRow.id == ArticleRow.page_id).where(
                PageRow.site.in_(asked.sites)
            )
        return min(most, db.scalar(query) or 0)


def _expected_visits(store: Database, sites: Sequence[str]) -> int:
    brought = (
        select(func.count()).select_from(CaptureRow).join(PageRow, PageRow.id == CaptureRow.page_id)
    )
    brought = brought.where(
        PageRow.kind == UrlKind.STORY,
        CaptureRow.status.is_not(None) | CaptureRow.payload_id.is_not(None),
    )
    same = (
        select(func.count())
        .select_from(LedgerEntryRow)
        .join(PageRow, PageRow.id == LedgerEntryRow.page_id)
    )
    same = same.where(
        PageRow.kind == UrlKind.STORY,
        LedgerEntryRow.outcome == Outcome.UNCHANGED,
        LedgerEntryRow.status.is_not(None),
    )
    with store.read() as db:
        counted = (
            query.where(PageRow.site.in_(sites)) if sites else query for query in (brought, same)
        )
        return sum(db.scalar(query) or 0 for query in counted)


def articles(store: Database, asked: Asked) -> Iterator[Sourced]:
    """The Articles that were asked for, newest first."""
    for keys in _keys(store, asked):
        with store.read() as db:
            found = _sourced(db, keys)
        yield from found


def _keys(store: Database, asked: Asked) -> Iterator[Sequence[int]]:
    """Order keys in steps, each below the one before."""
    end, left = TOP, asked.limit if asked.limit is not None else TOP
    while left > 0:
        with store.read() as db:
            walked = _step(db, asked, end)
            kept = _of_sites(db, walked, asked.sites)[:left]
        if kept:
            yield kept
        if not walked:
            return
        end, left = walked[-1], left - len(kept)


def _step(db: Connection, asked: Asked, end: int) -> list[int]:
    """The next order keys below `end`, by words and dates."""
    start, end = _stretch(asked, end)
    if asked.query.strip():
        plan = planner.plan(db, understood(asked))
        return planner.keys(db, plan.within(start, end), STEP) if plan else []
    query = select(ArticleRow.order_key).where(
        ArticleRow.order_key >= start, ArticleRow.order_key < end
    )
    return list(db.scalars(query.order_by(ArticleRow.order_key.desc()).limit(STEP)))


def _stretch(asked: Asked, end: int) -> tuple[int, int]:
    """The order keys of the dates that are asked for, below `end`."""
    return first_key(asked.since) if asked.since else 0, min(
        end, first_key(asked.until)
    ) if asked.until else end


def _of_sites(db: Connection, keys: Sequence[int], sites: Sequence[str]) -> list[int]:
    if not sites or not keys:
        return list(keys)
    query = (
        select(ArticleRow.order_key)
        .join(PageRow, PageRow.id == ArticleRow.page_id)
        .where(PageRow.site.in_(sites))
    )
    return sorted(db.scalars(query.where(ArticleRow.order_key.in_(keys))), reverse=True)


def _sourced(db: Connection, keys: Sequence[int]) -> list[Sourced]:
    query = selected().add_columns(ArticleRow.order_key, CleanResultRow.recipe, PayloadRow.digest)
    query = query.join(CleanResultRow, CleanResultRow.id == ArticleRow.clean_result_id).join(
        PayloadRow, PayloadRow.id == CleanResultRow.payload_id
    )
    found = dict[int, Sourced]()
    for chunk in chunks(keys):
        for row in db.execute(query.where(ArticleRow.order_key.in_(chunk))):
            found[row.order_key] = Sourced(
                viewed(row), row.canonical_url, row.description, row.digest, row.recipe
            )
    return [found[key] for key in keys if key in found]


def visits(store: Database, asked: Asked) -> Iterator[Seen]:
    """All visits to the stories that were asked for, Page by Page, of each in order of time; without a query, dates or a limit
    those of Pages that are no Articles too."""
    for pages in _pages(store, asked):
        for few in chunks(pages, VISITED):
            yield from _visits(store, few)


def _pages(store: Database, asked: Asked) -> Iterator[Sequence[int]]:
    if asked.is_narrow:
        for keys in _keys(store, asked):
            with store.read() as db:
                found = dict(
                    db.execute(
                        select(ArticleRow.order_key, ArticleRow.page_id).where(
                            ArticleRow.order_key.in_(keys)
                        )
                    ).all()
                )
            yield [found[key] for key in keys if key in found]
        return
    after = 0
    while True:
        query = (
            select(PageRow.id)
            .where(PageRow.id > after, PageRow.kind == UrlKind.STORY)
            .order_by(PageRow.id)
            .limit(STEP)
        )
        with store.read() as db:
            pages = list(
                db.scalars(query.where(PageRow.site.in_(asked.sites)) if asked.sites else query)
            )
        if not pages:
            return
        yield pages
        after = pages[-1]


def _visits(store: Database, pages: Sequence[int]) -> Iterator[Seen]:
    """Visits of some Pages. Of each Payload the bytes come with the first visit of a Page that brought them."""
    with store.read() as db:
        urls = {
            row.id: row.url
            for row in db.execute(select(PageRow.id, PageRow.url).where(PageRow.id.in_(pages)))
        }
        rows: dict[int, list[Row[*tuple[Any, ...]]]] = {page: [] for page in pages}
        for row in (*db.execute(_captures(pages)), *db.execute(_unchanged(pages))):
            rows[row.page_id].append(row)
    told = [each for page in pages for each in _in_order(urls.get(page, ""), rows[page])]
    bodies = _bodies(store, [(row.payload_id, row.weight) for _, row in told if row is not None])
    for seen, row in told:
        yield seen if row is None else replace(seen, body=next(bodies))


def _in_order(
    url: str, rows: Sequence[Row[*tuple[Any, ...]]]
) -> Iterator[tuple[Seen, Row[*tuple[Any, ...]] | None]]:
    """Visits of one Page by time; beside one that brought bytes, its row."""
    first: dict[int, tuple[datetime, str]] = {}
    last = 0  # the Payload that the page showed at the visit before
    for row in sorted(rows, key=lambda each: each.at):
        last = row.payload_id or last
        if row.outcome == Outcome.UNCHANGED and last in first:
            yield (
                Seen(url, row.at, row.status or 304, {}, first[last][1], None, "", first[last][0]),
                None,
            )
        elif row.payload_id in first:
            was, digest = first[row.payload_id]
            yield (
                Seen(
                    url,
                    row.at,
                    row.status or 200,
                    dict(row.headers),
                    digest,
                    None,
                    row.media_type,
                    was,
                ),
                None,
            )
        elif row.payload_id:
            first[row.payload_id] = (row.at, row.digest)
            yield (
                Seen(
                    url,
                    row.at,
                    row.status or 200,
                    dict(row.headers),
                    row.digest,
                    None,
                    row.media_type,
                ),
                row,
            )
        elif row.status and row.outcome != Outcome.UNCHANGED:
            yield Seen(url, row.at, row.status, dict(row.headers), location=row.location), None


def _captures(pages: Sequence[int]) -> Select[*tuple[Any, ...]]:
    at = CaptureRow.fetched_at.label("at")
    columns = (
        CaptureRow.page_id,
        at,
        CaptureRow.status,
        CaptureRow.outcome,
        CaptureRow.headers,
        CaptureRow.payload_id,
        CaptureRow.media_type,
    )
    query = select(
        *columns, CaptureRow.location, PayloadRow.digest, PayloadRow.size.label("weight")
    )
    return query.outerjoin(PayloadRow, PayloadRow.id == CaptureRow.payload_id).where(
        CaptureRow.page_id.in_(pages)
    )


def _unchanged(pages: Sequence[int]) -> Select[*tuple[Any, ...]]:
    """Visits that found nothing new: only the ledger knows of them."""
    entry = (
        LedgerEntryRow.page_id,
        LedgerEntryRow.at,
        LedgerEntryRow.status,
        LedgerEntryRow.outcome,
        null().label("payload_id"),
    )
    query = select(*entry).where(
        LedgerEntryRow.page_id.in_(pages), LedgerEntryRow.outcome == Outcome.UNCHANGED
    )
    return query.where(LedgerEntryRow.status.is_not(None))


def _bodies(store: Database, payloads: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    """The bytes of Payloads in the order in which they are asked for by number and size, a few megabytes at a time."""
    held, weight = list[int](), 0
    for number, (payload, size) in enumerate(payloads, 1):
        held.append(payload)
        weight += size
        if weight >= HELD or len(held) >= STEP or number == len(payloads):
            with store.read() as db:
                rows = db.execute(
                    select(PayloadRow.id, *PACKED).where(PayloadRow.id.in_(held))
                ).all()
                found = {row.id: unpacked(db, *row[1:]) for row in rows}
            yield from (found[each] for each in held)
            held, weight = [], 0
