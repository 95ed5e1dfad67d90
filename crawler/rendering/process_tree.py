"""The processes that a browser is made of: which there are, how much memory they take, and their end.

Promises to see and to end only what descends from this process's own children. Where there is no `/proc`, it sees nothing.
"""

from __future__ import annotations

import os
import re
import signal
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

PARENT = re.compile(rb"\) \S (\d+) ")  # in `stat`, behind a name that may hold anything
OWN_PAGES = re.compile(rb"^Rss(?:Anon|Shmem):\s+(\d+) kB", re.MULTILINE)


def descendant_processes() -> tuple[int, ...]:
    """The children of our children, and theirs: of Playwright's driver, which is our child, the browser."""
    children = defaultdict[int, list[int]](list)
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            found = PARENT.search(path.read_bytes())
            if found:
                children[int(found.group(1))].append(int(path.parent.name))
    todo, seen = [each for child in children[os.getpid()] for each in children[child]], list[int]()
    while todo:
        seen.append(todo.pop())
        todo += children[seen[-1]]
    return tuple(seen)


def private_megabytes(processes: tuple[int, ...]) -> int:
    """Memory that the processes do not share with files."""
    total = 0
    for process in processes:
        with suppress(OSError):
            total += sum(map(int, OWN_PAGES.findall(Path(f"/proc/{process}/status").read_bytes())))
    return total // 1024


def kill_all(processes: tuple[int, ...]) -> None:
    for process in processes:
        with suppress(OSError):
            os.kill(process, signal.SIGKILL)
