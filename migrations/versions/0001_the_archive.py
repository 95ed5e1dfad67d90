"""The archive: bytes above the waterline, what is made of them below it, and the two public views."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(JSONB(), "postgresql")

ARTICLES = """
CREATE VIEW articles AS
SELECT page.id AS id,
       page.site AS site,
       page.url AS url,
       article.title AS title,
       article.authors AS authors,
       article.published_at AS published_at,
       article.published_source AS published_source,
       article.modified_at AS modified_at,
       article.language AS language,
       article.section AS section,
       article.tags AS tags,
       article.image AS image,
       revision.text AS text,
       article.word_count AS word_count,
       page.first_seen_at AS first_seen_at,
       page.confirmed_at AS last_seen_at,
       revision.number AS revisions
FROM article
JOIN page ON page.id = article.page_id
JOIN revision ON revision.id = article.revision_id
"""

LEDGER = """
CREATE VIEW ledger AS
SELECT ledger_entry.run_id AS run,
       run.kind AS job,
       page.site AS site,
       page.kind AS kind,
       page.url AS url,
       ledger_entry.outcome AS outcome,
       ledger_entry.reason AS reason,
       ledger_entry.status AS status,
       ledger_entry.bytes AS bytes,
       ledger_entry.at AS "when",
       ledger_entry.detail AS detail
