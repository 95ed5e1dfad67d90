"""Create the tables, the full-text index and the public views."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "1000"
down_revision = None
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # only INTEGER is a rowid in SQLite
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)

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
       page.last_matched_at AS last_seen_at,
       revision.number AS revisions,
       coalesce(sketch.leader_id, article.page_id) AS story_group,
       sketch.similarity AS similarity
FROM article
JOIN page ON page.id = article.page_id
JOIN revision ON revision.id = article.revision_id
LEFT JOIN sketch ON sketch.page_id = article.page_id
"""

LEDGER = """
CREATE VIEW ledger AS
SELECT ledger_entry.run_id AS run,
       run.kind AS run_kind,
       page.site AS site,
       page.kind AS kind,
       page.url AS url,
       ledger_entry.outcome AS outcome,
       ledger_entry.reason AS reason,
       ledger_entry.status AS status,
       ledger_entry.bytes AS bytes,
       ledger_entry.at AS at,
       ledger_entry.detail AS detail
FROM ledger_entry
JOIN run ON run.id = ledger_entry.run_id
JOIN page ON page.id = ledger_entry.page_id
"""

# Python makes the tokens of the index, so the databases must not fold or split them again. Every
# query of PostgreSQL searches its list of entries that are not sorted yet, so the list stays short.
FTS5_TABLE = """
CREATE VIRTUAL TABLE article_index
USING fts5(title, body, names, marks, tokenize = "ascii tokenchars '_-.'")
"""
GIN_INDEX = """
CREATE INDEX ix_article_index_words ON article_index
USING gin (words) WITH (gin_pending_list_limit = 512)
"""
FULLTEXT_INDEX = {
    "sqlite": (FTS5_TABLE,),
    "postgresql": (
        "CREATE TABLE article_index (rowid BIGINT PRIMARY KEY, words TSVECTOR NOT NULL)",
        GIN_INDEX,
    ),
}


