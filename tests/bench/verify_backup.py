"""Measure what `verify` and `backup` cost: `python -m tests.bench.verify_backup`.

The commands themselves import and clean some hundred invented pages. Then the rows of these pages
are copied, until the archive has the wanted size. Each copy has bytes and digests of its own, so
the archive has what nights would have stored. The exit code is 1 if a command fails or needs too
much memory.
"""

from __future__ import annotations

import argparse
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pipeline.store.codec.compression import ZstdDictionary, compress, decompress
from pipeline.store.db.engine import Database
from pipeline.store.search import index

ROOT = Path(__file__).parents[2]
CLEANED_PAGES = 500  # the rest are copies
MAX_MEGABYTES = 250  # of a command, whatever the size of the archive
COPY_OFFSET = 1_000_000  # of the ids of each copy
PAGE = """<html lang="en"><head><title>{title}</title><style>{style}</style>
<meta property="article:published_time" content="20{year:02}-02-{day:02}T10:00:00Z">
</head><body><nav><a href="/">Home</a></nav><article><h1>{title}</h1>{body}</article></body></html>
"""
PARAGRAPH = (
    "<p>On day {day} the crane of quay {number} was mended,"
    " and ferry number {line} left the harbour on time again.</p>"
)
# Columns that refer to rows of the same copy. All other columns are those of the first copy.
SHIFTED_COLUMNS = {
    "run": ("id",),
    "payload": ("id",),
    "page": ("id", "payload_id", "clean_payload_id"),
    "capture": ("id", "page_id", "run_id", "payload_id"),
    "ledger_entry": ("run_id", "page_id"),
    "extracted_page": ("id", "payload_id"),
    "clean_result": ("id", "page_id", "payload_id", "extracted_page_id", "run_id"),
    "revision": ("id", "page_id", "clean_result_id"),
    "article": ("page_id", "revision_id", "clean_result_id", "order_key"),
}
OTHER_EXPRESSIONS = {
    "page.url": "url || '?copy=' || :n",
    "page.url_key": "lower(hex(randomblob(16)))",
    "article.index_version": "''",
}


@dataclass(frozen=True)
class CommandResult:
    """How a command ended.

    Attributes:
        code: Its exit code.
        seconds: How long it took.
        megabytes: Its peak memory.
        lines: What it printed.
    """

    code: int
    seconds: float
    megabytes: float
    lines: list[str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.verify_backup", description="Measures verify and backup."
    )
    parser.add_argument(
        "--pages", default="10000,100000", metavar="N,N", help="number of pages of each archive"
    )
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep the archives here, to use them again"
    )
    options = parser.parse_args(arguments)
    misses = 0
    with tempfile.TemporaryDirectory(prefix="nd-verify-") as scratch:
        for page_count in map(int, options.pages.split(",")):
            folder = (options.keep or Path(scratch)) / str(page_count)
            if not (folder / "archive.db").exists():
                fill(folder, page_count)
            misses += measure(folder, page_count)
    return int(bool(misses))