FROM ledger_entry
JOIN run ON run.id = ledger_entry.run_id
JOIN page ON page.id = ledger_entry.page_id
"""

INDEX = {
    "sqlite": ('CREATE VIRTUAL TABLE article_index USING fts5(title, body, tokenize = "unicode61 remove_diacritics 2")',),
    "postgresql": (
        "CREATE TABLE article_index (rowid BIGINT PRIMARY KEY, words TSVECTOR NOT NULL)",
        "CREATE INDEX ix_article_index_words ON article_index USING gin (words)",
    ),
}


def upgrade() -> None:
    op.create_table(
        "payload",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("coding", sa.String(length=16), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("charset", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payload")),
        sa.UniqueConstraint("digest", name=op.f("uq_payload_digest")),
    )
    op.create_table(
        "run",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("recipe", sa.String(length=40), server_default="", nullable=False),
        sa.Column("counts", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_run_site_kind_started_at"), ["site", "kind", "started_at"], unique=False)

    op.create_table(
        "draft",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("payload_id", BIG_ID, nullable=False),
        sa.Column("extractors", sa.String(length=16), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("cost_ms", sa.Integer(), nullable=False),
        sa.Column("coding", sa.String(length=16), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["payload_id"], ["payload.id"], name=op.f("fk_draft_payload_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draft")),
        sa.UniqueConstraint("payload_id", "extractors", name=op.f("uq_draft_payload_id_extractors")),
    )
    op.create_table(
        "page",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("url_key", sa.String(length=32), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_title", sa.Text(), server_default="", nullable=False),
        sa.Column("told_published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_modified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_source", sa.String(length=16), server_default="", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_run", sa.BigInteger(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=16), server_default="", nullable=False),
        sa.Column("reason", sa.String(length=32), server_default="", nullable=False),
        sa.Column("etag", sa.Text(), server_default="", nullable=False),
        sa.Column("last_modified", sa.Text(), server_default="", nullable=False),
        sa.Column("redirect_to", BIG_ID, nullable=True),
        sa.Column("payload_id", BIG_ID, nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clean_payload_id", sa.BigInteger(), nullable=True),
        sa.Column("clean_recipe", sa.String(length=40), server_default="", nullable=False),
        sa.Column("touched", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.ForeignKeyConstraint(["payload_id"], ["payload.id"], name=op.f("fk_page_payload_id")),
        sa.ForeignKeyConstraint(["redirect_to"], ["page.id"], name=op.f("fk_page_redirect_to")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_page")),
        sa.UniqueConstraint("url_key", name=op.f("uq_page_url_key")),
    )
    with op.batch_alter_table("page", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_page_payload_id"), ["payload_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_page_site_due_at"), ["site", "due_at"], unique=False)
        batch_op.create_index(
            "ix_page_stored",
            ["site", "id"],
            unique=False,
            postgresql_where=sa.text("payload_id IS NOT NULL"),
            sqlite_where=sa.text("payload_id IS NOT NULL"),
        )

    op.create_table(
        "capture",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("page_id", BIG_ID, nullable=False),
        sa.Column("run_id", BIG_ID, nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("headers", JSON, nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("charset", sa.Text(), nullable=False),
        sa.Column("payload_id", BIG_ID, nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("elapsed_ms", sa.Integer(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("prior_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name=op.f("fk_capture_page_id")),
        sa.ForeignKeyConstraint(["payload_id"], ["payload.id"], name=op.f("fk_capture_payload_id")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_capture_run_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_capture")),
    )
    with op.batch_alter_table("capture", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_capture_page_id_fetched_at"), ["page_id", "fetched_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_capture_payload_id"), ["payload_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_capture_run_id"), ["run_id"], unique=False)

    op.create_table(
        "extraction",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("page_id", BIG_ID, nullable=False),
        sa.Column("payload_id", BIG_ID, nullable=False),
        sa.Column("draft_id", BIG_ID, nullable=False),
        sa.Column("recipe", sa.String(length=40), nullable=False),
        sa.Column("memory", sa.String(length=32), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("struck", JSON, nullable=False),
        sa.Column("chosen", JSON, nullable=False),
        sa.Column("text_digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["draft_id"], ["draft.id"], name=op.f("fk_extraction_draft_id")),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name=op.f("fk_extraction_page_id")),
        sa.ForeignKeyConstraint(["payload_id"], ["payload.id"], name=op.f("fk_extraction_payload_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_extraction")),
        sa.UniqueConstraint("page_id", "payload_id", "recipe", name=op.f("uq_extraction_page_id_payload_id_recipe")),
    )
    with op.batch_alter_table("extraction", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_extraction_draft_id"), ["draft_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_extraction_payload_id"), ["payload_id"], unique=False)

    op.create_table(
        "ledger_entry",
        sa.Column("run_id", BIG_ID, nullable=False),
        sa.Column("page_id", BIG_ID, nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("elapsed_ms", sa.Integer(), server_default="0", nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name=op.f("fk_ledger_entry_page_id")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_ledger_entry_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "page_id", name=op.f("pk_ledger_entry")),
    )
    with op.batch_alter_table("ledger_entry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ledger_entry_page_id"), ["page_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_ledger_entry_run_id_outcome"), ["run_id", "outcome"], unique=False)

    op.create_table(
        "line",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.Column("page_id", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name=op.f("fk_line_page_id")),
        sa.PrimaryKeyConstraint("site", "key", "role", "page_id", name=op.f("pk_line")),
    )
    with op.batch_alter_table("line", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_line_page_id"), ["page_id"], unique=False)

    op.create_table(
        "revision",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("page_id", BIG_ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("extraction_id", BIG_ID, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["extraction_id"], ["extraction.id"], name=op.f("fk_revision_extraction_id")),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name=op.f("fk_revision_page_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revision")),
        sa.UniqueConstraint("page_id", "number", name=op.f("uq_revision_page_id_number")),
    )
    with op.batch_alter_table("revision", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_revision_extraction_id"), ["extraction_id"], unique=False)

    op.create_table(
        "article",
        sa.Column("page_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("revision_id", BIG_ID, nullable=False),
        sa.Column("extraction_id", BIG_ID, nullable=False),
        sa.Column("order_key", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("authors", JSON, nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("published_source", sa.String(length=32), nullable=False),
        sa.Column("published_precision", sa.String(length=8), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("section", sa.Text(), nullable=False),
        sa.Column("tags", JSON, nullable=False),
        sa.Column("image", sa.Text(), nullable=False),
        sa.Column("canonical_url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("word_count", sa.Integer(), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["extraction_id"], ["extraction.id"], name=op.f("fk_article_extraction_id")),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name=op.f("fk_article_page_id")),
        sa.ForeignKeyConstraint(["revision_id"], ["revision.id"], name=op.f("fk_article_revision_id")),
        sa.PrimaryKeyConstraint("page_id", name=op.f("pk_article")),
        sa.UniqueConstraint("order_key", name=op.f("uq_article_order_key")),
    )
    with op.batch_alter_table("article", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_article_extraction_id"), ["extraction_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_article_revision_id"), ["revision_id"], unique=False)

    op.execute(ARTICLES)
    op.execute(LEDGER)
    for statement in INDEX[op.get_context().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE article_index")
    op.execute("DROP VIEW ledger")
    op.execute("DROP VIEW articles")
    with op.batch_alter_table("article", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_article_revision_id"))
        batch_op.drop_index(batch_op.f("ix_article_extraction_id"))

    op.drop_table("article")
    with op.batch_alter_table("revision", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_revision_extraction_id"))

    op.drop_table("revision")
    with op.batch_alter_table("line", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_line_page_id"))

    op.drop_table("line")
    with op.batch_alter_table("ledger_entry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ledger_entry_run_id_outcome"))
        batch_op.drop_index(batch_op.f("ix_ledger_entry_page_id"))

    op.drop_table("ledger_entry")
    with op.batch_alter_table("extraction", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_extraction_payload_id"))
        batch_op.drop_index(batch_op.f("ix_extraction_draft_id"))

    op.drop_table("extraction")
    with op.batch_alter_table("capture", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_capture_run_id"))
        batch_op.drop_index(batch_op.f("ix_capture_payload_id"))
        batch_op.drop_index(batch_op.f("ix_capture_page_id_fetched_at"))

    op.drop_table("capture")
    with op.batch_alter_table("page", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_page_stored", postgresql_where=sa.text("payload_id IS NOT NULL"), sqlite_where=sa.text("payload_id IS NOT NULL")
        )
        batch_op.drop_index(batch_op.f("ix_page_site_due_at"))
        batch_op.drop_index(batch_op.f("ix_page_payload_id"))

    op.drop_table("page")
    op.drop_table("draft")
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_run_site_kind_started_at"))

    op.drop_table("run")
    op.drop_table("payload")
