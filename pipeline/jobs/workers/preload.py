"""Load what is costly to load, in the process from which worker processes fork.

A worker prints nothing if its night ends before it has received its first task. The process that
started it handles Ctrl-C. If that process is gone, so are the locks and pipes that the worker was
to get, and the errors about them do not interest anybody.
"""

from __future__ import annotations

import gc
import signal
import sys
from types import TracebackType

from pipeline import extract
from pipeline.jobs.workers import tasks


def _print_unless_pipe_is_gone(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if not issubclass(kind, (OSError, EOFError)):
        sys.__excepthook__(kind, error, trace)


signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.excepthook = _print_unless_pipe_is_gone
extract.warm_up()
tasks.prepare_articles("sqlite", ())
gc.collect()
gc.freeze()  # the workers share this memory as long as they do not write to it
