"""What the Memory of a Site holds, for people: counts, containers, and the lines that stand on most Pages.

Promises nothing but reading. Lines are kept as keys: whoever knows how keys are made finds their texts on the Pages named here.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import Connection, func, select
from sqlalchemy.orm import aliased

from pipeline.store.clean import container_stats
from pipeline.store.clean.line_memory import HEADLINE, LINE
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import LineSightingRow
from pipeline.store.db.sql import chunks


@dataclass(frozen=True, slots=True)
class Taught:
    """What a Site's memory holds in numbers, and its most frequent lines with the Pages they are known of."""

    pages: int
    lines: int
    repeated: int  # lines on several pages
    headlines: int
    quoted: int  # headlines that are a line of another page
    common: tuple[tuple[int, tuple[int, ...]], ...]  # (key, pages), most pages first
    containers: tuple[container_stats.Known, ...]  # those with most stories first


def taught(store: Database, site: str, limit: int) -> Taught:
    """The memory of a Site."""
    each = (
        select(LineSightingRow.key, func.count().label("pages"))
        .where(LineSightingRow.site == site, LineSightingRow.role == LINE)
        .group_by(LineSightingRow.key)
        .subquery()
    )
    with store.read() as db:
        pages = (
            db.scalar(
                select(func.count(LineSightingRow.page_id.distinct())).where(
                    LineSightingRow.site == site
                )
            )
            or 0
        )
        lines = db.scalar(select(func.count()).select_from(each)) or 0
        repeated = db.scalar(select(func.count()).select_from(each).where(each.c.pages > 1)) or 0
        common = db.scalars(
            select(each.c.key).order_by(each.c.pages.desc(), each.c.key).limit(limit)
        ).all()
        where = _pages(db, site, list(common))
        headlines, quoted = _headlines(db, site)
        known = container_stats.known(db, site)
    return Taught(
        pages,
        lines,
        repeated,
        headlines,
        quoted,
        tuple((key, tuple(where[key])) for key in common),
        known,
    )


def _pages(db: Connection, site: str, keys: list[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    query = select(LineSightingRow.key, LineSightingRow.page_id).where(
        LineSightingRow.site == site, LineSightingRow.role == LINE
    )
    for chunk in chunks(keys):
        for key, page in db.execute(
            query.where(LineSightingRow.key.in_(chunk)).order_by(LineSightingRow.page_id)
        ):
            found[key].append(page)
    return found


def _headlines(db: Connection, site: str) -> tuple[int, int]:
    line = aliased(LineSightingRow)
    met = select(line.key).where(
        line.site == LineSightingRow.site,
        line.key == LineSightingRow.key,
        line.role == LINE,
        line.page_id != LineSightingRow.page_id,
    )
    query = select(func.count(LineSightingRow.key.distinct())).where(
        LineSightingRow.site == site, LineSightingRow.role == HEADLINE
    )
    return db.scalar(query) or 0, db.scalar(query.where(met.exists())) or 0
