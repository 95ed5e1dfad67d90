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
PROVED = (
    3  # of so many one is looked through by `nightdesk verify`; SQLite's own check is made of all
)
NIGHTS = 2  # of these moments, after which a night is let to its end
LIES = 20  # syncs that a lying disk forgets
LOG = "archive.db-wal"


@dataclass(frozen=True)
class Loss:
    """A moment: the number of events before it, and the last event that synced the log."""

    at: int
    synced: int


def run(figures: Figures) -> None:
    """Record one night, and check all moments."""
    if shutil.which("strace") is None:
        figures.print_line("left out: strace is not installed ('apt-get install strace' on Debian)")
        return
    with tempfile.TemporaryDirectory(prefix="nd-power-") as folder, serve_site(STORIES) as address:
        root, disk = Path(folder), Path(folder) / "disk"
        disk.mkdir()
        place, log = create_home(root, [address]), root / "writes.log"
        code, said = _night(place, disk, log)
        figures.check("exit code of the night that was watched", code, code == 0, said.splitlines())
        story = list(read_events(log, disk))
        log.unlink()
        figures.note("writes, and syncs", f"{_number(story, 'write')}, {_number(story, 'sync')}")
        _moments(figures, place, story, root / "after")
        _lie(figures, story, root / "lies")


def _number(story: Sequence[DiskEvent], kind: str) -> int:
    return sum(event.kind == kind for event in story)


def _night(place: Path, disk: Path, log: Path) -> tuple[int, str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTDESK_")}
    done = subprocess.run(
        [*STRACE, str(log), sys.executable, "-P", "-m", "pipeline", "--home", str(place), "crawl"],
        cwd=ROOT,
        env=bare | {"NIGHTDESK_DATABASE_URL": f"sqlite:///{disk / 'archive.db'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
        check=False,
    )
    return done.returncode, done.stdout


def _losses(story: Sequence[DiskEvent], lots: random.Random) -> list[Loss]:
    """Return moments after the first sync of the log: most at random, some just before a sync.

    Just before a sync the most data is at risk.
    """
    syncs = [at for at, event in enumerate(story) if event.kind == "sync" and event.name == LOG]
    risky = [at - 1 for at, event in enumerate(story) if event.kind == "sync" and at > syncs[3]]
    chosen = lots.sample(range(syncs[3], len(story)), MOMENTS * 2 // 3) + lots.sample(
        risky, MOMENTS // 3
    )
    return [Loss(at, max(sync for sync in syncs if sync <= at)) for at in sorted(chosen)]


def _moments(figures: Figures, place: Path, story: Sequence[DiskEvent], folder: Path) -> None:
    lots, disk = random.Random(7), SimulatedDisk()
    losses = _losses(story, lots)
    wanted: dict[int, CommittedRows] = {}
    torn, lost, broken, open_ = 0, list[str](), list[str](), 0
    kept: list[tuple[str, CommittedRows]] = []
    for at, event in enumerate(story):
        disk.apply(event)
        for loss in (each for each in losses if at in (each.at, each.synced)):
            if at == loss.synced and at not in wanted:
                wanted[at] = committed_rows(_address(disk.write_current(folder / f"whole-{at}")))
            if at == loss.at:
                torn += bool(sum(map(len, disk.unsynced.values())))
                address = _address(
                    disk.write_after_power_loss(folder / f"loss-{at}-{lots.random()}", lots)
                )
                broken += _broken(place, address, proved=open_ % PROVED == 0)
                gone = wanted[loss.synced] - committed_rows(address)
                lost += [f"event {at}: {len(gone)} rows, as {sorted(gone)[:3]}"] if gone else []
                open_ += 1
                kept.append((address, wanted[loss.synced]))
    figures.check("moments at which the power went", open_, open_ == MOMENTS)
    figures.note("of these with writes that were not synced", torn)
    figures.note("committed rows at the last of them", max(map(len, wanted.values())))
    figures.check("archives that do not open, or are not whole", len(broken), not broken, broken)
    figures.check("archives in which committed rows are lost", len(lost), not lost, lost)
    for address, known in kept[MOMENTS // 3 :: MOMENTS // 3][:NIGHTS]:
        code = start_night(place, address).wait(timeout=900)
        figures.check("exit code of the next night", code, code == 0)
        check_archive(figures, "after it", address, known, STORIES)


def _address(folder: Path) -> str:
    return f"sqlite:///{folder / 'archive.db'}"


def _broken(place: Path, address: str, *, proved: bool) -> list[str]:
    """Return what SQLite and `nightdesk verify` report."""
    said = str(query_rows(address, "PRAGMA integrity_check")[0][0])
    if not proved or said != "ok":
        return [] if said == "ok" else [said]
    bare = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTDESK_")}
    done = subprocess.run(
        [
            sys.executable,
            "-P",
            "-m",
            "pipeline",
            "--home",
            str(place),
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


def _lie(figures: Figures, story: Sequence[DiskEvent], folder: Path) -> None:
    """Check that a disk that forgets its last syncs is detected."""
    syncs = [at for at, event in enumerate(story) if event.kind == "sync" and event.name == LOG]
    middle = len(syncs) * 2 // 3
    disk, last = SimulatedDisk(), syncs[middle]
    for at, event in enumerate(story[: last + 1]):
        disk.apply(event, honest=at < syncs[middle - LIES])
    wanted = committed_rows(_address(disk.write_current(folder / "whole")))
    disk.unsynced.clear()
    found = committed_rows(_address(disk.write_after_power_loss(folder / "loss", random.Random(1))))
    figures.check(
        "rows that a disk which lies has lost", len(wanted - found), len(wanted - found) > 0
    )
