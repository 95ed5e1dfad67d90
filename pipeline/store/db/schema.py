"""The tables: one schema for SQLite and PostgreSQL.

Each table declares whether it is kept for ever, derived from the kept ones, or private to this
installation: see `TableRole`. The bytes of a payload may be compressed in another way later, and
stay the same bytes. A change here needs a migration: `alembic check` compares them.

People query views such as `articles` and `ledger`, never these tables. The
reference documents the columns of the views, and the migration that last changed a view holds its
text. The full-text index has its own kind on each database, so it is created by a migration too.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, func, text

from pipeline.store.db.log_schema import TABLES as TABLES  # so that the models are complete
from pipeline.store.db.picture_schema import StoryPictureRow as StoryPictureRow
from pipeline.store.db.row_classes import Base, BigId, Mapped, mapped_column
from pipeline.store.db.types import TableRole, partial_index
from pipeline.store.db.watch_schema import WATCH_TABLES as WATCH_TABLES

# Tables of this prefix are the full-text index. They are not compared with the models.
OUTSIDE_MODELS: Final = "article_index"


class DictionaryRow(Base):
    """Earlier pages of a site, one after the other, with which its payloads are compressed.

    Its bytes never change, and it stays as long as any payload is compressed with it.
    """

    table_role = TableRole.KEPT
    __tablename__ = "dictionary"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))  # SHA-256 of its bytes, hex
    size: Mapped[int]  # bytes, not compressed
    codec: Mapped[str] = mapped_column(String(16))
    body: Mapped[bytes]
    # Payloads that the dictionary is made of, in order. They are compressed without a dictionary,
    # so that a damaged one can be made again from them.
    page_payload_ids: Mapped[list[Any]]
    created_at: Mapped[datetime]
    # the newest payload that it was tested on, and the median of compressed size / size there
    tested_until_payload_id: Mapped[int] = mapped_column(BigInteger)
    median_ratio: Mapped[float]
    # The source whose later versions are compressed with it. Null for a dictionary of stories.
    source_id: Mapped[int | None] = mapped_column(BigInteger)
    __table_args__ = (
        Index("ix_dictionary_site_tested_until", "site", "tested_until_payload_id"),
        partial_index("ix_dictionary_source", "source_id", where="source_id IS NOT NULL"),
    )


class PayloadRow(Base):
    """Stored bytes, identified by their digest."""

    table_role = TableRole.KEPT
    __tablename__ = "payload"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)  # SHA-256 as served, hex
    size: Mapped[int]  # bytes as served
    codec: Mapped[str] = mapped_column(String(16))  # of `body`: see `codec.compression`
    body: Mapped[bytes]
    dictionary_id: Mapped[int | None] = mapped_column(ForeignKey("dictionary.id"))
    media_type: Mapped[str]
    charset: Mapped[str]  # as the first response with these bytes declared it
    first_seen_at: Mapped[datetime]
    __table_args__ = (
        partial_index("ix_payload_dictionary", "dictionary_id", where="dictionary_id IS NOT NULL"),
    )


class PageRow(Base):
    """The lasting identity of a URL, when it is due, and its newest payload and clean."""

    table_role = TableRole.KEPT
    __tablename__ = "page"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    url: Mapped[str]  # canonical
    # the same URL as the site spells it, which requests use
    requested_url: Mapped[str] = mapped_column(server_default="")
    url_key: Mapped[str] = mapped_column(String(32), unique=True)
    first_seen_at: Mapped[datetime]
    # what links to the page said of it
    announced_title: Mapped[str] = mapped_column(server_default="")
    announced_published_at: Mapped[datetime | None]
    announced_modified_at: Mapped[datetime | None]
    announced_source: Mapped[str] = mapped_column(String(16), server_default="")
    announced_tags: Mapped[str] = mapped_column(server_default="")  # one a line
    # "day" for a date without a time
    announced_published_precision: Mapped[str] = mapped_column(String(8), server_default="")
    announced_modified_precision: Mapped[str] = mapped_column(String(8), server_default="")
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
    # of a further part of a story: the story's first page, and its number among the parts, from 2
    part_of: Mapped[int | None] = mapped_column(BigInteger)
    part_number: Mapped[int | None]
    # the same for all URLs of a story: see `crawl.duplicate_urls`
    story_key: Mapped[str] = mapped_column(String(32), server_default="")
    # the newest bytes, and the last fetch that returned them
    payload_id: Mapped[int | None] = mapped_column(ForeignKey("payload.id"))
    last_matched_at: Mapped[datetime | None]
    # of a story in several parts: the list of the newest bytes of all parts
    joined_payload_id: Mapped[int | None] = mapped_column(BigInteger)
    gone_at: Mapped[datetime | None]
    hidden_at: Mapped[datetime | None]  # since when readers do not see it; its bytes stay
    # A page is stale when the newest payload or the recipe differs from these, or when the
    # site profile has changed for its lines.
    clean_payload_id: Mapped[int | None] = mapped_column(BigInteger)
    clean_recipe: Mapped[str] = mapped_column(String(40), server_default="")
    needs_clean: Mapped[bool] = mapped_column(server_default=text("false"))
    # When the page was last added to the site profile. Null where it never was, and where it has
    # forgotten the lines that only this page shows.
    profile_updated_at: Mapped[datetime | None]
    __table_args__ = (
        Index(None, "site", "due_at"),
        partial_index(
            "ix_page_profile", "site", "profile_updated_at", where="profile_updated_at IS NOT NULL"
        ),
        Index(None, "payload_id"),
        partial_index("ix_page_story", "site", "story_key", where="story_key <> ''"),
        partial_index("ix_page_source", "site", "id", where="kind <> 'story'"),
        partial_index("ix_page_stored", "site", "id", where="payload_id IS NOT NULL"),
        partial_index("ix_page_parts", "part_of", "part_number", where="part_of IS NOT NULL"),
    )


class SiteRevisitRow(Base):
    """What the crawler notes of a site: the `[revisit]` by which due dates were computed.

    `parts_version` says by which rules its stored pages were searched for parts of stories.
    """

    table_role = TableRole.PRIVATE
    __tablename__ = "site_revisit"
    site: Mapped[str] = mapped_column(String(64), primary_key=True)
    after_hours: Mapped[float]
    for_days: Mapped[float]
    parts_version: Mapped[int] = mapped_column(server_default="0")
    tdmrep_asked_at: Mapped[datetime | None]  # the last request for its tdmrep.json


class SiteLabelRow(Base):
    """The country or a group of a site, as its file says: see `site_labels`."""

    table_role = TableRole.PRIVATE
    __tablename__ = "site_label"
    site: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)  # group, country
    value: Mapped[str] = mapped_column(String(64), primary_key=True)


# What the text of a page is made of now: its newest bytes, or the newest bytes of all its parts.
CURRENT_PAYLOAD: Final = func.coalesce(PageRow.joined_payload_id, PageRow.payload_id)


class ArchiveSecretRow(Base):
    """A secret of this archive: see `taken_down`."""

    table_role = TableRole.KEPT
    __tablename__ = "archive_secret"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[bytes]


class RunRow(Base):
    """One crawl or one clean of a site."""

    table_role = TableRole.KEPT
    __tablename__ = "run"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))  # crawl, import, clean, review, rollback
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    # running, finished, stopped, failed, interrupted
    status: Mapped[str] = mapped_column(String(16))
    detail: Mapped[str] = mapped_column(server_default="")
    recipe: Mapped[str] = mapped_column(String(40), server_default="")
    scope: Mapped[str] = mapped_column(server_default="")  # "" for all stale pages
    counts: Mapped[dict[str, Any]]
    pruned_at: Mapped[datetime | None]  # when its ledger was deleted; `counts` stays
    __table_args__ = (Index(None, "site", "kind", "started_at"),)


class LedgerEntryRow(Base):
    """The outcome of one page in one run."""

    table_role = TableRole.KEPT
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
    links: Mapped[int | None]  # how many links a source listed
    __table_args__ = (Index(None, "page_id"), Index(None, "run_id", "outcome"))


class ForgottenCountRow(Base):
    """How many entries of a ledger were forgotten, by outcome, so that the ledger adds up."""

    table_role = TableRole.KEPT
    __tablename__ = "forgotten_count"
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"), primary_key=True)
    outcome: Mapped[str] = mapped_column(String(16), primary_key=True)
    entries: Mapped[int]


class CaptureRow(Base):
    """One fetch that returned something new: bytes, a redirect, a failure, or that a page is gone.

    A fetch that returned nothing new is in the ledger, and in `last_matched_at` of its page.
    """

    table_role = TableRole.KEPT
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
    # what the page does not allow to be done with it, as in "noai noarchive"
    opt_outs: Mapped[str] = mapped_column(server_default="")
    prior_seen_at: Mapped[datetime | None]  # the last fetch that returned the payload before
    requested_url: Mapped[str] = mapped_column(server_default="")  # "": the page's own URL
    __table_args__ = (
        Index(None, "page_id", "fetched_at"),
        Index(None, "payload_id"),
        Index(None, "run_id"),
    )


class PlacementRow(Base):
    """A stretch of visits to a front page in which a URL had the same rank among its stories."""

    table_role = TableRole.KEPT
    __tablename__ = "placement"
    source_id: Mapped[int] = mapped_column(ForeignKey("page.id"), primary_key=True)
    url_key: Mapped[str] = mapped_column(String(32), primary_key=True)  # as in `page`
    first_seen_at: Mapped[datetime] = mapped_column(primary_key=True)
    rank: Mapped[int]  # from 1
    last_seen_at: Mapped[datetime]
    visits: Mapped[int]
    __table_args__ = (Index(None, "url_key"), Index(None, "source_id", "last_seen_at"))


class ExtractedPageRow(Base):
    """What the extractors made of one payload, encoded: see `codec.serialization`."""

    table_role = TableRole.DERIVED
    __tablename__ = "extracted_page"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    payload_id: Mapped[int] = mapped_column(ForeignKey("payload.id"))
    extractors: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(String(32))
    cost_ms: Mapped[int]
    codec: Mapped[str] = mapped_column(String(16))
    body: Mapped[bytes]
    in_profile: Mapped[bool] = mapped_column(server_default=text("true"))
    __table_args__ = (
        UniqueConstraint("payload_id", "extractors"),
        partial_index("ix_extracted_page_not_in_profile", "payload_id", where="NOT in_profile"),
    )


class JoinedPeriodRow(Base):
    """A stretch of time in which the bytes of all parts of a story stayed the same.

    The payload is the list of their digests (see `codec.part_lists`), or the bytes of the first
    page while the story had no further part. It follows from the captures of the parts.
    """

    table_role = TableRole.DERIVED
    __tablename__ = "joined_period"
    page_id: Mapped[int] = mapped_column(ForeignKey("page.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    payload_id: Mapped[int] = mapped_column(ForeignKey("payload.id"))
    parts: Mapped[list[Any]]  # [[number of the part, id of its page, id of its payload], …]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    __table_args__ = (Index(None, "payload_id"),)


class CleanResultRow(Base):
    """An extracted page under a recipe: the removed blocks with reasons, and the chosen metadata.

    The text is the extracted page without the removed blocks. A run with the same result as the
    current one only updates its recipe. Another result is a row of its own, so that a rollback can
    restore the one before. Ids grow with time: the result before this one is the newest `replaced`
    result with a lower id.
    """

    table_role = TableRole.DERIVED
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
    chosen_metadata: Mapped[dict[str, Any]]  # see `codec.serialization`
    text_digest: Mapped[str] = mapped_column(String(64))
    # the clean that made it
    run_id: Mapped[int | None] = mapped_column(ForeignKey("run.id", ondelete="SET NULL"))
    status: Mapped[str] = mapped_column(String(16), server_default="accepted")  # ResultStatus
    __table_args__ = (
        UniqueConstraint("page_id", "payload_id", "run_id"),
        Index(None, "extracted_page_id"),
        Index(None, "payload_id"),
        Index(None, "run_id"),
        partial_index(
            "ix_clean_result_accepted",
            "page_id",
            "payload_id",
            where="status = 'accepted'",
            unique=True,
        ),
        partial_index("ix_clean_result_held", "page_id", where="status = 'held'"),
    )


class RevisionRow(Base):
    """A stretch of time in which the title and the clean text of a page stayed the same."""

    table_role = TableRole.DERIVED
    __tablename__ = "revision"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    page_id: Mapped[int] = mapped_column(ForeignKey("page.id"))
    number: Mapped[int]
    clean_result_id: Mapped[int] = mapped_column(ForeignKey("clean_result.id"))
    title: Mapped[str]
    text: Mapped[str]
    first_seen_at: Mapped[datetime]
    # Of a revision that is still current: the fetch that first returned its bytes. The page knows
    # the last one.
    last_seen_at: Mapped[datetime]
    __table_args__ = (UniqueConstraint("page_id", "number"), Index(None, "clean_result_id"))


class ChangeRow(Base):
    """What a publication changed in one aspect of a story at one time.

    It follows from the revisions and the captures of the page. Revisions that differ only in
    typography or in counters have no row.
    """

    table_role = TableRole.DERIVED
    __tablename__ = "change"
    page_id: Mapped[int] = mapped_column(ForeignKey("page.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)  # the first visit that found it
    aspect: Mapped[str] = mapped_column(String(8), primary_key=True)  # ChangeAspect
    site: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))  # ChangeKind
    number: Mapped[int | None]  # of the new revision; null where the page is gone or back
    before_at: Mapped[datetime]  # the last visit that found it as before
    words_lost: Mapped[int]
    words_gained: Mapped[int]
    evidence: Mapped[list[Any]]  # [[before, after], …]: the first passages that changed
    # of the two versions and of the classification; "" where the page is gone or back
    digest: Mapped[str] = mapped_column(String(32))
    __table_args__ = (Index(None, "at"), Index(None, "site", "at"))


class ArticleRow(Base):
    """A page as people query it."""

    table_role = TableRole.DERIVED
    __tablename__ = "article"
    page_id: Mapped[int] = mapped_column(
        ForeignKey("page.id"), primary_key=True, autoincrement=False
    )
    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id"))
    clean_result_id: Mapped[int] = mapped_column(ForeignKey("clean_result.id"))
    # Newest first is `order_key` descending: seconds of the date in the upper bits, the page in
    # the lower ones.
    order_key: Mapped[int] = mapped_column(BigInteger, unique=True)
    title: Mapped[str]
    authors: Mapped[list[Any]]
    agency: Mapped[str] = mapped_column(server_default="")
    published_at: Mapped[datetime | None]
    published_source: Mapped[str] = mapped_column(String(32))
    published_precision: Mapped[str] = mapped_column(String(8))
    published_day: Mapped[date | None]  # on the publisher's clock, as the page shows it
    modified_at: Mapped[datetime | None]
    modified_precision: Mapped[str] = mapped_column(String(8), server_default="")
    language: Mapped[str] = mapped_column(String(16))
    section: Mapped[str]
    tags: Mapped[list[Any]]
    image: Mapped[str]
    canonical_url: Mapped[str]
    description: Mapped[str]
    word_count: Mapped[int]
    # what the publisher declares about uses of it: see `core.rights.statements`
    rights: Mapped[list[Any]] = mapped_column(server_default="[]")
    archived_at: Mapped[datetime]
    # version of its tokens in the full-text index; "" while it waits to be indexed
    index_version: Mapped[str] = mapped_column(String(8), server_default="")
    # whether its changes are not listed yet
    changes_pending: Mapped[bool] = mapped_column(server_default=text("false"))
    __table_args__ = (
        Index(None, "revision_id"),
        Index(None, "clean_result_id"),
        partial_index("ix_article_changes_pending", "page_id", where="changes_pending"),
        Index(None, "archived_at"),
        partial_index("ix_article_unindexed", "page_id", where="index_version = ''"),
    )


class RightsBasisRow(Base):
    """The declarations of a site's hosts from which the rights of its articles were computed."""

    table_role = TableRole.DERIVED
    __tablename__ = "rights_basis"
    site: Mapped[str] = mapped_column(String(64), primary_key=True)
    basis: Mapped[str] = mapped_column(String(32))  # a digest of the files of its hosts


