"""Words to systemd: that the schedule is ready, what it does, that it is alive, that it ends (sd_notify).

Promises that nothing is sent where nobody listens, and that a word which cannot be sent costs nothing else.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress

SOCKET, WATCHDOG, WATCHED = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
VARIABLES = (SOCKET, WATCHDOG, WATCHED)  # not for children


class SystemdNotifier:
    """The service manager, as the environment of a process `pid` names it; silent where it names none."""

    def __init__(self, environment: Mapping[str, str], pid: int) -> None:
        address = environment.get(SOCKET, "")
        self._address = (
            "\0" + address[1:]
            if address.startswith("@")
            else address
            if address.startswith("/")
            else ""
        )
        period = environment.get(WATCHDOG, "")
        is_ours = environment.get(WATCHED, str(pid)) == str(pid)
        self.watchdog = (
            int(period) / 1e6 if self._address and is_ours and period.isdecimal() else 0.0
        )  # seconds; 0: none
        self._status = ""

    def ready(self) -> None:
        """The start is over."""
        self._send("READY=1")

    def alive(self) -> None:
        """Nothing hangs. To be sent more often than every `watchdog` seconds."""
        if self.watchdog:
            self._send("WATCHDOG=1")

    def status(self, sentence: str) -> None:
        """What is done now, in one line."""
        if sentence != self._status:
            self._status = sentence
            self._send(f"STATUS={' '.join(sentence.split())}")

    def stopping(self) -> None:
        """The end has begun."""
        self._send("STOPPING=1")

    def _send(self, words: str) -> None:
        if self._address:
            with (
                suppress(OSError),
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to,
            ):
                to.setblocking(False)
                to.sendto(words.encode(), self._address)
