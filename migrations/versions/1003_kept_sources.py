"""Keep sources: dictionaries of a source, an index of sources, and placements on front pages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1003"
down_revision = "1002"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # only INTEGER is a rowid in SQLite
MOMENT = sa.DateTime(timezone=True)

# A front page may link to another URL of a story, which then redirects to it.
PLACEMENTS = """
CREATE VIEW placements AS
SELECT front.site AS site,
       story.id AS id,
       story.url AS url,
       front.url AS front_page,
       placement.rank AS rank,
       placement.first_seen_at AS first_seen_at,
       placement.last_seen_at AS last_seen_at,
       placement.visits AS visits
FROM placement
JOIN page AS front ON front.id = placement.source_id
JOIN page AS listed ON listed.url_key = placement.url_key
JOIN page AS story ON story.id = coalesce(listed.redirect_to, listed.id)
WHERE story.kind = 'story'
"""


def upgrade() -> None:
    op.add_column("dictionary", sa.Column("source_id", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_dictionary_source",
        "dictionary",
        ["source_id"],
        unique=False,
        postgresql_where=sa.text("source_id IS NOT NULL"),
        sqlite_where=sa.text("source_id IS NOT NULL"),
    )
    op.create_index(
        "ix_page_source",
        "page",
        ["site", "id"],
        unique=False,
        postgresql_where=sa.text("kind <> 'story'"),
        sqlite_where=sa.text("kind <> 'story'"),
    )
    op.create_table(
        "placement",
        sa.Column("source_id", BIG_ID, nullable=False),
        sa.Column("url_key", sa.String(length=32), nullable=False),
        sa.Column("first_seen_at", MOMENT, nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=False),
        sa.Column("visits", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["page.id"], name=op.f("fk_placement_source_id")),
        sa.PrimaryKeyConstraint("source_id", "url_key", "first_seen_at", name=op.f("pk_placement")),
    )
    op.create_index(op.f("ix_placement_url_key"), "placement", ["url_key"], unique=False)
    op.create_index(
        op.f("ix_placement_source_id_last_seen_at"),
        "placement",
        ["source_id", "last_seen_at"],
        unique=False,
    )
    op.execute(PLACEMENTS)


def downgrade() -> None:
    op.execute("DROP VIEW placements")
    op.drop_table("placement")
    op.drop_index("ix_page_source", table_name="page")
    op.drop_index("ix_dictionary_source", table_name="dictionary")
    op.drop_column("dictionary", "source_id")
