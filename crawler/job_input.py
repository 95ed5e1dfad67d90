"""Reads jobs from standard input, one JSON line each.

The parent keeps it open. When it closes, the parent is dead and the process exits at once: a kill
at any moment loses nothing.
"""

from __future__ import annotations

import os
import queue
import threading

from pipeline.core.errors import ExitCode

CHUNK_BYTES = 65536


class JobInput:
    """The jobs of a process. A thread reads them, and ends the process with its parent.

    Args:
        fd: The file descriptor to read.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lines = queue.SimpleQueue[bytes]()

    def first(self) -> bytes:
        """Return the first line; b"" if there is none. Call this once, before `next`."""
        line, _, rest = self._read_line(b"").partition(b"\n")
        threading.Thread(target=self._read_rest, args=(rest,), daemon=True).start()
        return line

    def next(self, seconds: float) -> bytes:
        """Return the next line.

        Args:
            seconds: How long to wait for it.

        Returns:
            The line; b"" if none came in time.
        """
        try:
            return self._lines.get(timeout=seconds)
        except queue.Empty:
            return b""

    def _read_line(self, received: bytes) -> bytes:
        """Read to the end of a line or of the input."""
        while b"\n" not in received and (chunk := os.read(self._fd, CHUNK_BYTES)):
            received += chunk
        return received

    def _read_rest(self, received: bytes) -> None:
        while b"\n" in (received := self._read_line(received)):
            line, _, received = received.partition(b"\n")
            self._lines.put(line)
        os._exit(ExitCode.INTERRUPTED)
