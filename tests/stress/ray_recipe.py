"""ray: the recipe of docs/how-to/clean-elsewhere.md, exactly as shown, with Ray.

Three thousand generated pages, and one whose extraction hangs, leave an archive, are extracted on
Ray, and return. Every article is compared with the same archive after an ordinary clean, on SQLite
and on PostgreSQL. Ray is killed during its work. Its listening sockets and the files that it leaves
are checked. `--pages 400` is for a quick check. The stress test is skipped if Ray is not installed.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

from pipeline.store.crawl.import_session import ImportedPage, ImportSession
from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from tests.bench.generated_site import page_of, path_of
from tests.stress.commands import ROOT, CompletedCommand, ProcessMemory, nightdesk
from tests.stress.figures import Figures
from tests.stress.nights import query_rows, start_postgres

PAGES = 3000
EXIT_SECONDS = 90.0  # two processes of Ray try for a minute to report its end
SITES = 3
STEP = 50
INTERVAL = timedelta(minutes=40)  # between two captures; three thousand are three months
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
DEADLY = b"<html><body><article><p>" + b"<b>a</b> " * 30_000 + b"</p></article></body></html>"
LIMITS = {"NIGHTDESK_WORKERS": "2", "NIGHTDESK_PAGE_SECONDS": "5"}
SECONDS = 3600.0
SITE = """name = "Site {0}"
url = "https://site{0}.example/"
feeds = ["https://site{0}.example/feed.xml"]
"""
ARTICLES = "SELECT * FROM articles ORDER BY url"
TEXTS = "SELECT url, title, text FROM articles ORDER BY url"
EXTRACTED_PAGES = "SELECT count(*) FROM extracted_page"
LINES = "SELECT count(*) FROM line_sighting"


def run(figures: Figures, pages: int | None = None) -> None:
    """Run the stress test."""
    if find_spec("ray") is None:
        figures.print_line("skipped: Ray is not installed (pip install 'nightdesk[ray]')")
        return
    with tempfile.TemporaryDirectory(prefix="nd-ray-") as name:
        folder, number = Path(name), pages or PAGES
        (folder / "t").mkdir()
        home, plain = _home(folder / "home", number), folder / "plain"
        shutil.copytree(home, plain)
        ordinary = _run_checked(
            figures, "the ordinary clean", nightdesk(plain, "clean", seconds=SECONDS, **LIMITS)
        )
        _recipe(figures, folder, home, number, ordinary)
        _compare(figures, home, plain, number)
        _corpus(figures, folder, home)
        _without_ray(figures, folder, home)
        _kill_and_repeat(figures, folder, home)
        _on_postgres(figures, folder, home, plain)
        left = [path.name for path in (folder / "t").iterdir()]
        figures.check("what Ray left in its temporary folder", left or "nothing", not left)


def recipe() -> list[list[str]]:
    """Return the commands of the docs, word by word."""
    part = (ROOT / "docs" / "how-to" / "clean-elsewhere.md").read_text("utf8")
    block = re.search(r"^```text\n(.*?)^```$", part, re.M | re.S)
    assert block is not None
    return [shlex.split(line.removeprefix("nightdesk ")) for line in block.group(1).splitlines()]


def _home(home: Path, pages: int) -> Path:
    """Create an archive of pages that were never cleaned."""
    (home / "config" / "sites").mkdir(parents=True)
    (home / "var").mkdir()
    for number in range(SITES):
        (home / "config" / "sites" / f"site{number}.toml").write_text(
            SITE.format(number), encoding="utf8"
        )
    store = Database(f"sqlite:///{home / 'var' / 'nightdesk.db'}")
    migrate.ensure(store, create=True)
    session = ImportSession(store)
    session.open()
    for first in range(0, pages, STEP):
        session.save_pages(
            [_page(number, pages) for number in range(first, min(pages, first + STEP))]
        )
    session.save_pages(
        [("site0", ImportedPage("https://site0.example/2026/deadly", FIRST, DEADLY))]
    )
    session.close("finished")
    store.close()
    return home


def _page(number: int, pages: int) -> tuple[str, ImportedPage]:
    site = f"site{number % SITES}"
    return site, ImportedPage(
        f"https://{site}.example{path_of(number)}",
        FIRST + INTERVAL * number,
        page_of(number, pages),
    )


def _run_checked(figures: Figures, what: str, done: CompletedCommand) -> CompletedCommand:
    figures.check(f"exit code of {what}", done.code, done.code == 0, done.err.splitlines())
    peaks = [peak for _, peak in done.memory.peaks.values()]
    figures.note(
        what,
        f"{done.seconds:.0f} s, {len(peaks)} processes, sum of their peaks {sum(peaks):,.0f} MB",
    )
    return done


def _recipe(
    figures: Figures, folder: Path, home: Path, pages: int, ordinary: CompletedCommand
) -> None:
    """Run each command of the docs."""
    database, seconds, before = home / "var" / "nightdesk.db", 0.0, 0
    for words in recipe():
        words = [re.sub("^takeout/", f"{folder}/", word) for word in words]
        if words == ["clean", "--dry-run"]:
            before = _number(database, EXTRACTED_PAGES)
        what = " ".join(words).replace(f"{folder}/", "")
        with _collect_addresses(what) as addresses:
            done = _run_checked(
                figures,
                what,
                nightdesk(home, *words, seconds=SECONDS, TMPDIR=str(folder / "t"), **LIMITS),
            )
        if "--ray" in words:
            outside = {address for address in addresses if not address.startswith("127.")}
            figures.check(
                "addresses that Ray listens on", sorted(addresses), bool(addresses) and not outside
            )
        if words[0] == "import":
            match = re.search(
                r"^([\d,]+) extracted pages imported, ([\d,]+) of them extracted again",
                done.out,
                re.M,
            )
            figures.check(
                "output of import",
                done.out.splitlines()[:1],
                bool(match) and _parse_number(match[1]) == pages,
            )
            limited = "it came to a limit there" in done.out
            figures.check(
                "the page whose extraction hangs is skipped for that reason",
                limited,
                limited,
                done.out.splitlines(),
            )
        seconds += done.seconds
    again = _number(database, EXTRACTED_PAGES) - before
    figures.check("pages that the cleans extracted: the one that hangs", again, again == 1)
    figures.note(
        "seconds of the recipe and of the ordinary clean", f"{seconds:.0f}, {ordinary.seconds:.0f}"
    )


def _parse_number(number: str) -> int:
    return int(number.replace(",", ""))


def _compare(figures: Figures, home: Path, plain: Path, pages: int) -> None:
    ours, theirs = (_rows(folder / "var" / "nightdesk.db", ARTICLES) for folder in (home, plain))
    same = sum(our_row == their_row for our_row, their_row in zip(ours, theirs, strict=False))
    figures.check(
        "articles that are the same, field by field",
        f"{same} of {pages}",
        same == pages == len(ours) == len(theirs),
    )
    lines = [_number(folder / "var" / "nightdesk.db", LINES) for folder in (home, plain)]
    figures.check("lines in the site profiles", lines, lines[0] == lines[1] > 0)


def _corpus(figures: Figures, folder: Path, home: Path) -> None:
    import pyarrow.dataset

    words = (
        "extract-export",
        str(folder / "raw"),
        str(folder / "extracted"),
        "--ray",
        "--texts",
        str(folder / "corpus"),
    )
    _run_checked(
        figures,
        "the corpus",
        nightdesk(home, *words, seconds=SECONDS, TMPDIR=str(folder / "t"), **LIMITS),
    )
    rows = (
        pyarrow.dataset.dataset(str(folder / "corpus"), format="parquet")
        .to_table(["url", "title", "text"])
        .to_pylist()
    )
    texts = sorted((row["url"], row["title"], row["text"]) for row in rows)
    expected = _rows(home / "var" / "nightdesk.db", TEXTS)
    figures.check(
        "texts of the corpus that equal those of the articles",
        len(texts),
        texts == sorted(expected),
    )


def _without_ray(figures: Figures, folder: Path, home: Path) -> None:
    """Extract the same pages without Ray, and compare."""
    words = ("extract-export", str(folder / "raw"), str(folder / "without-ray"), "--workers", "2")
    _run_checked(
        figures, "extract-export without Ray", nightdesk(home, *words, seconds=SECONDS, **LIMITS)
    )
    with_ray, without_ray = (
        _read_extracted(folder / name) for name in ("extracted", "without-ray")
    )
    figures.check(
        "extracted pages that are the same with Ray and without",
        len(with_ray),
        with_ray == without_ray,
    )


def _read_extracted(root: Path) -> dict[str, tuple[str, str]]:
    """Return reason and extracted page by payload, without the time that it took."""
    import pyarrow.dataset

    rows = (
        pyarrow.dataset.dataset(str(root), format="parquet")
        .to_table(["payload_sha256", "reason", "extracted_page"])
        .to_pylist()
    )
    return {
        row["payload_sha256"]: (
            row["reason"],
            re.sub(r'"cost_ms":\d+', "", row["extracted_page"]),
        )
        for row in rows
    }


def _kill_and_repeat(figures: Figures, folder: Path, home: Path) -> None:
    """Kill the command when the first files are there; the same command must complete the rest."""
    words = ["extract-export", str(folder / "raw"), str(folder / "again"), "--ray"]
    bare = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTDESK_")}
    command = [sys.executable, "-P", "-m", "pipeline", "--home", str(home), *words]
    environment = bare | LIMITS | {"TMPDIR": str(folder / "t")}
    child = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    family = ProcessMemory()
    while child.poll() is None and not any((folder / "again").glob("site=*/month=*/*.parquet")):
        family.find_processes(child.pid)
        time.sleep(0.05)
    family.find_processes(child.pid)
    child.send_signal(signal.SIGKILL)
    child.wait()
    began = time.monotonic()
    alive = {pid for pid in family.peaks if pid != child.pid}
    while (
        alive := {pid for pid in alive if _is_alive(pid)}
    ) and time.monotonic() - began < EXIT_SECONDS:
        time.sleep(0.1)
    figures.check(
        f"processes left of {len(family.peaks)} after kill -9, {time.monotonic() - began:.1f} s",
        len(alive),
        not alive,
    )
    for stray in (folder / "t").iterdir():  # a killed process cannot delete its files
        shutil.rmtree(stray)
    before = len(_readable(folder / "again"))
    done = _run_checked(
        figures, "the same command again", nightdesk(home, *words, seconds=SECONDS, **environment)
    )
    figures.note("files that the killed command left", before)
    figures.check(
        "extracted pages of both",
        done.out.partition(" in ")[0],
        _read_extracted(folder / "again") == _read_extracted(folder / "without-ray"),
    )


def _readable(root: Path) -> list[Path]:
    return [
        path for path in root.glob("site=*/month=*/*.parquet") if path.read_bytes()[-4:] == b"PAR1"
    ]


def _on_postgres(figures: Figures, folder: Path, home: Path, plain: Path) -> None:
    """Import the extracted pages into an archive on PostgreSQL."""
    source = folder / "source"
    _home(source, _number(plain / "var" / "nightdesk.db", "SELECT count(*) FROM article"))
    with start_postgres() as (archive, _):
        url = {"NIGHTDESK_DATABASE_URL": archive} | LIMITS
        for words in (
            ["import", "--from", f"sqlite:///{source / 'var' / 'nightdesk.db'}"],
            ["import", str(folder / "extracted")],
        ):
            _run_checked(
                figures,
                f"{words[0]} into PostgreSQL",
                nightdesk(home, *words, seconds=SECONDS, **url),
            )
        _run_checked(
            figures, "clean on PostgreSQL", nightdesk(home, "clean", seconds=SECONDS, **url)
        )
        ours = sorted(tuple(map(str, row)) for row in query_rows(archive, TEXTS))
        theirs = sorted(_rows(plain / "var" / "nightdesk.db", TEXTS))
        figures.check("articles on PostgreSQL that are the same", len(ours), ours == theirs)


def _rows(database: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(database)) as archive:
        return archive.execute(query).fetchall()


def _number(database: Path, query: str) -> int:
    return int(str(_rows(database, query)[0][0]))


def _is_alive(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextmanager
def _collect_addresses(what: str) -> Iterator[set[str]]:
    """Collect the addresses that child processes listen on meanwhile."""
    addresses: set[str] = set()
    is_over = threading.Event()

    def look() -> None:
        while not is_over.wait(0.5):
            family = ProcessMemory()
            family.find_processes(os.getpid())
            addresses.update(_addresses([pid for pid in family.peaks if pid != os.getpid()]))

    thread = threading.Thread(target=look, daemon=True, name=what)
    thread.start()
    try:
        yield addresses
    finally:
        is_over.set()
        thread.join()


def _addresses(pids: Sequence[int]) -> set[str]:
    inodes = set()
    for pid in pids:
        with suppress(OSError):
            for path in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    inodes.add(str(path.readlink()).removeprefix("socket:[").removesuffix("]"))
    addresses = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text("ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                addresses.add(_address(fields[1].partition(":")[0]))
    return addresses


def _address(written: str) -> str:
    """Return an address of /proc/net/tcp in its usual form.

    The kernel writes words of four bytes, the last byte first. An IPv6 address may contain an IPv4
    address.
    """
    last = bytes.fromhex(written[-8:])[::-1]
    return (
        ".".join(map(str, last)) if len(written) == 8 or "FFFF0000" in written else f"[{written}]"
    )
