"""Files and folders that get their name only when they are complete.

An export that is killed leaves only a `.part`, which the next export of the same name removes.
"""

from __future__ import annotations

import errno
import gzip
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from pipeline.core.errors import ConfigError, DiskError

PART_MARKER: Final = ".nightdesk-part"  # file of an unfinished folder; no other folder is removed
NO_SPACE_ERRORS: Final = (errno.ENOSPC, errno.EDQUOT)
GZIP_LEVEL: Final = 6


def is_gzip(path: Path) -> bool:
    """Return whether the name of a file, or of its part, ends with .gz."""
    return path.name.removesuffix(".part").lower().endswith(".gz")


@contextmanager
def open_output(part: Path) -> Iterator[IO[bytes]]:
    """Open a file for bytes, which are compressed if its name ends with .gz."""
    with part.open("wb") as stream:
        if is_gzip(part):
            with gzip.GzipFile("", "wb", GZIP_LEVEL, stream, mtime=0) as compressed:
                yield compressed  # type: ignore[misc]
        else:
            yield stream


def open_input(path: Path) -> IO[bytes]:
    """Open a file to read bytes, which are decompressed if its name ends with .gz."""
    if is_gzip(path):
        return gzip.open(path, "rb")  # type: ignore[return-value]
    return path.open("rb")


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield the path of a part, which becomes the file if nothing fails.

    Raises:
        ConfigError: If there is a folder with this name.
        DiskError: If the file cannot be written.
    """
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder; this format is one file, so name a file")
    part = path.with_name(f"{path.name}.part")
    with translate_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise
        part.replace(path)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield the path of a part, which becomes the folder if nothing fails.

    Raises:
        ConfigError: If there is a file or a folder with files of this name.
        DiskError: If the folder cannot be written.
    """
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise ConfigError(f"{path}: exists already; name a new folder, or remove that one")
    part = path.with_name(f"{path.name}.part")
    with translate_disk_errors(path):
        _remove_unfinished(part)
        part.mkdir(parents=True)
        (part / PART_MARKER).touch()
        try:
            yield part
            (part / PART_MARKER).unlink()
            if path.is_dir():  # an empty one
                path.rmdir()
            part.replace(path)
        except BaseException:
            with suppress(OSError):
                shutil.rmtree(part)
            raise


def _remove_unfinished(part: Path) -> None:
    """Remove what a killed export left."""
    if not part.exists():
        return
    if not (part / PART_MARKER).exists():
        raise ConfigError(
            f"{part}: is in the way, and is no unfinished export; rename it, or name another folder"
        )
    shutil.rmtree(part)


@contextmanager
def translate_disk_errors(path: Path) -> Iterator[None]:
    """Turn an OSError into a DiskError of one sentence about a file or folder."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_SPACE_ERRORS:
            raise DiskError(
                f"{path}: there is no space left to write it, and nothing of it is kept; free some"
                " space and run the same command again"
            ) from None
        raise DiskError(f"{path}: cannot be written: {error.strerror or error}") from None
