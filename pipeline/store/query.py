"""Reads of Pages and Articles for the doors: found, shown, explained, traced to their bytes.

Promises frozen values, nothing but reading, and a cost that does not grow with the archive except where a count says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from pipeline.model import Block, Draft, Metadata, Standing
from pipeline.store import containers, results
from pipeline.store.containers import Known
from pipeline.store.dictionaries import PACKED, unpacked
from pipeline.store.engine import Store
from pipeline.store.frontier import key_of
from pipeline.store.packing import metadata_from_json, unpack_draft
from pipeline.store.schema import Article, Capture, Extraction, Page, Payload, Revision
from pipeline.store.schema import Draft as DraftRow
from pipeline.store.views import ArticleView, selected, viewed


@dataclass(frozen=True, slots=True)
class PageView:
    """One Page as it stands: identity, last outcome, newest Payload."""

    id: int
    site: str
    kind: str
    url: str
    first_seen_at: datetime
    last_seen_at: datetime | None
    gone_at: datetime | None
    outcome: str
    reason: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class RevisionView:
    """One Revision of an Article."""

    number: int
    title: str
    text: str
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class StruckBlock:
    """A Block of a Draft, and the Rule that struck it with its evidence, both "" where it was kept."""

    block: Block
    rule: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """How the text of a Page came about, from its newest Extraction back to the bytes."""

    page: PageView
    digest: str
    fetched_at: datetime
    recipe: str
    memory: str
    outcome: str
    reason: str
    metadata: Metadata
    blocks: tuple[StruckBlock, ...]
    draft_reason: str
    draft_detail: str
    containers: tuple[Known, ...] = ()  # those of its blocks, as far as the Site's memory knows them today


def find_page(store: Store, what: str) -> PageView | None:
    """A Page by its id or by any spelling of its URL."""
    wanted = Page.id == int(what) if what.isdecimal() and len(what) < 18 else Page.url_key == key_of(what)
    query = select(Page, Payload.digest, Payload.size).outerjoin(Payload, Payload.id == Page.payload_id).where(wanted)
    with store.read() as db:
        row = db.execute(query).first()
    if row is None:
        return None
    return PageView(
        row.id, row.site, row.kind, row.url, row.first_seen_at, row.confirmed_at, row.gone_at, row.outcome, row.reason,
        row.digest or "", row.size or 0,
    )  # fmt: skip


def article(store: Store, page_id: int) -> ArticleView | None:
    """The Article of a Page."""
    with store.read() as db:
        row = db.execute(selected().where(Article.page_id == page_id)).first()
    return viewed(row) if row else None


def find_articles(
    store: Store, query: str, limit: int, site: str | None = None, *, once: bool = False
) -> tuple[ArticleView, ...]:
    """The newest Articles that a query is about, with an empty one the newest of all; with `once` the newest of each group."""
    return tuple(hit.article for hit in results.search(store, query, limit, site=site, once=once).hits)


def revisions(store: Store, page_id: int) -> tuple[RevisionView, ...]:
    """The Revisions of a Page, oldest first. One that still lasts is as late as the last visit that met its bytes."""
    columns = (Revision.number, Revision.title, Revision.text, Revision.first_seen_at, Revision.last_seen_at)
    last = select(Page.confirmed_at).join(Extraction, Extraction.payload_id == Page.payload_id)
    last = last.join(Article, (Article.extraction_id == Extraction.id) & (Article.page_id == Page.id))
    with store.read() as db:
        rows = db.execute(select(*columns).where(Revision.page_id == page_id).order_by(Revision.number)).all()
        met = db.scalar(last.where(Page.id == page_id))
    found = [RevisionView(*row) for row in rows]
    if found and met is not None and met > found[-1].last_seen_at:
        found[-1] = replace(found[-1], last_seen_at=met)
    return tuple(found)


def raw(store: Store, page_id: int) -> tuple[str, str, bytes] | None:
    """(media type, charset as declared, bytes) of a Page's newest Payload."""
    query = select(Payload.media_type, Payload.charset, *PACKED)
    with store.read() as db:
        row = db.execute(query.join(Page, Page.payload_id == Payload.id).where(Page.id == page_id)).first()
        return (row[0], row[1], unpacked(db, *row[2:])) if row else None


def explain(store: Store, page: PageView) -> Explanation | None:
    """The Extraction that stands for a Page's newest Payload; None before its first cleaning."""
    query = (
        select(Extraction, Payload.digest, DraftRow.coding, DraftRow.body, Capture.fetched_at)
        .join(Page, (Page.id == Extraction.page_id) & (Page.payload_id == Extraction.payload_id))
        .join(Payload, Payload.id == Extraction.payload_id)
        .join(DraftRow, DraftRow.id == Extraction.draft_id)
        .join(Capture, (Capture.page_id == Page.id) & (Capture.payload_id == Payload.id))
        .where(Extraction.page_id == page.id, Extraction.verdict == Standing.ACCEPTED)
        .order_by(Capture.fetched_at.desc())
    )
    with store.read() as db:
        row = db.execute(query).first()
        known = containers.known(db, page.site)
    if row is None:
        return None
    draft = unpack_draft(row.coding, row.body)
    shown = {block.container for block in draft.blocks}
    return Explanation(
        page, row.digest, row.fetched_at, row.recipe, row.memory, row.outcome, row.reason, metadata_from_json(row.chosen),
        _blocks(draft, row.struck), draft.reason, draft.detail, tuple(each for each in known if each.name in shown),
    )  # fmt: skip


def _blocks(draft: Draft, struck: list[Any]) -> tuple[StruckBlock, ...]:
    rules = {index: (rule, why) for index, rule, why in struck}
    return tuple(StruckBlock(block, *rules.get(index, ("", ""))) for index, block in enumerate(draft.blocks))
