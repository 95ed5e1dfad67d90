"""`python -m tests.bench.cluster` — what a second worker brings: pages are cleaned by one, by two, and by two of whom one dies.

A made-up archive of some sites is filled and cleaned once on a PostgreSQL of its own, then told that all of it was the work of
older extractors, and copied for each measurement: every page is extracted and struck again. With --first its pages were never
cleaned, and what they bring (the full-text index above all) is the database's work too. A worker is held on one processor and
has one process that extracts, so that two workers have twice of everything but the database, which shares the processors with
them. The rate is that of the first errand's start to the last one's end, as the queue has written it down.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
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
SECONDS = 4 * 3600.0
WANTED = 1.8
QUEUE = "procrastinate.procrastinate_jobs"
SPAN = (
    "SELECT extract(epoch FROM max(at) FILTER (WHERE type = 'succeeded') - min(at) FILTER (WHERE type = 'started'))"
    " FROM procrastinate.procrastinate_events"
)
TAKEN = (
    "SELECT task_name, (args->>'pages')::int, extract(epoch FROM (SELECT max(at) FROM procrastinate.procrastinate_events e"
    f" WHERE e.job_id = j.id AND type = 'started') - to_timestamp(%s)) FROM {QUEUE} j WHERE id = ANY(ARRAY[%s])"
)


@dataclass(frozen=True)
class Measured:
    """One run: pages a second, megabytes of the largest process, and what was taken over as (kind, pages, seconds until it was
    begun again)."""

    rate: float
    megabytes: float = 0.0
    taken: tuple[tuple[str, int, float], ...] = ()


def main(words: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.cluster", description="Measures cleaning by several workers."
    )
    parser.add_argument("--pages", type=int, default=20_000, metavar="N", help="stored pages")
    parser.add_argument(
        "--sites", type=int, default=10, metavar="N", help="sites that they belong to"
    )
    parser.add_argument("--first", action="store_true", help="pages that were never cleaned")
    parser.add_argument(
        "--pairs",
        type=int,
        default=1,
        metavar="N",
        help="how often one worker and two are compared",
    )
    options = parser.parse_args(words)
    if options.pages // options.sites <= PAYLOADS_PER_PART:
        parser.error(
            f"a site of no more than {PAYLOADS_PER_PART} pages is not shared by workers; ask for more pages or fewer sites"
        )
    with tempfile.TemporaryDirectory(prefix="nd-bench-") as folder, start_postgres() as (server, _):
        home = _home(Path(folder), options.sites)
        began = time.monotonic()
        filled = _database(server, "filled")
        _fill(filled, options.pages, options.sites)
        if not options.first:
            _clean(home, filled)
        done = "stored" if options.first else "stored and cleaned"
        _say(
            f"{options.pages:,} pages of {options.sites} sites {done} in {time.monotonic() - began:.0f} s"
        )
        factors = [_compare(server, home, options.pages) for _ in range(options.pairs)]
        died = _measure(server, home, 2, options.pages, kill=True)
        for kind, pages, seconds in died.taken:
            what = (
                f"a part of {pages} pages"
                if kind == "extract"
                else f"the striking of a site of {pages} pages"
            )
            _say(
                f"two workers, one killed: {what} was in its hands, and begun again by the other after {seconds:.0f} s"
            )
        _say(f"two workers, one killed: {died.rate:.1f} pages a second")
    best = sorted(factors)[len(factors) // 2]
    _say(
        f"two workers clean {best:.2f} times as fast as one; {WANTED} is wanted, on a machine with nothing else to do"
    )
    return 0 if best >= WANTED else 1


def _compare(server: str, home: Path, pages: int) -> float:
    one, two = (_measure(server, home, number, pages) for number in (1, 2))
    _say(
        f"one worker {one.rate:.1f} pages a second, two {two.rate:.1f}: {two.rate / one.rate:.2f} times"
    )
    _say(f"the largest of their processes had {max(one.megabytes, two.megabytes):.0f} MB")
    return two.rate / one.rate


def _measure(server: str, home: Path, number: int, pages: int, *, kill: bool = False) -> Measured:
    """Cleans a fresh copy of the archive with so many workers."""
    address = _database(server, "copy", "filled")
    variables = {"NIGHTDESK_DATABASE_URL": address}
    with _workers(home, address, number) as workers:
        _until(
            lambda: (
                address
                and len(_asked(address, "SELECT * FROM procrastinate.nightdesk_workers")) == number
            ),
            120,
        )
        done = nightdesk(home, "clean", "--enqueue", seconds=600, **variables)
        if done.code:
            raise RuntimeError(done.err)
        taken, killed_at = list[int](), 0.0
        if kill:
            parts = f"SELECT 1 FROM {QUEUE} WHERE task_name = 'extract' AND status = 'succeeded'"
            _until(lambda: len(query_rows(address, parts)) > pages // 1000, SECONDS)
            victim = workers[0]
            hers = "SELECT worker_id FROM procrastinate.nightdesk_workers WHERE process LIKE 'process {} %'"
            query = f"SELECT id FROM {QUEUE} WHERE status = 'doing' AND worker_id IN ({hers.format(victim.pid)})"
            _until(lambda: query_rows(address, query), 60)
            victim.kill()
            killed_at = time.time()
            taken = [int(str(job)) for (job,) in query_rows(address, query)]
        _until(
            lambda: (
                not query_rows(address, f"SELECT 1 FROM {QUEUE} WHERE status IN ('todo', 'doing') LIMIT 1")
            ),
            SECONDS,
        )
        memory = ProcessMemory()
        for worker in workers:
            memory.find_processes(worker.pid)
            memory.update_peaks()
    seconds = float(str(query_rows(address, SPAN)[0][0]))
    articles = int(str(query_rows(address, "SELECT count(*) FROM article")[0][0]))
    drafts = int(
        str(
            query_rows(address, f"SELECT count(*) FROM extracted_page WHERE extractors = '{EXTRACTORS}'")[
                0
            ][0]
        )
    )
    if (articles, drafts) != (pages, pages):
        raise RuntimeError(f"{articles} articles and {drafts} drafts of {pages} pages")
    query = TAKEN % (killed_at, ", ".join(map(str, taken)))
    found = (
        tuple(
            (str(kind), int(str(size)), float(str(after)))
            for kind, size, after in query_rows(address, query)
        )
        if taken
        else ()
    )
    return Measured(pages / seconds, max(peak for _, peak in memory.peaks.values()), found)


@contextmanager
def _workers(home: Path, address: str, number: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Workers on a processor each; the last word to them is SIGTERM."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTDESK_")}
    ours = {"NIGHTDESK_DATABASE_URL": address, "NIGHTDESK_WORKERS": "1"}
    command = [
        sys.executable,
        "-P",
        "-m",
        "pipeline",
        "--home",
        str(home),
        "worker",
        "--queues",
        "clean",
        "--concurrency",
        "1",
    ]
    processors = sorted(os.sched_getaffinity(0))
    found = []
    for each in range(number):
        worker = subprocess.Popen(command, cwd=ROOT, env=bare | ours, stdout=subprocess.DEVNULL)
        os.sched_setaffinity(worker.pid, {processors[each % len(processors)]})
        found.append(worker)
    try:
        yield found
    finally:
        for worker in found:
            with suppress(ProcessLookupError):
                worker.send_signal(signal.SIGTERM)
        for worker in found:
            worker.wait(120)


def _database(server: str, name: str, template: str = "template1") -> str:
    """A new database's address; one of that name is dropped before."""
    import psycopg

    url = make_url(server)
    with psycopg.connect(
        url.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True
    ) as db:
        db.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        db.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    return url.set(database=name).render_as_string(hide_password=False)


