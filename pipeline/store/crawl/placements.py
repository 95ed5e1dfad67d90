"""Store which stories a front page showed at which rank, and from when to when.

A row is a stretch of visits in which a URL had the same rank. The rows of the newest visit have
its time as `last_seen_at`, so the next visit knows which rows to continue.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, delete, select, update

from pipeline.store.crawl.frontier import page_key
from pipeline.store.db.schema import PlacementRow
from pipeline.store.db.sql import chunks, insert_or_ignore

MAX_RANK: Final = 200  # stories of one front page; most show less than a hundred

AnyRow = Row[*tuple[Any, ...]]


def save(
    db: Connection, source_id: int, urls: Sequence[str], last: datetime | None, at: datetime
) -> None:
    """Save what a visit showed. A visit that is not newer than the last one changes nothing.

    Args:
        db: A write transaction.
        source_id: The page of the front page.
        urls: The stories in their order on the page.
        last: The time of the visit before; None for the first one.
        at: The time of the visit.
    """
    if last is not None and at <= last:
        return
    ranks: dict[str, int] = {}
    for url in urls:
        ranks.setdefault(page_key(url), len(ranks) + 1)
        if len(ranks) == MAX_RANK:
            break
    kept: list[str] = []
    for row in _rows_of_visit(db, source_id, last):
        if ranks.get(row.url_key) == row.rank:
            kept.append(row.url_key)
            del ranks[row.url_key]
    _extend(db, source_id, last, kept, at)
    rows: list[dict[str, Any]] = []
    for key, rank in ranks.items():
        rows.append(_new_row(source_id, key, rank, at))
    for chunk in chunks(rows):
        statement = insert_or_ignore(db, PlacementRow, ["source_id", "url_key", "first_seen_at"])
        db.execute(statement, list(chunk))


def _new_row(source_id: int, key: str, rank: int, at: datetime) -> dict[str, Any]:
    return {
        "source_id": source_id,
        "url_key": key,
        "first_seen_at": at,
        "rank": rank,
        "last_seen_at": at,
        "visits": 1,
    }


def save_unchanged(db: Connection, source_id: int, last: datetime | None, at: datetime) -> None:
    """Save a visit that found the page as it was at the visit before."""
    if last is not None and at > last:
        keys = [row.url_key for row in _rows_of_visit(db, source_id, last)]
        _extend(db, source_id, last, keys, at)


def delete_since(db: Connection, source_id: int, since: datetime) -> None:
    """Delete the stretches of a front page that began at a time or later, to make them again.

    Args:
        db: A write transaction.
        source_id: The page of the front page.
        since: The time.
    """
    began_later = (PlacementRow.source_id == source_id, PlacementRow.first_seen_at >= since)
    db.execute(delete(PlacementRow).where(*began_later))


def _rows_of_visit(db: Connection, source_id: int, at: datetime | None) -> Sequence[AnyRow]:
    if at is None:
        return ()
    query = select(PlacementRow.url_key, PlacementRow.rank).where(
        PlacementRow.source_id == source_id, PlacementRow.last_seen_at == at
    )
    return db.execute(query).all()


def _extend(
    db: Connection, source_id: int, last: datetime | None, keys: Sequence[str], at: datetime
) -> None:
    statement = (
        update(PlacementRow)
        .where(
            PlacementRow.source_id == source_id,
            PlacementRow.last_seen_at == last,
            PlacementRow.url_key.in_(bindparam("keys", expanding=True)),
        )
        .values(last_seen_at=at, visits=PlacementRow.visits + 1)
    )
    for chunk in chunks(keys):
        db.execute(statement, {"keys": list(chunk)})
