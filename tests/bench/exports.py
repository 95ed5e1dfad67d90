"""Measure what exports cost, by format: `python -m tests.bench.exports`.

The archive has invented articles. Each export runs in a process of its own, which begins without
imported modules, and is verified in the end. The exit code is 1 if an export is damaged or needs
too much memory.
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

PAGE_BYTES = 30_000
MAX_MEGABYTES = 300
ROWS_AT_ONCE = 1000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.exports", description="Measures exports by format."
    )
    parser.add_argument(
        "--articles", type=int, default=100_000, metavar="N", help="number of invented articles"
    )
    parser.add_argument("--formats", default=",".join(export.FORMATS), help="formats to measure")
    parser.add_argument(
        "--one", nargs=3, metavar=("FORMAT", "DATABASE_URL", "OUT"), help=argparse.SUPPRESS
    )
    options = parser.parse_args(arguments)
    if options.one:
        return _export(*options.one)
    with tempfile.TemporaryDirectory(prefix="ndx") as folder:
        address = f"sqlite:///{folder}/archive.db"
        store = Database(address)
        migrate.ensure(store)
        fill(store, Archive(options.articles))
        fill_captures(store)
        store.close()
        codes = []
        for name in options.formats.split(","):
            codes.append(_export_in_process(name, address, Path(folder)))
    return max(codes)


def _export_in_process(name: str, address: str, folder: Path) -> int:
    command = [sys.executable, "-m", "tests.bench.exports"]
    command += ["--one", name, address, str(folder / f"out-{name}")]
    return subprocess.run(command, check=False).returncode


def _export(name: str, address: str, out: str) -> int:
    """Write one export in this process, verify it and print its costs."""
    began = time.monotonic()
    store = Database(address)
    written = export.write_export(store, ExportQuery(), name, Path(out))
    store.close()
    seconds, cpu, peak = time.monotonic() - began, time.process_time(), _peak_megabytes()
    faults = manifest.verify_export(Path(out))[1]
    ((unit, count),) = written["counts"].items()
    verdict = faults[0] if faults else "verified"
    sys.stdout.write(
        f"{name:9} {count:9,} {unit:9} {seconds:8.1f} s {cpu:8.1f} s of CPU"
        f" {peak:6.0f} MB  {verdict}\n"
    )
    return int(bool(faults) or peak > MAX_MEGABYTES)


def _peak_megabytes() -> float:
    """Return the peak memory of this process.

    Unlike `getrusage`, this figure does not begin with the memory of the parent process.
    """
    status = Path("/proc/self/status").read_text(encoding="utf8")
    match = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(match.group(1)) / 1000 if match else 0.0


def fill_captures(store: Database) -> None:
    """Add a payload and a capture to each article."""
    last_page = 0
    while True:
        with store.write() as db:
            pages = db.execute(
                select(PageRow.id, PageRow.first_seen_at)
                .where(PageRow.id > last_page)
                .order_by(PageRow.id)
                .limit(ROWS_AT_ONCE)
            ).all()
            if not pages:
                return
            _insert_captures(db, pages)
        last_page = pages[-1].id


def _insert_captures(db: Connection, pages: Sequence[Any]) -> None:
    payloads, captures = [], []
    for page in pages:
        sentence = "the night ferry left the harbour "
        body = (f"<html>{page.id} " + sentence * PAGE_BYTES)[:PAGE_BYTES].encode()
        codec, compressed = compress(body)
        payloads.append(
            {
                "id": page.id + 1,
                "digest": sha256(body).hexdigest(),
                "size": len(body),
                "codec": codec,
                "body": compressed,
                "media_type": "text/html",
                "charset": "utf-8",
                "first_seen_at": page.first_seen_at,
            }
        )
        captures.append(
            {
                "page_id": page.id,
                "fetched_at": page.first_seen_at,
                "status": 200,
                "outcome": "fetched",
                "reason": "new",
                "payload_id": page.id + 1,
                "headers": {"content-type": "text/html"},
                "media_type": "text/html",
                "charset": "utf-8",
                "size": len(body),
                "elapsed_ms": 0,
                "location": "",
                "detail": "",
            }
        )
    db.execute(insert(PayloadRow), payloads)
    db.execute(insert(CaptureRow), captures)
    db.execute(
        text("UPDATE page SET payload_id = id + 1 WHERE id BETWEEN :first AND :last"),
        {"first": pages[0].id, "last": pages[-1].id},
    )


if __name__ == "__main__":
    sys.exit(main())
