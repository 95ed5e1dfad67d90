"""powerloss: the power fails at random moments of a night, and no committed row is lost.

strace records what a night on SQLite writes and when it syncs. From that record, the disk is
written as it may be at random moments: with all that was synced, and with any part of the later
writes, torn at any sector. Each such archive must open, be whole, and have all rows that were
committed before the last sync of its log. For some of them the next night must complete everything.

To show that the stress test can detect a loss, the same is done with a disk that does not really
sync in the end.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.stress.commands import ROOT
from tests.stress.disk_writes import STRACE, DiskEvent, SimulatedDisk, read_events
from tests.stress.figures import Figures
from tests.stress.nights import (
    CommittedRows,
    check_archive,
    committed_rows,
    create_home,
    query_rows,
    serve_site,
    start_night,
)

STORIES = 80
MOMENTS = 60
VERIFIED = 3  # `nightdesk verify` checks one of three archives; SQLite checks all of them
NIGHTS = 2  # moments after which a night must complete everything
LOST_SYNCS = 20  # syncs that the dishonest disk forgets
LOG = "archive.db-wal"


@dataclass(frozen=True)
class Loss:
    """A moment: the number of events before it, and the last event that synced the log."""

    at: int
    synced: int


def run(figures: Figures) -> None:
    """Record one night, and check all moments."""
    if shutil.which("strace") is None:
        figures.print_line("skipped: strace is not installed ('apt-get install strace' on Debian)")
        return
    with tempfile.TemporaryDirectory(prefix="nd-power-") as folder, serve_site(STORIES) as address:
        root, disk = Path(folder), Path(folder) / "disk"
        disk.mkdir()
        home, log = create_home(root, [address]), root / "writes.log"
        code, output = _night(home, disk, log)
        figures.check("exit code of the recorded night", code, code == 0, output.splitlines())
        recorded = list(read_events(log, disk))
        log.unlink()
        figures.note("writes and syncs", f"{_count(recorded, 'write')}, {_count(recorded, 'sync')}")
        _check_moments(figures, home, recorded, root / "after")
        _check_dishonest_disk(figures, recorded, root / "lies")


def _count(recorded: Sequence[DiskEvent], kind: str) -> int:
    return sum(event.kind == kind for event in recorded)


def _night(home: Path, disk: Path, log: Path) -> tuple[int, str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTDESK_")}
    done = subprocess.run(
        [*STRACE, str(log), sys.executable, "-P", "-m", "pipeline", "--home", str(home), "crawl"],
        cwd=ROOT,
        env=bare | {"NIGHTDESK_DATABASE_URL": f"sqlite:///{disk / 'archive.db'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
        check=False,
    )
    return done.returncode, done.stdout


def _losses(recorded: Sequence[DiskEvent], random_source: random.Random) -> list[Loss]:
    """Return moments after the first sync of the log: most at random, some just before a sync.

    Just before a sync the most data is at risk.
    """
    syncs = [at for at, event in enumerate(recorded) if event.kind == "sync" and event.name == LOG]
    risky = [at - 1 for at, event in enumerate(recorded) if event.kind == "sync" and at > syncs[3]]
    chosen = random_source.sample(
        range(syncs[3], len(recorded)), MOMENTS * 2 // 3
    ) + random_source.sample(risky, MOMENTS // 3)
    return [Loss(at, max(sync for sync in syncs if sync <= at)) for at in sorted(chosen)]


def _check_moments(
    figures: Figures, home: Path, recorded: Sequence[DiskEvent], folder: Path
) -> None:
    random_source, disk = random.Random(7), SimulatedDisk()
    losses = _losses(recorded, random_source)
    wanted: dict[int, CommittedRows] = {}
    torn, lost, broken, open_ = 0, list[str](), list[str](), 0
    checked_later: list[tuple[str, CommittedRows]] = []
    for at, event in enumerate(recorded):
        disk.apply(event)
        for loss in [loss for loss in losses if at in (loss.at, loss.synced)]:
            if at == loss.synced and at not in wanted:
                wanted[at] = committed_rows(_address(disk.write_current(folder / f"whole-{at}")))
            if at == loss.at:
                torn += bool(sum(map(len, disk.unsynced.values())))
                address = _address(
                    disk.write_after_power_loss(
                        folder / f"loss-{at}-{random_source.random()}", random_source
                    )
                )
                broken += _archive_errors(home, address, is_verified=open_ % VERIFIED == 0)
                gone = wanted[loss.synced] - committed_rows(address)
                lost += [f"event {at}: {len(gone)} rows, as {sorted(gone)[:3]}"] if gone else []
                open_ += 1
                checked_later.append((address, wanted[loss.synced]))
    figures.check("moments at which the power failed", open_, open_ == MOMENTS)
    figures.note("of these, moments with writes that were not synced", torn)
    figures.note("committed rows at the last moment", max(map(len, wanted.values())))
    figures.check("archives that do not open or are not whole", len(broken), not broken, broken)
    figures.check("archives in which committed rows are lost", len(lost), not lost, lost)
    for address, known in checked_later[MOMENTS // 3 :: MOMENTS // 3][:NIGHTS]:
        code = start_night(home, address).wait(timeout=900)
        figures.check("exit code of the next night", code, code == 0)
        check_archive(figures, "after that night", address, known, STORIES)


def _address(folder: Path) -> str:
    return f"sqlite:///{folder / 'archive.db'}"


def _archive_errors(home: Path, address: str, *, is_verified: bool) -> list[str]:
    """Return what SQLite and `nightdesk verify` report."""
    result = str(query_rows(address, "PRAGMA integrity_check")[0][0])
    if not is_verified or result != "ok":
        return [] if result == "ok" else [result]
    bare = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTDESK_")}
    done = subprocess.run(
        [
            sys.executable,
            "-P",
            "-m",
            "pipeline",
            "--home",
            str(home),
            "--database-url",
            address,
            "verify",
        ],
        cwd=ROOT,
        env=bare,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return [] if done.returncode == 0 else [done.stderr or done.stdout]


def _check_dishonest_disk(figures: Figures, recorded: Sequence[DiskEvent], folder: Path) -> None:
    """Check that a disk that forgets its last syncs is detected."""
    syncs = [at for at, event in enumerate(recorded) if event.kind == "sync" and event.name == LOG]
    middle = len(syncs) * 2 // 3
    disk, last = SimulatedDisk(), syncs[middle]
    for at, event in enumerate(recorded[: last + 1]):
        disk.apply(event, honest=at < syncs[middle - LOST_SYNCS])
    wanted = committed_rows(_address(disk.write_current(folder / "whole")))
    disk.unsynced.clear()
    present = committed_rows(
        _address(disk.write_after_power_loss(folder / "loss", random.Random(1)))
    )
    figures.check(
        "rows that a dishonest disk has lost", len(wanted - present), len(wanted - present) > 0
    )
