"""Extracted pages with the payloads that they were made of, to make them again and compare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select

from pipeline.core.models import ExtractedPage, RawPage
from pipeline.store.clean.types import PendingPayload
from pipeline.store.codec import part_lists
from pipeline.store.codec.dictionaries import COMPRESSED_COLUMNS, decompress_payload
from pipeline.store.codec.serialization import decode_extracted
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import ExtractedPageRow, PayloadRow

BATCH_SIZE: Final = 50  # pages in memory
IS_PAGE: Final = PayloadRow.media_type != part_lists.MEDIA_TYPE


@dataclass(frozen=True, slots=True)
class ExtractedPayload:
    """A payload, and what the archive has extracted of it."""

    payload: PendingPayload
    extracted: ExtractedPage


def count(database: Database, extractors: str) -> int:
    """Return how many extracted pages of these extractors there are."""
    query = (
        select(func.count(ExtractedPageRow.id))
        .join(PayloadRow, PayloadRow.id == ExtractedPageRow.payload_id)
        .where(ExtractedPageRow.extractors == extractors, IS_PAGE)
    )
    with database.read() as db:
        return db.scalar(query) or 0


def batches(database: Database, extractors: str) -> Iterator[Sequence[ExtractedPayload]]:
    """Yield the extracted pages of these extractors. Damaged ones are left out."""
    after = 0
    columns = (
        ExtractedPageRow.id,
        ExtractedPageRow.codec.label("extracted_codec"),
        ExtractedPageRow.body.label("extracted_body"),
        PayloadRow.id.label("payload_id"),
        PayloadRow.charset,
        PayloadRow.media_type,
        *COMPRESSED_COLUMNS,
    )
    while True:
        query = (
            select(*columns)
            .join(PayloadRow, PayloadRow.id == ExtractedPageRow.payload_id)
            .where(ExtractedPageRow.extractors == extractors, IS_PAGE, ExtractedPageRow.id > after)
            .order_by(ExtractedPageRow.id)
            .limit(BATCH_SIZE)
        )
        batch: list[ExtractedPayload] = []
        with database.read() as db:
            rows = db.execute(query).all()
            for row in rows:
                try:
                    body = decompress_payload(db, row.codec, row.body, row.dictionary_id)
                    extracted = decode_extracted(row.extracted_codec, row.extracted_body)
                except ValueError:
                    continue
                raw = RawPage(row.payload_id, body, row.charset, row.media_type)
                batch.append(ExtractedPayload(PendingPayload(raw, ()), extracted))
        if batch:
            yield batch
        if len(rows) < BATCH_SIZE:
            return
        after = rows[-1].id
