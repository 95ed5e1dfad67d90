"""The processes of a browser: lists them, measures their memory and kills them.

Only descendants of this process's own children are seen and killed. Without `/proc` none are seen.
"""

from __future__ import annotations

import os
import re
import signal
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

PARENT_PID = re.compile(rb"\) \S (\d+) ")  # in `stat`, after a name that may hold anything
PRIVATE_MEMORY = re.compile(rb"^Rss(?:Anon|Shmem):\s+(\d+) kB", re.MULTILINE)


def descendant_processes() -> tuple[int, ...]:
    """Return the process ids of our children's children, and of all their descendants.

    Our child is Playwright's driver; its child is the browser.

    Returns:
        The process ids. Only Linux can be asked (/proc); elsewhere there are none.
    """
    children = _children_by_parent()
    waiting: list[int] = []
    for child in children[os.getpid()]:
        waiting += children[child]
    descendants: list[int] = []
    while waiting:
        process = waiting.pop()
        descendants.append(process)
        waiting += children[process]
    return tuple(descendants)


def _children_by_parent() -> defaultdict[int, list[int]]:
    children: defaultdict[int, list[int]] = defaultdict(list)
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # the process has ended
            parent = PARENT_PID.search(path.read_bytes())
            if parent is not None:
                children[int(parent.group(1))].append(int(path.parent.name))
    return children


def private_megabytes(processes: tuple[int, ...]) -> int:
    """Return the memory that the processes do not share with files, in MB."""
    kilobytes = 0
    for process in processes:
        with suppress(OSError):
            status = Path(f"/proc/{process}/status").read_bytes()
            kilobytes += sum(map(int, PRIVATE_MEMORY.findall(status)))
    return kilobytes // 1024


def kill_all(processes: tuple[int, ...]) -> None:
    """Kill the processes."""
    for process in processes:
        with suppress(OSError):
            os.kill(process, signal.SIGKILL)
