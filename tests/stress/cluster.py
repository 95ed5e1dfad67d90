"""cluster: three workers crawl and clean three hundred sites of one PostgreSQL archive; one is
killed.

Each site has its own address on the loopback network, and each worker has its own user agent. So
the server's log shows which worker crawled which site, and when. In the end everything must be
done, nothing twice, and no two workers may have crawled one site at the same time. `--sites 40` is
for a quick check.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.stress.commands import ROOT, ProcessMemory, nightdesk
from tests.stress.figures import Figures
from tests.stress.load import STORIES, address, answer
from tests.stress.nights import ZERO_COUNTS, query_rows, start_postgres, wait_until_gone

SITES = 300
WORKERS = 3
CRAWLS = 2  # of each worker at a time
PAUSE = 0.4  # seconds that the server takes for a story: long enough for a kill during it
SECONDS = 3600.0
SITE = """name = "Site {number}"
url = "{url}"
feeds = ["{url}/feed.xml"]
[politeness]
delay = 0.1
concurrency = 1
[safety]
allow_private = true
"""
QUEUE = "SELECT status::text, count(*) FROM procrastinate.procrastinate_jobs GROUP BY 1"
CRAWLED = "SELECT count(*) FROM run WHERE kind = 'crawl' AND status = 'finished'"
RUNS = "SELECT site, kind, count(*) FROM run WHERE status = 'finished' GROUP BY 1, 2"
BROKEN = "SELECT site, kind FROM run WHERE status NOT IN ('finished', 'running')"
AT_WORK = "SELECT count(*) FROM run WHERE kind = 'crawl' AND status = 'running'"


@dataclass(frozen=True)
class LoggedRequest:
    """One request as the server saw it."""

    site: str
    path: str
    worker: str
    began: float
    ended: float


def run(figures: Figures, sites: int | None = None) -> None:
    """Run the stress test."""
    sites = sites or SITES
    with (
        tempfile.TemporaryDirectory(prefix="nd-cluster-") as folder,
        start_postgres() as (archive, _),
        _serve_sites(Path(folder) / "log.jsonl", sites) as port,
    ):
        home, bare = (
            _home(Path(folder) / "home", sites, port),
            _home(Path(folder) / "bare", 0, port),
        )
        done = nightdesk(home, "crawl", "--enqueue", seconds=300, NIGHTDESK_DATABASE_URL=archive)
        figures.check(
            "exit code of `crawl --enqueue`", done.code, done.code == 0, done.err.splitlines()
        )
        workers = [_worker(bare, archive, number) for number in range(WORKERS)]
        try:
            killed_at = _kill_one(figures, archive, workers, sites)
            _await_the_end(figures, archive, home, sites)
        finally:
            for worker in workers:
                with suppress(ProcessLookupError):
                    worker.send_signal(signal.SIGTERM)
            codes = [worker.wait(timeout=120) for worker in workers]
        figures.check(
            "exit codes of the workers; the last one was killed",
            codes,
            codes == [0, 0, -signal.SIGKILL],
        )
        _check_archive(figures, archive, sites)
        _check_log(figures, _log(Path(folder) / "log.jsonl"), sites, killed_at)


def _kill_one(
    figures: Figures, archive: str, workers: Sequence[subprocess.Popen[bytes]], sites: int
) -> float:
    """Kill the last worker during a crawl, after a third of the sites, and return the time."""
    began = time.monotonic()
    victim, family = workers[-1], ProcessMemory()
    while True:
        if _number(archive, CRAWLED) >= sites // 3 and _number(archive, AT_WORK) >= WORKERS:
            family.find_processes(victim.pid)
            if family.count("crawler"):
                break
        if time.monotonic() - began > SECONDS or victim.poll() is not None:
            raise RuntimeError("the workers did not crawl a third of the sites")
        time.sleep(0.1)
    figures.note("seconds until a third of the sites were crawled", round(time.monotonic() - began))
    at = time.time()
    victim.kill()
    victim.wait()
    gone = time.monotonic()
    wait_until_gone([pid for pid in family.peaks if pid != victim.pid])
    figures.note(
        f"seconds until {family.count('crawler')} crawlers of the killed worker ended, too",
        f"{time.monotonic() - gone:.1f}",
    )
    return at


def _await_the_end(figures: Figures, archive: str, home: Path, sites: int) -> None:
    began, reported_at = time.monotonic(), 0.0
    while True:
        queue = {str(status): int(str(number)) for status, number in query_rows(archive, QUEUE)}
        if not queue.get("todo", 0) and not queue.get("doing", 0):
            break
        if time.monotonic() - began > SECONDS:
            figures.check("end of the night", "none within an hour", False)
            return
        if time.monotonic() - reported_at > 60:
            reported_at = time.monotonic()
            status_lines = nightdesk(
                home, "status", seconds=60, NIGHTDESK_DATABASE_URL=archive
            ).out.splitlines()
            figures.note(
                "status says", " ".join(line.strip() for line in status_lines if "night of" in line)
            )
        time.sleep(1)
    figures.note("seconds from the kill to the end", round(time.monotonic() - began))
    figures.check("tasks", queue, queue == {"succeeded": 2 * sites})


def _check_archive(figures: Figures, archive: str, sites: int) -> None:
    articles = _number(archive, "SELECT count(*) FROM article")
    figures.check("articles", f"{articles} of {sites * STORIES}", articles == sites * STORIES)
    for what, query in ZERO_COUNTS.items():
        count = _number(archive, query)
        figures.check(what, count, count == 0)
    for kind in ("crawl", "clean"):
        runs = Counter(
            {
                str(site): int(str(number))
                for site, run_kind, number in query_rows(archive, RUNS)
                if run_kind == kind
            }
        )
        once = sum(number == 1 for number in runs.values())
        figures.check(
            f"sites with one finished {kind}", f"{once} of {sites}", once == sites == len(runs)
        )
    broken = Counter(str(kind) for _, kind in query_rows(archive, BROKEN))
    figures.check(
        "runs that the kill interrupted", dict(broken), 1 <= sum(broken.values()) <= 3 * CRAWLS + 1
    )


def _check_log(
    figures: Figures, log: Sequence[LoggedRequest], sites: int, killed_at: float
) -> None:
    by_site = defaultdict(list)
    for request in log:
        by_site[request.site].append(request)
    figures.check("sites that the server saw", len(by_site), len(by_site) == sites)
    counts_by_worker = Counter(request.worker for request in log)
    figures.check("requests by worker", dict(counts_by_worker), len(counts_by_worker) == WORKERS)
    both = {
        site: _workers(requests)
        for site, requests in by_site.items()
        if len(_workers(requests)) > 1
    }
    figures.check("sites that a second worker continued", len(both), len(both) > 0)
    at_once = [site for site, requests in by_site.items() if _is_concurrent(requests)]
    figures.check(
        "sites that two workers crawled at once, or in turns", len(at_once), not at_once, at_once
    )
    late = max(
        (request.began - killed_at for request in log if request.worker == f"worker{WORKERS - 1}"),
        default=0.0,
    )
    figures.check(
        "seconds after the kill until the last request of the killed worker",
        f"{late:.2f}",
        late < 5,
    )
    again = [f"{request.site}{request.path}" for request in log if request.path.startswith("/2026")]
    twice = {url: number for url, number in Counter(again).items() if number > 1}
    outside = [url for url in twice if url.partition("/")[0] not in both]
    figures.check("stories fetched twice without a kill", len(outside), not outside, outside)
    figures.note("stories fetched twice because their worker was killed", len(twice) - len(outside))
    figures.note(
        "seconds from the last request of the killed worker to the first one of the next worker",
        _takeover_seconds(by_site, both),
    )


def _takeover_seconds(by_site: dict[str, list[LoggedRequest]], both: dict[str, list[str]]) -> str:
    """Return the shortest and longest time until a second worker continues a site.

    Most of this time a site waits for a free worker.
    """
    gaps = []
    for site, workers in both.items():
        last = max(request.ended for request in by_site[site] if request.worker == workers[0])
        gaps.append(
            min(request.began for request in by_site[site] if request.worker == workers[1]) - last
        )
    return f"{min(gaps):.0f} to {max(gaps):.0f}" if gaps else "none"


def _workers(requests: Sequence[LoggedRequest]) -> list[str]:
    """Return the workers that crawled a site, in the order in which they began."""
    return list(
        dict.fromkeys(
            request.worker for request in sorted(requests, key=lambda request: request.began)
        )
    )


def _is_concurrent(requests: Sequence[LoggedRequest]) -> bool:
    """Whether a worker sent a request before the worker before it had its last answer."""
    spans = []
    for worker in _workers(requests):
        own = [request for request in requests if request.worker == worker]
        spans.append((min(request.began for request in own), max(request.ended for request in own)))
    return any(later[0] < earlier[1] for earlier, later in pairwise(spans))


def _number(archive: str, query: str) -> int:
    return int(str(query_rows(archive, query)[0][0]))


def _worker(home: Path, archive: str, number: int) -> subprocess.Popen[bytes]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTDESK_")}
    ours = {
        "NIGHTDESK_DATABASE_URL": archive,
        "NIGHTDESK_USER_AGENT": f"worker{number} (+{{contact}})",
        "NIGHTDESK_WORKERS": "1",
    }
    command = [
        sys.executable,
        "-P",
        "-m",
        "pipeline",
        "--home",
        str(home),
        "worker",
        "--concurrency",
        str(CRAWLS),
    ]
    with (home / f"worker{number}.log").open("wb") as log:
        return subprocess.Popen(
            command, cwd=ROOT, env=bare | ours, stdout=log, stderr=log, start_new_session=True
        )


def _home(home: Path, sites: int, port: int) -> Path:
    """Create a home folder with this number of site files. A worker needs none."""
    (home / "config" / "sites").mkdir(parents=True)
    (home / "config" / "nightdesk.toml").write_text(
        'contact = "nobody@example.org"\n', encoding="utf8"
    )
    for number in range(sites):
        path = home / "config" / "sites" / f"site{number:03}.toml"
        path.write_text(
            SITE.format(number=number, url=f"http://{address(number)}:{port}"), encoding="utf8"
        )
    return home


@contextmanager
def _serve_sites(log: Path, sites: int) -> Iterator[int]:
    command = [sys.executable, "-m", "tests.stress.cluster", str(log), str(sites)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        try:
            yield int(server.stdout.readline())
        finally:
            server.stdin.close()


def _log(path: Path) -> list[LoggedRequest]:
    return [
        LoggedRequest(**json.loads(line)) for line in path.read_text(encoding="utf8").splitlines()
    ]


async def _serve(file: Path, sites: int) -> None:
    with file.open("w", encoding="utf8") as log:

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while head := (await reader.readuntil(b"\r\n\r\n")).decode("latin-1"):
                    began, path = time.time(), head.split(" ")[1]
                    host, worker = (_header_value(head, name) for name in ("host", "user-agent"))
                    if path.startswith("/2026"):
                        await asyncio.sleep(PAUSE)
                    writer.write(answer(host, path, sites))
                    entry = {
                        "site": host.rpartition(":")[0],
                        "path": path,
                        "worker": worker.split(" ")[0],
                    }
                    log.write(json.dumps(entry | {"began": began, "ended": time.time()}) + "\n")
                    log.flush()
                    await writer.drain()
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.close()

        first = await asyncio.start_server(handle, address(0), 0)
        port = first.sockets[0].getsockname()[1]
        await asyncio.start_server(handle, [address(number) for number in range(1, sites)], port)
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
        log.flush()
        os._exit(0)


def _header_value(head: str, name: str) -> str:
    match = re.search(rf"^{name}:\s*(.*?)\r?$", head, re.IGNORECASE | re.MULTILINE)
    return match.group(1) if match else ""


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2])))