class ArticleLinkRow(Base):
    """A link in the newest text of an article. The archive may have its page, or not."""

    table_role = TableRole.DERIVED
    __tablename__ = "article_link"
    page_id: Mapped[int] = mapped_column(
        ForeignKey("article.page_id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # in the text
    url: Mapped[str]
    text: Mapped[str]
    url_key: Mapped[str] = mapped_column(String(32))  # as in `PageRow`
    __table_args__ = (
        Index(None, "url_key"),
        {"sqlite_with_rowid": False},
    )


class SketchRow(Base):
    """The MinHash sketch that finds near-duplicates of an article, and its story group.

    There is a row for each page that is or was an article. A row without a version is pending: it
    has no sketch yet, its text or its day may have changed, or it is no article any more.
    """

    table_role = TableRole.DERIVED
    __tablename__ = "sketch"
    page_id: Mapped[int] = mapped_column(
        ForeignKey("page.id"), primary_key=True, autoincrement=False
    )
    site: Mapped[str] = mapped_column(String(64))
    version: Mapped[str] = mapped_column(String(16), server_default="")  # of the algorithm
    day: Mapped[int] = mapped_column(server_default="0")
    shingle_count: Mapped[int] = mapped_column(server_default="0")  # 0 where the text is too short
    minhash: Mapped[bytes | None]
    number_digests: Mapped[bytes | None]
    leader_id: Mapped[int | None] = mapped_column(BigInteger)  # null for the leader itself
    similarity: Mapped[float | None]  # to the leader
    __table_args__ = (
        partial_index("ix_sketch_pending", "site", "page_id", where="version = ''"),
        partial_index("ix_sketch_leader", "leader_id", where="leader_id IS NOT NULL"),
    )


class SketchBandRow(Base):
    """The keys that find a sketch.

    No row refers to another table, since there are many. They are deleted with their sketch.
    """

    table_role = TableRole.DERIVED
    __tablename__ = "sketch_band"
    key: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    page_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    # half the bytes: the index is the table
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - SQLAlchemy's own way


class LineSightingRow(Base):
    """Part of a site profile: a line or headline, and a page that shows it."""

    table_role = TableRole.DERIVED
    __tablename__ = "line_sighting"
    site: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    role: Mapped[str] = mapped_column(String(8), primary_key=True)  # line, headline
    page_id: Mapped[int] = mapped_column(ForeignKey("page.id"), primary_key=True)
    __table_args__ = (Index(None, "page_id"),)


class ContainerRow(Base):
    """Part of a site profile: what an element of its pages contains, counted in pages."""

    table_role = TableRole.DERIVED
    __tablename__ = "container"
    site: Mapped[str] = mapped_column(String(64), primary_key=True)
    extractors: Mapped[str] = mapped_column(String(16), primary_key=True)
    # the element and the one around it, as in `div.story > p`
    name: Mapped[str] = mapped_column(primary_key=True)
    main_pages: Mapped[int]  # most of their story is in the container
    story_pages: Mapped[int]  # most of the container is story
    other_pages: Mapped[int]  # most of the container is something else
    # the first and the last fetch of one of `main_pages`
    first_main_at: Mapped[datetime | None]
    last_main_at: Mapped[datetime | None]
    last_seen_at: Mapped[datetime]  # the last fetch of a page that has the container


class NightStatsRow(Base):
    """A crawl and the cleans after it in numbers.

    They are computed again from the ledger where the version or the clean differs.
    """

    table_role = TableRole.DERIVED
    __tablename__ = "night_stats"
    run_id: Mapped[int] = mapped_column(
        ForeignKey("run.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    clean_run_id: Mapped[int] = mapped_column(BigInteger)  # the last clean counted; 0 for none
    version: Mapped[int]
    stats: Mapped[dict[str, Any]]


class SiteCountsRow(Base):
    """How many pages and articles a site had when its newest run ended: see `site_counts`."""

    table_role = TableRole.DERIVED
    __tablename__ = "site_counts"
    site: Mapped[str] = mapped_column(String(64), primary_key=True)
    run_id: Mapped[int] = mapped_column(BigInteger)  # the newest run that is counted
    pages: Mapped[int]
    stored: Mapped[int]
    articles: Mapped[int]


class IssueRow(Base):
    """Something wrong with the nights of a site, from the first night that shows it to the last."""

    table_role = TableRole.PRIVATE
    __tablename__ = "issue"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))  # IssueKind
    subject: Mapped[str]  # the URL of a source, or ""
    sentence: Mapped[str]
    cause: Mapped[str]
    command: Mapped[str]
    evidence: Mapped[dict[str, Any]]
    opened_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    accepted: Mapped[bool] = mapped_column(server_default=text("false"))  # by a person, as normal
    notified_at: Mapped[datetime | None]
    closed_notified_at: Mapped[datetime | None]
    __table_args__ = (
        Index(None, "site", "closed_at"),
        partial_index(
            "ix_issue_open", "site", "kind", "subject", where="closed_at IS NULL", unique=True
        ),
    )
