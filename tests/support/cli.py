"""Run `nightdesk` commands in tests, in this process or in a process of their own.

A new process takes almost a second to load its modules, and another to start its workers. This
process has both. Use `nightdesk_process` and `running_command` for what only another process can
show: signals, pipes, kills, and which modules are loaded.
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

from pipeline.__main__ import main

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class CommandResult:
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return standard output as a JSON document."""
        return json.loads(self.out)

    @property
    def error_line(self) -> str:
        """Return the one line on standard error."""
        (line,) = self.err.splitlines()
        return line


def clean_environment(**more: str) -> dict[str, str]:
    """Return the environment of this process without settings of Nightdesk."""
    environment = {}
    for name, value in os.environ.items():
        if not name.startswith("NIGHTDESK_"):
            environment[name] = value
    return environment | more


def command_line(home: Path, *words: str) -> list[str]:
    """Return the arguments that start a command in a new process."""
    return [sys.executable, "-P", "-m", "pipeline", "--home", str(home), *words]


def nightdesk(home: Path, *words: str, **variables: str) -> CommandResult:
    """Run a command in this process, as a new process would run it.

    Args:
        home: The home folder.
        words: The arguments of the command.
        variables: Environment variables to add.
    """
    out, err = io.BytesIO(), io.BytesIO()
    with (
        patch.dict(os.environ, clean_environment(**variables), clear=True),
        chdir(ROOT),
        redirect_stdout(io.TextIOWrapper(out, encoding="utf8", write_through=True)) as stdout,
        redirect_stderr(io.TextIOWrapper(err, encoding="utf8", write_through=True)) as stderr,
    ):
        code = exit_code(home, *words)
    for stream in (stdout, stderr):
        stream.flush()
    return CommandResult(
        code, out.getvalue().decode(errors="replace"), err.getvalue().decode(errors="replace")
    )


def nightdesk_process(home: Path, *words: str, **variables: str) -> CommandResult:
    """Run a command to its end in a process of its own. The arguments are those of `nightdesk`."""
    process = subprocess.run(
        command_line(home, *words),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=clean_environment(**variables),
        cwd=ROOT,
    )
    return CommandResult(process.returncode, process.stdout, process.stderr)


def exit_code(home: Path, *words: str) -> int:
    """Run a command in this process with its streams and environment, and return its exit code."""
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
    """Run a command in a process of its own during the block, then kill what is left of it."""
    process = subprocess.Popen(
        command_line(home, *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
        cwd=ROOT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_until(is_true: Callable[[], object], seconds: float = 100.0) -> None:
    """Wait for a condition. Fail if it is not true after this number of seconds."""
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end, f"not true within {seconds:g} s"
        time.sleep(0.02)


def children(pid: int) -> dict[int, str]:
    """Return the child processes of a process, with their command lines."""
    command_lines = {}
    for path in Path("/proc").iterdir():
        if path.name.isdecimal() and _stat(int(path.name))[1:2] == [str(pid)]:
            child = int(path.name)
            command_lines[child] = _read_proc(child, "cmdline").replace("\0", " ")
    return command_lines


def descendants(pid: int) -> dict[int, str]:
    """Return the children of a process, their children, and so on."""
    processes = children(pid)
    for child in list(processes):
        processes |= descendants(child)
    return processes


def is_alive(pid: int) -> bool:
    """Return whether a process exists and is no zombie."""
    return _stat(pid)[:1] not in ([], ["Z"])


def cpu_seconds_of(pid: int) -> float:
    """Return the processor time of a process; 0 if it has ended."""
    times = _stat(pid)[11:13]
    return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    """Return the state, the parent and so on. The name before them may hold any character."""
    return _read_proc(pid, "stat").rpartition(")")[2].split()


def _read_proc(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(encoding="utf8", errors="replace")
    except OSError:  # it has ended in the meantime
        return ""
