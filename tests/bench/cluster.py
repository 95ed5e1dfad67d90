"""Measure what a second worker brings: `python -m tests.bench.cluster`.

The benchmark fills an archive of invented sites on a PostgreSQL server of its own and cleans it
once. Then it marks all results as those of older extractors, and copies the database for each
measurement. So every page is extracted and cleaned again: by one worker, by two workers, and by two
workers of which one is killed. With `--first`, the pages were never cleaned. Then the database also
builds the full-text index, which is most of its work.

Each worker has one processor and one process that extracts. So two workers have twice the
resources of one, except for the database, which shares the processors with them. The rate counts
from the start of the first task to the end of the last one, as the task queue has recorded them.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import make_url

from pipeline.cluster.tasks import PAYLOADS_PER_PART
from pipeline.core.models import Capture, CrawlSource, Link, LinkDecision, Outcome, Reason, UrlKind
from pipeline.extract import EXTRACTORS
from pipeline.store.crawl.session import CrawlSession
from tests.bench.generated_site import page_of, path_of
from tests.stress.commands import ROOT, ProcessMemory, nightdesk
from tests.stress.nights import query_rows, start_postgres

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MAX_SECONDS = 4 * 3600.0  # for one measurement
MIN_SPEEDUP = 1.8  # of two workers against one
QUEUE = "procrastinate.procrastinate_jobs"
EVENTS = "procrastinate.procrastinate_events"
DURATION = f"""
    SELECT extract(epoch FROM max(at) FILTER (WHERE type = 'succeeded')
        - min(at) FILTER (WHERE type = 'started'))
    FROM {EVENTS}
"""
RESTARTED_TASKS = f"""
    SELECT task_name, (args->>'pages')::int, extract(epoch FROM (
        SELECT max(at) FROM {EVENTS} e WHERE e.job_id = j.id AND type = 'started'
    ) - to_timestamp({{killed_at}}))
    FROM {QUEUE} j WHERE id = ANY(ARRAY[{{tasks}}])
"""
TASKS_OF_WORKER = f"""
    SELECT id FROM {QUEUE} WHERE status = 'doing' AND worker_id IN (
        SELECT worker_id FROM procrastinate.nightdesk_workers WHERE process LIKE 'process {{pid}} %'
    )
"""
EXTRACTED_PARTS = f"SELECT 1 FROM {QUEUE} WHERE task_name = 'extract' AND status = 'succeeded'"
OPEN_TASKS = f"SELECT 1 FROM {QUEUE} WHERE status IN ('todo', 'doing') LIMIT 1"


@dataclass(frozen=True)
class RestartedTask:
    """A task of the killed worker, which the other worker started again.

    Attributes:
        kind: The name of the task.
        pages: How many pages it has.
        seconds: From the end of the killed worker to the new start.
    """

    kind: str
    pages: int
    seconds: float


@dataclass(frozen=True)
class Measurement:
    """One run over all pages.

    Attributes:
        rate: Pages per second.
        megabytes: Peak memory of the largest process.
        restarted: Tasks of a killed worker.
    """

    rate: float
    megabytes: float
    restarted: tuple[RestartedTask, ...] = ()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 1 if two workers are not fast enough."""
    options = _parse_options(arguments)
    with tempfile.TemporaryDirectory(prefix="nd-bench-") as folder, start_postgres() as (server, _):
        home = write_home(Path(folder), options.sites)
        began = time.monotonic()
        filled = create_database(server, "filled")
        fill(filled, options.pages, options.sites)
        if not options.first:
            _clean_and_mark_stale(home, filled)
        state = "stored" if options.first else "stored and cleaned"
        seconds = time.monotonic() - began
        _print(f"{options.pages:,} pages of {options.sites} sites {state} in {seconds:.0f} s")
        speedups = [_compare(server, home, options.pages) for _ in range(options.pairs)]
        with_kill = _measure(server, home, 2, options.pages, kill=True)
        _report_kill(with_kill)
    speedup = sorted(speedups)[len(speedups) // 2]
    _print(
        f"two workers clean {speedup:.2f} times as fast as one;"
        f" an idle machine must reach {MIN_SPEEDUP}"
    )
    return 0 if speedup >= MIN_SPEEDUP else 1


def _parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.cluster", description="Measures cleaning by several workers."
    )
    parser.add_argument("--pages", type=int, default=20_000, metavar="N", help="stored pages")
    parser.add_argument("--sites", type=int, default=10, metavar="N", help="sites of these pages")
    parser.add_argument("--first", action="store_true", help="pages that were never cleaned")
    parser.add_argument(
        "--pairs", type=int, default=1, metavar="N", help="comparisons of one worker and two"
    )
    options = parser.parse_args(arguments)
    if options.pages // options.sites <= PAYLOADS_PER_PART:
        parser.error(
            f"workers do not share a site with {PAYLOADS_PER_PART} pages or fewer;"
            " ask for more pages or fewer sites"
        )
    return options


