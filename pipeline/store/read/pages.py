"""Reads of Pages and Articles for the doors: found, shown, explained, traced to their bytes.

Promises frozen values, nothing but reading, and a cost that does not grow with the archive except where a count says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from pipeline.core.models import Block, ExtractedPage, Metadata, ResultStatus
from pipeline.store.clean import container_stats
from pipeline.store.clean.container_stats import ContainerStats
from pipeline.store.codec.dictionaries import COMPRESSED_COLUMNS, decompress_payload
from pipeline.store.codec.serialization import decode_extracted, metadata_from_json
from pipeline.store.crawl.frontier import page_key
from pipeline.store.db.article_view import ArticleView, select_articles, to_article_view
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import (
    ArticleRow,
    CaptureRow,
    CleanResultRow,
    ExtractedPageRow,
    PageRow,
    PayloadRow,
    RevisionRow,
)
from pipeline.store.search import search


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
class ExplainedBlock:
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
    profile: str
    outcome: str
    reason: str
    metadata: Metadata
    blocks: tuple[ExplainedBlock, ...]
    extract_reason: str
    extract_detail: str
    containers: tuple[
        ContainerStats, ...
    ] = ()  # those of its blocks, as far as the Site's memory knows them today


def find_page(store: Database, what: str) -> PageView | None:
    """A Page by its id or by any spelling of its URL."""
    wanted = (
        PageRow.id == int(what)
        if what.isdecimal() and len(what) < 18
        else PageRow.url_key == page_key(what)
    )
    query = (
        select(PageRow, PayloadRow.digest, PayloadRow.size)
        .outerjoin(PayloadRow, PayloadRow.id == PageRow.payload_id)
        .where(wanted)
    )
    with store.read() as db:
        row = db.execute(query).first()
    if row is None:
        return None
    return PageView(
        row.id, row.site, row.kind, row.url, row.first_seen_at, row.last_matched_at, row.gone_at, row.outcome, row.reason,
        row.digest or "", row.size or 0,
    )  # fmt: skip


def get_article(store: Database, page_id: int) -> ArticleView | None:
    """The Article of a Page."""
    with store.read() as db:
        row = db.execute(select_articles().where(ArticleRow.page_id == page_id)).first()
    return to_article_view(row) if row else None


def find_articles(
    store: Database, query: str, limit: int, site: str | None = None, *, unique: bool = False
) -> tuple[ArticleView, ...]:
    """The newest Articles that a query is about, with an empty one the newest of all; with `once` the newest of each group."""
    return tuple(
        hit.article
        for hit in search.search_articles(store, query, limit, site=site, unique=unique).hits
    )


def list_revisions(store: Database, page_id: int) -> tuple[RevisionView, ...]:
    """The Revisions of a Page, oldest first. One that still lasts is as late as the last visit that met its bytes."""
    columns = (
        RevisionRow.number,
        RevisionRow.title,
        RevisionRow.text,
        RevisionRow.first_seen_at,
        RevisionRow.last_seen_at,
    )
    last = select(PageRow.last_matched_at).join(
        CleanResultRow, CleanResultRow.payload_id == PageRow.payload_id
    )
    last = last.join(
        ArticleRow,
        (ArticleRow.clean_result_id == CleanResultRow.id) & (ArticleRow.page_id == PageRow.id),
    )
    with store.read() as db:
        rows = db.execute(
            select(*columns).where(RevisionRow.page_id == page_id).order_by(RevisionRow.number)
        ).all()
        met = db.scalar(last.where(PageRow.id == page_id))
    found = [RevisionView(*row) for row in rows]
    if found and met is not None and met > found[-1].last_seen_at:
        found[-1] = replace(found[-1], last_seen_at=met)
    return tuple(found)


def newest_payload(store: Database, page_id: int) -> tuple[str, str, bytes] | None:
    """(media type, charset as declared, bytes) of a Page's newest Payload."""
    query = select(PayloadRow.media_type, PayloadRow.charset, *COMPRESSED_COLUMNS)
    with store.read() as db:
        row = db.execute(
            query.join(PageRow, PageRow.payload_id == PayloadRow.id).where(PageRow.id == page_id)
        ).first()
        return (row[0], row[1], decompress_payload(db, *row[2:])) if row else None


def explain_page(store: Database, page: PageView) -> Explanation | None:
    """The Extraction that stands for a Page's newest Payload; None before its first cleaning."""
    query = (
        select(
            CleanResultRow,
            PayloadRow.digest,
            ExtractedPageRow.codec,
            ExtractedPageRow.body,
            CaptureRow.fetched_at,
        )
        .join(
            PageRow,
            (PageRow.id == CleanResultRow.page_id)
            & (PageRow.payload_id == CleanResultRow.payload_id),
        )
        .join(PayloadRow, PayloadRow.id == CleanResultRow.payload_id)
        .join(ExtractedPageRow, ExtractedPageRow.id == CleanResultRow.extracted_page_id)
        .join(
            CaptureRow,
            (CaptureRow.page_id == PageRow.id) & (CaptureRow.payload_id == PayloadRow.id),
        )
        .where(CleanResultRow.page_id == page.id, CleanResultRow.status == ResultStatus.ACCEPTED)
        .order_by(CaptureRow.fetched_at.desc())
    )
    with store.read() as db:
        row = db.execute(query).first()
        known = container_stats.ranked(db, page.site)
    if row is None:
        return None
    draft = decode_extracted(row.codec, row.body)
    shown = {block.container for block in draft.blocks}
    return Explanation(
        page, row.digest, row.fetched_at, row.recipe, row.profile_digest, row.outcome, row.reason, metadata_from_json(row.chosen_metadata),
        _blocks(draft, row.removed), draft.reason, draft.detail, tuple(each for each in known if each.name in shown),
    )  # fmt: skip


def _blocks(draft: ExtractedPage, struck: list[Any]) -> tuple[ExplainedBlock, ...]:
    rules = {index: (rule, why) for index, rule, why in struck}
    return tuple(
        ExplainedBlock(block, *rules.get(index, ("", "")))
        for index, block in enumerate(draft.blocks)
    )
