"""Store the sketches that find near-duplicates, the keys that find the sketches, and story
groups.

An article whose text or day may have changed, or that is no article any more, is pending from the
same transaction on. Whoever updates groups is the only one who does. To look for similar articles
takes about the same time however many articles share a key. How texts are compared stands in
`pipeline.cleaning.near_duplicates`, and who leads a group is decided in `pipeline.jobs`.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, or_, select, text, update

from pipeline.core.models import MinHashSketch, Outcome, SketchedArticle
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import (
    ArticleRow,
    LedgerEntryRow,
    PageRow,
    RevisionRow,
    SketchBandRow,
    SketchRow,
)
from pipeline.store.db.sql import chunks, insert_or_ignore

# Articles looked at under one key, the first ones: the text of a template has the same keys on
# thousands of pages.
MAX_PAGES_PER_KEY = 100
GROUPS_LOCK_NUMBER: Final = 778207416  # of the advisory lock on PostgreSQL
# the same words as in the partial index, which is not used otherwise
IS_PENDING: Final = text("sketch.version = ''")
MARK_PENDING: Final = text(
    "INSERT INTO sketch (page_id, site) SELECT id, site FROM page WHERE id = :page"
    " ON CONFLICT (page_id) DO UPDATE SET version = ''"
)
SKETCH_COLUMNS: Final = (
    SketchRow.page_id,
    SketchRow.site,
    SketchRow.day,
    SketchRow.shingle_count,
    SketchRow.minhash,
    SketchRow.number_digests,
    SketchRow.leader_id,
)
# Each key is searched on its own, in the order of its index, so that a key of very many pages costs
# no more than the first pages under it.
PAGES_BY_KEY: Final = """
SELECT asked.value, sketch_band.page_id
FROM {keys}
JOIN sketch_band ON sketch_band.key = asked.value AND sketch_band.page_id < coalesce(
    (SELECT crowd.page_id FROM sketch_band crowd WHERE crowd.key = asked.value
     ORDER BY crowd.page_id LIMIT 1 OFFSET :crowd),
    9223372036854775807
)
"""
KEY_LISTS: Final = {
    "sqlite": "json_each(:keys) asked",
    "postgresql": "unnest(CAST(:keys AS bigint[])) asked(value)",
}


@dataclass(frozen=True, slots=True)
class PendingSketch:
    """An article that has to be compared. Without a text the page is no article any more."""

    page_id: int
    site: str
    day: int  # proleptic Gregorian ordinal
    text: str | None


@dataclass(frozen=True, slots=True)
class GroupMember:
    """An article of a story group, as people know it."""

    article: SketchedArticle
    url: str
    title: str
    published_at: datetime | None
    published_precision: str
    first_seen_at: datetime


def mark_pending(db: Connection, pages: Sequence[int]) -> None:
    """Mark articles as pending, in the transaction that writes them."""
    if pages:
        db.execute(MARK_PENDING, [{"page": page} for page in pages])


def select_pending(site: str) -> Select[int]:
    """Select the pending articles of a site."""
    return select(SketchRow.page_id).where(SketchRow.site == site, IS_PENDING)


def count_pending(store: Database, site: str) -> int:
    """Count the pending articles of a site."""
    query = select(func.count()).select_from(SketchRow).where(SketchRow.site == site, IS_PENDING)
    with store.read() as db:
        return db.scalar(query) or 0


def pending(store: Database, site: str, limit: int) -> tuple[PendingSketch, ...]:
    """Return the next pending articles of a site, by id.

    Args:
        store: The archive.
        site: The id of the site.
        limit: The most articles to return.

    Returns:
        Articles without a sketch of their text. The text is None where a page is no article any
        more.
    """
    query = (
        select(SketchRow.page_id, ArticleRow.published_at, PageRow.first_seen_at, RevisionRow.text)
        .join(PageRow, PageRow.id == SketchRow.page_id)
        .outerjoin(ArticleRow, ArticleRow.page_id == SketchRow.page_id)
        .outerjoin(RevisionRow, RevisionRow.id == ArticleRow.revision_id)
        .where(SketchRow.site == site, IS_PENDING)
        .order_by(SketchRow.page_id)
        .limit(limit)
    )
    with store.read() as db:
        rows = db.execute(query).all()
    sketches: list[PendingSketch] = []
    for row in rows:
        day = (row.published_at or row.first_seen_at).toordinal()
        sketches.append(PendingSketch(row.page_id, site, day, row.text))
    return tuple(sketches)


def reset_outdated(store: Database, version: str) -> None:
    """Delete all sketches where they have another version: all articles are pending then.

    Groups stay until they are found again.

    Args:
        store: The archive.
        version: The version of today's sketches.
    """
    other = select(SketchRow.version).where(SketchRow.version != "").limit(1)
    with store.read() as db:
        if db.scalar(other) in (None, version):
            return
    cleared = {"version": "", "shingle_count": 0, "minhash": None, "number_digests": None}
    with store.write() as db:
        db.execute(delete(SketchBandRow))
        db.execute(update(SketchRow).values(cleared))


@contextmanager
def locked_groups(store: Database) -> Iterator[StoryGroups]:
    """Open a transaction in which nobody else changes groups."""
    with store.write() as db:
        if not store.is_sqlite:
            db.execute(text(f"SELECT pg_advisory_xact_lock({GROUPS_LOCK_NUMBER})"))
        yield StoryGroups(db)


class StoryGroups:
    """Sketches and story groups within one transaction."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._sketches: dict[int, SketchedArticle] = {}

    def sketches(self, pages: Iterable[int]) -> dict[int, SketchedArticle]:
        """Return the sketches of pages. Pages that cannot be compared are left out.

        Args:
            pages: Ids of articles.

        Returns:
            The sketches by page.
        """
        pages = list(pages)
        missing = [page for page in pages if page not in self._sketches]
        query = select(*SKETCH_COLUMNS).where(SketchRow.shingle_count > 0)
        for chunk in chunks(missing):
            for row in self._db.execute(query.where(SketchRow.page_id.in_(chunk))):
                self._sketches[row.page_id] = _to_sketched_article(row)
        return {page: self._sketches[page] for page in pages if page in self._sketches}

    def save_sketches(self, version: str, articles: Sequence[SketchedArticle]) -> None:
        """Save the sketches of articles, which have no leader then."""
        rows: list[dict[str, Any]] = []
        for article in articles:
            if article.sketch.shingle_count:
                self._sketches[article.page_id] = article
            rows.append(
                {
                    "page": article.page_id,
                    "version": version,
                    "day": article.day,
                    "shingle_count": article.sketch.shingle_count,
                    "minhash": article.sketch.minhash,
                    "number_digests": article.sketch.number_digests,
                    "leader_id": None,
                    "similarity": None,
                }
            )
        self._update(rows)

    def mark_current(self, version: str, pages: Sequence[int]) -> None:
        """Mark pages whose sketches have not changed."""
        self._update([{"page": page, "version": version} for page in pages])

    def remove_pages(self, pages: Sequence[int]) -> None:
        """Delete the sketches of pages that are no articles any more."""
        for page in pages:
            self._sketches.pop(page, None)
        for chunk in chunks(pages):
            self._db.execute(delete(SketchRow).where(SketchRow.page_id.in_(chunk)))

    def set_leader(self, page: int, leader: int | None, similarity: float | None) -> None:
        """Set the leader of a page, or None for a page that leads or is alone."""
        self._sketches[page] = replace(self._sketches[page], group_leader_id=leader)
        self._update([{"page": page, "leader_id": leader, "similarity": similarity}])

    def mark_pending(self, pages: Sequence[int]) -> None:
        """Mark pages that have to be compared again later."""
        self._update([{"page": page, "version": ""} for page in pages])

    def _update(self, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            values: dict[str, Any] = {name: bindparam(name) for name in rows[0] if name != "page"}
            this_page = SketchRow.page_id == bindparam("page")
            self._db.execute(update(SketchRow).where(this_page).values(values), rows)

    def followers(self, pages: Sequence[int]) -> set[int]:
        """Return the pages that one of these leads."""
        followers: set[int] = set()
        for chunk in chunks(pages):
            query = select(SketchRow.page_id).where(SketchRow.leader_id.in_(chunk))
            followers.update(self._db.scalars(query))
        return followers

    def add_band_keys(self, keys: Mapping[int, Sequence[int]]) -> None:
        """Add the keys under which pages are found, by page id."""
        rows: list[dict[str, int]] = []
        for page, page_keys in keys.items():
            rows += [{"key": key, "page_id": page} for key in page_keys]
        if rows:
            rows.sort(key=lambda row: row["key"])  # neighbours in the index are written together
            self._db.execute(insert_or_ignore(self._db, SketchBandRow, ["key", "page_id"]), rows)

    def remove_band_keys(self, keys: Mapping[int, Sequence[int]]) -> None:
        """Delete keys under which pages were found, by page id."""
        rows: list[dict[str, int]] = []
        for page, page_keys in keys.items():
            rows += [{"k": key, "p": page} for key in page_keys]
        if rows:
            statement = delete(SketchBandRow).where(
                SketchBandRow.key == bindparam("k"), SketchBandRow.page_id == bindparam("p")
            )
            self._db.execute(statement, rows)

    def candidates(
        self, keys: Mapping[int, Sequence[int]], limit: int
    ) -> dict[int, list[SketchedArticle]]:
        """Return for each page the articles that share keys with it.

        Args:
            keys: The keys to look under, by page id.
            limit: How many articles to return for a page: those that share the most keys.
        """
        distinct_keys: set[int] = set()
        distinct_keys.update(*keys.values())
        pages_by_key = self._pages_by_key(sorted(distinct_keys))
        ranked: dict[int, list[int]] = {}
        candidate_ids: set[int] = set()
        for page, page_keys in keys.items():
            ranked[page] = _rank_by_shared_keys(page, page_keys, pages_by_key)[:limit]
            candidate_ids.update(ranked[page])
        sketches = self.sketches(candidate_ids)
        candidates: dict[int, list[SketchedArticle]] = {}
        for page, others in ranked.items():
            candidates[page] = [sketches[other] for other in others if other in sketches]
        return candidates

    def _pages_by_key(self, keys: Sequence[int]) -> dict[int, list[int]]:
        dialect = self._db.dialect.name
        statement = text(PAGES_BY_KEY.format(keys=KEY_LISTS[dialect]))
        key_list: Any = json.dumps(keys) if dialect == "sqlite" else list(keys)
        pages_by_key: dict[int, list[int]] = defaultdict(list)
        parameters = {"keys": key_list, "crowd": MAX_PAGES_PER_KEY}
        for key, page in self._db.execute(statement, parameters):
            pages_by_key[key].append(page)
        return pages_by_key


def _rank_by_shared_keys(
    page: int, keys: Sequence[int], pages_by_key: Mapping[int, Sequence[int]]
) -> list[int]:
    """Return the other pages under these keys, those that share the most keys first."""
    shared: Counter[int] = Counter()
    for key in keys:
        shared.update(pages_by_key.get(key, ()))
    del shared[page]
    return sorted(shared, key=lambda other: (-shared[other], other))


def _to_sketched_article(row: Row[*tuple[Any, ...]]) -> SketchedArticle:
    sketch = MinHashSketch(row.shingle_count, row.minhash or b"", row.number_digests or b"")
    return SketchedArticle(row.page_id, row.site, row.day, sketch, row.leader_id)


def group_members(store: Database, page: int) -> tuple[GroupMember, ...]:
    """Return the articles of the story group of a page, by id; none where it is in no group.

    Args:
        store: The archive.
        page: The id of any article of the group.

    Returns:
        All members with the article itself.
    """
    leader = (
        select(func.coalesce(SketchRow.leader_id, SketchRow.page_id))
        .where(SketchRow.page_id == page)
        .scalar_subquery()
    )
    shown = (
        PageRow.url,
        PageRow.first_seen_at,
        ArticleRow.title,
        ArticleRow.published_at,
        ArticleRow.published_precision,
    )
    query = (
        select(*SKETCH_COLUMNS, *shown)
        .join(PageRow, PageRow.id == SketchRow.page_id)
        .join(ArticleRow, ArticleRow.page_id == SketchRow.page_id)
        .where(or_(SketchRow.leader_id == leader, SketchRow.page_id == leader))
        .order_by(SketchRow.page_id)
    )
    with store.read() as db:
        rows = db.execute(query).all()
    if len(rows) < 2:
        return ()
    members: list[GroupMember] = []
    for row in rows:
        article = _to_sketched_article(row)
        members.append(
            GroupMember(
                article,
                row.url,
                row.title,
                row.published_at,
                row.published_precision,
                row.first_seen_at,
            )
        )
    return tuple(members)


def count_near_duplicates(store: Database, run: int) -> int:
    """Count the articles that a clean made or changed and that have near-duplicates.

    Args:
        store: The archive.
        run: The number of the clean.

    Returns:
        How many articles it is.
    """
    other = select(SketchRow.page_id.label("page_id"), SketchRow.leader_id.label("head")).subquery(
        "other"
    )
    follows = SketchRow.leader_id.is_not(None)
    leads = select(other.c.page_id).where(other.c.head == SketchRow.page_id).exists()
    query = (
        select(func.count())
        .select_from(LedgerEntryRow)
        .join(SketchRow, SketchRow.page_id == LedgerEntryRow.page_id)
        .where(
            LedgerEntryRow.run_id == run,
            LedgerEntryRow.outcome.in_((Outcome.ARCHIVED, Outcome.REVISED)),
            or_(follows, leads),
        )
    )
    with store.read() as db:
        return db.scalar(query) or 0
