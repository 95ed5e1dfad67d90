"""The errors of Nightdesk, and the exit codes that commands make of them.

    NightdeskError
      ├─ ConfigError               a setting, a site file or an argument is wrong      exit 3
      ├─ StoreError                the database cannot be reached, read or written     exit 4
      │    ├─ DatabaseUnavailable  it cannot be reached or written at the moment
      │    └─ NewerSchema          a newer Nightdesk made the database
      ├─ DiskError                 no space, or a file that cannot be written          exit 5
      └─ AlreadyRunning            another process works on this site                  exit 6

Each message is one sentence that names the file, key or URL and says what to do. Problems of the
web (a 404, a refusal, an empty page) are no errors: they are outcomes with a reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final


class ExitCode(IntEnum):
    """The exit code of a command."""

    OK = 0
    PARTLY = 1
    USAGE = 2
    CONFIG = 3
    DATABASE = 4
    DISK = 5
    RUNNING = 6
    MINOR = 7
    INTERRUPTED = 130


EXIT_CODE_MEANINGS: Final[Mapping[ExitCode, str]] = {
    ExitCode.OK: "Done.",
    ExitCode.PARTLY: (
        "Done in part: a site was down, a source could not be read, a page that you named became no"
        " article, a crawl died. Of `report`: a serious issue is open."
    ),
    ExitCode.USAGE: "The command line is wrong.",
    ExitCode.CONFIG: "A setting, a site file or an argument is wrong.",
    ExitCode.DATABASE: (
        "The database cannot be reached, read or written, or is newer than Nightdesk."
    ),
    ExitCode.DISK: "The disk is full, or a file cannot be written.",
    ExitCode.RUNNING: "Another process works on the same site.",
    ExitCode.MINOR: "Of `report --strict`: only minor issues are open.",
    ExitCode.INTERRUPTED: "Ended by Ctrl-C. The same command continues.",
}


class NightdeskError(Exception):
    """An error that commands show as one sentence, without a traceback."""

    exit_code = ExitCode.PARTLY


class ConfigError(NightdeskError):
    """A setting, a site file or an argument is wrong."""

    exit_code = ExitCode.CONFIG


class StoreError(NightdeskError):
    """The database cannot be reached, read or written."""

    exit_code = ExitCode.DATABASE


class ReadOnlyArchive(StoreError):
    """The archive can be read and not written, as on read-only media."""


class DatabaseUnavailable(StoreError):
    """The connection was lost, or another program holds the database.

    Nothing of the transaction is stored, and it may be tried again.
    """


class NewerSchema(StoreError):
    """A newer Nightdesk upgraded the database."""


class DiskError(NightdeskError):
    """There is no space left, or a file cannot be written."""

    exit_code = ExitCode.DISK


class AlreadyRunning(NightdeskError):
    """Another process works on the same site.

    Attributes:
        holder: The other process, for people; "" if it is unknown.
    """

    exit_code = ExitCode.RUNNING

    def __init__(self, sentence: str, holder: str = "") -> None:
        super().__init__(sentence)
        self.holder = holder
