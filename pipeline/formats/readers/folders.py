"""Walk folders of saved pages, with the URLs and dates that their `index.csv` gives."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from pipeline.core.errors import ConfigError
from pipeline.formats.readers.warc import parse_time

INDEX_NAME: Final = "index.csv"
HTML_SUFFIXES: Final = (".html", ".htm", ".xhtml")
JSON_LINES_SUFFIXES: Final = (".jsonl", ".ndjson", ".jl")
WARC_SUFFIXES: Final = (".warc",)


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """What `index.csv` says of a file."""

    url: str = ""
    fetched_at: datetime | None = None


NO_ENTRY: Final = IndexEntry()


@dataclass(frozen=True, slots=True)
class FolderFile:
    """A file of a folder.

    Attributes:
        path: Where it is.
        name: Its path below the folder, with slashes.
        entry: What the index of the folder says of it; NO_ENTRY if that does not name it.
    """

    path: Path
    name: str
    entry: IndexEntry

    @property
    def is_listed(self) -> bool:
        """Return whether the index names the file."""
        return self.entry is not NO_ENTRY


def walk_folder(
    root: Path, index: Mapping[str, IndexEntry], on_error: Callable[[OSError], None]
) -> Iterator[FolderFile]:
    """List all files below a folder by name, without its index.

    Args:
        root: The folder.
        index: What `read_index` returned.
        on_error: Receives the error of a folder that cannot be read.
    """
    for folder, subfolders, names in os.walk(root, onerror=on_error):
        subfolders.sort()
        for file_name in sorted(names):
            path = Path(folder, file_name)
            name = path.relative_to(root).as_posix()
            if name != INDEX_NAME:
                yield FolderFile(path, name, index.get(name, NO_ENTRY))


def has_index(root: Path) -> bool:
    """Return whether a folder has an `index.csv` that names files."""
    try:
        with (root / INDEX_NAME).open(encoding="utf-8-sig", newline="") as stream:
            return "file" in next(csv.reader(stream), ())
    except (OSError, UnicodeDecodeError, csv.Error):
        return False


def read_index(root: Path) -> dict[str, IndexEntry]:
    """Read the `index.csv` of a folder, with the columns `file`, `url` and `date`.

    Returns:
        An entry for each file that it names. A URL or a date may be missing.

    Raises:
        ConfigError: If the index cannot be read, names no files or has a wrong date.
    """
    path = root / INDEX_NAME
    if not path.is_file():
        return {}
    index: dict[str, IndexEntry] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream)
            if "file" not in (rows.fieldnames or ()):
                raise ConfigError(
                    f"{path}: its first line must name the columns file, url and date;"
                    " only file is required"
                )
            for row in rows:
                url = (row.get("url") or "").strip()
                index[row["file"]] = IndexEntry(url, _fetched_at(row, path))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    return index


def _fetched_at(row: Mapping[str, str | None], path: Path) -> datetime | None:
    text = (row.get("date") or "").strip()
    fetched_at = parse_time(text)
    if text and fetched_at is None:
        raise ConfigError(
            f"{path}: '{text[:40]}' of {row['file']} is no date; write one like 2026-03-01 or"
            " 2026-03-01T10:00:00Z"
        )
    return fetched_at
