"""kill: nights that are killed at random moments, a hundred times on each database.

A process of a night of three sites is killed with SIGKILL: at random the command, a crawler or a
cleaning worker. The archive is read from outside before and after each kill. No committed row may
be lost. In the end one night may finish, and then each story is one article with one payload.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import ExitStack, suppress
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
    serve_site,
    sqlite,
    start_night,
    wait_until_gone,
)

ROUNDS = 100
STORIES = 1_500  # of each site
SITES = 3
MAX_SECONDS = 4.0  # until a kill, from the start of the night or from its first crawl


def run(figures: Figures) -> None:
    """Run the stress test on both databases."""
    with ExitStack() as stack:
        addresses = [stack.enter_context(serve_site(STORIES)) for _ in range(SITES)]
        for engine, database in (("SQLite", sqlite), ("PostgreSQL", postgres)):
            with (
                tempfile.TemporaryDirectory(prefix="nd-kill-") as folder,
                database(Path(folder)) as address,
            ):
                _kills(figures, engine, create_home(Path(folder), addresses), address)


def _kills(figures: Figures, engine: str, folder: Path, address: str) -> None:
    random_source = random.Random(1)
    killed, codes, lost = Counter[str](), Counter[int](), 0
    known: CommittedRows = frozenset()
    for number in range(ROUNDS):
        night = start_night(folder, address)
        _let_work(random_source, address, night)
        before = committed_rows(address)
        killed[_kill(night, random_source)] += 1
        codes[night.wait()] += 1
        after = committed_rows(address)
        lost += len((known | before) - after)
        known = after
        if (number + 1) % 20 == 0:
            stories = sum(kind == "page" for kind, _, _ in known)
            figures.print_line(f"       {engine}: {number + 1} kills, {stories} stories stored")
    figures.note(
        f"{engine}: killed", ", ".join(f"{count} × {role}" for role, count in killed.most_common())
    )
    figures.note(
        f"{engine}: how the nights ended",
        ", ".join(f"{count} × code {code}" for code, count in codes.most_common()),
    )
    figures.check(f"{engine}: committed rows lost in {ROUNDS} kills", lost, lost == 0)
    began = time.monotonic()
    codes.clear()
    last = start_night(folder, address)
    code = last.wait(timeout=1800)
    figures.check(f"{engine}: exit code of the last night, which may finish", code, code == 0)
    figures.note(f"{engine}: seconds that it took", round(time.monotonic() - began))
    check_archive(figures, engine, address, known, SITES * STORIES)


def _kill(night: subprocess.Popen[bytes], random_source: random.Random) -> str:
    """Kill a random process of a night, wait for the others to end, and return its role."""
    family = ProcessMemory()
    family.find_processes(night.pid)
    roles = defaultdict[str, list[int]](list)
    for pid, (name, _) in family.peaks.items():
        roles[name].append(pid)
    role = random_source.choice(sorted(set(roles) - {"tracker", "starting"}) or ["command"])
    with suppress(ProcessLookupError):
        os.kill(random_source.choice(roles.get(role, [night.pid])), signal.SIGKILL)
    if role != "command":  # a night that lost a process continues for a while
        with suppress(subprocess.TimeoutExpired):
            night.wait(random_source.uniform(0.1, 3.0))
        family.find_processes(night.pid)
        night.kill()
    night.wait()
    wait_until_gone([pid for pid in family.peaks if pid != night.pid])
    return role


def _let_work(random_source: random.Random, address: str, night: subprocess.Popen[bytes]) -> None:
    """Wait, so that some nights are killed while they start, and most while they work."""
    if random_source.random() < 2 / 3:
        known = count_runs(address)
        while count_runs(address) == known and night.poll() is None:
            time.sleep(0.05)
    time.sleep(random_source.uniform(0.0, MAX_SECONDS))
