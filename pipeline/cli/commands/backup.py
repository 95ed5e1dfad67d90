"""`nightdesk backup`: a verified copy of the archive."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.cli.console import exit_on_interrupt, print_json, print_line
from pipeline.cli.context import AsJson, get_context
from pipeline.cli.progress import stage_progress
from pipeline.core.errors import AlreadyRunning, ConfigError
from pipeline.core.formatting import format_size, pluralize
from pipeline.formats.atomic_files import atomic_file, translate_disk_errors
from pipeline.store import maintenance
from pipeline.store.db import locks

if TYPE_CHECKING:
    from pipeline.store.db.engine import Database

EXAMPLES: Final = (
    "nightdesk backup /media/backups --keep 7",
    "nightdesk backup before-upgrade.db",
)
TIMESTAMP: Final = "%Y%m%dT%H%M%SZ"
TIMESTAMP_PATTERN: Final = r"\d{8}T\d{6}Z"


def backup(
    context: typer.Context,
    target: Annotated[
        Path,
        typer.Argument(
            metavar="TARGET", help="A file, or a folder for files with the time in their name."
        ),
    ],
    keep: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Keep only the N newest backups of the folder. Default: all."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Copy the whole archive in one state, also during a crawl, and read the copy to check it."""
    database = get_context(context).open_archive()
    is_folder = target.is_dir() or not target.suffix
    if keep is not None and not is_folder:
        raise ConfigError(f"--keep {keep}: is for a folder of backups, and {target} is a file")
    if database.file is not None and target.resolve() == database.file.resolve():
        raise ConfigError(f"{target}: is the archive itself; name another file or folder")
    name = _BackupName(_archive_name(database), ".db" if database.is_sqlite else ".dump")
    folder = target if is_folder else target.parent
    path = folder / name.new() if is_folder else target
    started_at = time.monotonic()
    try:
        with exit_on_interrupt(f"nothing of {path} is kept"), _backup_lock(database):
            _write(database, folder, path, quiet=as_json)
            removed = _remove_old(folder, name, keep, path) if is_folder else []
    finally:
        database.close()
    size = path.stat().st_size
    if as_json:
        removed_names = [str(old) for old in removed]
        print_json({"backup": str(path), "bytes": size, "removed": removed_names})
        return
    seconds = time.monotonic() - started_at
    print_line(f"{path}: {format_size(size)}, read back and whole, in {seconds:.0f} s.")
    if removed:
        print_line(f"{pluralize(len(removed), 'older backup')} removed.")


@dataclass(frozen=True, slots=True)
class _BackupName:
    """The names of the backups of one archive: `nightdesk-20260203T040506Z.db`."""

    stem: str
    suffix: str

    def new(self) -> str:
        return f"{self.stem}-{datetime.now(UTC):{TIMESTAMP}}{self.suffix}"

    def matches(self, name: str) -> bool:
        """Return whether it is a backup, or what is left of one that was killed."""
        stem, suffix = re.escape(self.stem), re.escape(self.suffix)
        partial_suffix = r"(\.part(-journal|-wal|-shm)?)?"
        return re.fullmatch(f"{stem}-{TIMESTAMP_PATTERN}{suffix}{partial_suffix}", name) is not None


def _archive_name(database: Database) -> str:
    if database.file is not None:
        return database.file.stem
    return re.sub(r"[^\w.-]", "-", database.url.database or "nightdesk")


@contextmanager
def _backup_lock(database: Database) -> Iterator[None]:
    try:
        lock = locks.acquire(database, "backup")
    except AlreadyRunning:
        raise AlreadyRunning(
            f"{database.name}: another backup is running; wait until it ends"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _write(database: Database, folder: Path, path: Path, *, quiet: bool) -> None:
    with translate_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    maintenance.require_room(database, folder)
    with stage_progress(quiet=quiet) as progress, atomic_file(path) as part:
        maintenance.write_backup(database, part, partial(progress, "backup"))
    maintenance.sync_folder(folder)


def _remove_old(folder: Path, name: _BackupName, keep: int | None, newest: Path) -> list[Path]:
    """Remove all but the newest backups, and parts of killed ones. Return the removed backups."""
    files = sorted(path for path in folder.iterdir() if name.matches(path.name))
    complete = [path for path in files if path.name.endswith(name.suffix)]
    old = complete[: len(complete) - keep] if keep is not None else []
    partial_files = [path for path in files if path not in complete]
    for path in (*old, *partial_files):
        if path != newest:
            path.unlink(missing_ok=True)
    return old
