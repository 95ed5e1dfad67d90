"""Read exports of pages and extracted pages, which others may have made: Parquet in small steps."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from pipeline.core.errors import ConfigError
from pipeline.core.models import AnnouncedMetadata, ExtractedPage
from pipeline.formats import manifest
from pipeline.formats.writers.payload_tables import EXTRACTED_PAGE
from pipeline.store.codec.serialization import extracted_from_json

ROWS_PER_READ: Final = 64
MAX_DETAIL: Final = 100  # characters of an error message of the library
FILE_NAME: Final = re.compile(r"site=([a-z0-9._-]+)/month=\d{4}-\d{2}/[^/]+\.parquet")


def read_export_manifest(root: Path, export_format: str) -> dict[str, Any]:
    """Read the manifest of an export of pages or extracted pages.

    Raises:
        ConfigError: If there is no such manifest, or if it is of another format.
    """
    _, head = manifest.read_manifest(root)
    if head["format"] != export_format:
        raise ConfigError(
            f"{root}: is an export with the format '{head['format']}'; this needs '{export_format}'"
        )
    return head


def site_of_file(name: str) -> str:
    """Return the site of a file by its path in the export; "" if the path names no site."""
    match = FILE_NAME.fullmatch(name)
    return match.group(1) if match else ""


def announced_metadata(page: Mapping[str, Any]) -> AnnouncedMetadata:
    """Return what the links of a page said of it, from its value in the column `pages`."""
    return AnnouncedMetadata(
        title=page["title"],
        published_at=page["published_at"],
        modified_at=page["modified_at"],
        source=page["source"],
        tags=tuple(page["tags"]),
        # exports of older versions have none
        published_precision=page.get("published_precision") or "",
        modified_precision=page.get("modified_precision") or "",
    )


class ExtractedPagesFile:
    """One file of extracted pages. Nothing in it is trusted before it is checked."""

    def __init__(self, root: Path, name: str) -> None:
        self.path = root / name
        self.site = site_of_file(name)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield what each row says of its payload and of the extractors.

        Raises:
            ValueError: If the file cannot be read.
        """
        return self._read(["payload_sha256", "media_type", "charset", "extractors", "reason"])

    def extracted_pages(self, wanted: Container[int]) -> Iterator[tuple[int, ExtractedPage]]:
        """Yield the extracted pages of some rows with the numbers of these.

        Args:
            wanted: The numbers of the rows, from 0.

        Raises:
            ValueError: If the file or an extracted page cannot be read.
        """
        for number, row in enumerate(self._read([EXTRACTED_PAGE])):
            if number in wanted:
                try:
                    page = extracted_from_json(row[EXTRACTED_PAGE] or b"")
                except (ValueError, msgspec.MsgspecError) as error:
                    raise ValueError(
                        f"row {number + 1} holds no extracted page ({str(error)[:MAX_DETAIL]})"
                    ) from None
                yield number, page

    def _read(self, columns: list[str]) -> Iterator[dict[str, Any]]:
        import pyarrow
        from pyarrow import parquet

        try:
            with parquet.ParquetFile(self.path) as file:
                missing = sorted({*columns} - {*file.schema_arrow.names})
                if missing:
                    raise ValueError(f"has no column '{missing[0]}'")
                for batch in file.iter_batches(ROWS_PER_READ, columns=columns):
                    yield from batch.to_pylist()
        except (pyarrow.ArrowException, OSError) as error:
            message = " ".join(str(error).split())[:MAX_DETAIL]
            raise ValueError(f"cannot be read as Parquet ({message})") from None
