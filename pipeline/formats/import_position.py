"""Remember how far a WARC file was imported, so that the same command goes on from there.

The position is a small file beside the logs. It is written after each batch that was saved, so a
kill costs at most one batch, which the archive recognizes. It is removed when the file is done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Final

from pipeline.core.errors import DiskError


@dataclass(frozen=True, slots=True)
class ImportPosition:
    """How far a file was imported.

    Attributes:
        records: How many of its records are done.
        site_urls: The sites that have pages of them, with their front pages. Their files are
            written, and their pages are cleaned, when the import ends.
    """

    records: int = 0
    site_urls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImportPositions:
    """The positions of unfinished imports.

    Attributes:
        folder: Where they are kept; None to keep none.
        purpose: What tells this import from another of the same file: archive, site and filters.
    """

    folder: Path | None = None
    purpose: str = ""

    def load(self, source: Path) -> ImportPosition:
        """Return how far a file was imported by an import that did not end."""
        path = self._path(source)
        if path is None:
            return ImportPosition()
        try:
            values = json.loads(path.read_text(encoding="utf8"))
            return ImportPosition(int(values["records"]), dict(values["site_urls"]))
        except (OSError, ValueError, KeyError, TypeError):  # none, or one that was cut short
            return ImportPosition()

    def save(self, source: Path, position: ImportPosition) -> None:
        """Remember how far a file was imported.

        Raises:
            DiskError: The position cannot be written.
        """
        path = self._path(source)
        if path is None:
            return
        values = {"source": str(source), **asdict(position)}
        part = path.with_suffix(".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(values), "utf8")
            part.replace(path)
        except OSError as error:
            raise DiskError(f"{path}: cannot be written: {error.strerror}") from None

    def remove(self, source: Path) -> None:
        """Forget a file that is done."""
        path = self._path(source)
        if path is not None:
            with suppress(OSError):
                path.unlink()

    def _path(self, source: Path) -> Path | None:
        """Return the file of a position. A source that changed since has another."""
        if self.folder is None or source.is_dir():
            return None
        status = source.stat()
        parts = (str(source.resolve()), status.st_size, status.st_mtime_ns, self.purpose)
        digest = blake2b(repr(parts).encode(), digest_size=12).hexdigest()
        return self.folder / f"{digest}.json"


NO_POSITIONS: Final = ImportPositions()
