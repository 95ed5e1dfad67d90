"""Watch the free space on a disk, so that a night ends in order before it is full."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from pipeline.core.errors import DiskError

CHECK_INTERVAL = 5.0  # seconds between two looks at the disk, so that checks cost next to nothing
MEGABYTE = 1 << 20


class DiskSpaceGuard:
    """Keeps some megabytes free on the disk of a folder."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        """Watch a folder.

        Args:
            folder: The folder, which need not exist yet.
            megabytes: Megabytes to leave free; 0 stands for no limit.
        """
        self.folder = folder
        self.megabytes = megabytes
        self._checked_at = -CHECK_INTERVAL
        self._shortage = ""

    def shortage(self) -> str:
        """Return a sentence that says that the space is used up, or ""."""
        if self.megabytes and time.monotonic() - self._checked_at >= CHECK_INTERVAL:
            self._checked_at = time.monotonic()
            self._shortage = self._check()
        return self._shortage

    def free(self) -> int:
        """Return the free bytes on the disk where the folder is, or will be."""
        for folder in (self.folder, *self.folder.parents):
            if folder.is_dir():
                return shutil.disk_usage(folder).free
        return shutil.disk_usage("/").free

    def require(self) -> None:
        """Check the space.

        Raises:
            DiskError: If it is used up.
        """
        sentence = self.shortage()
        if sentence:
            raise DiskError(sentence)

    def _check(self) -> str:
        free = self.free()
        if free >= self.megabytes * MEGABYTE:
            return ""
        return (
            f"{self.folder}: {free / MEGABYTE:,.0f} MB are free there, and"
            f" free_megabytes = {self.megabytes} must stay free; free some space and run the same"
            " command again: what is stored stays, and the rest is still due"
        )
