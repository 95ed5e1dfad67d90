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

MIN_SECONDS = 0.2  # CPU seconds below which growth may be chance
MAX_EXPONENT = 1.4  # exponent over the last two doublings: 1 is linear, 2 is quadratic
LIMITED = "too_complex"  # the reason if a limit refuses an input; it refuses larger ones, too
STOP_SECONDS = 4.0  # CPU seconds after which no larger input is measured


@dataclass(frozen=True)
class Case:
    """Work over inputs of given sizes.

    `make` is not measured. `work` returns its result as text, which is printed.
    """

    name: str
    make: Callable[[int], Any]
    work: Callable[[Any], object]
    sizes: Sequence[int]
    seconds: float = 5.0  # of the slowest input
    megabytes: float = 300.0
    is_in_library: bool = False  # any growth is allowed: the CPU limit of the worker ends it


@dataclass(frozen=True)
class Measurement:
    """One run. `result` is what the work returned, or how it ended."""

    size: int
    seconds: float
    megabytes: float
    result: str


def measure_growth(case: Case) -> list[Measurement]:
    """Measure larger and larger inputs, until one takes long enough or all are measured."""
    measurements: list[Measurement] = []
    for size in case.sizes:
        measurements.append(_measure(case, size))
        if (
            measurements[-1].seconds > STOP_SECONDS
            or measurements[-1].result.startswith("!")
            or LIMITED in measurements[-1].result
        ):
            break
    return measurements


def exponent(measurements: Sequence[Measurement]) -> float:
    """Return the exponent of growth over the last two doublings before a limit ended the work.

    0.0 if they were too short to measure.
    """
    measured = [
        measurement
        for measurement in measurements
        if LIMITED not in measurement.result and measurement.seconds > 0
    ][-3:]
    if len(measured) < 2 or measured[-1].seconds < MIN_SECONDS:
        return 0.0
    return math.log(measured[-1].seconds / measured[0].seconds) / math.log(
        measured[-1].size / measured[0].size
    )


def slowest(measurements: Sequence[Measurement]) -> Measurement:
    """Return the measurement that took longest."""
    return max(measurements, key=lambda measurement: measurement.seconds)


def issues(case: Case, measurements: Sequence[Measurement]) -> list[str]:
    """Return what is wrong, as sentences."""
    sentences = [
        f"size {measurement.size}: {measurement.result}"
        for measurement in measurements
        if measurement.result.startswith("!")
    ]
    if exponent(measurements) > MAX_EXPONENT and not case.is_in_library:
        times = ", ".join(
            f"{measurement.seconds:.2f} s for {measurement.size}" for measurement in measurements
        )
        sentences.append(f"grows with the power of {exponent(measurements):.1f}: {times}")
    if slowest(measurements).seconds > case.seconds:
        sentences.append(f"{slowest(measurements).seconds:.1f} s; the limit is {case.seconds:.0f}")
    megabytes = max(measurement.megabytes for measurement in measurements)
    if megabytes > case.megabytes:
        sentences.append(f"{megabytes:.0f} MB; the limit is {case.megabytes:.0f}")
    return sentences


def _measure(case: Case, size: int) -> Measurement:
    input_value = case.make(size)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 3
        try:
            os.close(reading)
            os.write(writing, json.dumps(_work(case, input_value)).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        output = pipe.read()
    exit_code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not output:
        why = (
            "used more than its CPU time"
            if exit_code == -signal.SIGXCPU
            else f"ended with code {exit_code}"
        )
        return Measurement(size, 4 * case.seconds, 0.0, f"! {why}")
    return Measurement(size, *json.loads(output))


def _work(case: Case, input_value: Any) -> tuple[float, float, str]:
    limit = int(4 * case.seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before, began = _peak(), time.process_time()
    try:
        result = str(case.work(input_value))
    except Exception as error:  # noqa: BLE001 - any error is what the stress test looks for
        result = f"! {type(error).__name__}: {error}"[:200]
    return time.process_time() - began, _peak() - before, result[:100]


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
