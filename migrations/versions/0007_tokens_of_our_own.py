"""The full-text index takes tokens that are made in Python, so that both databases find the same."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

WAITS = sa.text("indexed = ''")

# Its tokens come folded and cut: nothing is left for the databases' own rules. The list of entries that PostgreSQL has yet to
# sort in is looked through by every query, so it is kept short.
INDEX = {
    "sqlite": (
        "CREATE VIRTUAL TABLE article_index USING fts5(title, body, names, marks, tokenize = \"ascii tokenchars '_-.'\")",
    ),
    "postgresql": (
        "CREATE TABLE article_index (rowid BIGINT PRIMARY KEY, words TSVECTOR NOT NULL)",
        "CREATE INDEX ix_article_index_words ON article_index USING gin (words) WITH (gin_pending_list_limit = 512)",
    ),
}
INDEX_BEFORE = {
    "sqlite": ('CREATE VIRTUAL TABLE article_index USING fts5(title, body, tokenize = "unicode61 remove_diacritics 2")',),
    "postgresql": (
        "CREATE TABLE article_index (rowid BIGINT PRIMARY KEY, words TSVECTOR NOT NULL)",
        "CREATE INDEX ix_article_index_words ON article_index USING gin (words)",
    ),
}


def upgrade() -> None:
    # all articles of an older archive wait for the next clean, which indexes them from their stored texts in small steps
    op.add_column("article", sa.Column("indexed", sa.String(length=8), server_default="", nullable=False))
    op.create_index("ix_article_unindexed", "article", ["page_id"], postgresql_where=WAITS, sqlite_where=WAITS)
    _replace_index(INDEX)


def downgrade() -> None:
    _replace_index(INDEX_BEFORE)
    op.drop_index("ix_article_unindexed", "article", postgresql_where=WAITS, sqlite_where=WAITS)
    op.drop_column("article", "indexed")


def _replace_index(statements: dict[str, tuple[str, ...]]) -> None:
    op.execute("DROP TABLE article_index")
    for statement in statements[op.get_context().dialect.name]:
        op.execute(statement)
