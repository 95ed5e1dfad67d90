"""The errors of the house, and the exit codes that the doors turn them into.

    NightdeskError
      ├─ ConfigError          a setting, a site file or an argument is wrong        exit 3
      ├─ StoreError           the database cannot be reached, read or written       exit 4
      │    ├─ Away            it cannot be reached or written just now
      │    └─ NewerSchema     the database was made by a newer Nightdesk
      ├─ DiskError            no room, or a file that cannot be written             exit 5
      └─ AlreadyRunning       another process holds this site                       exit 6

Each message is one sentence that names the file, key or URL and says what to do. Trouble with the world (a 404, a refusal,
an empty page) is no error: it becomes an outcome with a reason code (see `model`).
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process answers to cron; the README shows the same table."""

    OK = 0
    PARTLY = 1
    USAGE = 2
    CONFIG = 3
    DATABASE = 4
    DISK = 5
    RUNNING = 6
    INTERRUPTED = 130


class NightdeskError(Exception):
    """Trouble in our house: shown as one sentence, without a traceback."""

    exit_code = ExitCode.PARTLY


class ConfigError(NightdeskError):
    """A setting, a site file or an argument is wrong."""

    exit_code = ExitCode.CONFIG


class StoreError(NightdeskError):
    """The database cannot be reached, read or written."""

    exit_code = ExitCode.DATABASE


class DatabaseUnavailable(StoreError):
    """The database was lost, or another program holds it: nothing of the transaction is kept, and it may be tried again."""


class NewerSchema(StoreError):
    """The database was upgraded by a Nightdesk newer than this one."""


class DiskError(NightdeskError):
    """No room is left, or a file cannot be written."""

    exit_code = ExitCode.DISK


class AlreadyRunning(NightdeskError):
    """Another process is at work on the same Site. `holder` names it for people, where that is known."""

    exit_code = ExitCode.RUNNING

    def __init__(self, sentence: str, holder: str = "") -> None:
        super().__init__(sentence)
        self.holder = holder
