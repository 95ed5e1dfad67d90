"""The newest stories for a list: title, site, time and first lines; a wire story stands there once.

It never reads a whole text, so the cost depends on the number of stories and not on the archive.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from json import dumps
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select, text

from pipeline.fulltext.query_language import Query, restrict_to_site
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import ArticleRow, PageRow, RevisionRow, SketchRow
from pipeline.store.search import executor, planner
from pipeline.store.search.index import first_key, timestamp_of
from pipeline.store.search.planner import MAX_KEY

LEAD_LENGTH = 600  # characters of a text that are read
MAX_ALSO = 12  # near-duplicates that are named below a story
SECTION_BATCH = 500  # articles of a site that are looked through at once for a section
MAX_SECTION_BATCHES = 100
# Plain text, since building the statement would take longer than running it.
MEMBERS_SQL = """
WITH followers AS (
    SELECT page_id, leader_id FROM sketch WHERE leader_id IN ({groups})
), members AS (
    SELECT page_id, leader_id FROM followers
    UNION SELECT leader_id, leader_id FROM followers
)
SELECT members.leader_id, article.order_key, article.page_id, page.site
FROM members
{join} article ON article.page_id = members.page_id
{join} page ON page.id = members.page_id
ORDER BY article.order_key DESC
"""
MEMBERS_OF_GROUPS = {
    # a cross join keeps SQLite from walking all articles in their order
    "sqlite": text(
        MEMBERS_SQL.format(groups="SELECT value FROM json_each(:groups)", join="CROSS JOIN")
    ),
    "postgresql": text(
        MEMBERS_SQL.format(groups="SELECT unnest(CAST(:groups AS bigint[]))", join="JOIN")
    ),
}


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """Another article with nearly the same text, as a list names it."""

    id: int
    site: str


@dataclass(frozen=True, slots=True)
class Headline:
    """One article in a list."""

    id: int
    key: int  # its order key, which is `before` of the next page
    site: str
    title: str
    lead: str
    language: str
    at: datetime  # of publication, or else when the page was first seen
    is_dated: bool  # whether `at` is that of publication
    precision: str  # "day" or "second"
    revisions: int
    gone: bool
    also: tuple[NearDuplicate, ...] = ()  # near-duplicates, at most MAX_ALSO
    also_count: int = 0


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The story before or after another one in the order of the archive."""

    id: int
    site: str
    title: str
    language: str


def newest_headlines(
    database: Database, limit: int, *, before: int | None = None, day: date | None = None
) -> tuple[Headline, ...]:
    """List the newest articles, newest first. Of several near-duplicates, only the newest stands.

    Args:
        limit: The largest number of articles.
        before: Only articles with a lower order key. This asks for the next page.
        day: Only articles of this day in UTC.
    """
    start, end = 0, MAX_KEY if before is None else before
    if day is not None:
        start, day_end = keys_of_day(day)
        end = min(end, day_end)
    headlines: list[Headline] = []
    with database.read() as db:
        while len(headlines) < limit:
            query = _select_headlines().where(
                ArticleRow.order_key >= start, ArticleRow.order_key < end
            )
            rows = db.execute(query.limit(limit)).all()
            headlines += _without_repeated(db, rows)
            if len(rows) < limit:
                break
            end = rows[-1].order_key
    return tuple(headlines[:limit])


def section_headlines(
    database: Database, site: str, section: str, limit: int, *, before: int | None = None
) -> tuple[Headline, ...]:
    """List the newest articles of a section of a site, newest first."""
    headlines: list[Headline] = []
    with database.read() as db:
        plan = planner.plan_query(db, restrict_to_site(Query(), site))
        assert plan is not None
        plan = plan.within(0, MAX_KEY if before is None else before)
        for _ in range(MAX_SECTION_BATCHES):
            keys = executor.newest_keys(db, plan, SECTION_BATCH)
            query = _select_headlines().where(
                ArticleRow.order_key.in_(keys), ArticleRow.section == section
            )
            headlines += [_headline(row, ()) for row in db.execute(query)]
            if len(headlines) >= limit or len(keys) < SECTION_BATCH:
                break
            plan = plan.within(0, keys[-1])
    return tuple(headlines[:limit])


