"""What a trial measured, and whether that is enough.

Promises one line for each figure as soon as it is known, and an exit code that says whether all of them were met.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable

SHOWN = 20  # lines of what fell short


class Figures:
    """The figures of one trial."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.failed_count = 0
        self._began = time.monotonic()

    def print_line(self, sentence: str) -> None:
        """A line that is no figure."""
        sys.stdout.write(sentence + "\n")
        sys.stdout.flush()

    def note(self, what: str, value: object) -> None:
        """A figure that nothing is asked of."""
        self.print_line(f"       {what}: {value}")

    def check(self, what: str, value: object, wanted: bool, details: Iterable[str] = ()) -> None:
        """A figure, and whether it is as wanted; the details are shown where it is not."""
        self.print_line(f"{'ok   ' if wanted else 'SHORT'}  {what}: {value}")
        if not wanted:
            self.failed_count += 1
            for number, line in enumerate(details):
                if number == SHOWN:
                    self.print_line("         …")
                    break
                self.print_line(f"         {line}")

    def finish(self) -> int:
        """The exit code, after a last line."""
        seconds = time.monotonic() - self._began
        fell = (
            f"{self.failed_count} figures fell short"
            if self.failed_count
            else "all figures were met"
        )
        self.print_line(f"{self.name}: {fell}, in {seconds:.0f} s")
        return 1 if self.failed_count else 0
