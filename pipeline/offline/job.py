"""A job: exported pages in one folder, their Drafts in another, file by file.

Promises that a job which was killed goes on where it was when it is begun again, that its folder has a manifest when it is
whole and not before, and that nothing is written into a folder of something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyarrow
from pyarrow import parquet as files

from pipeline.core.errors import ConfigError
from pipeline.extract import EXTRACTORS
from pipeline.formats import manifest
from pipeline.formats.atomic_files import PART_MARKER, translate_disk_errors, atomic_file
from pipeline.formats.readers import parquet_drafts
from pipeline.offline.extract_table import TableExtractor
from pipeline.offline.recipe_manifest import recipe_manifest
from pipeline.store.read.export_articles import Asked

KEY: Final = "payload_sha256"


class OfflineJob:
    """Pages to be drafted. Raises ConfigError for folders that are not what they should be."""

    def __init__(self, pages: Path, drafts: Path) -> None:
        self.pages_folder = pages
        self.extracted_folder = drafts
        self.pages_manifest = parquet_drafts.opened(pages, "pages")
        self.names = [
            str(each["path"]) for each in self.pages_manifest["files"]
        ]  # of the files of pages, below their folder
        for name in self.names:
            if not parquet_drafts.site_of(name) or not (pages / name).is_file():
                raise ConfigError(
                    f"{pages / name}: is missing; 'nightdesk verify {pages}' names all that is not as it was"
                )

    def is_complete(self) -> bool:
        """Whether all Drafts of these pages are there. Raises ConfigError where the folder is whole and of something else."""
        if not (self.extracted_folder / manifest.NAME).exists():
            return False
        made = parquet_drafts.opened(self.extracted_folder, "drafts")
        if (
            made.get("pages_made_at") != self.pages_manifest["made_at"]
            or made.get("extractors") != EXTRACTORS
        ):
            raise ConfigError(
                f"{self.extracted_folder}: holds the drafts of another export, or of other extractors; name another folder"
            )
        return True

    def extracted_files_by_site(self) -> dict[str, list[Path]]:
        """The files of Drafts of each Site."""
        found: dict[str, list[Path]] = {}
        for path in parquet_files(self.extracted_folder):
            found.setdefault(path.parent.parent.name.removeprefix("site="), []).append(path)
        return found

    def start(self) -> None:
        """Makes the folder of Drafts ready. Raises ConfigError and DiskError."""
        start_folder(self.extracted_folder, "drafts")

    def pending_files(self) -> list[str]:
        """Files of whose pages some have no Draft yet. Of files of Drafts that were being written at a kill nothing stays."""
        folders: dict[Path, list[str]] = {}
        for name in self.names:
            folders.setdefault(Path(name).parent, []).append(name)
        left = []
        for folder, here in folders.items():
            done = {
                key
                for path in sorted((self.extracted_folder / folder).glob("*.parquet"))
                for key in self._drafted(path)
            }
            with self._reading():
                left += [name for name in here if not done.issuperset(_keys(self.pages_folder / name))]
        return left

    def read_tables(self, name: str) -> Iterator[Any]:
        """The tables of one file of pages, some pages each. Raises ConfigError where it is damaged."""
        with self._reading(), files.ParquetFile(self.pages_folder / name) as file:
            for batch in file.iter_batches(parquet_drafts.STEP):
                yield pyarrow.Table.from_batches([batch])

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (pyarrow.ArrowException, OSError) as error:
            why = " ".join(str(error).split())[:200]
            raise ConfigError(
                f"{self.pages_folder}: cannot be read ({why}); 'nightdesk verify {self.pages_folder}' names the file"
            ) from None

    def _drafted(self, path: Path) -> list[str]:
        try:
            table = files.read_table(path, columns=[KEY, "extractors"], partitioning=None)
        except (pyarrow.ArrowException, OSError):
            path.unlink()  # cut short: its footer is written last
            return []
        if any(each != EXTRACTORS for each in table["extractors"].unique().to_pylist()):
            raise ConfigError(
                f"{path}: its drafts were made by other extractors than these; name another folder"
            )
        return [str(key) for key in table[KEY].to_pylist()]

    def finish(self) -> dict[str, Any]:
        """Says that all is there, and returns the manifest."""
        more = recipe_manifest(()) | {
            "cleaning": self.pages_manifest.get("cleaning", {}),
            "pages_made_at": self.pages_manifest["made_at"],
        }
        return finish_folder(
            self.extracted_folder, "drafts", sum(map(_different, self.extracted_folder.glob("site=*/month=*"))), more
        )


def extract_job(job: OfflineJob, drafting: TableExtractor, tell: Callable[[int], None]) -> int:
    """Drafts all that is left, in this process and those of `drafting`. Returns how many pages."""
    done = 0
    for name in job.pending_files():
        tables = []
        for table in job.read_tables(name):
            tables.append(drafting(table))
            done += len(table)
            tell(done)
        with atomic_file(job.extracted_folder / name) as part:
            parquet_drafts.write_table(pyarrow.concat_tables(tables), part)
    return done


def start_folder(folder: Path, form: str) -> None:
    """Makes a folder ready that is written file by file. Raises ConfigError where something else is there, and DiskError."""
    if (folder / manifest.NAME).exists():
        raise ConfigError(f"{folder}: is whole already; name another folder, or take that one away")
    if folder.exists() and (
        not folder.is_dir() or (any(folder.iterdir()) and not (folder / PART_MARKER).exists())
    ):
        raise ConfigError(
            f"{folder}: is there already and is no unfinished folder of {form}; name another one"
        )
    with translate_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / PART_MARKER).touch()


def finish_folder(folder: Path, form: str, number: int, more: Mapping[str, Any]) -> dict[str, Any]:
    """Writes the manifest of a folder that is whole, with so many of what it holds, and returns it."""
    counts = {"counts": {form: number}}
    with translate_disk_errors(folder):
        with atomic_file(folder / manifest.NAME) as part:
            head = manifest.manifest_head(form, Asked()) | dict(more)
            listed = (each for each in manifest.folder_entries(folder) if each["path"] != part.name)
            told = manifest.write_manifest(part, head, counts, listed)
        (folder / PART_MARKER).unlink(missing_ok=True)
    return told


def parquet_files(folder: Path) -> Iterator[Path]:
    """The files of a folder, in order."""
    yield from sorted(folder.glob("site=*/month=*/*.parquet"))


def count_rows(folder: Path) -> int:
    """How many there are in the files of a folder."""
    return sum(int(files.read_metadata(path).num_rows) for path in parquet_files(folder))


def _different(folder: Path) -> int:
    """Drafts of one month: a job that broke off may have made some twice."""
    return len({key for path in folder.glob("*.parquet") for key in _keys(path)})


def _keys(path: Path) -> list[str]:
    return [
        str(key)
        for key in files.read_table(path, columns=[KEY], partitioning=None)[KEY].to_pylist()
    ]
