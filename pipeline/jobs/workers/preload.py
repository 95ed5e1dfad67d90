"""Imported once by the process from which the workers fork: what is costly to load is loaded there.

Promises workers that say nothing where their night is over before they have come to their own orders: Ctrl-C is for the process
that started them to answer, and one that is gone has taken the locks and pipes with it that they were to be given.
"""

from __future__ import annotations

import signal
import sys
from types import TracebackType

from pipeline import extract
from pipeline.jobs.workers import tasks


def _say(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, (OSError, EOFError)):
        sys.__excepthook__(kind, error, trace)


signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.excepthook = _say
extract.warm_up()
tasks.index_rows("sqlite", ())