def _home(folder: Path, sites: int) -> Path:
    (folder / "config" / "sites").mkdir(parents=True)
    for site in range(sites):
        text = f'name = "Site {site}"\nurl = "https://s{site}.example/"\nfeeds = ["https://s{site}.example/feed.xml"]\n'
        (folder / "config" / "sites" / f"s{site}.toml").write_text(text, encoding="utf8")
    return folder


def _fill(address: str, pages: int, sites: int) -> None:
    """Archives the pages, as crawls would."""
    archive = CrawlSession.open(address)
    for site in range(sites):
        run = archive.start_run(f"s{site}")
        place = CrawlSource(f"https://s{site}.example/feed.xml", UrlKind.FEED)
        numbers = {
            f"https://s{site}.example{path_of(number)}": number
            for number in range(site, pages, sites)
        }
        links = tuple(LinkDecision(Link(url)) for url in numbers)
        archive.save_source(
            run, _capture(archive.register_source(run, place).page_id, b"<rss/>"), links, place.kind
        )
        while due := archive.lease_due(run, 200):
            for each in due:
                archive.save_capture(
                    run, _capture(each.page_id, page_of(numbers[each.url], pages)), None
                )
        archive.finish_run(run, "finished")
    archive.close()


def _clean(home: Path, address: str) -> None:
    """Cleans them all, and has it look like the work of extractors that are older than these."""
    import psycopg

    done = nightdesk(home, "clean", seconds=SECONDS, NIGHTDESK_DATABASE_URL=address)
    if done.code:
        raise RuntimeError(done.err)
    plain = make_url(address).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as db:
        db.execute("UPDATE extracted_page SET extractors = 'older'")
        db.execute("UPDATE page SET clean_recipe = 'older' WHERE clean_recipe IS NOT NULL")
        db.execute("VACUUM ANALYZE")


def _capture(page: int, body: bytes) -> Capture:
    return Capture(
        page,
        NOW,
        Outcome.FETCHED,
        Reason.NEW,
        200,
        media_type="text/html",
        body=body,
        size=len(body),
    )


def _asked(address: str, query: str) -> list[tuple[object, ...]]:
    from sqlalchemy.exc import ProgrammingError

    try:
        return query_rows(address, query)
    except ProgrammingError:  # its tables are not made yet
        return []


def _until(true: object, seconds: float) -> None:
    assert callable(true)
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise RuntimeError(f"did not come true within {seconds:.0f} s")
        time.sleep(0.2)


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
