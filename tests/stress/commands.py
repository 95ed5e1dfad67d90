"""Run the real command as a child process, and measure the memory of each of its processes.

The peak of resident memory is the kernel's own figure (VmHWM), read every few hundredths of a
second. Only what a process uses in its last moments can be missed. Only processes that were started
here are killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAUSE = 0.02  # seconds between two readings
SEARCH_INTERVAL = 5  # readings between two searches for new processes


@dataclass
class ProcessMemory:
    """Peak memory in megabytes by process."""

    peaks: dict[int, tuple[str, float]] = field(default_factory=dict)

    def highest(self, role: str) -> float:
        return max((peak for name, peak in self.peaks.values() if name == role), default=0.0)

    def count(self, role: str) -> int:
        return sum(1 for name, _ in self.peaks.values() if name == role)

    def find_processes(self, root: int) -> None:
        """Find the processes that a process has started, and their roles."""
        parents = {pid: parent for pid in _processes() if (parent := _parent(pid))}
        waiting = [(root, "")]
        while waiting:
            pid, parent = waiting.pop()
            known = self.peaks.get(pid, ("starting", 0.0))[0]
            role = _role(pid, parent) if known == "starting" else known
            if (
                pid not in self.peaks or role != known
            ):  # before its exec a child has the name and size of its parent
                self.peaks[pid] = (role, 0.0)
            waiting += [(child, role) for child, its_parent in parents.items() if its_parent == pid]

    def update_peaks(self) -> None:
        """Read the peaks of the known processes."""
        for pid, (role, peak) in list(self.peaks.items()):
            self.peaks[pid] = (role, max(peak, _peak(pid)))


@dataclass
class CompletedCommand:
    """How a command ended. `memory` covers all of its processes."""

    code: int
    out: str
    err: str
    seconds: float
    memory: ProcessMemory


def nightdesk(home: Path, *words: str, seconds: float, **variables: str) -> CompletedCommand:
    """Run a command to its end, or kill it after some seconds."""
    memory, began = ProcessMemory(), time.monotonic()
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("NIGHTDESK_")
    } | variables
    command = [sys.executable, "-P", "-m", "pipeline", "--home", str(home), *words]
    child = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
        start_new_session=True,
    )
    with _measured(child.pid, memory):
        try:
            out, err = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # its own session, started above
            out, err = child.communicate()
    return CompletedCommand(child.returncode, out, err, time.monotonic() - began, memory)


@contextmanager
def _measured(pid: int, memory: ProcessMemory) -> Iterator[None]:
    is_over = threading.Event()

    def measure() -> None:
        turns = 0
        while not is_over.wait(PAUSE):
            if turns % SEARCH_INTERVAL == 0:
                memory.find_processes(pid)
            memory.update_peaks()
            turns += 1

    thread = threading.Thread(target=measure, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _role(pid: int, parent: str) -> str:
    if parent == "fork server":
        return "cleaning worker"
    command_line = _read(pid, "cmdline").replace("\0", " ")
    for sign, role in (
        ("-m crawler", "crawler"),
        ("forkserver", "fork server"),
        ("resource_tracker", "tracker"),
    ):
        if sign in command_line:
            return role
    return "starting" if parent else "command"


def _peak(pid: int) -> float:
    """Return megabytes; 0.0 if the process has ended."""
    for line in _read(pid, "status").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _processes() -> Iterator[int]:
    return (int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal())


def _parent(pid: int) -> int:
    """Return the parent's id; 0 if the process has ended."""
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return int(fields[1]) if len(fields) > 1 else 0


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(encoding="utf8", errors="replace")
    except OSError:  # the process has ended
        return ""