def _report_kill(measurement: Measurement) -> None:
    for task in measurement.restarted:
        description = f"the cleaning of a site of {task.pages} pages"
        if task.kind == "extract":
            description = f"a part of {task.pages} pages"
        _print(
            f"two workers, one killed: it had {description},"
            f" which the other one started again after {task.seconds:.0f} s"
        )
    _print(f"two workers, one killed: {measurement.rate:.1f} pages a second")


def _compare(server: str, home: Path, pages: int) -> float:
    one = _measure(server, home, 1, pages)
    two = _measure(server, home, 2, pages)
    speedup = two.rate / one.rate
    _print(
        f"one worker {one.rate:.1f} pages a second, two {two.rate:.1f}: {speedup:.2f} times as fast"
    )
    _print(f"the largest of their processes had {max(one.megabytes, two.megabytes):.0f} MB")
    return speedup


def _measure(
    server: str, home: Path, worker_count: int, pages: int, *, kill: bool = False
) -> Measurement:
    """Clean a new copy of the archive with some workers."""
    address = create_database(server, "copy", "filled")
    with _workers(home, address, worker_count) as workers:
        _wait_until(lambda: _registered_workers(address) == worker_count, 120)
        ended = nightdesk(home, "clean", "--enqueue", seconds=600, NIGHTDESK_DATABASE_URL=address)
        if ended.code:
            raise RuntimeError(ended.err)
        interrupted: list[int] = []
        killed_at = 0.0
        if kill:
            _wait_until(
                lambda: len(query_rows(address, EXTRACTED_PARTS)) > pages // 1000, MAX_SECONDS
            )
            interrupted, killed_at = _kill_during_task(address, workers[0])
        _wait_until(lambda: not query_rows(address, OPEN_TASKS), MAX_SECONDS)
        memory = ProcessMemory()
        for worker in workers:
            memory.find_processes(worker.pid)
            memory.update_peaks()
    _check_result(address, pages)
    seconds = float(str(query_rows(address, DURATION)[0][0]))
    megabytes = max(peak for _, peak in memory.peaks.values())
    return Measurement(
        pages / seconds, megabytes, _restarted_tasks(address, interrupted, killed_at)
    )


def _kill_during_task(address: str, worker: subprocess.Popen[bytes]) -> tuple[list[int], float]:
    """Kill a worker while it has tasks; return their ids, and when it was killed."""
    query = TASKS_OF_WORKER.format(pid=worker.pid)
    _wait_until(lambda: query_rows(address, query), 60)
    worker.kill()
    killed_at = time.time()
    return [int(str(task)) for (task,) in query_rows(address, query)], killed_at


def _restarted_tasks(
    address: str, tasks: Sequence[int], killed_at: float
) -> tuple[RestartedTask, ...]:
    if not tasks:
        return ()
    query = RESTARTED_TASKS.format(killed_at=killed_at, tasks=", ".join(map(str, tasks)))
    restarted = []
    for kind, pages, seconds in query_rows(address, query):
        restarted.append(RestartedTask(str(kind), int(str(pages)), float(str(seconds))))
    return tuple(restarted)


def _check_result(address: str, pages: int) -> None:
    articles = _count(address, "article")
    extracted = _count(address, f"extracted_page WHERE extractors = '{EXTRACTORS}'")
    if (articles, extracted) != (pages, pages):
        raise RuntimeError(f"{articles} articles and {extracted} extracted pages of {pages} pages")


