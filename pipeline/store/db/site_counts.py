"""Counts of each site, stored when a run ends, so that a list of all sites is fast however large
they are.

A stored count is used only where no run of the site has started since and none is active.
Otherwise the site is counted again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, SQLColumnExpression, func, select

from pipeline.core.models import UrlKind
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import ArticleRow, PageRow, RunRow, SiteCountsRow
from pipeline.store.db.sql import chunks, upsert

MAX_SITES_BY_INDEX: Final = 50  # more sites than these are counted in one pass over all pages


class SiteCounts(NamedTuple):
    """Story URLs of a site, those with stored bytes, and articles."""

    pages: int = 0
    stored: int = 0
    articles: int = 0


COUNT_COLUMNS: Final = (SiteCountsRow.pages, SiteCountsRow.stored, SiteCountsRow.articles)


def refresh(store: Database, site: str) -> None:
    """Count a site and store the counts, unless one of its runs is active: that one will do it."""
    active = select(RunRow.id).where(RunRow.site == site, RunRow.finished_at.is_(None)).limit(1)
    with store.read() as db:
        is_active = db.execute(active).first() is not None
        newest = db.scalar(select(func.max(RunRow.id)).where(RunRow.site == site))
        if is_active or newest is None:
            return
        counts = _count(db, (site,)).get(site, SiteCounts())
    with store.write() as db:
        row = {"site": site, "run_id": newest, **counts._asdict()}
        db.execute(upsert(db, SiteCountsRow, ["site"], ["run_id", *SiteCounts._fields]), row)


def counts_by_site(db: Connection, newest: Mapping[str, int | None]) -> dict[str, SiteCounts]:
    """Return the counts of sites, stored or counted now.

    Args:
        db: A read transaction.
        newest: The newest run of each site, or None while one of its runs is active.
    """
    counts: dict[str, SiteCounts] = {}
    for site, run, *values in db.execute(
        select(SiteCountsRow.site, SiteCountsRow.run_id, *COUNT_COLUMNS)
    ):
        if newest.get(site) == run:
            counts[site] = SiteCounts(*values)
    return counts | _count(db, newest.keys() - counts.keys())


def mismatches(store: Database) -> Iterator[tuple[str, SiteCounts, SiteCounts]]:
    """Yield the sites whose stored counts are wrong, with the stored and the actual counts.

    Sites with an active run are left out.

    Args:
        store: The archive.

    Yields:
        The id of a site, its stored counts, its actual counts.
    """
    active = select(RunRow.site).where(RunRow.finished_at.is_(None))
    newest = select(func.max(RunRow.id)).where(RunRow.site == SiteCountsRow.site).scalar_subquery()
    query = (
        select(SiteCountsRow.site)
        .where(SiteCountsRow.run_id == newest, SiteCountsRow.site.not_in(active))
        .order_by(SiteCountsRow.site)
    )
    with store.read() as db:
        sites = db.scalars(query).all()
    for site in sites:
        this_site = SiteCountsRow.site == site
        with store.read() as db:
            stored = SiteCounts(*db.execute(select(*COUNT_COLUMNS).where(this_site)).one())
            actual = _count(db, (site,)).get(site, SiteCounts())
            is_still_current = db.execute(query.where(this_site)).first() is not None
        if is_still_current and stored != actual:
            yield site, stored, actual


def _count(db: Connection, sites: Collection[str]) -> dict[str, SiteCounts]:
    if not sites:
        return {}
    counts: dict[str, SiteCounts] = {}
    for query in _count_queries(sites):
        for site, *values in db.execute(query):
            if site in sites:
                counts[site] = SiteCounts(*values)
    return counts


def _count_queries(sites: Collection[str]) -> Iterator[Select[*tuple[Any, ...]]]:
    if len(sites) > MAX_SITES_BY_INDEX:
        # No index helps to count all sites. SQLite would use the one of sites, which takes four
        # times as long; an expression keeps it from that.
        yield _count_query(PageRow.site + "")
        return
    for chunk in chunks(sorted(sites)):
        yield _count_query(PageRow.site).where(PageRow.site.in_(chunk))


def _count_query(site: SQLColumnExpression[str]) -> Select[*tuple[Any, ...]]:
    counts = (func.count(), func.count(PageRow.payload_id), func.count(ArticleRow.page_id))
    return (
        select(site, *counts)
        .outerjoin(ArticleRow, ArticleRow.page_id == PageRow.id)
        .where(PageRow.kind == UrlKind.STORY)
        .group_by(site)
    )
