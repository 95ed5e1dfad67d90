"""Tell systemd that a service is ready, what it does, that it is alive, and that it stops.

This is the protocol of sd_notify(3). Nothing is sent if nobody listens, and a message that cannot
be sent has no effect.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress

SOCKET_VARIABLE = "NOTIFY_SOCKET"
WATCHDOG_VARIABLE = "WATCHDOG_USEC"
WATCHDOG_PID_VARIABLE = "WATCHDOG_PID"
VARIABLES = (SOCKET_VARIABLE, WATCHDOG_VARIABLE, WATCHDOG_PID_VARIABLE)  # not for children


class SystemdNotifier:
    """Sends messages to the service manager that the environment names, if there is one.

    Args:
        environment: The environment of the process.
        pid: The id of the process.

    Attributes:
        watchdog: Seconds within which systemd expects a sign of life; 0 if it expects none.
    """

    def __init__(self, environment: Mapping[str, str], pid: int) -> None:
        self._address = _socket_address(environment.get(SOCKET_VARIABLE, ""))
        self._status = ""
        self.watchdog = 0.0
        microseconds = environment.get(WATCHDOG_VARIABLE, "")
        is_for_us = environment.get(WATCHDOG_PID_VARIABLE, str(pid)) == str(pid)
        if self._address and is_for_us and microseconds.isdecimal():
            self.watchdog = int(microseconds) / 1e6

    def ready(self) -> None:
        """Report that the service has started."""
        self._send("READY=1")

    def alive(self) -> None:
        """Report a sign of life. Call this more often than every `watchdog` seconds."""
        if self.watchdog:
            self._send("WATCHDOG=1")

    def status(self, sentence: str) -> None:
        """Report what the service does, in one line."""
        if sentence != self._status:
            self._status = sentence
            self._send(f"STATUS={' '.join(sentence.split())}")

    def stopping(self) -> None:
        """Report that the service stops."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
        with suppress(OSError), socket.socket(socket.AF_UNIX, kind) as sender:
            sender.setblocking(False)
            sender.sendto(message.encode(), self._address)


def _socket_address(name: str) -> str:
    """Return the address of a socket: a path, or an abstract name after "@"."""
    if name.startswith("@"):
        return "\0" + name[1:]
    return name if name.startswith("/") else ""
