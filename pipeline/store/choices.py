"""Pages among whose results somebody may choose: held ones for a review, those of a Run for a rollback.

Promises frozen values and nothing but reading; what is chosen goes back through the shelf.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import aliased

from pipeline.model import Standing
from pipeline.store import materials
from pipeline.store.engine import Store
from pipeline.store.schema import Extraction, Page
from pipeline.store.values import Shelved


def held(store: Store, sites: Sequence[str] = ()) -> dict[str, tuple[int, ...]]:
    """Pages with a held result, of these Sites or of all: site → pages."""
    query = select(Page.site, Page.id).join(Extraction, Extraction.page_id == Page.id)
    query = query.where(Extraction.verdict == Standing.HELD).distinct().order_by(Page.site, Page.id)
    found: dict[str, list[int]] = defaultdict(list)
    with store.read() as db:
        for site, page in db.execute(query.where(Page.site.in_(sites)) if sites else query):
            found[site].append(page)
    return {site: tuple(pages) for site, pages in found.items()}


def made_by(store: Store, run: int) -> tuple[int, ...]:
    """Pages that have something of this Run to take back: a held result, or one that took the place of another. A first result
    for new bytes is not among them, since there is none to go back to."""
    earlier = aliased(Extraction)
    replaced = select(earlier.id).where(
        earlier.page_id == Extraction.page_id,
        earlier.payload_id == Extraction.payload_id,
        earlier.id < Extraction.id,
        earlier.verdict == Standing.REPLACED,
    )
    took_a_place = Extraction.verdict.in_((Standing.ACCEPTED, Standing.REPLACED)) & replaced.exists()
    query = select(Extraction.page_id).where(Extraction.run_id == run, or_(Extraction.verdict == Standing.HELD, took_a_place))
    with store.read() as db:
        return tuple(db.scalars(query.distinct().order_by(Extraction.page_id)))


def shelved(store: Store, pages: Sequence[int]) -> tuple[Shelved, ...]:
    """These Pages with all their results."""
    with store.read() as db:
        return materials.shelved(db, pages)
