"""`python -m crawler.fork_server FD`: a process that has loaded the crawler, and forks crawlers.

A crawler needs a second of CPU to load its modules, and a night of many small sites is little else.
This process loads them once. It starts no reactor and no thread and opens no connection, so that
each fork is like a crawler that was started by itself.

FD is a stream socket. A request is one line of JSON with the arguments of the crawler, sent with
three file descriptors for its standard streams. The replies are lines of JSON: `{"pid": …}` when a
crawler was forked, and `{"pid": …, "code": …}` when it ended, with a negative number for a signal.
The process ends when the other end of the socket closes.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from typing import Final, NoReturn

from scrapy.settings import default_settings

from crawler.scrapy_process import configure_once

# What each crawl loads at its first use, besides the components that Scrapy's settings name.
LATE_MODULES: Final = (
    "crawler.http.network_guard",
    "crawler.http.response_head_limit",
    "encodings.cp1252",
    "encodings.idna",
    "encodings.utf_8_sig",
    "scrapy.core.downloader.handlers.http11",
    "scrapy.pqueues",
    "scrapy.squeues",
    "sqlite3",
    "twisted.internet.endpoints",
    "twisted.web.client",
    "xml.sax.expatreader",
)
END_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
MAX_REQUEST_BYTES: Final = 4096
CRASHED: Final = 70  # exit code of a crawler that raised


def serve(control: socket.socket) -> None:
    """Fork crawlers until the other end of the socket closes.

    Args:
        control: The socket of the requests and replies.
    """
    _preload()
    wakeup, wakeup_writer = os.pipe()
    os.set_blocking(wakeup_writer, False)
    signal.set_wakeup_fd(wakeup_writer)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # Ctrl-C and the end of a service reach the whole group. The crawlers end in order then, and
    # this process reports it.
    for number in END_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    while True:
        ready = select.select([control.fileno(), wakeup], [], [])[0]
        if wakeup in ready:
            os.read(wakeup, 4096)
            _report_ended(control)
        if control.fileno() in ready:
            request, streams, _, _ = socket.recv_fds(control, MAX_REQUEST_BYTES, 3)
            if not request:
                return
            # A signal that comes before the crawler has its own handlers waits until then.
            signal.pthread_sigmask(signal.SIG_BLOCK, END_SIGNALS)
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                for fd in (wakeup, wakeup_writer, control.detach()):
                    os.close(fd)
                _become_crawler(json.loads(request), streams)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, END_SIGNALS)
            for stream in streams:
                os.close(stream)
            _reply(control, {"pid": pid})


def _preload() -> None:
    import_module("crawler.__main__")
    for name in (*_component_modules(), *LATE_MODULES):
        with suppress(ImportError):  # another version of Scrapy has other modules
            import_module(name)
    configure_once()
    gc.collect()
    gc.freeze()  # otherwise the next collection of each crawler would copy all memory pages


def _component_modules() -> Iterator[str]:
    """Yield the modules of all components that Scrapy's default settings name."""
    for value in vars(default_settings).values():
        paths = value if isinstance(value, dict) else (value,)
        for path in paths:
            if isinstance(path, str) and path.startswith("scrapy."):
                yield path.rpartition(".")[0]


def _report_ended(control: socket.socket) -> None:
    with suppress(ChildProcessError):  # there is no child left
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            _reply(control, {"pid": pid, "code": os.waitstatus_to_exitcode(status)})


def _reply(control: socket.socket, reply: dict[str, int]) -> None:
    with suppress(OSError):  # the parent is gone, and the next read says so
        control.sendall(json.dumps(reply).encode() + b"\n")


def _become_crawler(arguments: list[str], streams: list[int]) -> NoReturn:
    """Turn this process into a crawler. It never returns."""
    from crawler.__main__ import run

    code = CRASHED
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, END_SIGNALS)
        sys.argv = ["crawler", *arguments]
        code = run()
    except BaseException:  # noqa: BLE001  as the interpreter does it at the end of a program
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
