"""What near-copies are told by: a sketch of each Article with the keys under which it is found, and the groups.

Promises that an Article whose text or day may have changed, or that is none any more, waits from the same transaction on; that
whoever brings groups up to date is alone at it; and that looking for what is alike costs about the same however many Articles
share a key. How texts are compared is the craft's, and who follows whom is decided in `runs`.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, or_, select, text, update

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

MAX_PAGES_PER_KEY = 100  # Articles that are looked at under one key, the first ones: a template's keys are those of thousands
IS_PENDING = text("sketch.version = ''")  # word for word as in the index, which is not used else
MARK_PENDING = text(
    "INSERT INTO sketch (page_id, site) SELECT id, site FROM page WHERE id = :page"
    " ON CONFLICT (page_id) DO UPDATE SET version = ''"
)
COLUMNS = (
    SketchRow.page_id,
    SketchRow.site,
    SketchRow.day,
    SketchRow.shingle_count,
    SketchRow.minhash,
    SketchRow.numbers,
    SketchRow.leader_id,
)
# Each key is walked through on its own, in the order of its index, so that a crowded one costs no more than its first hundred.
PAGES_BY_KEY = """
SELECT asked.value, sketch_band.page_id
FROM {keys}
JOIN sketch_band ON sketch_band.key = asked.value AND sketch_band.page_id < coalesce(
    (SELECT crowd.page_id FROM sketch_band crowd WHERE crowd.key = asked.value ORDER BY crowd.page_id LIMIT 1 OFFSET :crowd),
    9223372036854775807
)
"""
KEY_LISTS = {
    "sqlite": "json_each(:keys) asked",
    "postgresql": "unnest(CAST(:keys AS bigint[])) asked(value)",
}


@dataclass(frozen=True, slots=True)
class PendingSketch:
    """An Article that is to be compared anew; without a text it is none any more."""

    page_id: int
    site: str
    day: int
    text: str | None


@dataclass(frozen=True, slots=True)
class GroupMember:
    """An Article of a group, as people know it."""

    article: SketchedArticle
    url: str
    title: str
    published_at: datetime | None
    first_seen_at: datetime


def mark_pending(db: Connection, pages: Sequence[int]) -> None:
    """These Articles wait from now on. Works inside the transaction that writes them."""
    if pages:
        db.execute(MARK_PENDING, [{"page": page} for page in pages])


def count_pending(store: Database, site: str) -> int:
    """Articles of a Site that wait."""
    with store.read() as db:
        return (
            db.scalar(
                select(func.count()).select_from(SketchRow).where(SketchRow.site == site, IS_PENDING)
            )
            or 0
        )


def pending(store: Database, site: str, limit: int) -> tuple[PendingSketch, ...]:
    """The next Articles that wait, by id."""
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
    return tuple(
        PendingSketch(row.page_id, site, (row.published_at or row.first_seen_at).toordinal(), row.text)
        for row in rows
    )


def reset_outdated(store: Database, version: str) -> None:
    """Lets go of all sketches where they are of another version: all Articles wait. Groups stay until they are found anew."""
    other = select(SketchRow.version).where(SketchRow.version != "").limit(1)
    with store.read() as db:
        if db.scalar(other) in (None, version):
            return
    with store.write() as db:
        db.execute(delete(SketchBandRow))
        db.execute(
            update(SketchRow).values(version="", shingle_count=0, minhash=None, numbers=None)
        )


@contextmanager
def locked_groups(store: Database) -> Iterator[StoryGroups]:
    """One transaction in which nobody else changes groups."""
    with store.write() as db:
        if not store.is_sqlite:
            db.execute(text("SELECT pg_advisory_xact_lock(778207416)"))
        yield StoryGroups(db)


class StoryGroups:
    """Sketches and groups within one transaction."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._sketches: dict[int, SketchedArticle] = {}

    def sketches(self, pages: Iterable[int]) -> dict[int, SketchedArticle]:
        """What is kept of these Pages: of those that can be compared."""
        wanted = [page for page in pages if page not in self._sketches]
        for chunk in chunks(wanted):
            for row in self._db.execute(
                select(*COLUMNS).where(SketchRow.page_id.in_(chunk), SketchRow.shingle_count > 0)
            ):
                self._sketches[row.page_id] = _sketched(row)
        return {page: self._sketches[page] for page in pages if page in self._sketches}

    def save_sketches(self, version: str, made: Sequence[SketchedArticle]) -> None:
        """Keeps sketches as they are now. Nobody follows anybody by that."""
        self._sketches |= {each.page_id: each for each in made if each.sketch.shingle_count}
        rows = [
            {
                "page": each.page_id, "version": version, "day": each.day, "shingle_count": each.sketch.shingle_count,
                "minhash": each.sketch.minhash, "numbers": each.sketch.number_digests, "leader_id": None, "similarity": None,
            }
            for each in made
        ]  # fmt: skip
        self._update(rows)

    def mark_current(self, version: str, pages: Sequence[int]) -> None:
        """These Pages are as they were."""
        self._update([{"page": page, "version": version} for page in pages])

    def remove_pages(self, pages: Sequence[int]) -> None:
        """Forgets Pages that are no Articles any more."""
        for page in pages:
            self._sketches.pop(page, None)
        for chunk in chunks(pages):
            self._db.execute(delete(SketchRow).where(SketchRow.page_id.in_(chunk)))

    def set_leader(self, page: int, head: int | None, similarity: float | None) -> None:
        """From now on this Page follows that one, or nobody."""
        self._sketches[page] = replace(self._sketches[page], group_leader_id=head)
        self._update([{"page": page, "leader_id": head, "similarity": similarity}])

    def mark_pending(self, pages: Sequence[int]) -> None:
        """These Pages are to be compared anew later."""
        self._update([{"page": page, "version": ""} for page in pages])

    def _update(self, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            values: dict[str, Any] = {name: bindparam(name) for name in rows[0] if name != "page"}
            self._db.execute(
                update(SketchRow).where(SketchRow.page_id == bindparam("page")).values(values), rows
            )

    def followers(self, pages: Sequence[int]) -> set[int]:
        """Pages that follow one of these."""
        found = set[int]()
        for chunk in chunks(pages):
            found.update(
                self._db.scalars(select(SketchRow.page_id).where(SketchRow.leader_id.in_(chunk)))
            )
        return found

    def add_band_keys(self, keys: Mapping[int, Sequence[int]]) -> None:
        """Pages are found under these keys from now on."""
        rows = [{"key": key, "page_id": page} for page, each in keys.items() for key in each]
        if rows:
            rows.sort(key=lambda row: row["key"])  # neighbours in the index are written together
            self._db.execute(insert_or_ignore(self._db, SketchBandRow, ["key", "page_id"]), rows)

    def remove_band_keys(self, keys: Mapping[int, Sequence[int]]) -> None:
        """Pages are found under these keys no more."""
        rows = [{"k": key, "p": page} for page, each in keys.items() for key in each]
        if rows:
            statement = delete(SketchBandRow).where(
                SketchBandRow.key == bindparam("k"), SketchBandRow.page_id == bindparam("p")
            )
            self._db.execute(statement, rows)

    def candidates(
        self, keys: Mapping[int, Sequence[int]], limit: int
    ) -> dict[int, list[SketchedArticle]]:
        """For each Page those that share keys with it, at most `limit`, those that share most first."""
        sharing = self._pages_by_key(sorted({key for each in keys.values() for key in each}))
        near = dict[int, list[int]]()
        for page, each in keys.items():
            shared = Counter(
                other for key in each for other in sharing.get(key, ()) if other != page
            )
            near[page] = sorted(shared, key=lambda other: (-shared[other], other))[:limit]
        known = self.sketches({other for each in near.values() for other in each})
        return {
            page: [known[other] for other in each if other in known] for page, each in near.items()
        }

    def _pages_by_key(self, keys: Sequence[int]) -> dict[int, list[int]]:
        """Pages by the keys under which they are found."""
        dialect = self._db.dialect.name
        statement = text(PAGES_BY_KEY.format(keys=KEY_LISTS[dialect]))
        found: dict[int, list[int]] = defaultdict(list)
        asked: Any = json.dumps(keys) if dialect == "sqlite" else list(keys)
        for key, page in self._db.execute(statement, {"keys": asked, "crowd": MAX_PAGES_PER_KEY}):
            found[key].append(page)
        return found


def _sketched(row: Row[*tuple[Any, ...]]) -> SketchedArticle:
    return SketchedArticle(
        row.page_id,
        row.site,
        row.day,
        MinHashSketch(row.shingle_count, row.minhash or b"", row.numbers or b""),
        row.leader_id,
    )


def group_members(store: Database, page: int) -> tuple[GroupMember, ...]:
    """The Articles of the group that a Page belongs to, by id; none for a Page that is in none."""
    own = (
        select(func.coalesce(SketchRow.leader_id, SketchRow.page_id))
        .where(SketchRow.page_id == page)
        .scalar_subquery()
    )
    query = (
        select(
            *COLUMNS, PageRow.url, PageRow.first_seen_at, ArticleRow.title, ArticleRow.published_at
        )
        .join(PageRow, PageRow.id == SketchRow.page_id)
        .join(ArticleRow, ArticleRow.page_id == SketchRow.page_id)
        .where(or_(SketchRow.leader_id == own, SketchRow.page_id == own))
        .order_by(SketchRow.page_id)
    )
    with store.read() as db:
        rows = db.execute(query).all()
    found = tuple(
        GroupMember(_sketched(row), row.url, row.title, row.published_at, row.first_seen_at)
        for row in rows
    )
    return found if len(found) > 1 else ()


def count_near_duplicates(store: Database, run: int) -> int:
    """Articles that a clean made or changed and that also stand elsewhere."""
    other = select(SketchRow.page_id.label("page_id"), SketchRow.leader_id.label("head")).subquery(
        "other"
    )
    follows = SketchRow.leader_id.is_not(None)
    query = (
        select(func.count())
        .select_from(LedgerEntryRow)
        .join(SketchRow, SketchRow.page_id == LedgerEntryRow.page_id)
    )
    query = query.where(
        LedgerEntryRow.run_id == run,
        LedgerEntryRow.outcome.in_((Outcome.ARCHIVED, Outcome.REVISED)),
    )
    is_followed = select(other.c.page_id).where(other.c.head == SketchRow.page_id).exists()
    with store.read() as db:
        return db.scalar(query.where(or_(follows, is_followed))) or 0
