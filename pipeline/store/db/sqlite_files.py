"""Connect to a SQLite file, also on media that cannot be written and on a full disk.

A file with a write-ahead log needs a second file beside it, even to be read. Where that cannot be
made, the file is opened for reading only: first as SQLite's `mode=ro`, and then as `immutable`,
which needs no second file (https://www.sqlite.org/wal.html, "Read-Only Databases").
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final
from urllib.parse import quote

READ_ONLY_MODES: Final = ("mode=ro", "mode=ro&immutable=1")
CANNOT_WRITE: Final = ("unable to open", "readonly", "read-only", "disk i/o error", "disk is full")


class ReadOnlyConnection(sqlite3.Connection):
    """A connection to a file that cannot be written now. It is not kept for the next caller."""


def connect(path: str, timeout: float) -> sqlite3.Connection:
    """Connect to a SQLite file.

    Args:
        path: The file. It is made where there is none.
        timeout: Seconds to wait for a lock.

    Raises:
        sqlite3.Error: The file cannot be opened.
    """
    connection = sqlite3.connect(path, timeout=timeout, check_same_thread=False)
    error = _error_of_reading(connection)
    if error is None:
        return connection
    file = Path(path)
    if not file.is_file() or not any(words in str(error).lower() for words in CANNOT_WRITE):
        return connection  # its first statement raises the error again
    for mode in READ_ONLY_MODES:
        if "immutable" in mode and _has_unsaved_log(file):
            break
        address = f"file:{quote(str(file.absolute()))}?{mode}"
        other = sqlite3.connect(
            address,
            timeout=timeout,
            check_same_thread=False,
            uri=True,
            factory=ReadOnlyConnection,
        )
        if _error_of_reading(other) is None:
            connection.close()
            return other
        other.close()
    return connection


def _error_of_reading(connection: sqlite3.Connection) -> sqlite3.OperationalError | None:
    try:
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except sqlite3.OperationalError as error:
        return error
    except sqlite3.DatabaseError:  # the file is damaged, or no database
        return None
    return None


def _has_unsaved_log(file: Path) -> bool:
    """Whether the write-ahead log holds changes, which an immutable file would not show."""
    log = file.with_name(file.name + "-wal")
    return log.is_file() and log.stat().st_size > 0
