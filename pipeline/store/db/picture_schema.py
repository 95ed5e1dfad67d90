"""The table of the lead pictures of stories. The pictures themselves are pages with captures."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index

from pipeline.store.db.row_classes import Base, Mapped, mapped_column
from pipeline.store.db.types import TableRole


class StoryPictureRow(Base):
    """A lead picture of a story: the page of the picture, and when the story declared it."""

    table_role = TableRole.KEPT
    __tablename__ = "story_picture"
    page_id: Mapped[int] = mapped_column(ForeignKey("page.id"), primary_key=True)
    picture_id: Mapped[int] = mapped_column(ForeignKey("page.id"), primary_key=True)
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    __table_args__ = (Index(None, "picture_id"),)
