"""Turn a table of pages into a table of extracted pages, row by row and in order.

What the extractors make of the bytes replaces them; all other columns stay. A page that takes too
much time or memory, or crashes its process, gives an extracted page with a reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import pyarrow

from pipeline.core.models import RawPage
from pipeline.formats.writers.payload_tables import BODY, extracted_columns, extracted_schema
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.store.clean.types import PendingPayload, StoredExtraction
from pipeline.store.codec.compression import decompress


class TableExtractor:
    """A function of a table, with worker processes that stay between two calls.

    Args:
        processes: The number of processes.
        page_seconds: CPU seconds that one page may take.
        page_megabytes: Memory that one page may take.
    """

    def __init__(self, processes: int, page_seconds: float, page_megabytes: int) -> None:
        self._workers = WorkerPool(processes, page_seconds, page_megabytes)

    def __call__(self, pages: Any) -> Any:
        """Return the extracted pages of a table of pages."""
        rows = []
        for payload in self._workers.extract_stored(_payloads(pages)):
            rows.append(_columns(payload.extraction))
        extracted = pages.drop_columns([BODY])
        for field in extracted_schema():
            if field.name not in extracted.column_names:
                values = pyarrow.array([row[field.name] for row in rows], field.type)
                extracted = extracted.append_column(field, values)
        return extracted

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
    """Yield one payload at a time: the worker pool decides how many it reads ahead."""
    columns = zip(pages[BODY], pages["charset"], pages["media_type"], strict=True)
    for number, (body, charset, media_type) in enumerate(columns):
        page = RawPage(number, body.as_py(), charset.as_py(), media_type.as_py())
        yield PendingPayload(page, ())


def _columns(extraction: StoredExtraction) -> dict[str, Any]:
    json = decompress(extraction.codec, extraction.body).decode()
    return extracted_columns(extraction, json)
