"""Crawlers that need not be loaded: each is forked from one process that has loaded what `python -m crawler` does.

A crawler takes a CPU second to load what it needs, and the tests start more than a hundred. Promises one that cannot be told
from `python -P -m crawler WORDS`: the standard streams, folder, environment, words and exit code are those of the command that
asks for it, signals are passed on to it, and it is gone when the command is. What a crawler of its own shows better (kills,
signals, the start itself) is tested with `OWN`, and in commands that are processes themselves (`command.child` and `running`).

Run as a program it is the nursery (`serve FD`, to the end of its standard input), or the command that asks for a crawler
(`PATH WORDS`), which therefore loads as little as it can.
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

OWN = (sys.executable, "-P", "-m", "crawler")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120 - pathlib takes longer
LENGTH = 4  # bytes that say how long an order is


@contextmanager
def nursery() -> Iterator[tuple[str, ...]]:
    """The command that gets a crawler, while the block lasts. What it needs is loaded when the first one is asked for."""
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory(prefix="nd") as folder, socket.socket(socket.AF_UNIX) as door:
        door.bind(path := f"{folder}/n")
        door.listen(64)
        program = [sys.executable, "-P", __file__, "serve", str(door.fileno())]
        with subprocess.Popen(program, stdin=subprocess.PIPE, pass_fds=[door.fileno()]) as serving:
            yield sys.executable, "-I", "-S", __file__, path
            assert serving.stdin is not None
            serving.stdin.close()


def serve(door: socket.socket) -> None:
    """Forks crawlers, and passes on what they ended with."""
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asking: dict[int, socket.socket] = {}
    while True:
        ready = select.select([0, door, told], [], [])[0]
        if 0 in ready and not os.read(0, 4096):
            return
        if told in ready:
            os.read(told, 4096)
            _pass_on(asking)
        if door in ready:
            _load()
            asked = door.accept()[0]
            if (pid := os.fork()) == 0:
                signal.set_wakeup_fd(-1)
                for each in (door, *asking.values()):
                    each.close()
                os.close(told)
                os.close(tell)
                become_crawler(asked)
            asking[pid] = asked


def _load() -> None:
    """What a crawler loads, once."""
    if "crawler" in sys.modules:
        return
    import gc
    from importlib import import_module

    sys.path.insert(0, ROOT)
    for name in ("crawler.__main__", "crawler.rendering.middleware"):
        import_module(name)
    del sys.modules["crawler.__main__"]  # which each of them runs
    gc.collect()
    gc.freeze()  # else the next collection of each crawler would write to all of it, and so copy it


def _pass_on(asking: dict[int, socket.socket]) -> None:
    while asking:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with asking.pop(pid) as asked:
            try:
                asked.sendall(str(os.waitstatus_to_exitcode(status)).encode())
            except OSError:  # whoever asked was killed
                continue


def become_crawler(asked: socket.socket) -> None:
    """This process goes on as the crawler that somebody asks for."""
    from runpy import run_module

    length, streams, _, _ = socket.recv_fds(asked, LENGTH, 3, socket.MSG_WAITALL)
    folder, words, variables = marshal.loads(_read(asked, int.from_bytes(length)))
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = ["crawler", *words]
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_obey, args=(asked,), daemon=True).start()
    run_module("crawler", run_name="__main__", alter_sys=True)
    os._exit(70)  # it does not come back


def _read(asked: socket.socket, size: int) -> bytes:
    said = b""
    while len(said) < size:
        said += asked.recv(size - len(said))
    return said


def _obey(asked: socket.socket) -> None:
    """Takes the signals that came to whoever asked, and does not outlive it."""
    while numbers := asked.recv(64):
        for number in numbers:
            os.kill(os.getpid(), number)
    os.kill(os.getpid(), signal.SIGKILL)


def ask(path: str, words: list[str]) -> int:
    """Has a crawler with this process's streams, and ends as it does."""
    asked = socket.socket(socket.AF_UNIX)
    asked.connect(path)
    order = marshal.dumps((os.getcwd(), words, dict(os.environ)))  # noqa: PTH109
    socket.send_fds(asked, [len(order).to_bytes(LENGTH)], [0, 1, 2])
    asked.sendall(order)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda sent, _: asked.sendall(bytes([sent])))
    code = int(asked.recv(16))
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(socket.socket(fileno=int(sys.argv[2])))
    else:
        sys.exit(ask(sys.argv[1], sys.argv[2:]))
