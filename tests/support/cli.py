"""The command line as cron would call it: in a child process with a clean environment, or through the same door in this one.

A new process takes the better part of a second to load what it needs, and another to make a process that extracts; this one has
both. What only a process of its own can show (signals, pipes, kills, what it loads) is tested with `child` and `running`.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pipeline.cli import main

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class CommandResult:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error_line(self) -> str:
        """What it complained of, which is one line."""
        (line,) = self.err.splitlines()
        return line


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without settings of Nightdesk."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith("NIGHTDESK_")
    } | more


def command_line(home: Path, *words: str) -> list[str]:
    return [sys.executable, "-P", "-m", "pipeline", "--home", str(home), *words]


def nightdesk(home: Path, *words: str, **variables: str) -> CommandResult:
    """Runs a command to its end, in this process."""
    out, err = (
        io.TextIOWrapper(io.BytesIO(), encoding="utf8", write_through=True) for _ in range(2)
    )
    with (
        patch.dict(os.environ, clean_environment(**variables), clear=True),
        chdir(ROOT),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        code = exit_code(home, *words)
    return CommandResult(code, *(each.buffer.getvalue().decode(errors="replace") for each in (out, err)))  # type: ignore[attr-defined]


def nightdesk_process(home: Path, *words: str, **variables: str) -> CommandResult:
    """Runs a command to its end, in a process of its own."""
    done = subprocess.run(
        command_line(home, *words), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
        env=clean_environment(**variables), cwd=ROOT,
    )  # fmt: skip
    return CommandResult(done.returncode, done.stdout, done.stderr)


def exit_code(home: Path, *words: str) -> int:
    """Runs a command in this process, through the same door and without the second that a new process takes."""
    before, sys.argv = sys.argv, ["nightdesk", "--home", str(home), *words]
    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.argv = before
    assert isinstance(code, int)
    return code


@contextmanager
def running_command(home: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A command that is at work while the block lasts; whatever of it is left then is killed."""
    child = subprocess.Popen(
        command_line(home, *words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment(), cwd=ROOT,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield child
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()


def wait_until(true: Callable[[], object], seconds: float = 100.0) -> None:
    """Waits for something to come true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"did not come true within {seconds:g} s"
        time.sleep(0.02)


def children(pid: int) -> dict[int, str]:
    """Processes that a process has started, with their command lines."""
    return {
        number: _said(number, "cmdline").replace("\0", " ")
        for number in _processes()
        if _stat(number)[1:2] == [str(pid)]
    }


def descendants(pid: int) -> dict[int, str]:
    """Its children, theirs, and so on."""
    found = children(pid)
    for child in list(found):
        found |= descendants(child)
    return found


def is_alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    return _stat(pid)[:1] not in ([], ["Z"])


def cpu_seconds_of(pid: int) -> float:
    """What a process has computed; 0 where it is gone."""
    times = _stat(pid)[11:13]
    return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


def _stat(pid: int) -> list[str]:
    """State, parent and so on; what stands before them is the name, which may hold anything."""
    return _said(pid, "stat").rpartition(")")[2].split()


def _said(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(encoding="utf8", errors="replace")
    except OSError:  # it has ended meanwhile
        return ""
