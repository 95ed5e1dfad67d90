"""Read pages among whose results a person can choose: held results, or the results of a run.

Nothing is written here. What is chosen goes back through `CleanSession`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import or_, select

from pipeline.core.models import ResultStatus
from pipeline.store.clean import inputs
from pipeline.store.clean.types import ReviewInput
from pipeline.store.db.engine import Database
from pipeline.store.db.row_classes import aliased
from pipeline.store.db.schema import CleanResultRow, PageRow


def held_pages(store: Database, sites: Sequence[str] = ()) -> dict[str, tuple[int, ...]]:
    """Return the ids of pages with a held result by site.

    Args:
        store: The archive.
        sites: The sites to look at; none for all.
    """
    query = (
        select(PageRow.site, PageRow.id)
        .join(CleanResultRow, CleanResultRow.page_id == PageRow.id)
        .where(CleanResultRow.status == ResultStatus.HELD)
        .distinct()
        .order_by(PageRow.site, PageRow.id)
    )
    if sites:
        query = query.where(PageRow.site.in_(sites))
    pages: dict[str, list[int]] = defaultdict(list)
    with store.read() as db:
        for site, page_id in db.execute(query):
            pages[site].append(page_id)
    return {site: tuple(page_ids) for site, page_ids in pages.items()}


def revertible_pages(store: Database, run: int) -> tuple[int, ...]:
    """Return the ids of pages on which something of a run can be taken back.

    That is a held result, or one that replaced another. The first result for new bytes is not
    among them, since there is none to go back to.

    Args:
        store: The archive.
        run: The number of a clean.

    Returns:
        Ids of pages in ascending order.
    """
    earlier = aliased(CleanResultRow)
    replaced = select(earlier.id).where(
        earlier.page_id == CleanResultRow.page_id,
        earlier.payload_id == CleanResultRow.payload_id,
        earlier.id < CleanResultRow.id,
        earlier.status == ResultStatus.REPLACED,
    )
    was_current = CleanResultRow.status.in_((ResultStatus.ACCEPTED, ResultStatus.REPLACED))
    is_held = CleanResultRow.status == ResultStatus.HELD
    query = select(CleanResultRow.page_id).where(
        CleanResultRow.run_id == run, or_(is_held, was_current & replaced.exists())
    )
    with store.read() as db:
        return tuple(db.scalars(query.distinct().order_by(CleanResultRow.page_id)))


def review_inputs(store: Database, pages: Sequence[int]) -> tuple[ReviewInput, ...]:
    """Return these pages with all their results."""
    with store.read() as db:
        return inputs.review_inputs(db, pages)
