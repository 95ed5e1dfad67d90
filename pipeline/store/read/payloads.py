"""Stored bytes by their digest alone, for those who have no Page at hand."""

from __future__ import annotations

from sqlalchemy import select

from pipeline.store.codec.dictionaries import PACKED, unpacked
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import PayloadRow


def payload(store: Database, digest: str) -> bytes | None:
    """The bytes that have this SHA-256 (hex, lower case), as the server sent them; None where there are none such."""
    with store.read() as db:
        row = db.execute(select(*PACKED).where(PayloadRow.digest == digest)).first()
        return unpacked(db, *row) if row else None
