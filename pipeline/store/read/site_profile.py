"""The stored profile of a site for people: counts, containers and the most frequent lines.

Lines are stored as keys. The pages that come with each key are where a reader finds its text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Subquery, func, select

from pipeline.store.clean import container_stats
from pipeline.store.clean.container_stats import ContainerStats
from pipeline.store.clean.line_sightings import HEADLINE, LINE
from pipeline.store.db.engine import Database
from pipeline.store.db.row_classes import aliased
from pipeline.store.db.schema import LineSightingRow
from pipeline.store.db.sql import chunks


@dataclass(frozen=True, slots=True)
class ProfileStats:
    """A site's profile in numbers, and its most frequent lines with the pages they stand on."""

    pages: int
    lines: int
    repeated_lines: int  # lines on several pages
    headlines: int
    repeated_headlines: int  # headlines that are a line of another page
    frequent_lines: tuple[tuple[int, tuple[int, ...]], ...]  # (key, pages), most pages first
    containers: tuple[ContainerStats, ...]  # most stories first


def profile_stats(database: Database, site: str, limit: int) -> ProfileStats:
    """Read the profile of a site.

    Args:
        limit: How many of the most frequent lines to return.
    """
    lines = _pages_per_line(site)
    with database.read() as db:
        pages = _count_pages(db, site)
        line_count = db.scalar(select(func.count()).select_from(lines)) or 0
        repeated = select(func.count()).select_from(lines).where(lines.c.pages > 1)
        repeated_count = db.scalar(repeated) or 0
        most_frequent = select(lines.c.key).order_by(lines.c.pages.desc(), lines.c.key)
        keys = db.scalars(most_frequent.limit(limit)).all()
        pages_by_key = _pages_by_key(db, site, keys)
        headlines, repeated_headlines = _count_headlines(db, site)
        containers = container_stats.ranked(db, site)
    return ProfileStats(
        pages=pages,
        lines=line_count,
        repeated_lines=repeated_count,
        headlines=headlines,
        repeated_headlines=repeated_headlines,
        frequent_lines=tuple((key, tuple(pages_by_key[key])) for key in keys),
        containers=containers,
    )


def _pages_per_line(site: str) -> Subquery:
    return (
        select(LineSightingRow.key, func.count().label("pages"))
        .where(LineSightingRow.site == site, LineSightingRow.role == LINE)
        .group_by(LineSightingRow.key)
        .subquery()
    )


def _count_pages(db: Connection, site: str) -> int:
    pages = func.count(LineSightingRow.page_id.distinct())
    return db.scalar(select(pages).where(LineSightingRow.site == site)) or 0


def _pages_by_key(db: Connection, site: str, keys: Sequence[int]) -> dict[int, list[int]]:
    pages_by_key: dict[int, list[int]] = defaultdict(list)
    query = (
        select(LineSightingRow.key, LineSightingRow.page_id)
        .where(LineSightingRow.site == site, LineSightingRow.role == LINE)
        .order_by(LineSightingRow.page_id)
    )
    for chunk in chunks(keys):
        for key, page in db.execute(query.where(LineSightingRow.key.in_(chunk))):
            pages_by_key[key].append(page)
    return pages_by_key


def _count_headlines(db: Connection, site: str) -> tuple[int, int]:
    """Count the headlines, and those of them that are a line of another page."""
    line = aliased(LineSightingRow)
    on_another_page = select(line.key).where(
        line.site == LineSightingRow.site,
        line.key == LineSightingRow.key,
        line.role == LINE,
        line.page_id != LineSightingRow.page_id,
    )
    headlines = select(func.count(LineSightingRow.key.distinct())).where(
        LineSightingRow.site == site, LineSightingRow.role == HEADLINE
    )
    repeated = headlines.where(on_another_page.exists())
    return db.scalar(headlines) or 0, db.scalar(repeated) or 0