def keys_of_day(day: date) -> tuple[int, int]:
    """Return the first order key of a day in UTC, and the first one after it."""
    start = first_key(datetime.fromisoformat(f"{day}T00:00:00+00:00"))
    return start, start + first_key(datetime.fromisoformat("1970-01-02T00:00:00+00:00"))


def neighbour_days(database: Database, day: date) -> tuple[date | None, date | None]:
    """Return the nearest day before and the nearest one after a day that have articles.

    Args:
        database: The archive.
        day: A day in UTC.

    Returns:
        The two days; None where there is none in that direction.
    """
    start, end = keys_of_day(day)
    key = ArticleRow.order_key
    with database.read() as db:
        older = db.scalar(select(func.max(key)).where(key < start))
        newer = db.scalar(select(func.min(key)).where(key >= end))
    return _day_of(older), _day_of(newer)


def _day_of(key: int | None) -> date | None:
    return None if key is None else timestamp_of(key).date()


def neighbours(database: Database, page: int) -> tuple[Neighbour | None, Neighbour | None]:
    """Return the story before an article, which is newer, and the one after it in the lists.

    Args:
        database: The archive.
        page: The id of the article.

    Returns:
        The two articles; None at the ends of the list.
    """
    key = ArticleRow.order_key
    columns = (ArticleRow.page_id, PageRow.site, ArticleRow.title, ArticleRow.language)
    query = select(*columns).join(PageRow, PageRow.id == ArticleRow.page_id).limit(1)
    with database.read() as db:
        own = db.scalar(select(key).where(ArticleRow.page_id == page))
        if own is None:
            return None, None
        newer = db.execute(query.where(key > own).order_by(key)).first()
        older = db.execute(query.where(key < own).order_by(key.desc())).first()
    return Neighbour(*newer) if newer else None, Neighbour(*older) if older else None


@cache
def _select_headlines() -> Select[*tuple[Any, ...]]:
    query: Select[*tuple[Any, ...]] = select(
        ArticleRow.page_id,
        ArticleRow.order_key,
        PageRow.site,
        ArticleRow.title,
        func.substr(RevisionRow.text, 1, LEAD_LENGTH).label("lead"),
        ArticleRow.language,
        ArticleRow.published_at,
        ArticleRow.published_precision,
        RevisionRow.number,
        PageRow.gone_at,
        func.coalesce(SketchRow.leader_id, ArticleRow.page_id).label("story_group"),
    )
    return (
        query.join(PageRow, PageRow.id == ArticleRow.page_id)
        .join(RevisionRow, RevisionRow.id == ArticleRow.revision_id)
        .outerjoin(SketchRow, SketchRow.page_id == ArticleRow.page_id)
        .order_by(ArticleRow.order_key.desc())
    )


def _without_repeated(db: Connection, rows: Sequence[Row[*tuple[Any, ...]]]) -> list[Headline]:
    """Return the rows of which no newer near-duplicate exists, with the older ones."""
    members = _members_of_groups(db, [row.story_group for row in rows])
    headlines: list[Headline] = []
    for row in rows:
        others = members.get(row.story_group, [])
        if any(key > row.order_key for key, _ in others):
            continue
        also = tuple(other for key, other in others if key < row.order_key)
        headlines.append(_headline(row, also))
    return headlines


def _members_of_groups(
    db: Connection, groups: Sequence[int]
) -> Mapping[int, list[tuple[int, NearDuplicate]]]:
    """Return the articles of the groups that have several, newest first, with their order keys."""
    members: dict[int, list[tuple[int, NearDuplicate]]] = defaultdict(list)
    dialect = db.dialect.name
    parameter = dumps(groups) if dialect == "sqlite" else list(groups)
    for group, key, page, site in db.execute(MEMBERS_OF_GROUPS[dialect], {"groups": parameter}):
        members[group].append((key, NearDuplicate(page, site)))
    return members


def _headline(row: Row[*tuple[Any, ...]], also: tuple[NearDuplicate, ...]) -> Headline:
    return Headline(
        id=row.page_id,
        key=row.order_key,
        site=row.site,
        title=row.title,
        lead=row.lead,
        language=row.language,
        at=row.published_at or timestamp_of(row.order_key),
        is_dated=row.published_at is not None,
        precision=row.published_precision,
        revisions=row.number,
        gone=row.gone_at is not None,
        also=also[:MAX_ALSO],
        also_count=len(also),
    )
