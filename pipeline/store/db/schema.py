"""The tables: one schema for SQLite and PostgreSQL.

Above the waterline (page, payload, dictionary, capture) bytes are written once: they may be packed in another way, and stay the
same bytes. Below it (draft, extraction, revision, article, line, sketch) everything can be made again from them. A change here
needs a migration: `alembic check` compares them.
People query the views `articles` and `ledger`, never these tables; the README documents the views' columns, and the migration
that last changed a view holds its text. The full-text index is of each engine's own kind, so it stands in migrations too.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.store.db.types import Base, BigId

OUTSIDE_MODELS: Final = (
    "article_index"  # tables of this prefix are the full-text index: not compared with the models
)


class DictionaryRow(Base):
    """Earlier pages of a Site, one after the other, by which its Payloads are packed. Its bytes never change, and it stays for
    as long as anything is packed by it."""

    __tablename__ = "dictionary"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))  # SHA-256 of its bytes, hex
    size: Mapped[int]
    codec: Mapped[str] = mapped_column(String(16))
    body: Mapped[bytes]
    page_payload_ids: Mapped[
        list[Any]
    ]  # the Payloads that it is made of, in order: packed without any, so that it can be made again
    created_at: Mapped[datetime]
    # what it was tried on: up to which Payload, and what one byte of these came to in the middle
    tested_until_payload_id: Mapped[int] = mapped_column(BigInteger)
    median_ratio: Mapped[float]
    __table_args__ = (Index("ix_dictionary_site_tested_until", "site", "tested_until_payload_id"),)


class PayloadRow(Base):
    """Stored bytes, named by their digest."""

    __tablename__ = "payload"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    digest: Mapped[str] = mapped_column(
        String(64), unique=True
    )  # SHA-256 of the bytes as served, hex
    size: Mapped[int]  # of the bytes as served
    codec: Mapped[str] = mapped_column(String(16))  # how `body` is packed: see `coding`
    body: Mapped[bytes]
    dictionary_id: Mapped[int | None] = mapped_column(
        ForeignKey("dictionary.id")
    )  # that it is packed by
    media_type: Mapped[str]
    charset: Mapped[str]  # as the first answer that brought these bytes declared it
    first_seen_at: Mapped[datetime]
    __table_args__ = (
        Index("ix_payload_dictionary", "dictionary_id", postgresql_where=text("dictionary_id IS NOT NULL"),
              sqlite_where=text("dictionary_id IS NOT NULL")),
    )  # fmt: skip


class PageRow(Base):
    """The lasting identity of a URL, when it is due, and what its newest Payload and cleaning are."""

    __tablename__ = "page"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    url: Mapped[str]
    url_key: Mapped[str] = mapped_column(String(32), unique=True)
    first_seen_at: Mapped[datetime]
    announced_title: Mapped[str] = mapped_column(server_default="")
    announced_published_at: Mapped[datetime | None]
    announced_modified_at: Mapped[datetime | None]
    announced_source: Mapped[str] = mapped_column(String(16), server_default="")
    announced_tags: Mapped[str] = mapped_column(server_default="")  # one a line
    # the frontier
    due_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default="0")
    lease_run: Mapped[int | None] = mapped_column(BigInteger)
    lease_until: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(String(16), server_default="")
    reason: Mapped[str] = mapped_column(String(32), server_default="")
    etag: Mapped[str] = mapped_column(server_default="")
    last_modified: Mapped[str] = mapped_column(server_default="")
    redirect_to: Mapped[int | None] = mapped_column(ForeignKey("page.id"))
    story_key: Mapped[str] = mapped_column(
        String(32), server_default=""
    )  # one for all addresses of a story: see `twins`
    # the newest bytes, and the last visit that met them
    payload_id: Mapped[int | None] = mapped_column(ForeignKey("payload.id"))
    last_matched_at: Mapped[datetime | None]
    gone_at: Mapped[datetime | None]
    # cleaning: stale when the newest payload or the recipe is another than these, or when the site's memory touched it
    clean_payload_id: Mapped[int | None] = mapped_column(BigInteger)
    clean_recipe: Mapped[str] = mapped_column(String(40), server_default="")
    needs_clean: Mapped[bool] = mapped_column(server_default=text("false"))
    # when the site's memory last learnt of it; null where it never did, or has let go of the lines that it alone shows
    profile_updated_at: Mapped[datetime | None]
    __table_args__ = (
        Index(None, "site", "due_at"),
        Index("ix_page_profile", "site", "profile_updated_at", postgresql_where=text("profile_updated_at IS NOT NULL"),
              sqlite_where=text("profile_updated_at IS NOT NULL")),
        Index(None, "payload_id"),
        Index("ix_page_story", "site", "story_key", postgresql_where=text("story_key <> ''"),
              sqlite_where=text("story_key <> ''")),
        Index("ix_page_stored", "site", "id", postgresql_where=text("payload_id IS NOT NULL"),
              sqlite_where=text("payload_id IS NOT NULL")),
    )  # fmt: skip


class RunRow(Base):
    """One crawl or one clean of a Site."""

    __tablename__ = "run"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))  # crawl, clean, review, rollback
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    status: Mapped[str] = mapped_column(
        String(16)
    )  # running, finished, stopped, failed, interrupted
    detail: Mapped[str] = mapped_column(server_default="")
    recipe: Mapped[str] = mapped_column(String(40), server_default="")
    scope: Mapped[str] = mapped_column(
        server_default=""
    )  # what of the Site was asked for; "" for all that is stale
    counts: Mapped[dict[str, Any]]
    pruned_at: Mapped[
        datetime | None
    ]  # when its ledger was let go of, or the first of it; `counts` stays
    __table_args__ = (Index(None, "site", "kind", "started_at"),)


class LedgerEntryRow(Base):
    """How one Page fared in one Run."""

    __tablename__ = "ledger_entry"
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"), primary_key=True)
    page_id: Mapped[int] = mapped_column(ForeignKey("page.id"), primary_key=True)
    outcome: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(32))
    status: Mapped[int | None]
    bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    elapsed_ms: Mapped[int] = mapped_column(server_default="0")
    at: Mapped[datetime]
    detail: Mapped[str] = mapped_column(server_default="")
    links: Mapped[int | None]  # that a place showed
    __table_args__ = (Index(None, "page_id"), Index(None, "run_id", "outcome"))


class CaptureRow(Base):
    """One visit that brought something new: bytes, a redirect, a failure, an end. A visit that found nothing new is in the
    ledger, and in `confirmed_at` of its Page."""

    __tablename__ = "capture"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    page_id: Mapped[int] = mapped_column(ForeignKey("page.id"))
    run_id: Mapped[int | None] = mapped_column(ForeignKey("run.id", ondelete="SET NULL"))
    fetched_at: Mapped[datetime]
    status: Mapped[int | None]
    outcome: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(32))
    headers: Mapped[dict[str, Any]]
    media_type: Mapped[str]
    charset: Mapped[str]
    payload_id: Mapped[int | None] = mapped_column(ForeignKey("payload.id"))
    size: Mapped[int] = mapped_column(BigInteger)
    elapsed_ms: Mapped[int]
    location: Mapped[str]
    detail: Mapped[str]
    opt_outs: Mapped[str] = mapped_column(
        server_default=""
    )  # what the page does not want done with it, as in "noai noarchive"
    prior_seen_at: Mapped[datetime | None]  # last visit that still met the payload before this one
    __table_args__ = (
        Index(None, "page_id", "fetched_at"),
        Index(None, "payload_id"),
        Index(None, "run_id"),
    )


class ExtractedPageRow(Base):
    """What the extractors made of one Payload; packed."""

    __tablename__ = "extracted_page"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    payload_id: Mapped[int] = mapped_column(ForeignKey("payload.id"))
    extractors: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(String(32))
    cost_ms: Mapped[int]
    codec: Mapped[str] = mapped_column(String(16))
    body: Mapped[bytes]
    in_profile: Mapped[bool] = mapped_column(
        server_default=text("true")
    )  # whether the memories of its Sites have seen it
    __table_args__ = (
        UniqueConstraint("payload_id", "extractors"),
        Index(
            "ix_extracted_page_not_in_profile",
            "payload_id",
            postgresql_where=text("NOT in_profile"),
            sqlite_where=text("NOT in_profile"),
        ),
    )


class CleanResultRow(Base):
    """A Draft under a Recipe: what was struck and why, and the metadata chosen. The text is Draft minus struck.

    A Run that comes to the result which stands only brings its Recipe up to date; another result is a row of its own, so that
    the one before can be had back. Ids grow with time: the result before this one is the newest `replaced` below it."""

    __tablename__ = "clean_result"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    page_id: Mapped[int] = mapped_column(ForeignKey("page.id"))
    payload_id: Mapped[int] = mapped_column(ForeignKey("payload.id"))
    extracted_page_id: Mapped[int] = mapped_column(ForeignKey("extracted_page.id"))
    recipe: Mapped[str] = mapped_column(String(40))
    profile_digest: Mapped[str] = mapped_column(String(32))
    created_at: Mapped[datetime]
    outcome: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(32))
    removed: Mapped[list[Any]]  # [[index, rule, why], …]
    chosen_metadata: Mapped[dict[str, Any]]  # metadata
    text_digest: Mapped[str] = mapped_column(String(64))
    run_id: Mapped[int | None] = mapped_column(
        ForeignKey("run.id", ondelete="SET NULL")
    )  # the clean that made it
    status: Mapped[str] = mapped_column(String(16), server_default="accepted")  # see model.Standing
    __table_args__ = (
        UniqueConstraint("page_id", "payload_id", "run_id"),
        Index(None, "extracted_page_id"),
        Index(None, "payload_id"),
        Index(None, "run_id"),
        Index("ix_clean_result_accepted", "page_id", "payload_id", unique=True, postgresql_where=text("status = 'accepted'"),
              sqlite_where=text("status = 'accepted'")),
        Index("ix_clean_result_held", "page_id", postgresql_where=text("status = 'held'"),
              sqlite_where=text("status = 'held'")),
    )  # fmt: skip


class RevisionRow(Base):
    """A stretch of time in which a Page's clean text stayed the same."""

    __tablename__ = "revision"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    page_id: Mapped[int] = mapped_column(ForeignKey("page.id"))
    number: Mapped[int]
    clean_result_id: Mapped[int] = mapped_column(ForeignKey("clean_result.id"))
    title: Mapped[str]
    text: Mapped[str]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[
        datetime
    ]  # of one that still lasts, the visit that brought its bytes: the Page knows the last one
    __table_args__ = (UniqueConstraint("page_id", "number"), Index(None, "clean_result_id"))


