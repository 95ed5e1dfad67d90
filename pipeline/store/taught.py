"""What the Memory of a Site holds, for people: counts, containers, and the lines that stand on most Pages.

Promises nothing but reading. Lines are kept as keys: whoever knows how keys are made finds their texts on the Pages named here.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import Connection, func, select
from sqlalchemy.orm import aliased

from pipeline.store import containers
from pipeline.store.engine import Store
from pipeline.store.memories import HEADLINE, LINE
from pipeline.store.schema import Line
from pipeline.store.sql import chunks


@dataclass(frozen=True, slots=True)
class Taught:
    """What a Site's memory holds in numbers, and its most frequent lines with the Pages they are known of."""

    pages: int
    lines: int
    repeated: int  # lines on several pages
    headlines: int
    quoted: int  # headlines that are a line of another page
    common: tuple[tuple[int, tuple[int, ...]], ...]  # (key, pages), most pages first
    containers: tuple[containers.Known, ...]  # those with most stories first


def taught(store: Store, site: str, limit: int) -> Taught:
    """The memory of a Site."""
    each = (
        select(Line.key, func.count().label("pages")).where(Line.site == site, Line.role == LINE).group_by(Line.key).subquery()
    )
    with store.read() as db:
        pages = db.scalar(select(func.count(Line.page_id.distinct())).where(Line.site == site)) or 0
        lines = db.scalar(select(func.count()).select_from(each)) or 0
        repeated = db.scalar(select(func.count()).select_from(each).where(each.c.pages > 1)) or 0
        common = db.scalars(select(each.c.key).order_by(each.c.pages.desc(), each.c.key).limit(limit)).all()
        where = _pages(db, site, list(common))
        headlines, quoted = _headlines(db, site)
        known = containers.known(db, site)
    return Taught(pages, lines, repeated, headlines, quoted, tuple((key, tuple(where[key])) for key in common), known)


def _pages(db: Connection, site: str, keys: list[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    query = select(Line.key, Line.page_id).where(Line.site == site, Line.role == LINE)
    for chunk in chunks(keys):
        for key, page in db.execute(query.where(Line.key.in_(chunk)).order_by(Line.page_id)):
            found[key].append(page)
    return found


def _headlines(db: Connection, site: str) -> tuple[int, int]:
    line = aliased(Line)
    met = select(line.key).where(line.site == Line.site, line.key == Line.key, line.role == LINE, line.page_id != Line.page_id)
    query = select(func.count(Line.key.distinct())).where(Line.site == site, Line.role == HEADLINE)
    return db.scalar(query) or 0, db.scalar(query.where(met.exists())) or 0
