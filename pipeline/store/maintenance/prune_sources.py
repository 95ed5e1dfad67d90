"""Delete old versions of sources: their captures, and the payloads that nothing else uses.

The newest version of a source stays, and so does a version that a dictionary is made of: other
versions are compressed with it. Placements stay, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from sqlalchemy import Connection, delete, func, select

from pipeline.core.models import UrlKind
from pipeline.evidence.leaves import EventKind
from pipeline.store.db.engine import Database
from pipeline.store.db.evidence import events, log, sealing
from pipeline.store.db.evidence.events import Signer
from pipeline.store.db.schema import (
    CaptureRow,
    DictionaryRow,
    ExtractedPageRow,
    PageRow,
    PayloadRow,
)
from pipeline.store.db.sql import chunks


@dataclass(frozen=True, slots=True)
class OldVersion:
    """A capture of a source that another one has replaced."""

    capture_id: int
    payload_id: int


def old_versions(db: Connection, site: str, since: datetime | None) -> tuple[OldVersion, ...]:
    """Return the versions of a site's sources that were replaced before a time; none without it.

    Args:
        db: A connection that reads.
        site: The id of the site.
        since: Versions that were replaced before it are old; None keeps all.

    Returns:
        The versions that no other version is compressed with.
    """
    if since is None:
        return ()
    query = (
        select(CaptureRow.id, CaptureRow.page_id, CaptureRow.payload_id, CaptureRow.fetched_at)
        .join(PageRow, PageRow.id == CaptureRow.page_id)
        .where(PageRow.site == site, PageRow.kind != UrlKind.STORY)
        .where(CaptureRow.payload_id.is_not(None))
        .order_by(CaptureRow.page_id, CaptureRow.fetched_at, CaptureRow.id)
    )
    captures = defaultdict(list)
    for row in db.execute(query):
        captures[row.page_id].append(row)
    in_dictionaries = _dictionary_payloads(db, site)
    versions: list[OldVersion] = []
    for rows in captures.values():
        newest = rows[-1].payload_id
        for row, following in pairwise(rows):
            is_needed = row.payload_id in in_dictionaries or row.payload_id == newest
            if following.fetched_at < since and not is_needed:
                versions.append(OldVersion(row.id, row.payload_id))
    return tuple(versions)


def _dictionary_payloads(db: Connection, site: str) -> set[int]:
    payloads: set[int] = set()
    for ids in db.scalars(select(DictionaryRow.page_payload_ids).where(DictionaryRow.site == site)):
        payloads.update(ids)
    return payloads


def stored_bytes(db: Connection, payload_ids: Sequence[int]) -> int:
    """Return about how many bytes these payloads take.

    Args:
        db: A connection that reads.
        payload_ids: Ids of payloads.

    Returns:
        The bytes of the compressed bodies.
    """
    query = select(func.coalesce(func.sum(func.length(PayloadRow.body)), 0))
    total = 0
    for chunk in chunks(sorted(set(payload_ids))):
        total += int(db.scalar(query.where(PayloadRow.id.in_(chunk))) or 0)
    return total


def delete_versions(
    database: Database,
    site: str,
    since: datetime | None,
    batch_size: int,
    signer: Signer | None = None,
) -> int:
    """Delete some of the old versions with an event of the log, and return how many."""
    with database.write() as db:
        versions = old_versions(db, site, since)[:batch_size]
        if versions:
            _log_deleted(db, site, [version.capture_id for version in versions], signer)
        for chunk in chunks(versions):
            ids = [version.capture_id for version in chunk]
            db.execute(delete(CaptureRow).where(CaptureRow.id.in_(ids)))
            _delete_unused_payloads(db, [version.payload_id for version in chunk])
    return len(versions)


def _log_deleted(
    db: Connection, site: str, capture_ids: Sequence[int], signer: Signer | None
) -> None:
    sealing.start(db)
    leaves = events.leaves_of_captures(db, capture_ids)
    details = {"site": site, "what": "versions", "leaves": events.ranges_of(leaves)}
    event = log.append_event(db, EventKind.PRUNE, details, signer)
    events.remove_private_fields(db, leaves, event)


def _delete_unused_payloads(db: Connection, payload_ids: Sequence[int]) -> None:
    """Delete payloads that no capture, page, extraction or dictionary uses."""
    users = (
        select(CaptureRow.id).where(CaptureRow.payload_id == PayloadRow.id).exists(),
        select(PageRow.id).where(PageRow.payload_id == PayloadRow.id).exists(),
        select(ExtractedPageRow.id).where(ExtractedPageRow.payload_id == PayloadRow.id).exists(),
    )
    unused = [~is_used for is_used in users]
    db.execute(delete(PayloadRow).where(PayloadRow.id.in_(payload_ids), *unused))
