"""The room that is left on the disk, and the floor below which a night ends in order.

Promises that asking costs next to nothing however often it is done: the disk is looked at every few seconds.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from pipeline.core.errors import DiskError

CHECK_INTERVAL = 5.0  # seconds between two looks


class DiskSpaceGuard:
    """So many megabytes are to be left free where a folder lies; 0 asks for nothing."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        self.megabytes = megabytes
        self._looked = -CHECK_INTERVAL
        self._low = ""

    def shortage(self) -> str:
        """The sentence that says that the room is used up, or ""."""
        if self.megabytes and time.monotonic() - self._looked >= CHECK_INTERVAL:
            self._looked = time.monotonic()
            self._low = self._look()
        return self._low

    def free(self) -> int:
        """Bytes that are free where the folder lies, or is to lie."""
        return shutil.disk_usage(
            next((each for each in (self.folder, *self.folder.parents) if each.is_dir()), "/")
        ).free

    def _look(self) -> str:
        free = self.free()
        if free >= self.megabytes << 20:
            return ""
        return (
            f"{self.folder}: {free / 2**20:,.0f} MB are free there, and free_megabytes = {self.megabytes} are to be left; free"
            " some space and run the same command again: what is kept stays, and the rest is still due"
        )

    def require(self) -> None:
        """Raises DiskError where the room is used up."""
        if said := self.shortage():
            raise DiskError(said)
