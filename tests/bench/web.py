"""Measure the web app: `python -m tests.bench.web`.

`nightdesk serve` answers from an archive of invented articles on SQLite. The figures are requests a
second and CPU of the server for each kind of page on one kept-alive connection, and the response
times of several clients at the same time.
"""

from __future__ import annotations

import argparse
import http.client
import random
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench.generated_archive import Archive
from tests.stress.serving import cpu_seconds, fill, paths_of, percentiles, serving

ARTICLES = 20_000
CLIENTS = 8
SECONDS = 5.0  # for each kind of page
HEADERS = {"Accept-Encoding": "gzip"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.web", description="Measures the pages of the web app."
    )
    parser.add_argument("--articles", type=int, default=ARTICLES, metavar="N")
    parser.add_argument("--seconds", type=float, default=SECONDS, metavar="N")
    options = parser.parse_args(arguments)
    archive = Archive(options.articles)
    with tempfile.TemporaryDirectory(prefix="nd-web-") as folder:
        home = Path(folder)
        fill(home, archive)
        with serving(home) as (address, server):
            paths = {"front page": ["/"], **paths_of(archive)}
            for name, some_paths in paths.items():
                _measure_one(name, address, some_paths, server.pid, options.seconds)
            _measure_many(address, paths["article"], options.seconds)
    return 0


def _measure_one(
    name: str, address: str, paths: Sequence[str], server: int, seconds: float
) -> None:
    """Ask for pages one after another on one connection."""
    cpu = cpu_seconds(server)
    times, size = _read(address, paths, seconds)
    cpu = (cpu_seconds(server) - cpu) / len(times) * 1000
    rate = len(times) / sum(times)
    _print(
        f"{name:12}{rate:8.0f} requests a second{cpu:8.1f} ms of CPU"
        f"{size / len(times) / 1000:8.1f} kB each"
    )


def _measure_many(address: str, paths: Sequence[str], seconds: float) -> None:
    all_times: list[float] = []

    def read() -> None:
        all_times.extend(_read(address, paths, seconds)[0])

    threads = [threading.Thread(target=read) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    median, p95, _ = percentiles(all_times)
    _print(
        f"{CLIENTS} clients, articles: {len(all_times) / seconds:.0f} requests a second, "
        f"median {median * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms"
    )


def _read(address: str, paths: Sequence[str], seconds: float) -> tuple[list[float], int]:
    """Read pages for some seconds; return the time of each and the bytes of all."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    times, size, end = [], 0, time.monotonic() + seconds
    choice = random.Random(3)
    while time.monotonic() < end:
        began = time.perf_counter()
        path = choice.choice(paths)
        connection.request("GET", path, headers=HEADERS)
        response = connection.getresponse()
        size += len(response.read())
        times.append(time.perf_counter() - began)
        if response.status != 200:
            sys.exit(f"{path}: answered {response.status}")
    connection.close()
    return times, size


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