class ArticleRow(Base):
    """A Page as people query it."""

    __tablename__ = "article"
    page_id: Mapped[int] = mapped_column(
        ForeignKey("page.id"), primary_key=True, autoincrement=False
    )
    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id"))
    clean_result_id: Mapped[int] = mapped_column(ForeignKey("clean_result.id"))
    # newest first is `order_key` descending: seconds of the date in the upper bits, the page in the lower ones
    order_key: Mapped[int] = mapped_column(BigInteger, unique=True)
    title: Mapped[str]
    authors: Mapped[list[Any]]
    published_at: Mapped[datetime | None]
    published_source: Mapped[str] = mapped_column(String(32))
    published_precision: Mapped[str] = mapped_column(String(8))
    modified_at: Mapped[datetime | None]
    language: Mapped[str] = mapped_column(String(16))
    section: Mapped[str]
    tags: Mapped[list[Any]]
    image: Mapped[str]
    canonical_url: Mapped[str]
    description: Mapped[str]
    word_count: Mapped[int]
    archived_at: Mapped[datetime]
    index_version: Mapped[str] = mapped_column(
        String(8), server_default=""
    )  # the kind of its tokens in the full-text index; "" waits
    __table_args__ = (
        Index(None, "revision_id"),
        Index(None, "clean_result_id"),
        Index(
            "ix_article_unindexed",
            "page_id",
            postgresql_where=text("index_version = ''"),
            sqlite_where=text("index_version = ''"),
        ),
    )


