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

STORIES = 400  # of each site
SITES = 2
ALL = SITES * STORIES
RESTARTS, DOWN = 10, 6.0  # and the seconds that each lasts at most
LOCKED = 60.0  # seconds
KILLS = 10
NIGHT_SECONDS = 1200.0  # seconds of one night
# seconds within which a third command reports the first; it starts while two nights are at work
REPORT_SECONDS = 20.0
FINISHED_CRAWLS = "SELECT count(*) FROM run WHERE kind = 'crawl' AND finished_at IS NOT NULL"
RUNS = "SELECT site, count(*) FROM run WHERE kind = 'crawl' GROUP BY site ORDER BY site"


def run(figures: Figures) -> None:
    """Run the four stress tests."""
    with ExitStack() as stack:
        addresses = [stack.enter_context(serve_site(STORIES)) for _ in range(SITES)]

        @contextmanager
        def new_home() -> Iterator[tuple[Path, Path]]:
            with tempfile.TemporaryDirectory(prefix="nd-faults-") as folder:
                yield Path(folder), create_home(Path(folder), addresses)

        with new_home() as (_, folder), start_postgres() as (address, restart):
            _restarts(figures, folder, address, restart)
            _restart_at_the_end(figures, folder, address, restart)
        with new_home() as (root, folder), sqlite(root) as address:
            _lock(figures, folder, address)
        for engine, database in (("SQLite", sqlite), ("PostgreSQL", postgres)):
            with new_home() as (root, folder), database(root) as address:
                _overlap(figures, f"two nights on {engine}", folder, address)
        with new_home() as (root, folder), sqlite(root) as address:
            _workers(figures, folder, address)


