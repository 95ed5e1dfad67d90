"""What a command costs in CPU seconds, with everything that it starts.

Promises that processes which outlive their parent are counted too: the command runs below a process of its own, whose children
they become on Linux, and which ends when the last of them has. Elsewhere only what the command itself waits for is counted.
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

SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Cost:
    """Seconds of CPU (user and system) and of the clock, and the largest process in megabytes."""

    cpu: float
    wall: float
    megabytes: float


def cost_of(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Cost:
    """Runs a command to its end; one that fails raises CalledProcessError with what it said."""
    done = subprocess.run(
        [sys.executable, __file__, *command],
        cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, env=environment, check=False,
    )  # fmt: skip
    if done.returncode:
        raise subprocess.CalledProcessError(
            done.returncode, list(command), done.stdout, done.stderr
        )
    return Cost(*json.loads(done.stdout))


def _measure(command: Sequence[str]) -> int:
    """In the process of its own: runs the command, waits for all that is left of it, and prints its cost."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    began = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    code = child.wait()
    wall = time.monotonic() - began
    while True:
        try:
            os.wait()
        except ChildProcessError:  # none is left
            break
    usage = getrusage(RUSAGE_CHILDREN)
    sys.stdout.write(json.dumps([usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024]))
    return code


if __name__ == "__main__":
    sys.exit(_measure(sys.argv[1:]))
