"""When each Site was last crawled, for who decides whether a night of it has been.

Promises two short reads, whatever the age of the archive; back-fills are no nights.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from sqlalchemy import func, select

from pipeline.store.db.engine import Database
from pipeline.store.db.schema import RunRow

RECENT = timedelta(days=3)


def crawls_begun(
    store: Database, now: datetime, site: str | None = None
) -> dict[str, list[tuple[datetime, str]]]:
    """Starts and statuses of the crawls of the last three days by Site, and of the newest one where that is older."""
    nights = [RunRow.kind == "crawl", RunRow.scope == ""]
    if site is not None:
        nights.append(RunRow.site == site)
    newest = (
        select(RunRow.site, func.max(RunRow.started_at).label("at"))
        .where(*nights)
        .group_by(RunRow.site)
        .subquery()
    )
    found: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    with store.read() as db:
        recent = db.execute(
            select(RunRow.site, RunRow.started_at, RunRow.status).where(
                *nights, RunRow.started_at > now - RECENT
            )
        ).all()
        last = select(RunRow.site, RunRow.started_at, RunRow.status).join(
            newest, (newest.c.site == RunRow.site) & (newest.c.at == RunRow.started_at)
        )
        for name, at, status in {tuple(row) for row in (*recent, *db.execute(last.where(*nights)))}:
            found[name].append((at, status))
    return {name: sorted(crawls) for name, crawls in found.items()}
