"""When each Site was last crawled, for who decides whether a night of it has been.

Promises two short reads, whatever the age of the archive; back-fills are no nights.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from sqlalchemy import func, select

from pipeline.store.engine import Store
from pipeline.store.schema import Run

RECENT = timedelta(days=3)


def crawls_begun(store: Store, now: datetime, site: str | None = None) -> dict[str, list[tuple[datetime, str]]]:
    """Starts and statuses of the crawls of the last three days by Site, and of the newest one where that is older."""
    nights = [Run.kind == "crawl", Run.scope == ""]
    if site is not None:
        nights.append(Run.site == site)
    newest = select(Run.site, func.max(Run.started_at).label("at")).where(*nights).group_by(Run.site).subquery()
    found: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    with store.read() as db:
        recent = db.execute(select(Run.site, Run.started_at, Run.status).where(*nights, Run.started_at > now - RECENT)).all()
        last = select(Run.site, Run.started_at, Run.status).join(
            newest, (newest.c.site == Run.site) & (newest.c.at == Run.started_at)
        )
        for name, at, status in {tuple(row) for row in (*recent, *db.execute(last.where(*nights)))}:
            found[name].append((at, status))
    return {name: sorted(crawls) for name, crawls in found.items()}
