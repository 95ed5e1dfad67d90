"""Write pages and extracted pages as Parquet, for those who extract and clean elsewhere.

A row has all that extraction and cleaning need to know of a payload. The month of its folder is
that of the first fetch that brought it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pipeline.formats.writers.parquet import (
    ParquetOptions,
    Partition,
    PartitionedWriter,
    import_pyarrow,
)
from pipeline.store.codec.serialization import extracted_to_json
from pipeline.store.read.export_payloads import ExportedPayload, PayloadPage

FILE_BYTES: Final = 16_000_000  # of bodies or extracted pages in one file, about
MEMORY_BYTES: Final = 32_000_000  # of all folders together
PAGE_BYTES: Final = 8 << 20  # compressed together, since pages of a site share most of their bytes
DICTIONARY_COLUMNS: Final = (
    "media_type",
    "charset",
    "extractors",
    "reason",
    "recipe",
    "language",
)
EXTRACTED_PAGE: Final = "extracted_page"  # the column with the extracted page as JSON
BODY: Final = "body"


def payload_options(large_column: str) -> ParquetOptions:
    """Return options for rows of which one column has nearly all bytes."""
    return ParquetOptions(
        row_size=lambda row: len(row[large_column]),
        file_size=FILE_BYTES,
        memory_size=MEMORY_BYTES,
        dictionary_columns=DICTIONARY_COLUMNS,
        page_bytes=PAGE_BYTES,
    )


def write_pages(payloads: Iterator[ExportedPayload], target: Path) -> int:
    """Write a folder of payloads with their bytes, and return how many there are."""
    writer = PartitionedWriter(target, page_schema(), payload_options(BODY))
    count = 0
    for payload in payloads:
        if payload.body is not None:  # else it is damaged
            writer.add(_partition(payload), _common_columns(payload) | {BODY: payload.body})
            count += 1
    writer.close()
    return count


def write_extracted(payloads: Iterator[ExportedPayload], target: Path) -> int:
    """Write a folder of extracted pages, and return how many there are."""
    writer = PartitionedWriter(target, extracted_schema(), payload_options(EXTRACTED_PAGE))
    count = 0
    for payload in payloads:
        if payload.extracted is not None:
            json = extracted_to_json(payload.extracted).decode()
            columns = extracted_columns(payload.extracted, json)
            writer.add(_partition(payload), _common_columns(payload) | columns)
            count += 1
    writer.close()
    return count


def extracted_columns(source: Any, json: str) -> dict[str, Any]:
    """Return the columns of an extracted page.

    Args:
        source: An object with the fields of an ExtractedPage that have columns of their own.
        json: The whole extracted page as JSON.
    """
    return {
        "extractors": source.extractors,
        "reason": source.reason,
        "detail": source.detail,
        "cost_ms": source.cost_ms,
        EXTRACTED_PAGE: json,
    }


def page_schema() -> Any:
    """Return the types of the columns of pages.

    Raises:
        ConfigError: If the library is not installed.
    """
    return import_pyarrow().schema([*_common_fields(), (BODY, import_pyarrow().binary())])


def extracted_schema() -> Any:
    """Return the types of the columns of extracted pages.

    Raises:
        ConfigError: If the library is not installed.
    """
    pyarrow = import_pyarrow()
    extracted_fields = [
        ("extractors", pyarrow.string()),
        ("reason", pyarrow.string()),
        ("detail", pyarrow.string()),
        ("cost_ms", pyarrow.int64()),
        (EXTRACTED_PAGE, pyarrow.string()),
    ]
    return pyarrow.schema([*_common_fields(), *extracted_fields])


def _common_fields() -> list[tuple[str, Any]]:
    pyarrow = import_pyarrow()
    text = pyarrow.string()
    time = pyarrow.timestamp("us", tz="UTC")
    page_fields = [
        ("url", text),
        ("first_at", time),
        ("newest", pyarrow.bool_()),
        ("title", text),
        ("published_at", time),
        ("modified_at", time),
        ("source", text),
        ("tags", pyarrow.list_(text)),
        ("published_precision", text),
        ("modified_precision", text),
    ]
    return [
        ("payload_sha256", text),
        ("media_type", text),
        ("charset", text),
        ("first_at", time),
        ("pages", pyarrow.list_(pyarrow.struct(page_fields))),
    ]


def _partition(payload: ExportedPayload) -> Partition:
    return Partition(payload.site, f"{payload.first_at:%Y-%m}")


def _common_columns(payload: ExportedPayload) -> dict[str, Any]:
    return {
        "payload_sha256": payload.digest,
        "media_type": payload.media_type,
        "charset": payload.charset,
        "first_at": payload.first_at,
        "pages": [_page_columns(page) for page in payload.pages],
    }


def _page_columns(page: PayloadPage) -> dict[str, Any]:
    announced = page.announced
    return {
        "url": page.url,
        "first_at": page.first_at,
        "newest": page.is_newest,
        "title": announced.title,
        "published_at": announced.published_at,
        "modified_at": announced.modified_at,
        "source": announced.source,
        "tags": list(announced.tags),
        "published_precision": announced.published_precision,
        "modified_precision": announced.modified_precision,
    }
