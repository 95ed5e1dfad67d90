"""Keep the links in the texts of articles, and show them in the view `links`.

The links of articles from before come with the next clean: its extractors are newer, so that all
pages are extracted again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1005"
down_revision = "1004"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

LINKS = """
CREATE VIEW links AS
SELECT article_link.page_id AS article,
       article_link.number AS number,
       article_link.url AS url,
       article_link.text AS text,
       coalesce(cited.page_id, moved.page_id) AS cited_article
FROM article_link
LEFT JOIN page AS target ON target.url_key = article_link.url_key
LEFT JOIN article AS cited ON cited.page_id = target.id
LEFT JOIN article AS moved ON moved.page_id = target.redirect_to
"""


def upgrade() -> None:
    """Create the table and the view."""
    op.create_table(
        "article_link",
        sa.Column("page_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("url_key", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["page_id"],
            ["article.page_id"],
            name=op.f("fk_article_link_page_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("page_id", "number", name=op.f("pk_article_link")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_article_link_url_key"), "article_link", ["url_key"], unique=False)
    op.execute(LINKS)


def downgrade() -> None:
    """Drop the view and the table."""
    op.execute("DROP VIEW links")
    op.drop_table("article_link")
