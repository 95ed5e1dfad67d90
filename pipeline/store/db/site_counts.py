"""What each Site has, counted once a Run is over and kept, so that a look at all Sites costs the same however large they are.

Promises that a count is believed only where no Run of the Site has begun since, and none is at work: else it is made anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from pipeline.core.models import UrlKind
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import ArticleRow, PageRow, RunRow, SiteCountsRow
from pipeline.store.db.sql import chunks, upsert

MAX_SITES_BY_INDEX = 50  # Sites that are counted one by one; more of them in one go


class SiteCounts(NamedTuple):
    """Stories of a Site: URLs, those with bytes, Articles."""

    pages: int = 0
    stored: int = 0
    articles: int = 0


def refresh(store: Database, site: str) -> None:
    """Counts a Site and keeps it, unless one of its Runs is at work: that one will."""
    with store.read() as db:
        runs = db.execute(
            select(RunRow.id).where(RunRow.site == site, RunRow.finished_at.is_(None)).limit(1)
        ).first()
        newest = db.scalar(select(func.max(RunRow.id)).where(RunRow.site == site))
        if runs is not None or newest is None:
            return
        count = _counted(db, (site,)).get(site, SiteCounts())
    with store.write() as db:
        row = {"site": site, "run_id": newest, **count._asdict()}
        db.execute(upsert(db, SiteCountsRow, ["site"], ["run_id", *SiteCounts._fields]), row)


def counts_by_site(db: Connection, newest: Mapping[str, int | None]) -> dict[str, SiteCounts]:
    """The counts of Sites, each with the number of its newest Run, or None while one is at work."""
    kept = {
        row.site: row
        for row in db.execute(
            select(
                SiteCountsRow.site,
                SiteCountsRow.run_id,
                *(getattr(SiteCountsRow, n) for n in SiteCounts._fields),
            )
        )
    }
    found = {
        site: SiteCounts(*kept[site][2:])
        for site, run in newest.items()
        if site in kept and run is not None and kept[site].run_id == run
    }
    return found | _counted(db, newest.keys() - found.keys())


def mismatches(store: Database) -> Iterator[tuple[str, SiteCounts, SiteCounts]]:
    """Sites of which something else was kept than there is, with both; those at which a Run is at work are left out."""
    at_work = select(RunRow.site).where(RunRow.finished_at.is_(None))
    newest = select(func.max(RunRow.id)).where(RunRow.site == SiteCountsRow.site).scalar_subquery()
    query = (
        select(SiteCountsRow.site)
        .where(SiteCountsRow.run_id == newest, SiteCountsRow.site.not_in(at_work))
        .order_by(SiteCountsRow.site)
    )
    with store.read() as db:
        sites = db.scalars(query).all()
    for site in sites:
        with store.read() as db:
            kept = db.execute(
                select(*(getattr(SiteCountsRow, name) for name in SiteCounts._fields)).where(
                    SiteCountsRow.site == site
                )
            ).one()
            there = _counted(db, (site,)).get(site, SiteCounts())
            is_over = db.execute(query.where(SiteCountsRow.site == site)).first() is not None
        if is_over and SiteCounts(*kept) != there:
            yield site, SiteCounts(*kept), there


def _counted(db: Connection, sites: Collection[str]) -> dict[str, SiteCounts]:
    if not sites:
        return {}
    # no index helps who counts all, and SQLite would take that of sites: four times slower
    name = PageRow.site + "" if len(sites) > MAX_SITES_BY_INDEX else PageRow.site
    query = select(
        name, func.count(), func.count(PageRow.payload_id), func.count(ArticleRow.page_id)
    )
    query = (
        query.outerjoin(ArticleRow, ArticleRow.page_id == PageRow.id)
        .where(PageRow.kind == UrlKind.STORY)
        .group_by(name)
    )
    lots = [None] if len(sites) > MAX_SITES_BY_INDEX else list(chunks(sorted(sites)))
    rows = [
        row
        for lot in lots
        for row in db.execute(query if lot is None else query.where(PageRow.site.in_(lot)))
    ]
    return {row[0]: SiteCounts(*row[1:]) for row in rows if row[0] in sites}
