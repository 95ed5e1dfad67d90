"""Files and folders that get their name when they are whole.

Promises that what is there under the name that was asked for is complete, that an export which was killed leaves only a `.part`
which the next one of the same name takes away, and that a full disk is one sentence.
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

PART_MARKER: Final = (
    ".nightdesk-part"  # in a folder that is being written: only such a one is ever taken away
)
FULL: Final = (errno.ENOSPC, errno.EDQUOT)


def is_gzip(path: Path) -> bool:
    """Whether the name of a file, or of its part, ends with .gz."""
    return path.name.removesuffix(".part").lower().endswith(".gz")


@contextmanager
def open_output(part: Path) -> Iterator[IO[bytes]]:
    """A file to write bytes to, packed where its name says so."""
    with part.open("wb") as stream:
        if is_gzip(part):
            with gzip.GzipFile("", "wb", 6, stream, mtime=0) as packed:
                yield packed  # type: ignore[misc]
        else:
            yield stream


def open_input(path: Path) -> IO[bytes]:
    """A file to read bytes from, unpacked where its name says so."""
    return gzip.open(path, "rb") if is_gzip(path) else path.open("rb")  # type: ignore[return-value]


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Where to write a file that is `path` afterwards, or not at all. Raises ConfigError and DiskError."""
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
    """Where to write a folder that is `path` afterwards, or not at all. Raises ConfigError and DiskError."""
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise ConfigError(
            f"{path}: is there already; name a folder that is not there, or take that one away"
        )
    part = path.with_name(f"{path.name}.part")
    with translate_disk_errors(path):
        _clear(part)
        part.mkdir(parents=True)
        (part / PART_MARKER).touch()
        try:
            yield part
            (part / PART_MARKER).unlink()
            if path.is_dir():
                path.rmdir()  # an empty one
            part.replace(path)
        except BaseException:
            with suppress(OSError):
                shutil.rmtree(part)
            raise


def _clear(part: Path) -> None:
    """Takes away what an export that was killed left behind."""
    if part.exists() and not (part / PART_MARKER).exists():
        raise ConfigError(
            f"{part}: stands in the way, and is no unfinished export; rename it, or name another folder"
        )
    if part.exists():
        shutil.rmtree(part)


@contextmanager
def translate_disk_errors(path: Path) -> Iterator[None]:
    """Turns trouble with the disk into one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise DiskError(
                f"{path}: no room left to write it, and nothing of it is kept; free some space and run the same command again"
            ) from None
        raise DiskError(f"{path}: cannot be written: {error.strerror or error}") from None
