"""Measure what a command costs in CPU seconds, with all processes that it starts.

On Linux, processes that outlive their parent are counted, too: the command runs below a process of
its own. This adopts the orphans, and ends when the last of them has ended. On other systems only
processes count for which the command itself waits.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Cost:
    """What a command used.

    Attributes:
        cpu: Seconds of CPU, user and system.
        wall: Seconds of the clock, until the command itself ended.
        megabytes: Peak memory of the largest process.
    """

    cpu: float
    wall: float
    megabytes: float


def cost_of(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end.

    Args:
        command: The program and its arguments.
        environment: Its environment; None for that of this process.

    Raises:
        subprocess.CalledProcessError: The command failed. The exception has its messages.
    """
    completed = subprocess.run(
        [sys.executable, __file__, *command],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment,
        check=False,
    )
    if completed.returncode:
        raise subprocess.CalledProcessError(
            completed.returncode, list(command), completed.stdout, completed.stderr
        )
    return Cost(*json.loads(completed.stdout))


def _measure(command: Sequence[str]) -> int:
    """Run a command in the process that adopts orphans, wait for all, and print the cost."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    began = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    code = child.wait()
    wall = time.monotonic() - began
    while True:
        try:
            os.wait()
        except ChildProcessError:  # no process is left
            break
    usage = getrusage(RUSAGE_CHILDREN)
    sys.stdout.write(json.dumps([usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024]))
    return code


if __name__ == "__main__":
    sys.exit(_measure(sys.argv[1:]))
