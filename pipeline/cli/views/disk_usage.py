"""What is printed about a SQLite file with much unused space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.cli.console import print_line
from pipeline.core.formatting import format_size
from pipeline.store import maintenance

if TYPE_CHECKING:
    from pipeline.store.db.engine import Database

WORTH_A_LINE: Final = 0.25  # share of the file that is unused


def print_unused_space(database: Database) -> None:
    """Print how to make a SQLite file smaller, if much of it is unused."""
    if database.file is None:
        return
    unused, total = maintenance.unused_bytes(database), database.file.stat().st_size
    if unused > total * WORTH_A_LINE:
        print_line(
            f"{format_size(unused)} of the file's {format_size(total)} are unused, and new data"
            " will fill them. To make the file smaller, wait until no crawl runs, and type:"
            f" sqlite3 {database.file} VACUUM"
        )
