"""Payloads of a site may be packed by a dictionary, which is made of earlier pages of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from pipeline.store.coding import Words, pack, unpack

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

PACKED = sa.text("dictionary_id IS NOT NULL")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# plain: SQLite adds the column without copying the table, which holds all bytes of the archive
ADD = "ALTER TABLE payload ADD COLUMN dictionary_id {type} CONSTRAINT fk_payload_dictionary_id REFERENCES dictionary (id)"


def upgrade() -> None:
    op.create_table(
        "dictionary",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("coding", sa.String(length=16), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("parts", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("ratio", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dictionary")),
    )
    op.create_index("ix_dictionary_site_until", "dictionary", ["site", "until"])
    op.execute(ADD.format(type="INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"))
    op.create_index("ix_payload_dictionary", "payload", ["dictionary_id"], postgresql_where=PACKED, sqlite_where=PACKED)


def downgrade() -> None:
    _unpack_all()
    op.drop_index("ix_payload_dictionary", table_name="payload")
    with op.batch_alter_table("payload", schema=None) as batch_op:
        batch_op.drop_column("dictionary_id")
    op.drop_table("dictionary")


def _unpack_all() -> None:
    """What is packed by a dictionary is packed without one."""
    db = op.get_bind()
    held: dict[int, Words] = {}
    query = sa.text(
        "SELECT id, coding, body, dictionary_id FROM payload"
        " WHERE dictionary_id IS NOT NULL AND id > :after ORDER BY id LIMIT 20"
    )
    after = 0
    while rows := db.execute(query, {"after": after}).all():
        for row in rows:
            if row.dictionary_id not in held:
                asked = sa.text("SELECT coding, body FROM dictionary WHERE id = :id")
                held = {row.dictionary_id: Words(unpack(*db.execute(asked, {"id": row.dictionary_id}).one()))}
            coding, body = pack(unpack(row.coding, row.body, held[row.dictionary_id]))
            plain = sa.text("UPDATE payload SET coding = :coding, body = :body, dictionary_id = NULL WHERE id = :id")
            db.execute(plain, {"coding": coding, "body": body, "id": row.id})
        after = rows[-1].id