class SketchRow(Base):
    """What an Article is compared by, and the group of near-copies that follows from it.

    There is a row for each Page that is or was an Article. One without a version waits: for its first sketch, or because its
    text or its day may have changed, or because it is no Article any more."""

    __tablename__ = "sketch"
    page_id: Mapped[int] = mapped_column(
        ForeignKey("page.id"), primary_key=True, autoincrement=False
    )
    site: Mapped[str] = mapped_column(String(64))
    version: Mapped[str] = mapped_column(String(16), server_default="")  # of what made it
    day: Mapped[int] = mapped_column(server_default="0")
    shingle_count: Mapped[int] = mapped_column(
        server_default="0"
    )  # 0 for a text that is too short to be compared
    minhash: Mapped[bytes | None]
    numbers: Mapped[bytes | None]
    leader_id: Mapped[int | None] = mapped_column(
        BigInteger
    )  # the Page that its group is named by; null for that one itself
    similarity: Mapped[float | None]  # to the head
    __table_args__ = (
        Index("ix_sketch_waiting", "site", "page_id", postgresql_where=text("version = ''"),
              sqlite_where=text("version = ''")),
        Index("ix_sketch_leader", "leader_id", postgresql_where=text("leader_id IS NOT NULL"), sqlite_where=text("leader_id IS NOT NULL")),
    )  # fmt: skip