def _restarts(
    figures: Figures, folder: Path, address: str, restart: Callable[[str, float], None]
) -> None:
    random_source, name, lost = random.Random(1), "PostgreSQL restarts", 0
    known: CommittedRows = frozenset()
    night = _start_crawling(folder, address)
    done = 0
    for number in range(RESTARTS):
        _wait_until(night, lambda n=number: _stored(address) >= (n + 1) * ALL // (RESTARTS + 2))  # type: ignore[misc]
        if night.poll() is not None:
            break
        known |= committed_rows(address)
        restart("immediate" if number % 2 else "fast", random_source.uniform(0, DOWN))
        lost += len(known - committed_rows(address))
        done += 1
    figures.check(f"{name} in one crawl", done, done == RESTARTS)
    figures.check(f"{name}: committed rows lost", lost, lost == 0)
    _finish(figures, name, night, address, known)


def _restart_at_the_end(
    figures: Figures, folder: Path, address: str, restart: Callable[[str, float], None]
) -> None:
    """Stop the server while another night, which finds nothing new, makes its summary."""
    name = "PostgreSQL stopped at the end of a night"
    before, known = int(str(query_rows(address, FINISHED_CRAWLS)[0][0])), committed_rows(address)
    night = _start_crawling(folder, address)
    _wait_until(
        night, lambda: int(str(query_rows(address, FINISHED_CRAWLS)[0][0])) >= before + SITES
    )
    figures.note(f"{name}: the night was at work when the server stopped", night.poll() is None)
    restart("immediate", DOWN)
    _finish(figures, name, night, address, known)


def _lock(figures: Figures, folder: Path, address: str) -> None:
    name = "SQLite locked"
    night = _start_crawling(folder, address)
    _wait_until(night, lambda: _stored(address) >= ALL // 5)
    known = committed_rows(address)
    file = address.removeprefix("sqlite:///")
    program = (
        f"import sqlite3, time; db = sqlite3.connect({file!r}, timeout=60, isolation_level=None)"
        "; db.execute('BEGIN IMMEDIATE'); print(flush=True)"
        f"; time.sleep({LOCKED}); db.execute('COMMIT')"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        before, began = _stored(address), time.monotonic()
        holder.wait()
        figures.note(f"{name}: seconds", round(time.monotonic() - began))
    figures.note(f"{name}: stories before the lock, of {ALL}", before)
    figures.check(f"{name}: the night is still at work", night.poll() is None, night.poll() is None)
    _finish(figures, name, night, address, known)


def _overlap(figures: Figures, name: str, folder: Path, address: str) -> None:
    nights = [start_night(folder, address) for _ in range(2)]
    _wait_until(nights[0], lambda: _stored(address) >= ALL // 8)
    began = time.monotonic()
    third = start_night(folder, address, "--json", stdout=subprocess.PIPE)
    results = json.loads(third.communicate()[0])
    seconds = time.monotonic() - began
    sentences = [sentence for site in results for sentence in site["issues"]]
    figures.check(f"{name}: exit code of a third night", third.returncode, third.returncode == 6)
    is_reported = len(sentences) >= SITES and all(
        "already being" in sentence for sentence in sentences
    )
    figures.check(
        f"{name}: its message", sentences[0] if sentences else "nothing", is_reported, sentences
    )
    figures.check(
        f"{name}: seconds until this message", round(seconds, 1), seconds < REPORT_SECONDS
    )
    known = committed_rows(address)
    codes = sorted(night.wait(timeout=NIGHT_SECONDS) for night in nights)
    figures.check(
        f"{name}: exit codes of two nights started together",
        codes,
        set(codes) <= {0, 6} and 6 in codes,
    )
    crawls = [tuple(row) for row in query_rows(address, RUNS)]
    figures.check(
        f"{name}: crawls of each site",
        crawls,
        all(count == 1 for _, count in crawls) and len(crawls) == SITES,
    )
    check_archive(figures, name, address, known | committed_rows(address), ALL)
    first = _start_crawling(folder, address)
    family = ProcessMemory()
    family.find_processes(first.pid)
    first.send_signal(signal.SIGKILL)
    first.wait()
    wait_until_gone([pid for pid in family.peaks if pid != first.pid])
    code = start_night(folder, address).wait(timeout=NIGHT_SECONDS)
    figures.check(f"{name}: exit code of the next night after a kill -9", code, code == 0)


def _workers(figures: Figures, folder: Path, address: str) -> None:
    name, killed = "workers killed", 0
    night = _start_crawling(folder, address)
    while killed < KILLS and night.poll() is None:
        _wait_until(night, lambda: _stored(address) >= (killed + 1) * ALL // (KILLS + 2))  # noqa: B023
        family = ProcessMemory()
        family.find_processes(night.pid)
        workers = [pid for pid, (role, _) in family.peaks.items() if role == "cleaning worker"]
        if workers:
            os.kill(workers[killed % len(workers)], signal.SIGKILL)
            killed += 1
        time.sleep(0.2)
    figures.check(name, killed, killed == KILLS)
    _finish(figures, name, night, address, committed_rows(address))


def _start_crawling(folder: Path, address: str) -> subprocess.Popen[bytes]:
    """Start a night, and return it when its first crawl is at work."""
    known = count_runs(address)
    night = start_night(
        folder, address, stdout=(folder / "output.txt").open("wb"), stderr=subprocess.STDOUT
    )
    _wait_until(night, lambda: count_runs(address) > known)
    return night


def _finish(
    figures: Figures, name: str, night: subprocess.Popen[bytes], address: str, known: CommittedRows
) -> None:
    began = time.monotonic()
    code = night.wait(timeout=NIGHT_SECONDS)
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


def _wait_until(night: subprocess.Popen[bytes], is_true: Callable[[], bool]) -> None:
    """Wait for a condition while a night is at work."""
    end = time.monotonic() + NIGHT_SECONDS
    while night.poll() is None and not is_true():
        if time.monotonic() > end:
            raise RuntimeError(f"a night did not continue within {NIGHT_SECONDS:.0f} s")
        time.sleep(0.1)
