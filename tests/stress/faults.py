"""faults: nights whose database restarts or is locked, nights that overlap, and killed workers.

PostgreSQL stops ten times in one night, half of them without a warning. Another program holds
SQLite's write lock for a minute. Two nights start at once on either database, and a third later.
The first of two nights is killed with SIGKILL. Cleaning workers are killed one after the other. No
committed row may be lost, nothing may be there twice, and the night with the fault must complete
everything.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.stress.commands import ProcessMemory
from tests.stress.figures import Figures
from tests.stress.nights import (
    CommittedRows,
    check_archive,
    committed_rows,
    count_runs,
    create_home,
    postgres,
    query_rows,
    serve_site,
    sqlite,
    start_night,
    start_postgres,
    wait_until_gone,
)

STORIES = 400  # of each of the sites
SITES = 2
ALL = SITES * STORIES
RESTARTS, DOWN = 10, 6.0  # and the seconds that each lasts at the most
LOCKED = 60.0  # seconds
KILLS = 10
LONGEST = 1200.0  # seconds of one night
AT_ONCE = 20.0  # seconds within which a second command says that there is a first; it starts beside two nights at work
OVER = "SELECT count(*) FROM run WHERE kind = 'crawl' AND finished_at IS NOT NULL"
RUNS = "SELECT site, count(*) FROM run WHERE kind = 'crawl' GROUP BY site ORDER BY site"


def run(figures: Figures) -> None:
    """Run the four stress tests."""
    with ExitStack() as stack:
        addresses = [stack.enter_context(serve_site(STORIES)) for _ in range(SITES)]

        @contextmanager
        def place() -> Iterator[tuple[Path, Path]]:
            with tempfile.TemporaryDirectory(prefix="nd-faults-") as folder:
                yield Path(folder), create_home(Path(folder), addresses)

        with place() as (_, folder), start_postgres() as (address, restart):
            _restarts(figures, folder, address, restart)
            _at_the_end(figures, folder, address, restart)
        with place() as (root, folder), sqlite(root) as address:
            _lock(figures, folder, address)
        for engine, database in (("SQLite", sqlite), ("PostgreSQL", postgres)):
            with place() as (root, folder), database(root) as address:
                _overlap(figures, f"two nights on {engine}", folder, address)
        with place() as (root, folder), sqlite(root) as address:
            _workers(figures, folder, address)


def _restarts(
    figures: Figures, folder: Path, address: str, restart: Callable[[str, float], None]
) -> None:
    lots, name, lost = random.Random(1), "PostgreSQL restarts", 0
    known: CommittedRows = frozenset()
    night = _begun(folder, address)
    done = 0
    for number in range(RESTARTS):
        _until(night, lambda n=number: _stored(address) >= (n + 1) * ALL // (RESTARTS + 2))  # type: ignore[misc]
        if night.poll() is not None:
            break
        known |= committed_rows(address)
        restart("immediate" if number % 2 else "fast", lots.uniform(0, DOWN))
        lost += len(known - committed_rows(address))
        done += 1
    figures.check(f"{name} in one crawl", done, done == RESTARTS)
    figures.check(f"{name}: committed rows lost", lost, lost == 0)
    _finish(figures, name, night, address, known)


def _at_the_end(
    figures: Figures, folder: Path, address: str, restart: Callable[[str, float], None]
) -> None:
    """Stop the server while another night, which finds nothing new, makes its summary."""
    name = "PostgreSQL away at the end of a night"
    before, known = int(str(query_rows(address, OVER)[0][0])), committed_rows(address)
    night = _begun(folder, address)
    _until(night, lambda: int(str(query_rows(address, OVER)[0][0])) >= before + SITES)
    figures.note(f"{name}: it was at work when the server went", night.poll() is None)
    restart("immediate", DOWN)
    _finish(figures, name, night, address, known)


def _lock(figures: Figures, folder: Path, address: str) -> None:
    name = "SQLite locked"
    night = _begun(folder, address)
    _until(night, lambda: _stored(address) >= ALL // 5)
    known = committed_rows(address)
    hold = f"import sqlite3, time; db = sqlite3.connect({address.removeprefix('sqlite:///')!r}, timeout=60, isolation_level=None)"
    hold += f"; db.execute('BEGIN IMMEDIATE'); print(flush=True); time.sleep({LOCKED}); db.execute('COMMIT')"
    with subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        before, began = _stored(address), time.monotonic()
        holder.wait()
        figures.note(f"{name}: seconds", round(time.monotonic() - began))
    figures.note(f"{name}: stories before it of {ALL}", before)
    figures.check(f"{name}: the night is still at work", night.poll() is None, night.poll() is None)
    _finish(figures, name, night, address, known)


def _overlap(figures: Figures, name: str, folder: Path, address: str) -> None:
    both = [start_night(folder, address) for _ in range(2)]
    _until(both[0], lambda: _stored(address) >= ALL // 8)
    began = time.monotonic()
    third = start_night(folder, address, "--json", stdout=subprocess.PIPE, text=True)
    said = json.loads(third.communicate()[0])
    seconds = time.monotonic() - began
    sentences = [sentence for site in said for sentence in site["issues"]]
    figures.check(
        f"{name}: exit code of a third beside them", third.returncode, third.returncode == 6
    )
    is_told = len(sentences) >= SITES and all("already being" in sentence for sentence in sentences)
    figures.check(
        f"{name}: what it says", sentences[0] if sentences else "nothing", is_told, sentences
    )
    figures.check(f"{name}: seconds until it says so", round(seconds, 1), seconds < AT_ONCE)
    known = committed_rows(address)
    codes = sorted(night.wait(timeout=LONGEST) for night in both)
    figures.check(
        f"{name}: exit codes when started at once", codes, set(codes) <= {0, 6} and 6 in codes
    )
    crawls = [tuple(row) for row in query_rows(address, RUNS)]
    figures.check(
        f"{name}: crawls of each site",
        crawls,
        all(count == 1 for _, count in crawls) and len(crawls) == SITES,
    )
    check_archive(figures, name, address, known | committed_rows(address), ALL)
    first = _begun(folder, address)
    family = ProcessMemory()
    family.find_processes(first.pid)
    first.send_signal(signal.SIGKILL)
    first.wait()
    wait_until_gone([pid for pid in family.peaks if pid != first.pid])
    code = start_night(folder, address).wait(timeout=LONGEST)
    figures.check(f"{name}: exit code of the next one after a kill -9", code, code == 0)


def _workers(figures: Figures, folder: Path, address: str) -> None:
    name, killed = "workers killed", 0
    night = _begun(folder, address)
    while killed < KILLS and night.poll() is None:
        _until(night, lambda: _stored(address) >= (killed + 1) * ALL // (KILLS + 2))  # noqa: B023
        family = ProcessMemory()
        family.find_processes(night.pid)
        workers = [pid for pid, (role, _) in family.peaks.items() if role == "cleaning worker"]
        if workers:
            os.kill(workers[killed % len(workers)], signal.SIGKILL)
            killed += 1
        time.sleep(0.2)
    figures.check(name, killed, killed == KILLS)
    _finish(figures, name, night, address, committed_rows(address))


def _begun(folder: Path, address: str) -> subprocess.Popen[bytes]:
    """Start a night, and return it when its first crawl is at work."""
    known = count_runs(address)
    night = start_night(
        folder, address, stdout=(folder / "said.txt").open("wb"), stderr=subprocess.STDOUT
    )
    _until(night, lambda: count_runs(address) > known)
    return night


def _finish(
    figures: Figures, name: str, night: subprocess.Popen[bytes], address: str, known: CommittedRows
) -> None:
    began = time.monotonic()
    code = night.wait(timeout=LONGEST)
    figures.check(f"{name}: exit code of that night", code, code == 0)
    figures.note(f"{name}: seconds until its end", round(time.monotonic() - began))
    check_archive(figures, name, address, known, ALL)


def _stored(address: str) -> int:
    if not count_runs(address):
        return 0
    return int(
        str(
            query_rows(
                address, "SELECT count(*) FROM page WHERE payload_id IS NOT NULL AND kind = 'story'"
            )[0][0]
        )
    )


def _until(night: subprocess.Popen[bytes], true: Callable[[], bool]) -> None:
    """Wait for a condition while a night is at work."""
    end = time.monotonic() + LONGEST
    while night.poll() is None and not true():
        if time.monotonic() > end:
            raise RuntimeError(f"a night did not come on within {LONGEST:.0f} s")
        time.sleep(0.1)
