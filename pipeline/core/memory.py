"""How much memory this process has, and how much is free for further processes."""

from __future__ import annotations

import os
from pathlib import Path

MEGABYTE = 1 << 20
MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")
STATM = Path("/proc/self/statm")


def available_megabytes() -> int | None:
    """Return the megabytes that processes may still use; None where the system does not say.

    Linux counts them in `MemAvailable` of /proc/meminfo (proc(5)). A container may have less: the
    rest of `memory.max` of its control group (cgroups(7), version 2).

    Returns:
        The megabytes (of 1,048,576 bytes), the smaller of both figures.
    """
    figures = []
    for line in _read(MEMINFO).splitlines():
        if line.startswith("MemAvailable:"):
            figures.append(int(line.split()[1]) * 1024)
    limit, used = _read(CGROUP / "memory.max").strip(), _read(CGROUP / "memory.current").strip()
    if limit.isdigit() and used.isdigit():
        figures.append(max(0, int(limit) - int(used)))
    return min(figures) // MEGABYTE if figures else None


def resident_bytes() -> int:
    """Return the resident memory of this process (proc(5)); 0 where the system does not say."""
    fields = _read(STATM).split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if fields else 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf8")
    except OSError:
        return ""
