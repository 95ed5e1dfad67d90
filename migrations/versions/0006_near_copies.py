"""What articles are compared by, and which of them are near-copies of each other."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

WAITS = sa.text("version = ''")
FOLLOWS = sa.text("head IS NOT NULL")

COLUMNS = """
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
       revision.number AS revisions"""
TABLES = """
FROM article
JOIN page ON page.id = article.page_id
JOIN revision ON revision.id = article.revision_id"""

ARTICLES = f"""{COLUMNS},
       coalesce(sketch.head, article.page_id) AS story_group,
       sketch.likeness AS likeness{TABLES}
LEFT JOIN sketch ON sketch.page_id = article.page_id
"""
ARTICLES_BEFORE = f"{COLUMNS}{TABLES}\n"

# All articles of an older archive wait for the next clean, which compares them from their stored texts.
WAIT = """
INSERT INTO sketch (page_id, site) SELECT article.page_id, page.site FROM article JOIN page ON page.id = article.page_id
"""


def upgrade() -> None:
    op.create_table(
        "sketch",
        sa.Column("page_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=16), server_default="", nullable=False),
        sa.Column("day", sa.Integer(), server_default="0", nullable=False),
        sa.Column("runs", sa.Integer(), server_default="0", nullable=False),
        sa.Column("slots", sa.LargeBinary(), nullable=True),
        sa.Column("numbers", sa.LargeBinary(), nullable=True),
        sa.Column("head", sa.BigInteger(), nullable=True),
        sa.Column("likeness", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name=op.f("fk_sketch_page_id")),
        sa.PrimaryKeyConstraint("page_id", name=op.f("pk_sketch")),
    )
    op.execute(WAIT)
    op.create_index("ix_sketch_waiting", "sketch", ["site", "page_id"], postgresql_where=WAITS, sqlite_where=WAITS)
    op.create_index("ix_sketch_head", "sketch", ["head"], postgresql_where=FOLLOWS, sqlite_where=FOLLOWS)
    op.create_table(
        "sketch_band",
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("page_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key", "page_id", name=op.f("pk_sketch_band")),
        sqlite_with_rowid=False,
    )
    op.execute("DROP VIEW articles")
    op.execute(ARTICLES)


def downgrade() -> None:
    op.execute("DROP VIEW articles")
    op.execute(ARTICLES_BEFORE)
    op.drop_table("sketch_band")
    op.drop_table("sketch")
