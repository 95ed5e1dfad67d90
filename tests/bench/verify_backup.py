"""python -m tests.bench.verify_backup — what `verify` and `backup` cost: seconds, CPU and memory, from an archive of any size.

Some hundred made-up pages are imported and cleaned by the command itself. All that came of them is then copied as often as it
takes, each copy with bytes and digests of its own, so that everything in the archive is what a night would have made.
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
from hashlib import sha256
from pathlib import Path

from pipeline.store.codec.compression import ZstdDictionary, compress, decompress
from pipeline.store.db.engine import Database
from pipeline.store.search import index

ROOT = Path(__file__).parents[2]
FIRST = 500  # pages that are cleaned
MOST = 250  # megabytes that a command may take, whatever the size of the archive
PAGE = """<html lang="en"><head><title>{title}</title><style>{style}</style>
<meta property="article:published_time" content="20{year:02}-02-{day:02}T10:00:00Z">
</head><body><nav><a href="/">Home</a></nav><article><h1>{title}</h1>{body}</article></body></html>"""
SENTENCE = "<p>On day {day} the crane of quay {number} was mended, and ferry number {line} left the harbour on time again.</p>"
# Columns that refer to rows of their own copy; all others are those of the first.
SHIFTED = {
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
OTHERS = {
    "page.url": "url || '?copy=' || :n",
    "page.url_key": "lower(hex(randomblob(16)))",
    "article.index_version": "''",
}


def main(words: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.verify_backup", description="Measures verify and backup."
    )
    parser.add_argument(
        "--pages", default="10000,100000", metavar="N,N", help="how many pages the archives have"
    )
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="where the archives stay, to be looked at again"
    )
    options = parser.parse_args(words)
    short = 0
    with tempfile.TemporaryDirectory(prefix="nd-prove-") as scratch:
        for number in map(int, options.pages.split(",")):
            folder = (options.keep or Path(scratch)) / str(number)
            if not (folder / "archive.db").exists():
                fill(folder, number)
            short += measure(folder, number)
    return int(bool(short))


def fill(folder: Path, number: int) -> None:
    """An archive of so many pages."""
    began = time.monotonic()
    path, pages = folder / "archive.db", folder / "pages" / "www.example.org"
    (folder / "home" / "config" / "sites").mkdir(parents=True)
    pages.mkdir(parents=True)
    for name, markup in _pages():
        (pages / name).write_text(markup, encoding="utf8")
    run(folder, "import", str(pages.parent), "--site", "crane")
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA synchronous = OFF")
        for copy in range(1, number // FIRST):
            _copy(db, copy)
            db.commit()
    store = Database(f"sqlite:///{path}")
    while index.index_pending(store):
        pass
    store.close()
    _say(
        f"{number:9,} pages made in {time.monotonic() - began:.0f} s, {path.stat().st_size / 1e6:,.0f} MB"
    )


def _pages() -> Iterator[tuple[str, str]]:
    for number in range(FIRST):
        day, year = 1 + number % 28, number % 20
        body = "".join(SENTENCE.format(day=day, number=number, line=line) for line in range(12))
        style = f".x{number} {{ color: red }} " * 1000  # a page of some weight
        yield (
            f"story-{number}.html",
            PAGE.format(
                title=f"The crane of quay {number}", style=style, year=year, day=day, body=body
            ),
        )


def _copy(db: sqlite3.Connection, copy: int) -> None:
    """All that came of the first pages once more."""
    offset = copy * 1_000_000
    for table, shifted in SHIFTED.items():
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        made = [
            OTHERS.get(
                f"{table}.{column}",
                f'"{column}" + {offset}' if column in shifted else f'"{column}"',
            )
            for column in columns
        ]
        names = ", ".join(f'"{column}"' for column in columns)
        where = f"WHERE {shifted[0]} < 1000000"
        if table == "payload":
            _copy_payloads(db, columns, offset, copy)
            continue
        db.execute(
            f"INSERT INTO {table} ({names}) SELECT {', '.join(made)} FROM {table} {where}",
            {"n": copy},
        )


def _copy_payloads(db: sqlite3.Connection, columns: Sequence[str], offset: int, copy: int) -> None:
    """Bytes of their own, packed as those of the first are: where these have a dictionary, by that."""
    marks, words = ", ".join("?" * len(columns)), dict[int | None, ZstdDictionary]()
    for number, coding, packed in db.execute("SELECT id, codec, body FROM dictionary").fetchall():
        words[number] = ZstdDictionary(decompress(coding, packed))
    for row in db.execute("SELECT * FROM payload WHERE id < 1000000").fetchall():
        values = dict(zip(columns, row, strict=True))
        own = words.get(values["dictionary_id"])
        body = decompress(values["codec"], values["body"], own) + f"<!-- {copy} -->".encode()
        coding, packed = own.compress(body) if own else compress(body)
        values |= {
            "id": values["id"] + offset,
            "digest": sha256(body).hexdigest(),
            "size": len(body),
        }
        values |= {"codec": coding, "body": packed}
        db.execute(
            f"INSERT INTO payload ({', '.join(columns)}) VALUES ({marks})",
            [values[column] for column in columns],
        )


def measure(folder: Path, number: int) -> int:
    """How many of the commands took more memory than they may, or failed."""
    short = 0
    for words in (("verify",), ("backup", str(folder / "backups"))):
        code, seconds, peak, said = run(folder, *words)
        rate = number / seconds
        _say(
            f"{number:9,} pages {words[0]:8} {seconds:8.1f} s {rate:9,.0f} pages/s {peak:6.0f} MB  {said[-1] if said else ''}"
        )
        short += code != 0 or peak > MOST
    return short


def run(folder: Path, *words: str) -> tuple[int, float, float, list[str]]:
    """A command on the archive of a folder: exit code, seconds, megabytes at its most, lines that it printed."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTDESK_")}
    command = [sys.executable, "-P", "-m", "pipeline", "--home", str(folder / "home")]
    command += ["--database-url", f"sqlite:///{folder / 'archive.db'}", *words]
    began, peak = time.monotonic(), 0.0
    with tempfile.TemporaryFile("w+") as out:
        child = subprocess.Popen(command, cwd=ROOT, env=bare, stdout=out, stderr=subprocess.STDOUT)
        while child.poll() is None:
            peak = max(peak, _peak(child.pid))
            time.sleep(0.05)
        out.seek(0)
        return child.returncode, time.monotonic() - began, peak, out.read().splitlines()


def _peak(pid: int) -> float:
    """Megabytes."""
    try:
        found = re.search(
            r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="utf8")
        )
    except OSError:  # it has ended
        return 0.0
    return int(found.group(1)) / 1000 if found else 0.0


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
