"""Reads of Pages and Articles for the doors: found, shown, explained, traced to their bytes.

Promises frozen values, nothing but reading, and a cost that does not grow with the archive except where a count says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select
from sqlalchemy.orm import aliased

from pipeline.model import Block, Draft, Metadata, Standing
from pipeline.store import containers, search
from pipeline.store.coding import unpack
from pipeline.store.containers import Known
from pipeline.store.engine import Store
from pipeline.store.frontier import key_of
from pipeline.store.packing import metadata_from_json, unpack_draft
from pipeline.store.schema import Article, Capture, Extraction, Page, Payload, Revision, Sketch
from pipeline.store.schema import Draft as DraftRow
from pipeline.store.sql import chunks

HITS = 500  # of the full-text index, asked for at a time


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
class ArticleView:
    """One Article; the fields are those of the view `articles`."""

    id: int
    site: str
    url: str
    title: str
    authors: tuple[str, ...]
    published_at: datetime | None
    published_source: str
    published_precision: str
    modified_at: datetime | None
    language: str
    section: str
    tags: tuple[str, ...]
    image: str
    text: str
    word_count: int
    first_seen_at: datetime
    last_seen_at: datetime | None
    revisions: int
    story_group: int
    likeness: float | None
    copies: int  # other Articles of its group


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


def _articles() -> Select[*tuple[Any, ...]]:
    group = func.coalesce(Sketch.head, Article.page_id)
    follower = aliased(Sketch)
    copies = select(func.count()).select_from(follower).where(follower.head == group).scalar_subquery()
    page = (Page.site, Page.url, Page.first_seen_at, Page.confirmed_at)
    revision = (Revision.text, Revision.number)
    return (
        select(Article, *page, *revision, group.label("story_group"), Sketch.likeness, copies.label("copies"))
        .join(Page, Page.id == Article.page_id)
        .join(Revision, Revision.id == Article.revision_id)
        .outerjoin(Sketch, Sketch.page_id == Article.page_id)
    )


def _article(row: Any) -> ArticleView:
    return ArticleView(
        row.page_id, row.site, row.url, row.title, tuple(row.authors), row.published_at, row.published_source,
        row.published_precision, row.modified_at, row.language, row.section, tuple(row.tags), row.image, row.text,
        row.word_count, row.first_seen_at, row.confirmed_at, row.number, row.story_group, row.likeness, row.copies,
    )  # fmt: skip


def article(store: Store, page_id: int) -> ArticleView | None:
    """The Article of a Page."""
    with store.read() as db:
        row = db.execute(_articles().where(Article.page_id == page_id)).first()
    return _article(row) if row else None


def find_articles(
    store: Store, query: str, limit: int, site: str | None = None, *, once: bool = False
) -> tuple[ArticleView, ...]:
    """The newest Articles that have all words and phrases of a query; with an empty query, the newest of all. With `once` the
    newest of each group."""
    terms = search.parse(query)
    if query.strip() and not terms:
        return ()
    found = dict[int, ArticleView]()
    with store.read() as db:
        for hit in _hits(db, terms, site, max(limit, 50)):
            found.setdefault(hit.story_group if once else hit.id, hit)
            if len(found) == limit:
                break
    return tuple(found.values())


def _hits(db: Connection, terms: tuple[search.Term, ...], site: str | None, size: int) -> Iterator[ArticleView]:
    """Articles that have all terms, newest first, read so many at a time."""
    statement = _articles().order_by(Article.order_key.desc())
    statement = statement.where(Page.site == site) if site else statement
    for chosen in _found_keys(db, terms, size) if terms else _all_keys(db, site, size):
        for row in db.execute(statement.where(chosen)).all():
            yield _article(row)


def _found_keys(db: Connection, terms: tuple[search.Term, ...], size: int) -> Iterator[ColumnElement[bool]]:
    keys: list[int] = []
    while not keys or len(keys) == HITS:
        keys = search.find(db, terms, HITS, keys[-1] if keys else None)
        yield from (Article.order_key.in_(each) for each in chunks(keys, size))
        if not keys:
            return


def _all_keys(db: Connection, site: str | None, size: int) -> Iterator[ColumnElement[bool]]:
    query, keys = select(Article.order_key).order_by(Article.order_key.desc()).limit(size), list[int]()
    query = query.join(Page, Page.id == Article.page_id).where(Page.site == site) if site else query
    while not keys or len(keys) == size:
        keys = list(db.scalars(query.where(Article.order_key < keys[-1]) if keys else query))
        if not keys:
            return
        yield Article.order_key.between(keys[-1], keys[0])


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
    query = select(Payload.media_type, Payload.charset, Payload.coding, Payload.body)
    with store.read() as db:
        row = db.execute(query.join(Page, Page.payload_id == Payload.id).where(Page.id == page_id)).first()
    return (row.media_type, row.charset, unpack(row.coding, row.body)) if row else None


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
