"""What a stress test measured, and whether that is enough.

Each figure is one line, printed as soon as it is known. The exit code says whether all are good
enough.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable

MAX_DETAILS = 20  # printed lines about one figure


class Figures:
    """The figures of one stress test."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.failed_count = 0
        self._began = time.monotonic()

    def print_line(self, sentence: str) -> None:
        """Print a line that is no figure."""
        sys.stdout.write(sentence + "\n")
        sys.stdout.flush()

    def note(self, what: str, value: object) -> None:
        """Print a figure without a requirement."""
        self.print_line(f"       {what}: {value}")

    def check(self, what: str, value: object, is_good: bool, details: Iterable[str] = ()) -> None:
        """Print a figure and whether it is good enough. If it is not, print the details, too."""
        self.print_line(f"{'ok   ' if is_good else 'SHORT'}  {what}: {value}")
        if not is_good:
            self.failed_count += 1
            for number, line in enumerate(details):
                if number == MAX_DETAILS:
                    self.print_line("         …")
                    break
                self.print_line(f"         {line}")

    def finish(self) -> int:
        """Print a last line and return the exit code."""
        seconds = time.monotonic() - self._began
        result = (
            f"{self.failed_count} figures fell short"
            if self.failed_count
            else "all figures are good enough"
        )
        self.print_line(f"{self.name}: {result}, in {seconds:.0f} s")
        return 1 if self.failed_count else 0
