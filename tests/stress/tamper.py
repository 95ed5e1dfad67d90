"""tamper: forgeries by somebody who can write the whole database, and a thousand honest nights.

Each forgery is done to a copy of an archive with three nights. A verification with the checkpoint
that a reader kept has to find it, on both databases. The honest nights are killed, cleaned again,
compacted, pruned, repaired, restored and moved, and no verification may complain.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.evidence import keys
from pipeline.jobs.repair import verify_archive
from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from pipeline.store.maintenance.faults import EVERYTHING, VerifiedCounts
from pipeline.store.maintenance.log_report import OutsideView
from pipeline.store.maintenance.verify_log import verify_log
from tests.stress.figures import Figures
from tests.stress.migrate import copies_of_database, copies_of_file
from tests.stress.nights import postgres
from tests.support import honest_nights, log_forgeries, sealed_archive

NIGHTS = 1_000


def run(figures: Figures, nights: int | None = None) -> None:
    """Forge on both databases, and then live through honest nights."""
    nights = nights or NIGHTS
    key = keys.new_key()
    with tempfile.TemporaryDirectory(prefix="nd-tamper-") as name:
        folder = Path(name)
        address = f"sqlite:///{folder / 'archive.db'}"
        view = _build(address, key)
        with copies_of_file(folder / "archive.db") as create_copy:
            _forge_all(figures, "SQLite", create_copy, view)
        with postgres(folder) as server:
            view = _build(server, key)
            with copies_of_database(server) as create_copy:
                _forge_all(figures, "PostgreSQL", create_copy, view)
        result = honest_nights.live(folder, key, nights)
        figures.check(
            f"{nights} honest nights: {result.summary}",
            f"{len(result.alarms)} false alarms in {result.verifications} verifications",
            not result.alarms,
            result.alarms,
        )


def _build(address: str, key: keys.SigningKey) -> OutsideView:
    store = Database(address)
    try:
        migrate.ensure(store)
        return sealed_archive.build(store, key)
    finally:
        store.close()


def _forge_all(
    figures: Figures, database: str, create_copy: Callable[[], str], view: OutsideView
) -> None:
    honest = complaints(create_copy(), [view])
    figures.check(f"{database}: the archive before any forgery", "fits", not honest, honest)
    names = [*log_forgeries.FORGERIES, *log_forgeries.WHOLE]
    missed: list[str] = []
    for name in names:
        address = create_copy()
        store = Database(address)
        try:
            log_forgeries.forge(store, name)
        finally:
            store.close()
        if not complaints(address, [view]):
            missed.append(name)
    found = len(names) - len(missed)
    figures.check(
        f"{database}: forgeries that one checkpoint finds",
        f"{found} of {len(names)}",
        not missed,
        missed,
    )


def complaints(address: str, views: Sequence[OutsideView]) -> list[str]:
    """Return what a verification of log, bytes and texts finds."""
    store = Database(address)
    try:
        report = verify_log(store, views)
        found = [fault.sentence for fault in report.faults]
        counts = VerifiedCounts()
        for fault in verify_archive(store, EVERYTHING, counts, lambda *_: None):
            found.append(fault.sentence)
        return found
    finally:
        store.close()
