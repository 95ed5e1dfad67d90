"""Pages among whose results somebody may choose: held ones for a review, those of a Run for a rollback.

Promises frozen values and nothing but reading; what is chosen goes back through the shelf.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import aliased

from pipeline.core.models import ResultStatus
from pipeline.store.clean import inputs
from pipeline.store.clean.types import ReviewInput
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import CleanResultRow, PageRow


def held_pages(store: Database, sites: Sequence[str] = ()) -> dict[str, tuple[int, ...]]:
    """Pages with a held result, of these Sites or of all: site → pages."""
    query = select(PageRow.site, PageRow.id).join(
        CleanResultRow, CleanResultRow.page_id == PageRow.id
    )
    query = (
        query.where(CleanResultRow.status == ResultStatus.HELD)
        .distinct()
        .order_by(PageRow.site, PageRow.id)
    )
    found: dict[str, list[int]] = defaultdict(list)
    with store.read() as db:
        for site, page in db.execute(query.where(PageRow.site.in_(sites)) if sites else query):
            found[site].append(page)
    return {site: tuple(pages) for site, pages in found.items()}


def revertible_pages(store: Database, run: int) -> tuple[int, ...]:
    """Pages that have something of this Run to take back: a held result, or one that took the place of another. A first result
    for new bytes is not among them, since there is none to go back to."""
    earlier = aliased(CleanResultRow)
    replaced = select(earlier.id).where(
        earlier.page_id == CleanResultRow.page_id,
        earlier.payload_id == CleanResultRow.payload_id,
        earlier.id < CleanResultRow.id,
        earlier.status == ResultStatus.REPLACED,
    )
    took_a_place = (
        CleanResultRow.status.in_((ResultStatus.ACCEPTED, ResultStatus.REPLACED))
        & replaced.exists()
    )
    query = select(CleanResultRow.page_id).where(
        CleanResultRow.run_id == run, or_(CleanResultRow.status == ResultStatus.HELD, took_a_place)
    )
    with store.read() as db:
        return tuple(db.scalars(query.distinct().order_by(CleanResultRow.page_id)))


def review_inputs(store: Database, pages: Sequence[int]) -> tuple[ReviewInput, ...]:
    """These Pages with all their results."""
    with store.read() as db:
        return inputs.review_inputs(db, pages)
