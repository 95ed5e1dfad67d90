"""The tables of the evidence log. The log only grows: see `pipeline.store.db.evidence`."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, ForeignKey, Index, String

from pipeline.store.db.row_classes import Base, BigId, Mapped, mapped_column
from pipeline.store.db.types import TableRole, partial_index


class LogLeafRow(Base):
    """A leaf of the log: see `pipeline.evidence.leaves`. Its hash never changes."""

    table_role = TableRole.KEPT
    __tablename__ = "log_leaf"
    number: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)  # from 0
    type: Mapped[str] = mapped_column(String(8))  # LeafType
    n: Mapped[int]  # the `n` of the leaf
    run_id: Mapped[int | None] = mapped_column(BigInteger)
    capture_id: Mapped[int | None] = mapped_column(BigInteger)
    hash: Mapped[bytes]
    salt: Mapped[bytes | None]  # null where the private fields were deleted
    removed_by: Mapped[int | None] = mapped_column(BigInteger)  # the leaf of the event that did it
    __table_args__ = (
        partial_index(
            "ix_log_leaf_capture", "capture_id", unique=True, where="capture_id IS NOT NULL"
        ),
    )


class LogNodeRow(Base):
    """The hash of 256 leaves of the log, or of 256 such nodes, so that proofs read few rows."""

    table_role = TableRole.KEPT
    __tablename__ = "log_node"
    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # from 1
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    hash: Mapped[bytes]


class SealedRunRow(Base):
    """What the log says of a closed run. Nothing here changes but what was forgotten."""

    table_role = TableRole.KEPT
    __tablename__ = "sealed_run"
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True, autoincrement=False)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    leaf: Mapped[int] = mapped_column(BigInteger, unique=True)  # its number in the log
    fields: Mapped[str]  # the private fields of the leaf, RFC 8785 JSON
    ledger: Mapped[bytes | None]  # entries: see `pipeline.evidence.entries`; null once pruned
    results: Mapped[bytes | None]  # the same of the results of a clean


class LogEventRow(Base):
    """Something that happened to the archive beside its runs."""

    table_role = TableRole.KEPT
    __tablename__ = "log_event"
    leaf: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(16))  # EventKind
    at: Mapped[datetime]
    fields: Mapped[str]  # the private fields of the leaf, RFC 8785 JSON
    __table_args__ = (Index(None, "kind", "leaf"),)


class CheckpointRow(Base):
    """The size and root of the log at a time, as a note that is signed where there is a key."""

    table_role = TableRole.KEPT
    __tablename__ = "checkpoint"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    root: Mapped[bytes]
    at: Mapped[datetime]
    note: Mapped[str]
    __table_args__ = (Index(None, "size"),)


class TimestampRow(Base):
    """The token of a timestamp authority for a checkpoint, or why there is none yet."""

    table_role = TableRole.KEPT
    __tablename__ = "checkpoint_timestamp"
    checkpoint_id: Mapped[int] = mapped_column(
        ForeignKey("checkpoint.id"), primary_key=True, autoincrement=False
    )
    authority: Mapped[str] = mapped_column(primary_key=True)  # its URL
    token: Mapped[bytes | None]  # the reply, RFC 3161
    stamped_at: Mapped[datetime | None]  # the time in the token
    detail: Mapped[str] = mapped_column(server_default="")  # why there is no token
    tried_at: Mapped[datetime]


TABLES: Final = (
    LogLeafRow,
    LogNodeRow,
    SealedRunRow,
    LogEventRow,
    CheckpointRow,
    TimestampRow,
)
