"""The tables of watches: what each has found, and what is to be sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Index, String

from pipeline.store.db.row_classes import Base, BigId, Mapped, mapped_column
from pipeline.store.db.types import TableRole, partial_index


class WatchRow(Base):
    """How far a watch of the settings has looked for new matches."""

    table_role = TableRole.PRIVATE
    __tablename__ = "watch"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    query_digest: Mapped[str] = mapped_column(String(32))  # another query begins anew
    since_at: Mapped[datetime]  # what is older is not new to it
    checked_at: Mapped[datetime]


class WatchMatchRow(Base):
    """A match that a watch has found. It is told once."""

    table_role = TableRole.PRIVATE
    __tablename__ = "watch_match"
    watch: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)  # of the article or the change
    found_at: Mapped[datetime]
    __table_args__ = (Index(None, "found_at"),)


class WatchMessageRow(Base):
    """New matches of a watch for one of its addresses, until they are sent and for some time after.

    It is written in the transaction that finds the matches. Before it is sent it is marked as
    begun, and after that as sent: one that is only begun may have arrived, and is sent again.
    """

    table_role = TableRole.PRIVATE
    __tablename__ = "watch_message"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    delivery_id: Mapped[str] = mapped_column(String(36), unique=True)  # by which receivers know it
    watch: Mapped[str] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(String(32))  # digest: addresses hold passwords
    matches: Mapped[list[Any]]
    created_at: Mapped[datetime]
    begun_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default="0")
    __table_args__ = (partial_index("ix_watch_message_unsent", "watch", where="sent_at IS NULL"),)


WATCH_TABLES: Final = (WatchRow, WatchMatchRow, WatchMessageRow)
