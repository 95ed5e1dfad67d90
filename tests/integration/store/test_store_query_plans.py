"""An index serves each statement of a night, a clean, a reader and a search.

So no statement gets slower as the archive grows. The test records the statements that are really
sent. Then it asks the databases how they would run each one in an archive of 20,000 pages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import event, text

from pipeline.core.models import Outcome, Reason
from pipeline.fulltext.tokenizer import IndexableArticle
from pipeline.store.clean import container_stats, near_duplicates
from pipeline.store.clean.session import CleanSession
from pipeline.store.codec import dictionary_training
from pipeline.store.crawl import frontier
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.db.evidence import sealing
from pipeline.store.maintenance import recompress
from pipeline.store.monitoring import night_stats
from pipeline.store.read import (
    export_articles,
    headlines,
    night_summary,
    page_history,
    pages,
    runs,
    source_history,
)
from pipeline.store.read.export_articles import ExportQuery
from pipeline.store.search import index, search
from tests.support.archive_factory import FEED, NIGHT, RECIPE, Reply, capture, links

PAGES, SITES, RUNS, INDEXED = 20_000, 1_000, 4_000, 5_000
LARGE = (
    "page",
    "payload",
    "capture",
    "extracted_page",
    "clean_result",
    "revision",
    "article",
    "ledger_entry",
    "line_sighting",
    "sketch",
    "article_index",
)
NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
# each site has 20 stories and 4 runs; each story has one capture, one text and two ledger entries
FILL = {
    "run": """id, site, kind, started_at, finished_at, status, counts)
        SELECT i, 's' || (i % {sites}),
        CASE WHEN (i / {sites}) % 2 = 0 THEN 'crawl' ELSE 'clean' END,
        :at, :at, 'finished', '{{}}'""",
    "payload": """id, digest, size, codec, body, media_type, charset, first_seen_at)
        SELECT i, 'digest ' || i, 100000, 'zstd', :body, 'text/html', '', :at""",
    "page": """id, site, kind, url, url_key, first_seen_at, due_at, payload_id, last_matched_at,
        clean_payload_id, clean_recipe, profile_updated_at) SELECT i, 's' || (i % {sites}), 'story',
        'https://s' || i % {sites} || '.example/' || i, 'key ' || i, :at,
        CASE WHEN i % 2 = 0 THEN :at ELSE NULL END, i, :at, i, :recipe, :at""",
    "capture": """id, page_id, run_id, fetched_at, outcome, reason, headers, media_type, charset,
        payload_id, size, elapsed_ms, location, detail)
        SELECT i, i, 1 + i % {runs}, :at, 'fetched', 'new', '{{}}', 'text/html', '',
        i, 1, 1, '', ''""",
    "extracted_page": """id, payload_id, extractors, created_at, reason, cost_ms, codec, body)
        SELECT i, i, :extractors, :at, '', 1, 'zstd', :body""",
    "clean_result": """id, page_id, payload_id, extracted_page_id, recipe, profile_digest,
        created_at, outcome, reason, removed, chosen_metadata, text_digest, run_id)
        SELECT i, i, i, i, :recipe, '', :at, 'archived', '', '[]', '{{"v"\\:1}}', '',
        1 + i % {runs}""",
    "revision": """id, page_id, number, clean_result_id, title, text, first_seen_at, last_seen_at)
        SELECT i, i, 1, i, 'Title', 'Text', :at, :at""",
    "article": """page_id, revision_id, clean_result_id, order_key, title, authors,
        published_source, published_precision, language, section, tags, image, canonical_url,
        description, word_count, archived_at, index_version)
        SELECT i, i, i, i, 'Title', '[]', '', '', 'en', '', '[]', '', '', '', 9, :at, 'v'""",
    "sketch": "page_id, site, version) SELECT i, 's' || (i % {sites}), 'v'",
    "line_sighting": "site, key, role, page_id) SELECT 's' || (i % {sites}), i, 'line', i",
    "ledger_entry": """run_id, page_id, outcome, reason, at, bytes)
        SELECT 1 + i % {runs}, 1 + (i * 7 + i / {pages}) % {pages},
        'unchanged', 'not_modified', :at, 1""",
}
FTS_LOOKUP = re.compile(r"VIRTUAL TABLE INDEX \d+:\S")  # FTS5 looks up words or keys
QUERIES = (
    "pier",
    "noon -ferry",
    '"pier 7"',
    "leav*",
    "7 site:s907",
    "",
    "site:s7",
    "ferry before:2026-01-01",
)
ROW_COUNTS = {"run": RUNS, "ledger_entry": 2 * PAGES}  # PAGES for the other tables


def article(page: int) -> IndexableArticle:
    body = f"The ferry of pier {page % 100} leaves at noon"
    site, at = f"s{page % SITES}", index.timestamp_of(page)
    return IndexableArticle(page, site, "en", "Title", body, (), (), 1, at)


def fill(store: Database) -> None:
    at = NIGHT.replace(tzinfo=None) if store.is_sqlite else NIGHT
    values = {"at": at, "body": b"packed", "recipe": str(RECIPE), "extractors": RECIPE.extractors}
    types = {} if store.is_sqlite else {"at": "timestamptz", "body": "bytea"}
    with store.write() as db:
        sealing.start(db)  # before there are runs, which it would adopt
        for table, template in FILL.items():
            count = ROW_COUNTS.get(table, PAGES)
            sql = template.format(sites=SITES, runs=RUNS, pages=PAGES)
            parameters = {name: value for name, value in values.items() if f":{name}" in sql}
            for name, type_name in types.items():
                sql = re.sub(rf":{name}\b", f"CAST(:{name} AS {type_name})", sql)
            columns, expressions = re.split(r"\bSELECT ", sql, maxsplit=1)
            numbers = NUMBERS.format(count)
            insert = f"INSERT INTO {table} ({columns} {numbers} SELECT {expressions} FROM n"
            db.execute(text(insert), parameters)
            if not store.is_sqlite and table in ("run", "payload", "page", "capture"):
                sequence = f"pg_get_serial_sequence('{table}', 'id')"
                db.execute(text(f"SELECT setval({sequence}, {count + 1})"))
        pages_with_words = range(PAGES, PAGES - INDEXED, -1)
        index.add_articles(db, [(page, article(page)) for page in pages_with_words])
        db.execute(text("ANALYZE"))


@contextmanager
def recorded(store: Database) -> Iterator[dict[str, Any]]:
    """Record the statements that are sent meanwhile, each with the values of its first use."""
    statements: dict[str, Any] = {}

    def record(
        _connection: object,
        _cursor: object,
        statement: str,
        values: Any,
        _context: object,
        many: bool,
    ) -> None:
        if (
            statement.lstrip().upper().startswith(("SELECT", "UPDATE", "DELETE", "WITH"))
            and "pg_" not in statement
        ):
            statements.setdefault(statement, values[0] if many else values)

    event.listen(store.engine, "before_cursor_execute", record)
    yield statements
    event.remove(store.engine, "before_cursor_execute", record)


def full_scans(store: Database, statement: str, values: Any) -> list[str]:
    """Large tables that a statement would read from end to end."""
    with store.read() as db:
        if not store.is_sqlite and "article_index" in statement:
            # a search sets this, too; what no index serves is still read as a whole
            db.execute(text("SET LOCAL enable_seqscan = off"))
        if store.is_sqlite:
            plan = db.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            return _scans_of_sqlite(statement, [row[3] for row in plan])
        (plan,) = db.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", values).one()
    (root,) = json.loads(plan) if isinstance(plan, str) else plan
    return list(_scans_of_postgres(root["Plan"]))


def _scans_of_sqlite(statement: str, plan: list[str]) -> list[str]:
    has_index = any("USING" in line and "INDEX" in line for line in plan)
    if "LIMIT" in statement and has_index:
        return []
    scans: list[str] = []
    for line in plan:
        if line.startswith("SCAN ") and not FTS_LOOKUP.search(line):
            scans.append(line.split()[1])
    return [table for table in scans if table in LARGE]


def _scans_of_postgres(node: dict[str, Any]) -> Iterator[str]:
    if node["Node Type"] == "Seq Scan" and node["Relation Name"] in LARGE:
        yield node["Relation Name"]
    for child in node.get("Plans", ()):
        yield from _scans_of_postgres(child)


def a_night(archive: CrawlSession) -> None:
    run = archive.start_run("s7")
    due = archive.register_source(run, FEED)
    archive.save_source(
        run,
        capture(due, Reply(b"<rss/>")),
        links("https://s7.example/107", "https://s7.example/new"),
        FEED.kind,
    )
    archive.last_read([FEED.url])
    taken = archive.lease_due(run, 5)
    assert taken
    archive.save_capture(
        run, capture(taken[0], Reply(b"Other bytes than before")), datetime.now(UTC)
    )
    archive.finish_run(run, "finished")


def a_clean(store: Database) -> None:
    shelf = CleanSession(store, "s7")
    run = shelf.start_run(RECIPE)
    shelf.count_stale(RECIPE)
    shelf.count_pending_payloads(RECIPE)
    assert shelf.pending_payloads(RECIPE, 0, 10)
    shelf.not_in_profile(RECIPE, 10)
    shelf.stale_pages(RECIPE, 0, 10)
    shelf.line_stats({7: [1, 2, 3]})
    shelf.trim_profile(RECIPE)
    near_duplicates.count_pending(store, "s7")
    shelf.finish_run(run, "finished")
    night_stats.compute_night_stats(store, ["s7"])
    dictionary_training.retrain_if_needed(store, "s7")
    with store.read() as db:
        recompress._uncompressed_sizes(db, "s7", [7, 107, 207])
    next(recompress._steps(store, "s7", recompress.PAGES_PER_STEP))


def a_reader(store: Database) -> None:
    runs.list_runs(store, 20, "s7")
    runs.run_log(store, 8, Outcome.UNCHANGED)
    runs.count_reasons(store, 8)
    runs.site_statuses(store, datetime.now(UTC), "s7")
    runs.unbalanced_runs(store, [8])
    runs.removed_by_rule(store, 8)
    runs.list_runs(store, 20, "s7", before=1000)
    runs.list_outcomes(store, 8, 20, outcome=Outcome.UNCHANGED, reason=Reason.NOT_MODIFIED, after=7)
    night_summary.list_crawl_stats(store, "s7", 20)
    night_summary.sample_story_stats(store, "s7", 100)
    page_history.list_fetches(store, 7, 20, before=7)
    page_history.list_run_entries(store, 7, 20)
    page_history.get_provenance(store, 7)
    page_history.payload_bytes(store, "none")
    pages.list_revisions(store, 7)
    source_history.list_placements(store, "https://s7.example/7")
    source_history.robots_in_force(store, "s7", "https://s7.example/7", NIGHT)
    recent = ExportQuery(sites=("s7",), since=NIGHT, limit=3)
    next(export_articles.iter_articles(store, recent), None)
    next(export_articles._page_batches(store, ExportQuery(sites=("s7",)), None))
    headlines.newest_headlines(store, 5)
    headlines.newest_headlines(store, 5, day=NIGHT.date())
    headlines.section_headlines(store, "s7", "Politics", 5)
    headlines.neighbours(store, 7)
    headlines.neighbour_days(store, NIGHT.date())
    pages.find_page(store, "http://www.s7.example/7/")
    with store.read() as db:
        container_stats.ranked(db, "s7")
        db.execute(frontier.select(frontier.PageRow.id).where(frontier.PageRow.url_key == "key 7"))


def a_search(store: Database) -> None:
    """Searches in both orders, a later page, and a search without near-duplicates."""
    for query in QUERIES:
        page = search.search_articles(store, query, 5)
        if page.next:
            search.search_articles(store, query, 5, after=page.next)
        search.search_articles(store, query, 5, unique=True)
        search.search_articles(store, query, 5, order="rank")


def test_no_statement_reads_a_large_table_from_end_to_end(
    archive: CrawlSession, store: Database
) -> None:
    fill(store)
    actions: tuple[Callable[[], None], ...] = (
        lambda: a_night(archive),
        lambda: a_clean(store),
        lambda: a_reader(store),
        lambda: a_search(store),
    )
    statements: dict[str, Any] = {}
    for action in actions:
        with recorded(store) as of_store, recorded(archive.store) as of_archive:
            action()
        statements |= of_store | of_archive
    assert len(statements) > 60
    assert sum("article_index" in statement for statement in statements) >= 4
    slow: list[str] = []
    for statement, values in statements.items():
        tables = full_scans(store, statement, values)
        if tables:
            slow.append(f"{tables}: {statement}")
    assert not slow, "\n\n".join(slow)