class SketchBandRow(Base):
    """Under which keys a Sketch is found. No row refers to anything, since there are many; all go with their Sketch."""

    __tablename__ = "sketch_band"
    key: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    page_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - half the bytes: the index is the table


class LineSightingRow(Base):
    """The Memory of a Site: which lines and headlines were met on which Pages."""

    __tablename__ = "line_sighting"
    site: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    role: Mapped[str] = mapped_column(String(8), primary_key=True)  # line, headline
    page_id: Mapped[int] = mapped_column(ForeignKey("page.id"), primary_key=True)
    __table_args__ = (Index(None, "page_id"),)


class ContainerRow(Base):
    """The Memory of a Site: what stands in its containers, counted in Pages by what given extractors made of them."""

    __tablename__ = "container"
    site: Mapped[str] = mapped_column(String(64), primary_key=True)
    extractors: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(
        primary_key=True
    )  # the element and the one around it, as in `div.story > p`
    main_pages: Mapped[int]  # with most of their story in it
    story_pages: Mapped[int]  # with story in it, for the most part
    other_pages: Mapped[int]  # with something else in it
    first_main_at: Mapped[datetime | None]  # the first and the last visit to one of `pages`
    last_main_at: Mapped[datetime | None]
    last_seen_at: Mapped[datetime]  # the last visit to a Page that has it


class NightStatsRow(Base):
    """A crawl and the cleans behind it in numbers: made again from the ledger where the version or the clean is another."""

    __tablename__ = "night_stats"
    run_id: Mapped[int] = mapped_column(
        ForeignKey("run.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    clean_run_id: Mapped[int] = mapped_column(
        BigInteger
    )  # the last clean that is counted; 0 for none
    version: Mapped[int]
    stats: Mapped[dict[str, Any]]  # see health.figures


class SiteCountsRow(Base):
    """What a Site had when its newest Run was over: see `tallies`."""

    __tablename__ = "site_counts"
    site: Mapped[str] = mapped_column(String(64), primary_key=True)
    run_id: Mapped[int] = mapped_column(BigInteger)  # the newest Run that it holds for
    pages: Mapped[int]
    stored: Mapped[int]
    articles: Mapped[int]


class IssueRow(Base):
    """Something that is other than it was with a Site, from the night that showed it first to the one that did not any more."""

    __tablename__ = "issue"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))  # see health.finding
    subject: Mapped[str]  # the URL of a place, or ""
    sentence: Mapped[str]
    cause: Mapped[str]
    command: Mapped[str]
    evidence: Mapped[dict[str, Any]]
    opened_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    accepted: Mapped[bool] = mapped_column(
        server_default=text("false")
    )  # somebody said that this is how it is now
    notified_at: Mapped[datetime | None]
    closed_notified_at: Mapped[datetime | None]
    __table_args__ = (
        Index(None, "site", "closed_at"),
        Index("ix_issue_open", "site", "kind", "subject", unique=True, postgresql_where=text("closed_at IS NULL"),
              sqlite_where=text("closed_at IS NULL")),
    )  # fmt: skip
