"""A fork server for crawlers, so that a test need not load a crawler for each crawl.

A crawler needs a CPU second to load its modules, and the tests start more than a hundred. Here one
process loads what `python -m crawler` loads, and each crawler is forked from it. A test cannot
distinguish it from `python -P -m crawler`: standard streams, folder, environment, arguments and
exit code are those of the command that requests it. Signals are passed on to it, and it ends when
the command ends. Kills, signals and the start itself are tested with `SEPARATE_CRAWLER`.

Run as a program this is the fork server (`serve FD`, until its standard input closes), or the
command that requests a crawler (`PATH ARGUMENTS`). The command loads as little as it can.
"""

from __future__ import annotations

import marshal
import os
import select
import signal
import socket
import sys
import threading
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SEPARATE_CRAWLER = (sys.executable, "-P", "-m", "crawler")
# pathlib takes longer to load
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
LENGTH_BYTES = 4  # that say how long a request is
CRASHED = 70  # exit code of a crawler that returned


@contextmanager
def fork_server() -> Iterator[tuple[str, ...]]:
    """Yield the command that requests a crawler. Modules are loaded with the first request."""
    import subprocess
    import tempfile

    with (
        tempfile.TemporaryDirectory(prefix="nd") as folder,
        socket.socket(socket.AF_UNIX) as listener,
    ):
        path = f"{folder}/n"
        listener.bind(path)
        listener.listen(64)
        fd = listener.fileno()
        program = [sys.executable, "-P", __file__, "serve", str(fd)]
        with subprocess.Popen(program, stdin=subprocess.PIPE, pass_fds=[fd]) as server:
            yield sys.executable, "-I", "-S", __file__, path
            assert server.stdin is not None
            server.stdin.close()


def serve(listener: socket.socket) -> None:
    """Fork crawlers and report their exit codes, until standard input closes."""
    wakeup_reader, wakeup_writer = os.pipe()
    os.set_blocking(wakeup_writer, False)
    signal.set_wakeup_fd(wakeup_writer)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    clients: dict[int, socket.socket] = {}  # by the process id of their crawler
    while True:
        ready = select.select([0, listener, wakeup_reader], [], [])[0]
        if 0 in ready and not os.read(0, 4096):
            return
        if wakeup_reader in ready:
            os.read(wakeup_reader, 4096)
            _report_exit_codes(clients)
        if listener in ready:
            _preload()
            client = listener.accept()[0]
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                for inherited in (listener, *clients.values()):
                    inherited.close()
                os.close(wakeup_reader)
                os.close(wakeup_writer)
                become_crawler(client)
            clients[pid] = client


def _preload() -> None:
    """Load all modules of a crawler, once."""
    if "crawler" in sys.modules:
        return
    import gc
    from importlib import import_module

    sys.path.insert(0, ROOT)
    for name in ("crawler.__main__", "crawler.rendering.middleware"):
        import_module(name)
    del sys.modules["crawler.__main__"]  # each crawler runs it
    gc.collect()
    gc.freeze()  # otherwise the next collection of each crawler would copy all memory pages


def _report_exit_codes(clients: dict[int, socket.socket]) -> None:
    while clients:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with clients.pop(pid) as client:
            try:
                client.sendall(str(os.waitstatus_to_exitcode(status)).encode())
            except OSError:  # the client was killed
                continue


def become_crawler(client: socket.socket) -> None:
    """Turn this process into the crawler that a client requests."""
    from runpy import run_module

    length, streams, _, _ = socket.recv_fds(client, LENGTH_BYTES, 3, socket.MSG_WAITALL)
    request = _receive(client, int.from_bytes(length))
    folder, arguments, environment = marshal.loads(request)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["crawler", *arguments]
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_receive_signals, args=(client,), daemon=True).start()
    run_module("crawler", run_name="__main__", alter_sys=True)
    os._exit(CRASHED)  # a crawler never returns


def _receive(client: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        received += client.recv(size - len(received))
    return received


def _receive_signals(client: socket.socket) -> None:
    """Raise the signals that the client received, and end when the client ends."""
    while numbers := client.recv(64):
        for number in numbers:
            os.kill(os.getpid(), number)
    os.kill(os.getpid(), signal.SIGKILL)


def request_crawler(path: str, arguments: list[str]) -> int:
    """Request a crawler with the streams of this process, and return its exit code."""
    server = socket.socket(socket.AF_UNIX)
    server.connect(path)
    request = marshal.dumps((os.getcwd(), arguments, dict(os.environ)))  # noqa: PTH109
    socket.send_fds(server, [len(request).to_bytes(LENGTH_BYTES)], [0, 1, 2])
    server.sendall(request)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: server.sendall(bytes([received])))
    code = int(server.recv(16))
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(socket.socket(fileno=int(sys.argv[2])))
    else:
        sys.exit(request_crawler(sys.argv[1], sys.argv[2:]))
