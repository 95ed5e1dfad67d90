"""python -m tests.bench.exports — what exports cost: seconds, CPU and memory, by format, from an archive of made-up articles.

Promises figures of a process of its own for each format, which begins with nothing loaded, and that each export is verified.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select, text

from pipeline.formats import export, manifest
from pipeline.store.codec.compression import compress
from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import CaptureRow, PageRow, PayloadRow
from pipeline.store.read.export_articles import ExportQuery
from tests.bench.generated_archive import Archive
from tests.bench.search import fill

BODY = 30_000  # bytes of a page
MOST = 300  # megabytes that an export may take


def main(words: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.exports", description="Measures exports by format."
    )
    parser.add_argument(
        "--articles", type=int, default=100_000, metavar="N", help="how many articles are made up"
    )
    parser.add_argument("--formats", default=",".join(export.FORMATS), help="which formats")
    parser.add_argument(
        "--one", nargs=3, metavar=("FORMAT", "DATABASE_URL", "OUT"), help=argparse.SUPPRESS
    )
    options = parser.parse_args(words)
    if options.one:
        return _one(*options.one)
    with tempfile.TemporaryDirectory(prefix="ndx") as folder:
        store = Database(f"sqlite:///{folder}/archive.db")
        migrate.ensure(store)
        fill(store, Archive(options.articles))
        fill_visits(store)
        store.close()
        codes = [
            _measured(name, f"sqlite:///{folder}/archive.db", Path(folder))
            for name in options.formats.split(",")
        ]
    return max(codes)


def _measured(name: str, address: str, folder: Path) -> int:
    command = [
        sys.executable,
        "-m",
        "tests.bench.exports",
        "--one",
        name,
        address,
        str(folder / f"out-{name}"),
    ]
    return subprocess.run(command, check=False).returncode


def _one(name: str, address: str, out: str) -> int:
    """One export in this process."""
    began = time.monotonic()
    store = Database(address)
    told = export.write_export(store, ExportQuery(), name, Path(out))
    store.close()
    seconds, cpu, peak = time.monotonic() - began, time.process_time(), _peak()
    wrong = manifest.verify_export(Path(out))[1]
    ((what, number),) = told["counts"].items()
    verdict = "verified" if not wrong else wrong[0]
    sys.stdout.write(
        f"{name:8} {number:9,} {what:8} {seconds:8.1f} s {cpu:8.1f} s of CPU {peak:6.0f} MB  {verdict}\n"
    )
    return int(bool(wrong) or peak > MOST)


def _peak() -> float:
    """The most memory that this process had, in megabytes. Unlike getrusage, it does not begin with what its parent had."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf8"))
    return int(found.group(1)) / 1000 if found else 0.0


def fill_visits(store: Database) -> None:
    """A page of its own for each article, and the visit that brought it."""
    after = 0
    while True:
        with store.write() as db:
            rows = db.execute(
                select(PageRow.id, PageRow.first_seen_at)
                .where(PageRow.id > after)
                .order_by(PageRow.id)
                .limit(1000)
            ).all()
            if not rows:
                return
            _visits(db, rows)
        after = rows[-1].id


def _visits(db: Connection, rows: Sequence[Any]) -> None:
    payloads, captures = [], []
    for row in rows:
        page, at = row
        body = (f"<html>{page} " + "the night ferry left the harbour " * BODY)[:BODY].encode()
        coding, packed = compress(body)
        digest = sha256(body).hexdigest()
        payload = {
            "id": page + 1,
            "digest": digest,
            "size": len(body),
            "codec": coding,
            "body": packed,
        }
        payloads.append(
            payload | {"media_type": "text/html", "charset": "utf-8", "first_seen_at": at}
        )
        visit = {
            "page_id": page,
            "fetched_at": at,
            "status": 200,
            "outcome": "fetched",
            "reason": "new",
            "payload_id": page + 1,
        }
        told = {
            "headers": {"content-type": "text/html"},
            "media_type": "text/html",
            "charset": "utf-8",
            "size": len(body),
        }
        captures.append(visit | told | {"elapsed_ms": 0, "location": "", "detail": ""})
    db.execute(insert(PayloadRow), payloads)
    db.execute(insert(CaptureRow), captures)
    db.execute(
        text("UPDATE page SET payload_id = id + 1 WHERE id BETWEEN :first AND :last"),
        {"first": rows[0][0], "last": rows[-1][0]},
    )


if __name__ == "__main__":
    sys.exit(main())
