"""A table of pages → the table of their Drafts.

Promises a row for a row, in order: the bytes are replaced by what the extractors make of them, all other columns stay. A page
that takes too much time or memory, or crashes its process, has a Draft that says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import pyarrow

from pipeline.core.models import RawPage
from pipeline.formats.readers.parquet_drafts import draft_columns, draft_schema
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.store.clean.types import StoredExtraction, PendingPayload
from pipeline.store.codec.compression import decompress

BODY = "body"


class TableExtractor:
    """The function, with the processes that it works by; they stay between two tables."""

    def __init__(self, processes: int, page_seconds: float, page_megabytes: int) -> None:
        self._workers = WorkerPool(processes, page_seconds, page_megabytes)

    def __call__(self, pages: Any) -> Any:
        made = [_columns(packed) for _, packed, _ in self._workers.extract_stored(_payloads(pages))]
        drafts = pages.drop_columns([BODY])
        for field in draft_schema():
            if field.name not in drafts.column_names:
                values = pyarrow.array([row[field.name] for row in made], field.type)
                drafts = drafts.append_column(field, values)
        return drafts

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._workers.__exit__(kind, error, trace)


def _payloads(pages: Any) -> Iterator[PendingPayload]:
    """One at a time: what is read ahead is the workers' choice."""
    columns = zip(*(pages[name] for name in (BODY, "charset", "media_type")), strict=True)
    for number, (body, charset, media_type) in enumerate(columns):
        yield PendingPayload(RawPage(number, body.as_py(), charset.as_py(), media_type.as_py()), ())


def _columns(packed: StoredExtraction) -> dict[str, Any]:
    return draft_columns(packed, decompress(packed.coding, packed.body).decode())
