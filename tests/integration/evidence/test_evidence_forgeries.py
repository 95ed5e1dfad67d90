"""Forgeries with full write access are found by one checkpoint; honest nights raise no alarm.

The stress test `tamper` does more of both, on both databases.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.evidence import keys
from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from pipeline.store.maintenance.log_report import OutsideView
from pipeline.store.maintenance.verify_log import verify_log
from tests.support import honest_nights, log_forgeries, sealed_archive

QUICK = (
    "date a capture back",
    "change bytes digest leaf and checkpoints",
    "insert a night dated back",
    "insert an old capture into a new night",
    "delete a capture and rewrite its run",
    "drop a night and sign again",
    "cut off the last night",
    "change a ledger up to its leaf",
    "prune with another key",
    "prune as a false copy",
    "write the log anew",
    "replace the text of a result",
    "show two readers two logs",
)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, OutsideView]:
    """An archive with three nights, and the checkpoint that a reader kept."""
    path = tmp_path_factory.mktemp("sealed") / "archive.db"
    store = Database(f"sqlite:///{path}")
    migrate.ensure(store)
    view = sealed_archive.build(store, keys.new_key())
    store.close()
    return path, view


@pytest.fixture
def copy(sealed: tuple[Path, OutsideView], tmp_path: Path) -> Iterator[Database]:
    """A copy of that archive."""
    shutil.copy(sealed[0], tmp_path / "copy.db")
    store = Database(f"sqlite:///{tmp_path / 'copy.db'}")
    yield store
    store.close()


def test_an_honest_archive_fits_and_is_covered(
    copy: Database, sealed: tuple[Path, OutsideView]
) -> None:
    report = verify_log(copy, [sealed[1]])
    assert not report.faults
    assert report.covered == sealed[1]
    assert report.counts["captures"] == 11
    assert report.counts["runs"] == 6


@pytest.mark.parametrize("name", QUICK)
def test_a_forgery_is_found(name: str, copy: Database, sealed: tuple[Path, OutsideView]) -> None:
    log_forgeries.forge(copy, name)
    assert verify_log(copy, [sealed[1]]).faults


def test_honest_nights_raise_no_alarm(tmp_path: Path) -> None:
    result = honest_nights.live(tmp_path, keys.new_key(), 12, every_night=True)
    assert not result.alarms
    assert {"kills", "prunes", "repairs", "declared restores", "moves"} <= result.counts.keys()