def fill(folder: Path, page_count: int) -> None:
    """Create an archive with so many pages in a folder."""
    began = time.monotonic()
    path, pages = folder / "archive.db", folder / "pages" / "www.example.org"
    (folder / "home" / "config" / "sites").mkdir(parents=True)
    pages.mkdir(parents=True)
    for name, markup in _pages():
        (pages / name).write_text(markup, encoding="utf8")
    run(folder, "import", str(pages.parent), "--site", "crane")
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA synchronous = OFF")
        for copy in range(1, page_count // CLEANED_PAGES):
            _copy_rows(db, copy)
            db.commit()
    store = Database(f"sqlite:///{path}")
    while index.index_pending(store):
        pass
    store.close()
    seconds, megabytes = time.monotonic() - began, path.stat().st_size / 1e6
    _print(f"{page_count:9,} pages made in {seconds:.0f} s, {megabytes:,.0f} MB")


def _pages() -> Iterator[tuple[str, str]]:
    for number in range(CLEANED_PAGES):
        day, year = 1 + number % 28, number % 20
        body = ""
        for line in range(12):
            body += PARAGRAPH.format(day=day, number=number, line=line)
        style = f".x{number} {{ color: red }} " * 1000  # gives the page a usual size
        title = f"The crane of quay {number}"
        markup = PAGE.format(title=title, style=style, year=year, day=day, body=body)
        yield f"story-{number}.html", markup


def _copy_rows(db: sqlite3.Connection, copy: int) -> None:
    """Copy all rows of the first pages."""
    offset = copy * COPY_OFFSET
    for table, shifted in SHIFTED_COLUMNS.items():
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        if table == "payload":
            _copy_payloads(db, columns, offset, copy)
            continue
        expressions = []
        for column in columns:
            expression = f'"{column}"'
            if column in shifted:
                expression = f'"{column}" + {offset}'
            expressions.append(OTHER_EXPRESSIONS.get(f"{table}.{column}", expression))
        names = ", ".join(f'"{column}"' for column in columns)
        db.execute(
            f"INSERT INTO {table} ({names}) SELECT {', '.join(expressions)} FROM {table}"
            f" WHERE {shifted[0]} < {COPY_OFFSET}",
            {"n": copy},
        )


def _copy_payloads(db: sqlite3.Connection, columns: Sequence[str], offset: int, copy: int) -> None:
    """Copy the payloads with other bytes, compressed with the same dictionary."""
    dictionaries: dict[int | None, ZstdDictionary] = {}
    for number, codec, stored in db.execute("SELECT id, codec, body FROM dictionary").fetchall():
        dictionaries[number] = ZstdDictionary(decompress(codec, stored))
    marks = ", ".join("?" * len(columns))
    insert = f"INSERT INTO payload ({', '.join(columns)}) VALUES ({marks})"
    for row in db.execute(f"SELECT * FROM payload WHERE id < {COPY_OFFSET}").fetchall():
        values = dict(zip(columns, row, strict=True))
        dictionary = dictionaries.get(values["dictionary_id"])
        body = decompress(values["codec"], values["body"], dictionary)
        body += f"<!-- {copy} -->".encode()
        codec, stored = dictionary.compress(body) if dictionary else compress(body)
        values["id"] += offset
        values |= {"digest": sha256(body).hexdigest(), "size": len(body)}
        values |= {"codec": codec, "body": stored}
        db.execute(insert, [values[column] for column in columns])


def measure(folder: Path, page_count: int) -> int:
    """Run both commands; return how many failed or needed too much memory."""
    misses = 0
    for arguments in (("verify",), ("backup", str(folder / "backups"))):
        result = run(folder, *arguments)
        rate = page_count / result.seconds
        last_line = result.lines[-1] if result.lines else ""
        _print(
            f"{page_count:9,} pages {arguments[0]:8} {result.seconds:8.1f} s"
            f" {rate:9,.0f} pages/s {result.megabytes:6.0f} MB  {last_line}"
        )
        misses += result.code != 0 or result.megabytes > MAX_MEGABYTES
    return misses


def run(folder: Path, *arguments: str) -> CommandResult:
    """Run a command on the archive of a folder."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NIGHTDESK_")}
    command = [sys.executable, "-P", "-m", "pipeline", "--home", str(folder / "home")]
    command += ["--database-url", f"sqlite:///{folder / 'archive.db'}", *arguments]
    began, peak = time.monotonic(), 0.0
    with tempfile.TemporaryFile("w+") as output:
        child = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        while child.poll() is None:
            peak = max(peak, _peak_megabytes(child.pid))
            time.sleep(0.05)
        seconds = time.monotonic() - began
        output.seek(0)
        return CommandResult(child.returncode, seconds, peak, output.read().splitlines())


def _peak_megabytes(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf8")
    except OSError:  # the process has ended
        return 0.0
    match = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(match.group(1)) / 1000 if match else 0.0


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
