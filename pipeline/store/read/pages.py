"""Pages and articles: find one, show it, explain its text, return its bytes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, case, func, select

from pipeline.core.models import Block, ExtractedPage, Metadata, Outcome, ResultStatus
from pipeline.store.clean import container_stats
from pipeline.store.clean.container_stats import ContainerStats
from pipeline.store.codec.serialization import decode_extracted, metadata_from_json
from pipeline.store.crawl.frontier import page_key
from pipeline.store.db import taken_down
from pipeline.store.db.article_view import ArticleView, select_articles, to_article_view
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import (
    CURRENT_PAYLOAD,
    ArticleRow,
    CaptureRow,
    CleanResultRow,
    ExtractedPageRow,
    JoinedPeriodRow,
    PageRow,
    PayloadRow,
    RevisionRow,
)
from pipeline.store.db.sql import fetch_as
from pipeline.store.read.origins import ArticleOrigin, article_origins
from pipeline.store.search import search
from pipeline.store.search.url_lookup import is_pasted_url, page_id_of_url

MAX_ID_DIGITS = 17  # a longer number is no id, and would not fit into a database integer


@dataclass(frozen=True, slots=True)
class PageView:
    """One page as it is now: its identity, its last outcome, its newest payload."""

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
    hidden_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RevisionView:
    """One revision of an article."""

    number: int
    title: str
    text: str
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class ExplainedBlock:
    """A block of an extracted page. If a rule removed it, `rule` and `why` say so.

    `part` is the number of the page in which it stands, of a story in several pages.
    """

    block: Block
    rule: str = ""
    why: str = ""
    part: int = 1


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where the text of a page comes from, from its accepted result back to the bytes.

    `list_evidence` says what speaks for or against a list of other pages in place of a story.
    `containers` are the site profile's current numbers for the containers of its blocks.
    `readings` says what independent readings of the page found, and `recovered` whether one was
    followed.
    `origin` is what the article was made of; None if the page is no article.
    """

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
    list_evidence: str
    containers: tuple[ContainerStats, ...] = ()
    readings: str = ""
    recovered: bool = False
    origin: ArticleOrigin | None = None


def find_page(database: Database, id_or_url: str) -> PageView | None:
    """Find a page by its id or by any spelling of its URL.

    A URL that no page has leads to the stored story of which it is another edition.

    Args:
        database: The archive.
        id_or_url: A number in digits, or a URL.

    Returns:
        The page, or None. A URL that was taken down leads to what is left of its page.
    """
    is_id = id_or_url.isdecimal() and len(id_or_url) <= MAX_ID_DIGITS
    condition = PageRow.url_key == page_key(id_or_url)
    if is_id:
        condition = PageRow.id == int(id_or_url)
    query = select(PageRow, PayloadRow.digest, PayloadRow.size).outerjoin(
        PayloadRow, PayloadRow.id == PageRow.payload_id
    )
    with database.read() as db:
        row = db.execute(query.where(condition)).first()
        if row is None:
            key = page_key(id_or_url)
            tombstone = taken_down.tombstones(db, [key]).get(key)
            if tombstone is not None:
                row = db.execute(query.where(PageRow.url_key == tombstone)).first()
        if row is None and is_pasted_url(id_or_url):
            page_id = page_id_of_url(db, id_or_url)
            if page_id is not None:
                row = db.execute(query.where(PageRow.id == page_id)).first()
    if row is None:
        return None
    return PageView(
        id=row.id,
        site=row.site,
        kind=row.kind,
        url=row.url,
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_matched_at,
        gone_at=row.gone_at,
        outcome=row.outcome,
        reason=row.reason,
        digest=row.digest or "",
        size=row.size or 0,
        hidden_at=row.hidden_at,
    )


def follow_redirects(database: Database, page: PageView) -> PageView:
    """Return the page to which a page redirects, the story of a part, or the page itself.

    Args:
        database: The archive.
        page: Any page.

    Returns:
        The page at the end of the redirects.
    """
    redirect = case((PageRow.outcome == Outcome.REDIRECTED, PageRow.redirect_to))
    target = select(func.coalesce(PageRow.part_of, redirect))
    seen = {page.id}
    while True:
        with database.read() as db:
            target_id = db.scalar(target.where(PageRow.id == page.id))
        if target_id is None or target_id in seen:
            return page
        next_page = find_page(database, str(target_id))
        if next_page is None:
            return page
        seen.add(target_id)
        page = next_page


def get_article(database: Database, page_id: int) -> ArticleView | None:
    """Return the article of a page, or None if the page is no article."""
    with database.read() as db:
        row = db.execute(select_articles().where(ArticleRow.page_id == page_id)).first()
    return to_article_view(row) if row else None


def find_articles(
    database: Database,
    query: str,
    limit: int,
    site: str | None = None,
    *,
    unique: bool = False,
) -> tuple[ArticleView, ...]:
    """Find the newest articles that match a query.

    Args:
        query: The search. "" matches all articles.
        limit: The largest number of articles.
        site: Only articles of this site.
        unique: Return only the newest match of each group of near-duplicates.
    """
    page = search.search_articles(database, query, limit, site=site, unique=unique)
    return tuple(hit.article for hit in page.hits)


