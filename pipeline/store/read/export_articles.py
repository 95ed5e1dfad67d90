"""Streams of articles and fetches for exports: of a search or of everything.

Each article comes once, however long the reader takes, and memory use stays flat. No transaction is
open while the reader works. What joins the archive before the position of the stream is left out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, null, select

from pipeline.core.models import Outcome, UrlKind
from pipeline.core.rights.statements import RESPECTED, from_json, is_reserved
from pipeline.core.story import Story
from pipeline.fulltext import query_language
from pipeline.fulltext.query_language import Query
from pipeline.store.codec.dictionaries import COMPRESSED_COLUMNS, decompress_payload
from pipeline.store.db.article_view import ArticleView, select_articles, to_article_view
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import (
    ArticleRow,
    CaptureRow,
    CleanResultRow,
    LedgerEntryRow,
    PageRow,
    PayloadRow,
    StoryPictureRow,
)
from pipeline.store.db.sql import batches_by_size, chunks
from pipeline.store.read.origins import ArticleOrigin, article_origins
from pipeline.store.read.stories import load_stories
from pipeline.store.search import executor, planner, search
from pipeline.store.search.index import first_key
from pipeline.store.search.planner import MAX_KEY

BATCH_SIZE = 200  # articles, pages or payloads in one read
MAX_COUNTED = 20_000  # matches of a query that are counted before an export
PAGES_PER_READ = 50  # pages whose fetches come from one read
STORIES_PER_READ = 25  # articles whose extracted pages are in memory
MAX_BATCH_BYTES = 4_000_000  # decompressed bytes of payloads in one read

AnyRow = Row[*tuple[Any, ...]]
LeftOut = Counter[str]  # articles that were left out, by the name of the reservation


@dataclass(frozen=True, slots=True)
class ExportQuery:
    """What to export.

    Attributes:
        query: A search. "" means everything.
        sites: Ids of sites. () means all.
        since: The first time, by the date that articles are ordered by. It is included.
        until: The end of the time, which is not included.
        limit: The largest number of articles.
        respect: Names of reservations (`core.rights.statements.RESPECTED`). Articles whose
            publisher declares one of them are left out.
        unique: Only the newest of several near-duplicates that the search finds.
        revisions: All texts that these articles had, and not only the newest.
    """

    query: str = ""
    sites: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None
    respect: tuple[str, ...] = ()
    unique: bool = False
    revisions: bool = False

    @property
    def is_restricted(self) -> bool:
        """Whether it selects some articles, and not everything that the sites have."""
        limits = (self.since, self.until, self.limit, self.respect or None)
        has_limit = any(limit is not None for limit in limits)
        return bool(self.query.strip()) or has_limit or self.unique

    def parse(self) -> Query:
        """Parse the search, with its notes."""
        return query_language.parse_query(self.query)


@dataclass(frozen=True, slots=True)
class ExportedArticle:
    """An article, and where it comes from. `story` is there if it was asked for."""

    article: ArticleView
    canonical_url: str
    description: str
    payload: str  # SHA-256 of the bytes as served; of several parts, of the list of theirs
    recipe: str
    origin: ArticleOrigin
    story: Story | None = None


@dataclass(frozen=True, slots=True)
class ExportedFetch:
    """One fetch of a story or of a source, as other programs need it.

    `body` is None if the server sent none, or the same bytes as before. `digest` then names them.
    """

    url: str
    at: datetime
    status: int
    headers: dict[str, str]
    digest: str = ""
    body: bytes | None = None
    media_type: str = ""
    first_at: datetime | None = None  # of the fetch that brought the same bytes
    location: str = ""
    kind: str = UrlKind.STORY


@dataclass(frozen=True, slots=True)
class _FetchWithSource:
    """A fetch. If it brought bytes, they are still to be read."""

    fetch: ExportedFetch
    payload_id: int | None = None
    size: int = 0


def count_articles(database: Database) -> int:
    """Count all articles."""
    with database.read() as db:
        return db.scalar(select(func.count()).select_from(ArticleRow)) or 0


def expected_articles(database: Database, wanted: ExportQuery) -> int | None:
    """Count the articles that an export would have now.

    Returns:
        The number, or None if the search has so many matches that only the export can tell.
    """
    if wanted.respect:
        return None
    limit = MAX_KEY if wanted.limit is None else wanted.limit
    start, end = _key_range(wanted, MAX_KEY)
    with database.read() as db:
        if wanted.unique:
            return None  # only the export can tell
        if wanted.query.strip():
            matches = _count_matches(db, wanted, start, end)
        else:
            matches = _count_in_range(db, wanted, start, end)
    return None if matches is None else min(limit, matches)


def _count_matches(db: Connection, wanted: ExportQuery, start: int, end: int) -> int | None:
    index_query = planner.plan_query(db, wanted.parse())
    if index_query is None:
        return 0
    keys = executor.newest_keys(db, index_query.within(start, end), MAX_COUNTED + 1)
    if len(keys) > MAX_COUNTED:
        return None
    return sum(len(_keys_of_sites(db, chunk, wanted.sites)) for chunk in chunks(keys))


def _count_in_range(db: Connection, wanted: ExportQuery, start: int, end: int) -> int:
    query = select(func.count()).select_from(ArticleRow)
    query = query.where(ArticleRow.order_key >= start, ArticleRow.order_key < end)
    if wanted.sites:
        query = query.join(PageRow, PageRow.id == ArticleRow.page_id)
        query = query.where(PageRow.site.in_(wanted.sites))
    return db.scalar(query) or 0


def expected_fetches(database: Database, wanted: ExportQuery) -> int | None:
    """Count the fetches that an export would have now, or return None if only it can tell.

    Args:
        database: The archive.
        wanted: What the export selects.

    Returns:
        The number of fetches.
    """
    if wanted.is_restricted:
        return None
    captures = (
        select(func.count())
        .select_from(CaptureRow)
        .join(PageRow, PageRow.id == CaptureRow.page_id)
        .where(
            CaptureRow.status.is_not(None) | CaptureRow.payload_id.is_not(None),
            CaptureRow.outcome != Outcome.UNCHANGED,
        )
    )
    unchanged = (
        select(func.count())
        .select_from(LedgerEntryRow)
        .join(PageRow, PageRow.id == LedgerEntryRow.page_id)
        .where(
            LedgerEntryRow.outcome == Outcome.UNCHANGED,
            LedgerEntryRow.status.is_not(None),
        )
    )
    total = 0
    with database.read() as db:
        for query in (captures, unchanged):
            if wanted.sites:
                query = query.where(PageRow.site.in_(wanted.sites))
            total += db.scalar(query) or 0
    return total


def iter_articles(
    database: Database, wanted: ExportQuery, left_out: LeftOut | None = None
) -> Iterator[ExportedArticle]:
    """Iterate over the articles, newest first.

    Args:
        left_out: Counts the articles that are left out because of a reservation.
    """
    for keys in _key_batches(database, wanted, left_out):
        with database.read() as db:
            articles = _load_articles(db, keys)
        yield from articles


def iter_stories(
    database: Database, wanted: ExportQuery, left_out: LeftOut | None = None
) -> Iterator[ExportedArticle]:
    """Iterate over the articles with their stories, newest first: see `iter_articles`."""
    for keys in _key_batches(database, wanted, left_out):
        for chunk in chunks(keys, STORIES_PER_READ):
            with database.read() as db:
                articles = _load_articles(db, chunk)
                stories = load_stories(db, [exported.article.id for exported in articles])
            for exported in articles:
                yield replace(exported, story=stories.get(exported.article.id))


def _key_batches(
    database: Database, wanted: ExportQuery, left_out: LeftOut | None = None
) -> Iterator[Sequence[int]]:
    """Order keys in batches, each batch below the one before."""
    end = MAX_KEY
    left = MAX_KEY if wanted.limit is None else wanted.limit
    while left > 0:
        with database.read() as db:
            keys = _next_keys(db, wanted, end)
            of_sites = _keys_of_sites(db, keys, wanted.sites)
            if wanted.unique:
                of_sites = _newest_of_groups(db, wanted, of_sites)
            selected = _permitted(db, of_sites, wanted.respect, left_out)[:left]
        if selected:
            yield selected
        if not keys:
            return
        end = keys[-1]
        left -= len(selected)


def _next_keys(db: Connection, wanted: ExportQuery, end: int) -> list[int]:
    """The next order keys below `end`, by words and dates."""
    start, end = _key_range(wanted, end)
    if wanted.query.strip():
        index_query = planner.plan_query(db, wanted.parse())
        if index_query is None:
            return []
        return executor.newest_keys(db, index_query.within(start, end), BATCH_SIZE)
    query = select(ArticleRow.order_key).where(
        ArticleRow.order_key >= start, ArticleRow.order_key < end
    )
    return list(db.scalars(query.order_by(ArticleRow.order_key.desc()).limit(BATCH_SIZE)))


def _key_range(wanted: ExportQuery, end: int) -> tuple[int, int]:
    """The order keys of the wanted dates, below `end`."""
    start = first_key(wanted.since) if wanted.since else 0
    if wanted.until:
        end = min(end, first_key(wanted.until))
    return start, end


def _keys_of_sites(db: Connection, keys: Sequence[int], sites: Sequence[str]) -> list[int]:
    if not sites or not keys:
        return list(keys)
    query = (
        select(ArticleRow.order_key)
        .join(PageRow, PageRow.id == ArticleRow.page_id)
        .where(PageRow.site.in_(sites), ArticleRow.order_key.in_(keys))
    )
    return sorted(db.scalars(query), reverse=True)


def _newest_of_groups(db: Connection, wanted: ExportQuery, keys: Sequence[int]) -> list[int]:
    """Return the keys without those of articles of which a newer near-duplicate is wanted, too."""
    query = wanted.parse()
    if wanted.sites:
        query = query_language.restrict_to_sites(query, wanted.sites)
    plan = planner.plan_query(db, query)
    if plan is None:
        return []
    plan = plan.within(*_key_range(wanted, MAX_KEY))
    return [key for key in keys if search.is_newest_of_group(db, plan, key)]


def _permitted(
    db: Connection, keys: Sequence[int], respect: Sequence[str], left_out: LeftOut | None
) -> list[int]:
    """Return the keys of articles without a declaration that is respected."""
    if not respect or not keys:
        return list(keys)
    reserved = set[int]()
    query = select(ArticleRow.order_key, ArticleRow.rights).where(ArticleRow.order_key.in_(keys))
    for key, rows in db.execute(query):
        statements = from_json(rows)
        for name in respect:
            if is_reserved(statements, RESPECTED[name]):
                reserved.add(key)
                if left_out is not None:
                    left_out[name] += 1
    return [key for key in keys if key not in reserved]


def _load_articles(db: Connection, keys: Sequence[int]) -> list[ExportedArticle]:
    columns = (ArticleRow.order_key, CleanResultRow.recipe, PayloadRow.digest)
    query = (
        select_articles()
        .add_columns(*columns)
        .join(CleanResultRow, CleanResultRow.id == ArticleRow.clean_result_id)
        .join(PayloadRow, PayloadRow.id == CleanResultRow.payload_id)
    )
    articles: dict[int, ExportedArticle] = {}
    for chunk in chunks(keys):
        rows = db.execute(query.where(ArticleRow.order_key.in_(chunk))).all()
        origins = article_origins(db, [row.page_id for row in rows])
        for row in rows:
            articles[row.order_key] = ExportedArticle(
                article=to_article_view(row),
                canonical_url=row.canonical_url,
                description=row.description,
                payload=row.digest,
                recipe=row.recipe,
                origin=origins[row.page_id],
            )
    return [articles[key] for key in keys if key in articles]


def iter_fetches(
    database: Database, wanted: ExportQuery, left_out: LeftOut | None = None
) -> Iterator[ExportedFetch]:
    """Iterate over all fetches of the selected stories, page by page, each page by time.

    Without a search, dates or a limit it also includes sources, and pages that are no articles.
    """
    for pages in _page_batches(database, wanted, left_out):
        for chunk in chunks(pages, PAGES_PER_READ):
            yield from _fetches(database, chunk)


def fetches_of(database: Database, pages: Sequence[int]) -> Iterator[ExportedFetch]:
    """Iterate over all fetches of some pages with their bytes, page by page, each by time."""
    for chunk in chunks(pages, PAGES_PER_READ):
        yield from _fetches(database, chunk)


def _page_batches(
    database: Database, wanted: ExportQuery, left_out: LeftOut | None
) -> Iterator[Sequence[int]]:
    if wanted.is_restricted:
        return _pages_of_articles(database, wanted, left_out)
    return _all_pages(database, wanted.sites)


def _pages_of_articles(
    database: Database, wanted: ExportQuery, left_out: LeftOut | None
) -> Iterator[Sequence[int]]:
    query = select(ArticleRow.order_key, ArticleRow.page_id)
    for keys in _key_batches(database, wanted, left_out):
        with database.read() as db:
            rows = db.execute(query.where(ArticleRow.order_key.in_(keys))).all()
        page_by_key = {row.order_key: row.page_id for row in rows}
        stories = [page_by_key[key] for key in keys if key in page_by_key]
        with database.read() as db:
            yield _with_parts(db, stories)


def _with_parts(db: Connection, stories: Sequence[int]) -> list[int]:
    """Return stories, each with its further pages and its lead pictures."""
    parts: dict[int, list[int]] = {story: [story] for story in stories}
    query = select(PageRow.part_of, PageRow.id).order_by(PageRow.part_number)
    for chunk in chunks(stories):
        for row in db.execute(query.where(PageRow.part_of.in_(chunk))):
            parts.setdefault(row.part_of or 0, []).append(row.id)
    pictures = select(StoryPictureRow.page_id, StoryPictureRow.picture_id)
    for chunk in chunks(stories):
        shown = pictures.join(PageRow, PageRow.id == StoryPictureRow.picture_id)
        shown = shown.where(StoryPictureRow.page_id.in_(chunk), PageRow.hidden_at.is_(None))
        for row in db.execute(shown.order_by(StoryPictureRow.picture_id)):
            parts[row.page_id].append(row.picture_id)
    pages: dict[int, None] = {}  # two stories may have one picture
    for story in stories:
        pages |= dict.fromkeys(parts[story])
    return list(pages)


def _all_pages(database: Database, sites: Sequence[str]) -> Iterator[Sequence[int]]:
    after = 0
    while True:
        shown = (PageRow.id > after, PageRow.hidden_at.is_(None))
        query = select(PageRow.id).where(*shown).order_by(PageRow.id).limit(BATCH_SIZE)
        if sites:
            query = query.where(PageRow.site.in_(sites))
        with database.read() as db:
            pages = list(db.scalars(query))
        if not pages:
            return
        yield pages
        after = pages[-1]


def _fetches(database: Database, pages: Sequence[int]) -> Iterator[ExportedFetch]:
    """Fetches of some pages. The first fetch that brought a payload carries its bytes."""
    urls = select(PageRow.id, PageRow.url, PageRow.kind).where(PageRow.id.in_(pages))
    rows_by_page: dict[int, list[AnyRow]] = defaultdict(list)
    with database.read() as db:
        page_rows = {row.id: row for row in db.execute(urls)}
        for query in (_select_captures(pages), _select_unchanged(pages)):
            for row in db.execute(query):
                rows_by_page[row.page_id].append(row)
    fetches: list[_FetchWithSource] = []
    for page in pages:
        if page in page_rows:
            row = page_rows[page]
            for fetch in _by_time(row.url, rows_by_page[page]):
                fetches.append(replace(fetch, fetch=replace(fetch.fetch, kind=row.kind)))
    bodies = _bodies(database, [each for each in fetches if each.payload_id is not None])
    for each in fetches:
        if each.payload_id is None:
            yield each.fetch
        else:
            yield replace(each.fetch, body=next(bodies))


def page_fetches(database: Database, page: int) -> list[ExportedFetch]:
    """Return all fetches of one page by time, without their bytes."""
    with database.read() as db:
        url = db.scalar(select(PageRow.url).where(PageRow.id == page))
        rows: list[AnyRow] = []
        for query in (_select_captures([page]), _select_unchanged([page])):
            rows += db.execute(query)
    return [] if url is None else [each.fetch for each in _by_time(url, rows)]


def _by_time(url: str, rows: Sequence[AnyRow]) -> Iterator[_FetchWithSource]:
    """The fetches of one page, by time."""
    first_fetch: dict[int, tuple[datetime, str]] = {}  # payload → (time, digest)
    current = 0  # the payload that the fetch before showed
    for row in sorted(rows, key=lambda row: row.at):
        current = row.payload_id or current
        if row.outcome == Outcome.UNCHANGED and current in first_fetch:
            first_at, digest = first_fetch[current]
            yield _FetchWithSource(
                ExportedFetch(url, row.at, row.status or 304, {}, digest, first_at=first_at)
            )
        elif row.payload_id:
            known = first_fetch.get(row.payload_id)
            fetch = ExportedFetch(
                url=url,
                at=row.at,
                status=row.status or 200,
                headers=dict(row.headers),
                digest=row.digest,
                media_type=row.media_type,
                first_at=known[0] if known else None,
            )
            if known:
                yield _FetchWithSource(fetch)
            else:
                first_fetch[row.payload_id] = (row.at, row.digest)
                yield _FetchWithSource(fetch, row.payload_id, row.payload_size)
        elif row.status and row.outcome != Outcome.UNCHANGED:
            yield _FetchWithSource(
                ExportedFetch(url, row.at, row.status, dict(row.headers), location=row.location)
            )


def _select_captures(pages: Sequence[int]) -> Select[*tuple[Any, ...]]:
    query: Select[*tuple[Any, ...]] = select(
        CaptureRow.page_id,
        CaptureRow.fetched_at.label("at"),
        CaptureRow.status,
        CaptureRow.outcome,
        CaptureRow.headers,
        CaptureRow.payload_id,
        CaptureRow.media_type,
        CaptureRow.location,
        PayloadRow.digest,
        PayloadRow.size.label("payload_size"),
    )
    query = query.outerjoin(PayloadRow, PayloadRow.id == CaptureRow.payload_id)
    # a page that is there again with the bytes of before is in the ledger, too
    return query.where(CaptureRow.page_id.in_(pages), CaptureRow.outcome != Outcome.UNCHANGED)


def _select_unchanged(pages: Sequence[int]) -> Select[*tuple[Any, ...]]:
    """Fetches that brought nothing new. Only the ledger has them."""
    columns = (
        LedgerEntryRow.page_id,
        LedgerEntryRow.at,
        LedgerEntryRow.status,
        LedgerEntryRow.outcome,
        null().label("payload_id"),
    )
    return select(*columns).where(
        LedgerEntryRow.page_id.in_(pages),
        LedgerEntryRow.outcome == Outcome.UNCHANGED,
        LedgerEntryRow.status.is_not(None),
    )


def _bodies(database: Database, fetches: Sequence[_FetchWithSource]) -> Iterator[bytes]:
    """The bytes that these fetches brought, in their order, a few megabytes at a time."""
    query = select(PayloadRow.id, *COMPRESSED_COLUMNS)
    for chunk in chunks(fetches, BATCH_SIZE):
        for batch in batches_by_size(chunk, lambda fetch: fetch.size, MAX_BATCH_BYTES):
            ids = [fetch.payload_id for fetch in batch]
            body_by_payload: dict[int | None, bytes] = {}
            with database.read() as db:
                for row in db.execute(query.where(PayloadRow.id.in_(ids))).all():
                    body_by_payload[row.id] = decompress_payload(db, *row[1:])
            for payload_id in ids:
                yield body_by_payload[payload_id]
