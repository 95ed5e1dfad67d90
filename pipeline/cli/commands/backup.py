"""The command that keeps a copy of the archive."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.console import print_error, plural, print_json, print_line, size
from pipeline.cli.context import AsJson, get_context
from pipeline.cli.views.night_progress import night_progress
from pipeline.core.errors import AlreadyRunning, ConfigError, ExitCode
from pipeline.formats.atomic_files import telling, whole_file
from pipeline.store.db import locks
from pipeline.store.db.engine import Database
from pipeline.store.maintenance import backup as backups

STAMP = "%Y%m%dT%H%M%SZ"


def backup(
    context: typer.Context,
    target: Annotated[
        Path,
        typer.Argument(
            metavar="TARGET", help="A folder, in which a file with the time is made; or a file."
        ),
    ],
    keep: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Of the backups in the folder keep so many, the newest."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Copy the whole archive, also while a crawl runs: one state of it, read back and found whole."""
    store = get_context(context).open_archive()
    is_folder = target.is_dir() or not target.suffix
    if keep is not None and not is_folder:
        raise ConfigError(f"--keep {keep}: is for a folder of backups, and {target} is a file")
    if store.file is not None and target.resolve() == store.file.resolve():
        raise ConfigError(f"{target}: is the archive itself; name another file or folder")
    folder = target if is_folder else target.parent
    stem, ending = _stem(store), ".db" if store.is_sqlite else ".dump"
    path = folder / f"{stem}-{datetime.now(UTC):{STAMP}}{ending}" if is_folder else target
    began = time.monotonic()
    try:
        lock = locks.acquire(store, "backup")
    except AlreadyRunning:
        raise AlreadyRunning(f"{store.name}: another backup is being made; let it finish") from None
    try:
        with telling(folder):
            folder.mkdir(parents=True, exist_ok=True)
        backups.check_room(store, folder)
        with night_progress(quiet=as_json) as looking, whole_file(path) as part:
            backups.copy(
                store, part, lambda stage, done, of: looking.clean("backup", stage, done, of)
            )
        backups.sync_folder(folder)
        gone = _rotate(folder, stem, ending, keep, path) if is_folder else []
    except KeyboardInterrupt:
        print_error(f"interrupted; nothing of {path} is kept")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    finally:
        lock.release()
        store.close()
    made = path.stat().st_size
    if as_json:
        print_json({"backup": str(path), "bytes": made, "removed": [str(each) for each in gone]})
        return
    print_line(f"{path}: {size(made)}, read back and whole, in {time.monotonic() - began:.0f} s.")
    if gone:
        print_line(f"{plural(len(gone), 'older one')} removed.")


def _stem(store: Database) -> str:
    return (
        store.file.stem
        if store.file is not None
        else re.sub(r"[^\w.-]", "-", store.url.database or "nightdesk")
    )


def _rotate(folder: Path, stem: str, ending: str, keep: int | None, newest: Path) -> list[Path]:
    """Removes what is beyond the newest, and the parts of backups that were killed; only files with names that we give."""
    ours = re.compile(
        rf"{re.escape(stem)}-\d{{8}}T\d{{6}}Z{re.escape(ending)}(\.part(-journal|-wal|-shm)?)?"
    )
    found = sorted(path for path in folder.iterdir() if ours.fullmatch(path.name))
    whole = [path for path in found if path.name.endswith(ending)]
    gone = whole[: len(whole) - keep] if keep is not None else []
    for path in (*gone, *(path for path in found if path not in whole)):
        if path != newest:
            path.unlink(missing_ok=True)
    return gone
