"""The visits of one URL, as Memento and CDXJ name them: all fetches that met bytes, by time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.store.db.engine import Database
from pipeline.store.read.export_articles import page_fetches


@dataclass(frozen=True, slots=True)
class Visit:
    """A fetch that met bytes: new ones, or those of an earlier visit.

    Attributes:
        at: When it was, to the second, as the addresses of mementos have it.
        status: The HTTP status of the fetch.
        media_type: The media type of the bytes.
        digest: SHA-256 of the bytes.
        is_revisit: Whether an earlier visit brought the same bytes.
    """

    at: datetime
    status: int
    media_type: str
    digest: str
    is_revisit: bool


def list_visits(database: Database, page: int) -> tuple[Visit, ...]:
    """Return the visits of a page that met bytes, oldest first, at most one a second.

    Args:
        database: The archive.
        page: The id of the page.

    Returns:
        Visits with the digest of the bytes that the page had then, also where these were not new.
    """
    visits: dict[datetime, Visit] = {}
    media_types: dict[str, str] = {}
    for fetch in page_fetches(database, page):
        if not fetch.digest:
            continue
        media_type = media_types.setdefault(fetch.digest, fetch.media_type)
        at = fetch.at.replace(microsecond=0)
        status = 200 if fetch.status == 304 else fetch.status
        visits[at] = Visit(at, status, media_type, fetch.digest, fetch.first_at is not None)
    return tuple(visits[at] for at in sorted(visits))


def nearest_visit(visits: Sequence[Visit], at: datetime) -> Visit:
    """Return the visit that is nearest to a time; of two, the earlier one."""
    return min(visits, key=lambda visit: (abs(visit.at - at), visit.at))
