"""Two migrations on top of the real ones. They move data, and rebuild tables that others refer to.

They stand for the migrations of later releases, so that an upgrade in two steps can be tested
while there is only `1000_initial`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline.store.db import migrate

SYNTHETIC_VERSIONS = ("9001", "9002")


def write_migrations(folder: Path) -> Path:
    """Copy the real migrations into a folder, add the synthetic ones, and return the folder."""
    shutil.copytree(migrate.SCRIPTS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for path in Path(__file__).parent.glob("[0-9]*.py"):
        shutil.copy(path, folder / "versions")
    return folder
