"""Measure what the log costs: `python -m tests.bench.evidence_log --captures 1000000`.

An archive on SQLite gets invented captures, a thousand in each run (`--per-run`), each with an
entry in the ledger. Then the runs are sealed, proofs are made, and the log is verified. CPU
seconds and bytes are printed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from pipeline.store.db.evidence import checkpoints, proofs, sealing, tree
from pipeline.store.db.schema import (
    CaptureRow,
    LedgerEntryRow,
    PageRow,
    PayloadRow,
    RunRow,
)
from pipeline.store.maintenance.verify_log import verify_log

HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "etag": '"5f2c-61b0a5d2c1f40"',
    "last-modified": "Fri, 27 Nov 2026 22:14:05 GMT",
}


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--captures", type=int, default=100_000)
    parser.add_argument("--per-run", type=int, default=1000, help="captures of each run")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nd-log-") as folder:
        store = Database(f"sqlite:///{Path(folder) / 'archive.db'}")
        migrate.ensure(store)
        for line in measure(store, arguments.captures, arguments.per_run):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        store.close()


def measure(store: Database, captures: int, per_run: int = 1000) -> Iterator[str]:
    """Fill an archive, seal it, verify it, and yield a line for each figure."""
    with store.write() as db:
        sealing.start(db)
    runs = list(_fill(store, captures, per_run))
    before, began = _size(store), time.process_time()
    for run in runs:
        with store.write() as db:
            sealing.seal_run(db, run)
    cpu, size = time.process_time() - began, _size(store) - before
    with store.write() as db:
        checkpoints.make(db, None)
    yield f"sealed {captures:,} captures: {cpu:.1f} s of CPU, {cpu / captures * 1e6:.0f} µs each"
    yield f"{size / captures:.0f} bytes for a capture with its ledger entry, in the file"
    began = time.process_time()
    with store.read() as db:
        leaves = tree.size(db)
        for capture in (1, captures // 2, captures):
            proofs.capture_proof(db, capture)
        tree.consistency_proof(db, leaves // 3, leaves)
    yield f"three proofs and a consistency proof: {time.process_time() - began:.2f} s of CPU"
    began, wall = time.process_time(), time.monotonic()
    report = verify_log(store)
    cpu, wall = time.process_time() - began, time.monotonic() - wall
    faults = f"{report.fault_count} faults" + "".join(f"; {f.sentence}" for f in report.faults[:1])
    yield f"verified {leaves:,} leaves: {cpu:.1f} s of CPU, {wall:.1f} s, {faults}"


def _size(store: Database) -> int:
    with store.read() as db:
        pages = int(db.exec_driver_sql("PRAGMA page_count").scalar_one())
        return pages * int(db.exec_driver_sql("PRAGMA page_size").scalar_one())


def _fill(store: Database, captures: int, per_run: int) -> Iterator[int]:
    """Store runs that are over and not sealed, and yield their ids."""
    for first in range(1, captures + 1, per_run):
        numbers = range(first, min(first + per_run, captures + 1))
        at = datetime.now(UTC)
        with store.write() as db:
            values = {
                "site": "gazette",
                "kind": "crawl",
                "started_at": at - timedelta(minutes=9),
                "finished_at": at,
                "status": "finished",
                "counts": {"fetched": len(numbers)},
            }
            run = int(db.execute(insert(RunRow).values(values).returning(RunRow.id)).scalar_one())
            db.execute(insert(PayloadRow), [_payload(number, at) for number in numbers])
            db.execute(insert(PageRow), [_page(number, at) for number in numbers])
            db.execute(insert(CaptureRow), [_capture(number, run, at) for number in numbers])
            db.execute(insert(LedgerEntryRow), [_entry(number, run, at) for number in numbers])
            assert db.scalar(select(RunRow.id).where(RunRow.id == run)) == run
        yield run


def _digest(number: int) -> str:
    return sha256(f"payload {number}".encode()).hexdigest()


def _payload(number: int, at: datetime) -> dict[str, Any]:
    return {
        "id": number,
        "digest": _digest(number),
        "size": 63_000,
        "codec": "raw",
        "body": b"packed",
        "media_type": "text/html",
        "charset": "utf-8",
        "first_seen_at": at,
    }


def _page(number: int, at: datetime) -> dict[str, Any]:
    return {
        "id": number,
        "site": "gazette",
        "kind": "story",
        "url": f"https://gazette.example/2026/11/27/the-ferry-left-the-harbour-{number}.html",
        "url_key": _digest(number)[:32],
        "first_seen_at": at,
        "payload_id": number,
    }


def _capture(number: int, run: int, at: datetime) -> dict[str, Any]:
    return {
        "id": number,
        "page_id": number,
        "run_id": run,
        "fetched_at": at,
        "status": 200,
        "outcome": "fetched",
        "reason": "new",
        "headers": HEADERS,
        "media_type": "text/html",
        "charset": "utf-8",
        "payload_id": number,
        "size": 63_000,
        "elapsed_ms": 120,
        "location": "",
        "detail": "",
    }


def _entry(number: int, run: int, at: datetime) -> dict[str, Any]:
    return {
        "run_id": run,
        "page_id": number,
        "outcome": "fetched",
        "reason": "new",
        "status": 200,
        "bytes": 63_000,
        "at": at,
    }


if __name__ == "__main__":
    main()
