"""An offline job: exported pages in one folder, their extracted pages in another, file by file.

A job that was killed goes on where it was. Its folder has a manifest when it is complete, and not
before. Nothing is written into a folder that belongs to something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyarrow
from pyarrow import parquet

from pipeline.core.errors import ConfigError
from pipeline.extract import EXTRACTORS
from pipeline.formats import manifest
from pipeline.formats.atomic_files import PART_MARKER, atomic_file, translate_disk_errors
from pipeline.formats.readers.extracted_pages import (
    ROWS_PER_READ,
    read_export_manifest,
    site_of_file,
)
from pipeline.formats.writers.parquet import write_table
from pipeline.formats.writers.payload_tables import EXTRACTED_PAGE, payload_options
from pipeline.offline.extract_table import TableExtractor
from pipeline.offline.recipe_manifest import recipe_manifest
from pipeline.store.read.export_articles import ExportQuery

PAGES_FORMAT: Final = "pages"
EXTRACTED_FORMAT: Final = "extracted"
KEY_COLUMN: Final = "payload_sha256"
MAX_ERROR_LENGTH: Final = 200


class OfflineJob:
    """Pages to extract.

    Args:
        pages_folder: An export with the format "pages".
        extracted_folder: The folder for the extracted pages.

    Attributes:
        pages_folder: As above.
        extracted_folder: As above.
        pages_manifest: The manifest of the export.
        names: The files of pages, relative to their folder.

    Raises:
        ConfigError: A folder is not what it should be.
    """

    def __init__(self, pages_folder: Path, extracted_folder: Path) -> None:
        self.pages_folder = pages_folder
        self.extracted_folder = extracted_folder
        self.pages_manifest = read_export_manifest(pages_folder, PAGES_FORMAT)
        self.names = [str(entry["path"]) for entry in self.pages_manifest["files"]]
        for name in self.names:
            path = pages_folder / name
            if not site_of_file(name) or not path.is_file():
                raise ConfigError(
                    f"{path}: is missing; 'nightdesk verify {pages_folder}' names all that is"
                    " not as it was"
                )

    def is_complete(self) -> bool:
        """Tell whether all extracted pages exist.

        Raises:
            ConfigError: The folder is complete and belongs to something else.
        """
        if not (self.extracted_folder / manifest.MANIFEST_NAME).exists():
            return False
        head = read_export_manifest(self.extracted_folder, EXTRACTED_FORMAT)
        is_of_pages = head.get("pages_made_at") == self.pages_manifest["made_at"]
        if not is_of_pages or head.get("extractors") != EXTRACTORS:
            raise ConfigError(
                f"{self.extracted_folder}: holds the extracted pages of another export, or of"
                " other extractors; name another folder"
            )
        return True

    def extracted_files_by_site(self) -> dict[str, list[Path]]:
        """Return the files of extracted pages of each site."""
        files: dict[str, list[Path]] = {}
        for path in parquet_files(self.extracted_folder):
            site = path.parent.parent.name.removeprefix("site=")
            files.setdefault(site, []).append(path)
        return files

    def start(self) -> None:
        """Prepare the folder of extracted pages.

        Raises:
            ConfigError: The folder holds something else.
            DiskError: The folder cannot be made.
        """
        start_folder(self.extracted_folder, EXTRACTED_FORMAT)

    def pending_files(self) -> list[str]:
        """Return the files of pages that are not all extracted.

        Files of extracted pages that a killed job has not finished are deleted.
        """
        names_by_folder: dict[Path, list[str]] = {}
        for name in self.names:
            names_by_folder.setdefault(Path(name).parent, []).append(name)
        pending = []
        for folder, names in names_by_folder.items():
            extracted = self._extracted_keys(self.extracted_folder / folder)
            with self._translate_read_errors():
                for name in names:
                    if not extracted.issuperset(_keys(self.pages_folder / name)):
                        pending.append(name)
        return pending

    def read_tables(self, name: str) -> Iterator[Any]:
        """Read one file of pages as tables of a few rows.

        Raises:
            ConfigError: The file is damaged.
        """
        path = self.pages_folder / name
        with self._translate_read_errors(), parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS_PER_READ):
                yield pyarrow.Table.from_batches([batch])

    def finish(self) -> dict[str, Any]:
        """Write the manifest, because all pages are extracted, and return it."""
        more = recipe_manifest(()) | {
            "cleaning": self.pages_manifest.get("cleaning", {}),
            "pages_made_at": self.pages_manifest["made_at"],
        }
        months = self.extracted_folder.glob("site=*/month=*")
        count = sum(_count_keys(folder) for folder in months)
        return finish_folder(self.extracted_folder, EXTRACTED_FORMAT, count, more)

    @contextmanager
    def _translate_read_errors(self) -> Iterator[None]:
        try:
            yield
        except (pyarrow.ArrowException, OSError) as error:
            cause = " ".join(str(error).split())[:MAX_ERROR_LENGTH]
            raise ConfigError(
                f"{self.pages_folder}: cannot be read ({cause});"
                f" 'nightdesk verify {self.pages_folder}' names the file"
            ) from None

    def _extracted_keys(self, folder: Path) -> set[str]:
        keys = set[str]()
        for path in sorted(folder.glob("*.parquet")):
            keys.update(self._keys_of_extracted_file(path))
        return keys

    def _keys_of_extracted_file(self, path: Path) -> list[str]:
        try:
            table = parquet.read_table(path, columns=[KEY_COLUMN, "extractors"], partitioning=None)
        except (pyarrow.ArrowException, OSError):
            path.unlink()  # the file is not complete: its footer is written last
            return []
        if any(digest != EXTRACTORS for digest in table["extractors"].unique().to_pylist()):
            raise ConfigError(
                f"{path}: its pages were extracted by other extractors than these;"
                " name another folder"
            )
        return [str(key) for key in table[KEY_COLUMN].to_pylist()]


def extract_job(
    job: OfflineJob, extractor: TableExtractor, on_progress: Callable[[int], None]
) -> int:
    """Extract what is pending, in this process and those of the extractor.

    Args:
        job: The job.
        extractor: Extracts a table.
        on_progress: Receives the number of pages that are extracted so far.

    Returns:
        The number of pages.
    """
    count = 0
    options = payload_options(EXTRACTED_PAGE)
    for name in job.pending_files():
        tables = []
        for table in job.read_tables(name):
            tables.append(extractor(table))
            count += len(table)
            on_progress(count)
        with atomic_file(job.extracted_folder / name) as part:
            write_table(pyarrow.concat_tables(tables), part, options)
    return count


def start_folder(folder: Path, export_format: str) -> None:
    """Prepare a folder that is written file by file.

    Args:
        folder: The folder.
        export_format: The format of its manifest.

    Raises:
        ConfigError: The folder is complete or holds something else.
        DiskError: The folder cannot be made.
    """
    if (folder / manifest.MANIFEST_NAME).exists():
        raise ConfigError(
            f"{folder}: is complete already; name another folder, or take that one away"
        )
    if folder.exists() and not _is_unfinished(folder):
        raise ConfigError(
            f"{folder}: is there already and is no unfinished folder of the format"
            f" '{export_format}'; name another one"
        )
    with translate_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / PART_MARKER).touch()


def finish_folder(
    folder: Path, export_format: str, count: int, more: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the manifest of a complete folder, and return it.

    Args:
        folder: The folder.
        export_format: The format of the manifest.
        count: The number of rows.
        more: Further values of the manifest.
    """
    counts = {"counts": {export_format: count}}
    with translate_disk_errors(folder):
        with atomic_file(folder / manifest.MANIFEST_NAME) as part:
            head = manifest.manifest_head(export_format, ExportQuery()) | dict(more) | counts
            entries = _entries_without(folder, part.name)
            written = manifest.write_manifest(part, head, entries)
        (folder / PART_MARKER).unlink(missing_ok=True)
    return written


def parquet_files(folder: Path) -> list[Path]:
    """Return the files of a folder, in order."""
    return sorted(folder.glob("site=*/month=*/*.parquet"))


def count_rows(folder: Path) -> int:
    """Return the number of rows in the files of a folder."""
    return sum(int(parquet.read_metadata(path).num_rows) for path in parquet_files(folder))


def _is_unfinished(folder: Path) -> bool:
    """Tell whether a folder is empty or belongs to a job that is not complete."""
    if not folder.is_dir():
        return False
    return (folder / PART_MARKER).exists() or not any(folder.iterdir())


def _entries_without(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    for entry in manifest.folder_entries(folder):
        if entry["path"] != name:
            yield entry


def _count_keys(folder: Path) -> int:
    """Count the payloads of one month. An interrupted job may have extracted some twice."""
    keys = set[str]()
    for path in folder.glob("*.parquet"):
        keys.update(_keys(path))
    return len(keys)


def _keys(path: Path) -> list[str]:
    table = parquet.read_table(path, columns=[KEY_COLUMN], partitioning=None)
    return [str(key) for key in table[KEY_COLUMN].to_pylist()]
