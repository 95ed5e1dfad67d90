"""diskfull: nights on a disk that is too small, on both databases, and a night with a limit of free
space.

The archive is on a tmpfs of 8 MB, and the tables of PostgreSQL are on one of 24 MB. Only root can
create these; without root the stress test says so and checks nothing. While a night fills the disk,
the archive is read from outside. The night must end with the exit code and sentence for a full
disk. No committed row may be lost, and readers can still read. With more room the same command
completes everything.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from pipeline.core.errors import ExitCode
from tests.stress import nights
from tests.stress.commands import ROOT
from tests.stress.figures import Figures
from tests.stress.nights import CommittedRows, committed_rows, count_runs, query_rows

SMALL, LARGE, FLOOR = 8, 400, 20  # megabytes
SMALL_SERVER = 24  # megabytes; an empty database takes eight of them
STORIES = 1_500
RUNS_WITH_PENDING = """SELECT count(*) FROM run WHERE finished_at IS NOT NULL AND EXISTS
(SELECT 1 FROM ledger_entry l WHERE l.run_id = run.id AND l.outcome = 'pending')"""


def run(figures: Figures) -> None:
    """Run the nights."""
    with (
        tempfile.TemporaryDirectory(prefix="nd-disk-") as folder,
        nights.serve_site(STORIES) as address,
    ):
        disk = Path(folder) / "disk"
        disk.mkdir()
        mounted = subprocess.run(_mount(disk, SMALL), capture_output=True, text=True, check=False)
        if mounted.returncode:
            figures.print_line(
                f"skipped: only root can create a disk of {SMALL} MB ({mounted.stderr.strip()})"
            )
            return
        try:
            home = nights.create_home(Path(folder), [address])
            _fill(figures, home, disk, "SQLite", f"sqlite:///{disk / 'archive.db'}")
            _floor(figures, home, disk)
        finally:
            subprocess.run(["umount", str(disk)], check=False)
        _postgres(figures, Path(folder) / "home")


def _postgres(figures: Figures, home: Path) -> None:
    """Fill a PostgreSQL whose tables, but not its write-ahead log, are on a small disk."""
    short = Path(tempfile.mkdtemp(prefix="nd"))
    try:
        with nights.start_postgres() as (address, _):
            subprocess.run(_mount(short, SMALL_SERVER), check=True)
            owner = Path(str(query_rows(address, "SHOW data_directory")[0][0])).stat()
            os.chown(short, owner.st_uid, owner.st_gid)
            engine = create_engine(address, isolation_level="AUTOCOMMIT")
            with engine.connect() as db:
                db.execute(text(f"CREATE TABLESPACE small LOCATION '{short}'"))
                db.execute(text("CREATE DATABASE archive TABLESPACE small"))
            small = engine.url.set(database="archive").render_as_string(hide_password=False)
            engine.dispose()
            _fill(figures, home, short, "PostgreSQL", small)
    finally:
        subprocess.run(["umount", str(short)], check=False)
        shutil.rmtree(short, ignore_errors=True)


def _mount(disk: Path, size: int, *more: str) -> list[str]:
    return ["mount", "-t", "tmpfs", "-o", ",".join((*more, f"size={size}m")), "tmpfs", str(disk)]


def _fill(figures: Figures, home: Path, disk: Path, engine: str, address: str) -> None:
    known: CommittedRows = frozenset()
    failed_reads = 0
    with _night(home, address, floor=0) as night:
        while night.poll() is None:
            try:
                known |= committed_rows(address)
            except OperationalError:
                failed_reads += 1
            time.sleep(0.2)
        output = night.communicate()[0].strip()
    figures.check(
        f"{engine}: exit code of the night that fills the disk",
        night.returncode,
        night.returncode == ExitCode.DISK,
        output.splitlines(),
    )
    figures.check(
        f"{engine}: its message",
        next((line for line in output.splitlines() if "no room left" in line), output[-200:]),
        "no room left" in output and "Traceback" not in output,
        output.splitlines(),
    )
    lost = len(known - committed_rows(address))
    figures.check(f"{engine}: committed rows lost, of {len(known)}", lost, bool(known) and not lost)
    figures.check(
        f"{engine}: failed reads from outside while the disk was full",
        failed_reads,
        failed_reads == 0,
    )
    for words in (("status",), ("search", "the", "--limit", "1"), ("verify", "--sample", "50")):
        done = _run(home, address, *words)
        # PostgreSQL itself may refuse a new connection, because it writes a small file for it
        is_refused = (
            engine == "PostgreSQL"
            and done.returncode == ExitCode.DISK
            and "could not write init file" in done.stderr
        )
        figures.check(
            f"{engine}: 'nightdesk {words[0]}' on the full disk",
            done.returncode,
            done.returncode == 0 or is_refused,
            done.stderr.splitlines(),
        )
    subprocess.run(_mount(disk, LARGE, "remount"), check=True)
    with _night(home, address, floor=0) as night:
        output = night.communicate(timeout=900)[0]
    figures.check(
        f"{engine}: exit code of the next night, with more room",
        night.returncode,
        night.returncode == 0,
        output.splitlines(),
    )
    _check_complete(figures, engine, home, address, known)


def _check_complete(
    figures: Figures, engine: str, home: Path, address: str, known: CommittedRows
) -> None:
    final = committed_rows(address)
    figures.check(f"{engine}: committed rows lost in the end", len(known - final), known <= final)
    articles = sum(kind == "article" for kind, _, _ in final)
    figures.check(f"{engine}: articles", f"{articles} of {STORIES}", articles == STORIES)
    figures.check(f"{engine}: runs that are still open", open_ := _open(address), open_ == 0)
    done = _run(home, address, "verify")
    figures.check(
        f"{engine}: exit code of 'nightdesk verify'",
        done.returncode,
        done.returncode == 0,
        done.stderr.splitlines(),
    )


def _open(address: str) -> int:
    return int(
        str(query_rows(address, "SELECT count(*) FROM run WHERE finished_at IS NULL")[0][0])
    ) + int(str(query_rows(address, RUNS_WITH_PENDING)[0][0]))


def _floor(figures: Figures, home: Path, disk: Path) -> None:
    """Use a new archive, and a disk with room for the free space and a few stories."""
    address = f"sqlite:///{disk / 'other.db'}"
    taken = sum(path.stat().st_size for path in disk.rglob("*") if path.is_file()) // 2**20
    subprocess.run(_mount(disk, taken + FLOOR + 6, "remount"), check=True)
    with _night(home, address, floor=FLOOR) as night:
        output = night.communicate(timeout=300)[0]
    figures.check(
        "exit code of the night that reaches the limit of free space",
        night.returncode,
        night.returncode == ExitCode.DISK,
        output.splitlines(),
    )
    stored, before = len(committed_rows(address)), count_runs(address)
    figures.check("rows that it stored", stored, stored > 0)
    figures.check("runs that are still open", open_ := _open(address), open_ == 0)
    figures.check(
        "detail of its crawl",
        query_rows(address, "SELECT detail FROM run WHERE kind = 'crawl'")[0][0],
        "free_megabytes" in output,
    )
    taken = sum(path.stat().st_size for path in disk.rglob("*") if path.is_file()) // 2**20
    subprocess.run(_mount(disk, taken + FLOOR - 2, "remount"), check=True)
    with _night(home, address, floor=FLOOR) as night:
        night.communicate(timeout=60)
    begun = count_runs(address) - before
    figures.check(
        "exit code and runs of a night below the limit",
        (night.returncode, begun),
        (night.returncode, begun) == (ExitCode.DISK, 0),
    )
    figures.note("free megabytes then", round(_free(disk) / 2**20, 1))


def _free(disk: Path) -> int:
    return shutil.disk_usage(disk).free


@contextmanager
def _night(home: Path, address: str, floor: int) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        _command(home, address, "crawl"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=_environment(floor),
    ) as night:
        try:
            yield night
        finally:
            night.kill()


def _run(home: Path, address: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command(home, address, *words),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=_environment(0),
        timeout=300,
        check=False,
    )


def _command(home: Path, address: str, *words: str) -> list[str]:
    return [
        sys.executable,
        "-P",
        "-m",
        "pipeline",
        "--home",
        str(home),
        "--database-url",
        address,
        *words,
    ]


def _environment(floor: int) -> dict[str, str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTDESK_")}
    return bare | {"NIGHTDESK_FREE_MEGABYTES": str(floor)}
