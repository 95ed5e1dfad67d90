"""Keep a log of what the archive records, and the checkpoints of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1007"
down_revision = "1006"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
HAS_CAPTURE = sa.text("capture_id IS NOT NULL")


def upgrade() -> None:
    """Add the tables. The first run that is closed begins the log, and adopts the rest."""
    op.add_column(
        "capture", sa.Column("requested_url", sa.Text(), nullable=False, server_default="")
    )
    op.create_table(
        "log_leaf",
        sa.Column("number", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("type", sa.String(length=8), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("capture_id", sa.BigInteger(), nullable=True),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("removed_by", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_log_leaf")),
    )
    op.create_index(
        "ix_log_leaf_capture",
        "log_leaf",
        ["capture_id"],
        unique=True,
        sqlite_where=HAS_CAPTURE,
        postgresql_where=HAS_CAPTURE,
    )
    op.create_table(
        "log_node",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "number", name=op.f("pk_log_node")),
    )
    op.create_table(
        "sealed_run",
        sa.Column("run_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("leaf", sa.BigInteger(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("ledger", sa.LargeBinary(), nullable=True),
        sa.Column("results", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_sealed_run_run_id")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_sealed_run")),
        sa.UniqueConstraint("uuid", name=op.f("uq_sealed_run_uuid")),
        sa.UniqueConstraint("leaf", name=op.f("uq_sealed_run_leaf")),
    )
    op.create_table(
        "log_event",
        sa.Column("leaf", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("leaf", name=op.f("pk_log_event")),
    )
    op.create_index("ix_log_event_kind_leaf", "log_event", ["kind", "leaf"], unique=False)
    op.create_table(
        "checkpoint",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkpoint")),
    )
    op.create_index("ix_checkpoint_size", "checkpoint", ["size"], unique=False)
    op.create_table(
        "checkpoint_timestamp",
        sa.Column("checkpoint_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=True),
        sa.Column("stamped_at", MOMENT, nullable=True),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("tried_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["checkpoint_id"],
            ["checkpoint.id"],
            name=op.f("fk_checkpoint_timestamp_checkpoint_id"),
        ),
        sa.PrimaryKeyConstraint("checkpoint_id", "authority", name=op.f("pk_checkpoint_timestamp")),
    )


def downgrade() -> None:
    """Forget the log. What it was about stays."""
    op.drop_table("checkpoint_timestamp")
    op.drop_table("checkpoint")
    op.drop_table("log_event")
    op.drop_table("sealed_run")
    op.drop_table("log_node")
    op.drop_table("log_leaf")
    op.drop_column("capture", "requested_url")
