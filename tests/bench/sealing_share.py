"""Measure how much of a night's CPU sealing takes: `python -m tests.bench.sealing_share`.

Nights of many small sites, as in `many_sites`, in which each process writes down the CPU seconds
that it spends in sealing runs and in making checkpoints.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench.costs import ROOT, cost_of
from tests.bench.many_sites import NIGHTS, ManySites, make_home

# Python imports a module of this name at its start.
METER = """
import os, time
from pipeline.store.db.evidence import checkpoints, sealing

def metered(call):
    def measure(*arguments, **options):
        began = time.thread_time()
        try:
            return call(*arguments, **options)
        finally:
            with open(os.environ["SEALING_TIMES"], "a") as file:
                file.write(f"{time.thread_time() - began}\\n")
    return measure

sealing.seal_run = metered(sealing.seal_run)
checkpoints.make = metered(checkpoints.make)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.sealing_share",
        description="Measures how much of a night's CPU sealing takes.",
    )
    parser.add_argument("--sites", type=int, default=30, metavar="N")
    options = parser.parse_args(arguments)
    server = ManySites()
    server.start()
    with tempfile.TemporaryDirectory(prefix="nd-share-") as name:
        folder = Path(name)
        (folder / "sitecustomize.py").write_text(METER)
        home = make_home(folder / "home", options.sites, server.port)
        server.stories = 1
        _night(home, folder)
        for night, stories in NIGHTS:
            server.stories += stories
            cpu, sealing, calls = _night(home, folder)
            print(  # noqa: T201
                f"{night:16}{cpu / options.sites:8.3f} CPU seconds a site; sealing"
                f" {sealing / options.sites * 1000:.2f} ms a site ({calls} calls),"
                f" {sealing / cpu:.2%}",
                flush=True,
            )
    return 0


def _night(home: Path, folder: Path) -> tuple[float, float, int]:
    """Return the CPU seconds of a night, those of sealing, and how often something was sealed."""
    times = folder / "times"
    times.write_text("")
    command = [sys.executable, "-P", "-m", "pipeline", "--home", str(home), "crawl"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NIGHTDESK_")}
    environment["PYTHONPATH"] = f"{ROOT}{os.pathsep}{folder}"
    environment["SEALING_TIMES"] = str(times)
    cpu = cost_of(command, environment).cpu
    sealed = [float(line) for line in times.read_text().split()]
    return cpu, sum(sealed), len(sealed)


if __name__ == "__main__":
    sys.exit(main())