def list_revisions(database: Database, page_id: int) -> tuple[RevisionView, ...]:
    """List the revisions of a page, oldest first.

    The last time of a revision that is still current is the last fetch that matched its bytes.

    Args:
        database: The archive.
        page_id: The id of the page.

    Returns:
        The revisions with their texts; none for a page that is no article.
    """
    revisions = (
        select(
            RevisionRow.number,
            RevisionRow.title,
            RevisionRow.text,
            RevisionRow.first_seen_at,
            RevisionRow.last_seen_at,
        )
        .where(RevisionRow.page_id == page_id)
        .order_by(RevisionRow.number)
    )
    last_match = (
        select(PageRow.last_matched_at)
        .join(CleanResultRow, CleanResultRow.payload_id == CURRENT_PAYLOAD)
        .join(
            ArticleRow,
            (ArticleRow.clean_result_id == CleanResultRow.id) & (ArticleRow.page_id == PageRow.id),
        )
        .where(PageRow.id == page_id)
    )
    with database.read() as db:
        views = list(fetch_as(db, revisions, RevisionView))
        last_matched_at = db.scalar(last_match)
    if views and last_matched_at is not None and last_matched_at > views[-1].last_seen_at:
        views[-1] = replace(views[-1], last_seen_at=last_matched_at)
    return tuple(views)


def explain_page(database: Database, page: PageView) -> Explanation | None:
    """Explain the text of a page: of its article, or else of its newest bytes.

    Returns:
        The explanation, or None if the page is no article and its newest bytes were not cleaned.
    """
    with database.read() as db:
        row = db.execute(_select_explained_result(page.id)).first()
        if row is None:
            return None
        extracted = decode_extracted(row.codec, row.body)
        containers = _containers_of(db, page.site, extracted)
        fetched_at = _fetched_at(db, page.id, row.payload_id)
        origin = article_origins(db, [page.id]).get(page.id)
    return Explanation(
        page=page,
        digest=row.digest,
        fetched_at=fetched_at or row.created_at,
        recipe=row.recipe,
        profile=row.profile_digest,
        outcome=row.outcome,
        reason=row.reason,
        metadata=metadata_from_json(row.chosen_metadata),
        blocks=_explained_blocks(extracted, row),
        extract_reason=extracted.reason,
        extract_detail=extracted.detail,
        list_evidence=str(extracted.list_evidence or ""),
        containers=containers,
        readings=extracted.readings,
        recovered=extracted.recovered,
        origin=origin,
    )


def _select_explained_result(page_id: int) -> Select[*tuple[Any, ...]]:
    """Select the result of the article, or else the accepted one of the newest bytes."""
    query: Select[*tuple[Any, ...]] = select(
        CleanResultRow,
        PayloadRow.digest,
        ExtractedPageRow.codec,
        ExtractedPageRow.body,
    )
    is_of_article = ArticleRow.clean_result_id == CleanResultRow.id
    is_newest = (CleanResultRow.payload_id == CURRENT_PAYLOAD) & ArticleRow.page_id.is_(None)
    return (
        query.join(PageRow, PageRow.id == CleanResultRow.page_id)
        .outerjoin(ArticleRow, ArticleRow.page_id == PageRow.id)
        .join(PayloadRow, PayloadRow.id == CleanResultRow.payload_id)
        .join(ExtractedPageRow, ExtractedPageRow.id == CleanResultRow.extracted_page_id)
        .where(CleanResultRow.page_id == page_id, CleanResultRow.status == ResultStatus.ACCEPTED)
        .where(is_of_article | is_newest)
    )


def _fetched_at(db: Connection, page_id: int, payload_id: int) -> datetime | None:
    """Return when bytes were fetched for the last time, or when parts were first seen together."""
    captured = select(func.max(CaptureRow.fetched_at)).where(
        CaptureRow.page_id == page_id, CaptureRow.payload_id == payload_id
    )
    joined = select(func.max(JoinedPeriodRow.first_seen_at)).where(
        JoinedPeriodRow.page_id == page_id, JoinedPeriodRow.payload_id == payload_id
    )
    fetched_at: datetime | None = db.scalar(captured) or db.scalar(joined)
    return fetched_at


def _containers_of(
    db: Connection, site: str, extracted: ExtractedPage
) -> tuple[ContainerStats, ...]:
    names = {block.container for block in extracted.blocks}
    known = container_stats.ranked(db, site)
    return tuple(container for container in known if container.name in names)


def _explained_blocks(
    extracted: ExtractedPage, result: Row[*tuple[Any, ...]]
) -> tuple[ExplainedBlock, ...]:
    removal_by_index: dict[int, tuple[str, str]] = {}
    for index, rule, why in result.removed:
        removal_by_index[index] = (rule, why)
    blocks: list[ExplainedBlock] = []
    for index, block in enumerate(extracted.blocks):
        rule, why = removal_by_index.get(index, ("", ""))
        part = extracted.parts[index] if extracted.parts else 1
        blocks.append(ExplainedBlock(block, rule, why, part))
    return tuple(blocks)
