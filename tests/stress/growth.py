"""Measure how time grows with size: one piece of work over inputs whose size doubles.

Each runs in its own process, which a limit may end. CPU seconds and additional megabytes are
measured, so that a busy machine does not change the result.
"""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MIN_SECONDS = 0.2  # CPU seconds below which growth is not told from chance
MAX_EXPONENT = 1.4  # exponent over the last two doublings: 1 is linear, 2 is quadratic
LIMITED = (
    "too_complex"  # what is said of an input that a limit of ours refuses: so is whatever is larger
)
STOP_SECONDS = 4.0  # CPU seconds after which a larger input is not tried


@dataclass(frozen=True)
class Case:
    """Work over inputs of given sizes.

    `make` is not measured. `work` returns its result as text, which is printed.
    """

    name: str
    make: Callable[[int], Any]
    work: Callable[[Any], object]
    sizes: Sequence[int]
    seconds: float = 5.0  # of the largest that was tried
    megabytes: float = 300.0
    of_a_library: bool = (
        False  # it may grow as it likes: the worker's CPU limit ends it, with a reason
    )


@dataclass(frozen=True)
class Measurement:
    """One run. `result` is what the work returned, or how it ended."""

    size: int
    seconds: float
    megabytes: float
    result: str


def measure_growth(case: Case) -> list[Measurement]:
    """Measure larger and larger inputs, until one takes long enough or all are measured."""
    taken: list[Measurement] = []
    for size in case.sizes:
        taken.append(_measured(case, size))
        if (
            taken[-1].seconds > STOP_SECONDS
            or taken[-1].result.startswith("!")
            or LIMITED in taken[-1].result
        ):
            break
    return taken


def exponent(taken: Sequence[Measurement]) -> float:
    """Return the exponent of growth over the last two doublings before a limit ended the work.

    0.0 if they were too short to measure.
    """
    some = [each for each in taken if LIMITED not in each.result and each.seconds > 0][-3:]
    if len(some) < 2 or some[-1].seconds < MIN_SECONDS:
        return 0.0
    return math.log(some[-1].seconds / some[0].seconds) / math.log(some[-1].size / some[0].size)


def slowest(taken: Sequence[Measurement]) -> Measurement:
    """Return the measurement that took longest."""
    return max(taken, key=lambda each: each.seconds)


def issues(case: Case, taken: Sequence[Measurement]) -> list[str]:
    """Return what is wrong, as sentences."""
    found = [f"size {each.size}: {each.result}" for each in taken if each.result.startswith("!")]
    if exponent(taken) > MAX_EXPONENT and not case.of_a_library:
        told = ", ".join(f"{each.seconds:.2f} s for {each.size}" for each in taken)
        found.append(f"grows with the power of {exponent(taken):.1f}: {told}")
    if slowest(taken).seconds > case.seconds:
        found.append(f"{slowest(taken).seconds:.1f} s, and {case.seconds:.0f} may be")
    if max(each.megabytes for each in taken) > case.megabytes:
        found.append(
            f"{max(each.megabytes for each in taken):.0f} MB, and {case.megabytes:.0f} may be"
        )
    return found


def _measured(case: Case, size: int) -> Measurement:
    given = case.make(size)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 3
        try:
            os.close(reading)
            os.write(writing, json.dumps(_work(case, given)).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not said:
        why = (
            "took more than its CPU time"
            if ended == -signal.SIGXCPU
            else f"ended with code {ended}"
        )
        return Measurement(size, 4 * case.seconds, 0.0, f"! {why}")
    return Measurement(size, *json.loads(said))


def _work(case: Case, given: Any) -> tuple[float, float, str]:
    limit = int(4 * case.seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, began = _peak(), time.process_time()
    try:
        said = str(case.work(given))
    except Exception as error:  # noqa: BLE001  whatever it is, it is what the trial is after
        said = f"! {type(error).__name__}: {error}"[:200]
    return time.process_time() - began, _peak() - before, said[:100]


def _peak() -> float:
    """Return the peak memory of this process in megabytes."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        if sys.platform != "darwin"
        else 0.0
    )