def upgrade() -> None:
    op.create_table(
        "container",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("extractors", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("main_pages", sa.Integer(), nullable=False),
        sa.Column("story_pages", sa.Integer(), nullable=False),
        sa.Column("other_pages", sa.Integer(), nullable=False),
        sa.Column("first_main_at", MOMENT, nullable=True),
        sa.Column("last_main_at", MOMENT, nullable=True),
        sa.Column("last_seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("site", "extractors", "name", name=op.f("pk_container")),
    )
    op.create_table(
        "dictionary",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("codec", sa.String(length=16), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("page_payload_ids", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("tested_until_payload_id", sa.BigInteger(), nullable=False),
        sa.Column("median_ratio", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dictionary")),
    )
    op.create_index(
        "ix_dictionary_site_tested_until",
        "dictionary",
        ["site", "tested_until_payload_id"],
        unique=False,
    )
    op.create_table(
        "issue",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("evidence", JSON, nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.Column("accepted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("notified_at", MOMENT, nullable=True),
        sa.Column("closed_notified_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issue")),
    )
    op.create_index(
        "ix_issue_open",
        "issue",
        ["site", "kind", "subject"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
        sqlite_where=sa.text("closed_at IS NULL"),
    )
    op.create_index(op.f("ix_issue_site_closed_at"), "issue", ["site", "closed_at"], unique=False)
    op.create_table(
        "run",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("recipe", sa.String(length=40), server_default="", nullable=False),
        sa.Column("scope", sa.Text(), server_default="", nullable=False),
        sa.Column("counts", JSON, nullable=False),
        sa.Column("pruned_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    op.create_index(
        op.f("ix_run_site_kind_started_at"), "run", ["site", "kind", "started_at"], unique=False
    )
    op.create_table(
        "site_counts",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("stored", sa.Integer(), nullable=False),
        sa.Column("articles", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("site", name=op.f("pk_site_counts")),
    )
    op.create_table(
        "sketch_band",
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("page_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key", "page_id", name=op.f("pk_sketch_band")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "night_stats",
        sa.Column("run_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("clean_run_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("stats", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("fk_night_stats_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_night_stats")),
    )
    op.create_table(
        "payload",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("codec", sa.String(length=16), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("dictionary_id", BIG_ID, nullable=True),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("charset", sa.Text(), nullable=False),
        sa.Column("first_seen_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["dictionary_id"], ["dictionary.id"], name=op.f("fk_payload_dictionary_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payload")),
        sa.UniqueConstraint("digest", name=op.f("uq_payload_digest")),
    )
    op.create_index(
        "ix_payload_dictionary",
        "payload",
        ["dictionary_id"],
        unique=False,
        postgresql_where=sa.text("dictionary_id IS NOT NULL"),
        sqlite_where=sa.text("dictionary_id IS NOT NULL"),
    )
    op.create_table(
        "extracted_page",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("payload_id", BIG_ID, nullable=False),
        sa.Column("extractors", sa.String(length=16), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("cost_ms", sa.Integer(), nullable=False),
        sa.Column("codec", sa.String(length=16), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("in_profile", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.ForeignKeyConstraint(
            ["payload_id"], ["payload.id"], name=op.f("fk_extracted_page_payload_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_extracted_page")),
        sa.UniqueConstraint(
            "payload_id", "extractors", name=op.f("uq_extracted_page_payload_id_extractors")
        ),
    )
    op.create_index(
        "ix_extracted_page_not_in_profile",
        "extracted_page",
        ["payload_id"],
        unique=False,
        postgresql_where=sa.text("NOT in_profile"),
        sqlite_where=sa.text("NOT in_profile"),
    )
    op.create_table(
        "page",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("url_key", sa.String(length=32), nullable=False),
        sa.Column("first_seen_at", MOMENT, nullable=False),
        sa.Column("announced_title", sa.Text(), server_default="", nullable=False),
        sa.Column("announced_published_at", MOMENT, nullable=True),
        sa.Column("announced_modified_at", MOMENT, nullable=True),
        sa.Column("announced_source", sa.String(length=16), server_default="", nullable=False),
        sa.Column("announced_tags", sa.Text(), server_default="", nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_run", sa.BigInteger(), nullable=True),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("outcome", sa.String(length=16), server_default="", nullable=False),
        sa.Column("reason", sa.String(length=32), server_default="", nullable=False),
        sa.Column("etag", sa.Text(), server_default="", nullable=False),
        sa.Column("last_modified", sa.Text(), server_default="", nullable=False),
        sa.Column("redirect_to", BIG_ID, nullable=True),
        sa.Column("story_key", sa.String(length=32), server_default="", nullable=False),
        sa.Column("payload_id", BIG_ID, nullable=True),
        sa.Column("last_matched_at", MOMENT, nullable=True),
        sa.Column("gone_at", MOMENT, nullable=True),
        sa.Column("clean_payload_id", sa.BigInteger(), nullable=True),
        sa.Column("clean_recipe", sa.String(length=40), server_default="", nullable=False),
        sa.Column("needs_clean", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("profile_updated_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["payload_id"], ["payload.id"], name=op.f("fk_page_payload_id")),
        sa.ForeignKeyConstraint(["redirect_to"], ["page.id"], name=op.f("fk_page_redirect_to")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_page")),
        sa.UniqueConstraint("url_key", name=op.f("uq_page_url_key")),
    )
    op.create_index(
        "ix_page_profile",
        "page",
        ["site", "profile_updated_at"],
        unique=False,
        postgresql_where=sa.text("profile_updated_at IS NOT NULL"),
        sqlite_where=sa.text("profile_updated_at IS NOT NULL"),
    )
    op.create_index(op.f("ix_page_payload_id"), "page", ["payload_id"], unique=False)
    op.create_index(op.f("ix_page_site_due_at"), "page", ["site", "due_at"], unique=False)
    op.create_index(
        "ix_page_stored",
        "page",
        ["site", "id"],
        unique=False,
        postgresql_where=sa.text("payload_id IS NOT NULL"),
        sqlite_where=sa.text("payload_id IS NOT NULL"),
    )
    op.create_index(
        "ix_page_story",
        "page",
        ["site", "story_key"],
        unique=False,
        postgresql_where=sa.text("story_key <> ''"),
        sqlite_where=sa.text("story_key <> ''"),
    )
    op.create_table(
        "capture",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("page_id", BIG_ID, nullable=False),
        sa.Column("run_id", BIG_ID, nullable=True),
        sa.Column("fetched_at", MOMENT, nullable=False),
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
        sa.Column("opt_outs", sa.Text(), server_default="", nullable=False),
        sa.Column("prior_seen_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name=op.f("fk_capture_page_id")),
        sa.ForeignKeyConstraint(["payload_id"], ["payload.id"], name=op.f("fk_capture_payload_id")),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("fk_capture_run_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_capture")),
    )
    op.create_index(
        op.f("ix_capture_page_id_fetched_at"), "capture", ["page_id", "fetched_at"], unique=False
    )
    op.create_index(op.f("ix_capture_payload_id"), "capture", ["payload_id"], unique=False)
    op.create_index(op.f("ix_capture_run_id"), "capture", ["run_id"], unique=False)
    op.create_table(
        "clean_result",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("page_id", BIG_ID, nullable=False),
        sa.Column("payload_id", BIG_ID, nullable=False),
        sa.Column("extracted_page_id", BIG_ID, nullable=False),
        sa.Column("recipe", sa.String(length=40), nullable=False),
        sa.Column("profile_digest", sa.String(length=32), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("removed", JSON, nullable=False),
        sa.Column("chosen_metadata", JSON, nullable=False),
        sa.Column("text_digest", sa.String(length=64), nullable=False),
        sa.Column("run_id", BIG_ID, nullable=True),
        sa.Column("status", sa.String(length=16), server_default="accepted", nullable=False),
        sa.ForeignKeyConstraint(
            ["extracted_page_id"],
            ["extracted_page.id"],
            name=op.f("fk_clean_result_extracted_page_id"),
        ),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name=op.f("fk_clean_result_page_id")),
        sa.ForeignKeyConstraint(
            ["payload_id"], ["payload.id"], name=op.f("fk_clean_result_payload_id")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("fk_clean_result_run_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clean_result")),
        sa.UniqueConstraint(
            "page_id",
            "payload_id",
            "run_id",
            name=op.f("uq_clean_result_page_id_payload_id_run_id"),
        ),
    )
    op.create_index(
        "ix_clean_result_accepted",
        "clean_result",
        ["page_id", "payload_id"],
        unique=True,
        postgresql_where=sa.text("status = 'accepted'"),
        sqlite_where=sa.text("status = 'accepted'"),
    )
    op.create_index(
        op.f("ix_clean_result_extracted_page_id"),
        "clean_result",
        ["extracted_page_id"],
        unique=False,
    )
    op.create_index(
        "ix_clean_result_held",
        "clean_result",
        ["page_id"],
        unique=False,
        postgresql_where=sa.text("status = 'held'"),
        sqlite_where=sa.text("status = 'held'"),
    )
    op.create_index(
        op.f("ix_clean_result_payload_id"), "clean_result", ["payload_id"], unique=False
    )
    op.create_index(op.f("ix_clean_result_run_id"), "clean_result", ["run_id"], unique=False)
    op.create_table(
        "ledger_entry",
        sa.Column("run_id", BIG_ID, nullable=False),
        sa.Column("page_id", BIG_ID, nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("elapsed_ms", sa.Integer(), server_default="0", nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("links", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name=op.f("fk_ledger_entry_page_id")),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("fk_ledger_entry_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "page_id", name=op.f("pk_ledger_entry")),
    )
    op.create_index(op.f("ix_ledger_entry_page_id"), "ledger_entry", ["page_id"], unique=False)
    op.create_index(
        op.f("ix_ledger_entry_run_id_outcome"), "ledger_entry", ["run_id", "outcome"], unique=False
    )
    op.create_table(
        "line_sighting",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.Column("page_id", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name=op.f("fk_line_sighting_page_id")),
        sa.PrimaryKeyConstraint("site", "key", "role", "page_id", name=op.f("pk_line_sighting")),
    )
    op.create_index(op.f("ix_line_sighting_page_id"), "line_sighting", ["page_id"], unique=False)
    op.create_table(
        "sketch",
        sa.Column("page_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=16), server_default="", nullable=False),
        sa.Column("day", sa.Integer(), server_default="0", nullable=False),
        sa.Column("shingle_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("minhash", sa.LargeBinary(), nullable=True),
        sa.Column("number_digests", sa.LargeBinary(), nullable=True),
        sa.Column("leader_id", sa.BigInteger(), nullable=True),
        sa.Column("similarity", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name=op.f("fk_sketch_page_id")),
        sa.PrimaryKeyConstraint("page_id", name=op.f("pk_sketch")),
    )
    op.create_index(
        "ix_sketch_leader",
        "sketch",
        ["leader_id"],
        unique=False,
        postgresql_where=sa.text("leader_id IS NOT NULL"),
        sqlite_where=sa.text("leader_id IS NOT NULL"),
    )
    op.create_index(
        "ix_sketch_pending",
        "sketch",
        ["site", "page_id"],
        unique=False,
        postgresql_where=sa.text("version = ''"),
        sqlite_where=sa.text("version = ''"),
    )
    op.create_table(
        "revision",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("page_id", BIG_ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("clean_result_id", BIG_ID, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("first_seen_at", MOMENT, nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["clean_result_id"], ["clean_result.id"], name=op.f("fk_revision_clean_result_id")
        ),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name=op.f("fk_revision_page_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revision")),
        sa.UniqueConstraint("page_id", "number", name=op.f("uq_revision_page_id_number")),
    )
    op.create_index(
        op.f("ix_revision_clean_result_id"), "revision", ["clean_result_id"], unique=False
    )
    op.create_table(
        "article",
        sa.Column("page_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("revision_id", BIG_ID, nullable=False),
        sa.Column("clean_result_id", BIG_ID, nullable=False),
        sa.Column("order_key", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("authors", JSON, nullable=False),
        sa.Column("published_at", MOMENT, nullable=True),
        sa.Column("published_source", sa.String(length=32), nullable=False),
        sa.Column("published_precision", sa.String(length=8), nullable=False),
        sa.Column("modified_at", MOMENT, nullable=True),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("section", sa.Text(), nullable=False),
        sa.Column("tags", JSON, nullable=False),
        sa.Column("image", sa.Text(), nullable=False),
        sa.Column("canonical_url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("word_count", sa.Integer(), nullable=False),
        sa.Column("archived_at", MOMENT, nullable=False),
        sa.Column("index_version", sa.String(length=8), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["clean_result_id"], ["clean_result.id"], name=op.f("fk_article_clean_result_id")
        ),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name=op.f("fk_article_page_id")),
        sa.ForeignKeyConstraint(
            ["revision_id"], ["revision.id"], name=op.f("fk_article_revision_id")
        ),
        sa.PrimaryKeyConstraint("page_id", name=op.f("pk_article")),
        sa.UniqueConstraint("order_key", name=op.f("uq_article_order_key")),
    )
    op.create_index(
        op.f("ix_article_clean_result_id"), "article", ["clean_result_id"], unique=False
    )
    op.create_index(op.f("ix_article_revision_id"), "article", ["revision_id"], unique=False)
    op.create_index(
        "ix_article_unindexed",
        "article",
        ["page_id"],
        unique=False,
        postgresql_where=sa.text("index_version = ''"),
        sqlite_where=sa.text("index_version = ''"),
    )
    op.execute(ARTICLES)
    op.execute(LEDGER)
    for statement in FULLTEXT_INDEX[op.get_context().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE article_index")
    op.execute("DROP VIEW ledger")
    op.execute("DROP VIEW articles")
    op.drop_table("article")
    op.drop_table("revision")
    op.drop_table("sketch")
    op.drop_table("line_sighting")
    op.drop_table("ledger_entry")
    op.drop_table("clean_result")
    op.drop_table("capture")
    op.drop_table("page")
    op.drop_table("extracted_page")
    op.drop_table("payload")
    op.drop_table("night_stats")
    op.drop_table("sketch_band")
    op.drop_table("site_counts")
    op.drop_table("run")
    op.drop_table("issue")
    op.drop_table("dictionary")
    op.drop_table("container")
