"""Imported once by the process from which the workers fork: what is costly to load is loaded there."""

from __future__ import annotations

import signal

# Ctrl-C is for the process that started us to answer; a worker would say a traceback before it comes to its own orders.
signal.signal(signal.SIGINT, signal.SIG_IGN)

from pipeline import extract  # noqa: E402

extract.warm()
