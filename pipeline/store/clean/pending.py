"""The payloads that the extractors have not seen: of stories, and of their further parts."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, Connection, Select, Subquery, select

from pipeline.core.models import Recipe
from pipeline.store.db.row_classes import aliased
from pipeline.store.db.schema import CaptureRow, ExtractedPageRow, PageRow

PART: Final = aliased(PageRow)


def all_payload_ids(in_scope: ColumnElement[bool], recipe: Recipe) -> Subquery:
    """Select all payloads to extract.

    Args:
        in_scope: The condition for the stories.
        recipe: The recipe of the clean.
    """
    of_parts = _payload_ids(in_scope, recipe, of_parts=True)
    return _payload_ids(in_scope, recipe, of_parts=False).union(of_parts).subquery()


def next_payload_ids(
    db: Connection,
    in_scope: ColumnElement[bool],
    recipe: Recipe,
    *,
    after: int,
    limit: int,
    last: int | None,
) -> list[int]:
    """Return the next payloads to extract, by id. Two queries, because each stops at the limit.

    Args:
        db: A transaction.
        in_scope: The condition for the stories.
        recipe: The recipe of the clean.
        after: The id of the last payload before.
        limit: How many payloads to return at most.
        last: The id of the last payload to return, or None for all.
    """
    ids: set[int] = set()
    for of_parts in (False, True):
        query = _payload_ids(in_scope, recipe, of_parts=of_parts)
        query = query.where(CaptureRow.payload_id > after).order_by(CaptureRow.payload_id)
        if last is not None:
            query = query.where(CaptureRow.payload_id <= last)
        ids.update(filter(None, db.scalars(query.limit(limit))))
    return sorted(ids)[:limit]


def _payload_ids(
    in_scope: ColumnElement[bool], recipe: Recipe, *, of_parts: bool
) -> Select[int | None]:
    extracted = select(ExtractedPageRow.id).where(
        ExtractedPageRow.payload_id == CaptureRow.payload_id,
        ExtractedPageRow.extractors == recipe.extractors,
    )
    query = select(CaptureRow.payload_id)
    if of_parts:
        query = query.join(PART, PART.id == CaptureRow.page_id)
        query = query.join(PageRow, PageRow.id == PART.part_of)
    else:
        query = query.join(PageRow, PageRow.id == CaptureRow.page_id)
    is_pending = CaptureRow.payload_id.is_not(None) & ~extracted.exists()
    return query.where(in_scope, is_pending).distinct()