def _count(address: str, table: str) -> int:
    return int(str(query_rows(address, f"SELECT count(*) FROM {table}")[0][0]))


@contextmanager
def _workers(home: Path, address: str, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run workers on one processor each; in the end they get SIGTERM."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NIGHTDESK_")}
    environment |= {"NIGHTDESK_DATABASE_URL": address, "NIGHTDESK_WORKERS": "1"}
    command = [sys.executable, "-P", "-m", "pipeline", "--home", str(home), "worker"]
    command += ["--queues", "clean", "--concurrency", "1"]
    processors = sorted(os.sched_getaffinity(0))
    workers = []
    for number in range(count):
        worker = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        os.sched_setaffinity(worker.pid, {processors[number % len(processors)]})
        workers.append(worker)
    try:
        yield workers
    finally:
        for worker in workers:
            with suppress(ProcessLookupError):
                worker.send_signal(signal.SIGTERM)
        for worker in workers:
            worker.wait(120)


def create_database(server: str, name: str, template: str = "template1") -> str:
    """Create a database, in place of one with this name, and return its URL."""
    import psycopg

    url = make_url(server)
    plain_url = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain_url, autocommit=True) as db:
        db.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        db.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    return url.set(database=name).render_as_string(hide_password=False)


def write_home(folder: Path, sites: int) -> Path:
    """Write a home folder with this number of sites, and return it."""
    (folder / "config" / "sites").mkdir(parents=True)
    for site in range(sites):
        url = f"https://s{site}.example/"
        text = f'name = "Site {site}"\nurl = "{url}"\nfeeds = ["{url}feed.xml"]\n'
        (folder / "config" / "sites" / f"s{site}.toml").write_text(text, encoding="utf8")
    return folder


def fill(
    address: str, pages: int, sites: int, body_of: Callable[[int, int], bytes] = page_of
) -> None:
    """Store pages as crawls store them.

    Args:
        address: The address of an archive.
        pages: How many pages.
        sites: The sites among which they are divided.
        body_of: Returns the body of a page, from its number and the number of pages.
    """
    archive = CrawlSession.open(address)
    for site in range(sites):
        run = archive.start_run(f"s{site}")
        source = CrawlSource(f"https://s{site}.example/feed.xml", UrlKind.FEED)
        numbers = {}
        for number in range(site, pages, sites):
            numbers[f"https://s{site}.example{path_of(number)}"] = number
        links = tuple(LinkDecision(Link(url)) for url in numbers)
        feed_id = archive.register_source(run, source).page_id
        archive.save_source(run, _capture(feed_id, b"<rss/>"), links, source.kind)
        while due := archive.lease_due(run, 200):
            for page in due:
                body = body_of(numbers[page.url], pages)
                archive.save_capture(run, _capture(page.page_id, body), None)
        archive.finish_run(run, "finished")
    archive.close()


def _clean_and_mark_stale(home: Path, address: str) -> None:
    """Clean all pages, and mark the results as those of older extractors."""
    import psycopg

    ended = nightdesk(home, "clean", seconds=MAX_SECONDS, NIGHTDESK_DATABASE_URL=address)
    if ended.code:
        raise RuntimeError(ended.err)
    plain_url = make_url(address).set(drivername="postgresql")
    with psycopg.connect(plain_url.render_as_string(hide_password=False), autocommit=True) as db:
        db.execute("UPDATE extracted_page SET extractors = 'older'")
        db.execute("UPDATE page SET clean_recipe = 'older' WHERE clean_recipe IS NOT NULL")
        db.execute("VACUUM ANALYZE")


def _capture(page_id: int, body: bytes) -> Capture:
    return Capture(
        page_id,
        NOW,
        Outcome.FETCHED,
        Reason.NEW,
        200,
        media_type="text/html",
        body=body,
        size=len(body),
    )


def _registered_workers(address: str) -> int:
    from sqlalchemy.exc import ProgrammingError

    try:
        return len(query_rows(address, "SELECT * FROM procrastinate.nightdesk_workers"))
    except ProgrammingError:  # the workers have not created the tables yet
        return 0


def _wait_until(condition: Callable[[], object], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"the expected state was not reached within {seconds:.0f} s")
        time.sleep(0.2)


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
