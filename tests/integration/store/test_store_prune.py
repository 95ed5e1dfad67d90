"""Prune deletes what the dry run counts, and keeps payloads, articles, revisions and rollbacks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.config.site import RetentionOptions
from pipeline.core.errors import AlreadyRunning
from pipeline.jobs import repair, retention, review
from pipeline.store.clean import held_results
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db import locks
from pipeline.store.db.engine import Database
from pipeline.store.maintenance.faults import EVERYTHING, VerifiedCounts
from pipeline.store.maintenance.prune import Prunable, RetentionRule
from pipeline.store.read import runs as run_reader
from tests.support.archive_factory import DAY, NIGHT, do, dump, night, one, rows, url
from tests.support.reclean_factory import (
    ADVERT,
    STORY,
    articles,
    payloads_and_captures,
    reclean,
    reclean_all,
    site,
    site_removing,
)

DAYS = RetentionOptions(result_days=60, ledger_days=365)


def quiet(*_: object) -> None:
    pass


def rule() -> RetentionRule:
    return retention.retention_rule("courier", DAYS, datetime.now(UTC))


def estimate(store: Database) -> Prunable:
    return retention.estimate(store, rule())


def prune(store: Database) -> Prunable:
    return retention.prune_site(store, rule(), quiet)


def test_prune_deletes_what_the_dry_run_counts_and_keeps_the_rest(
    archive: CrawlSession, store: Database
) -> None:
    night(
        archive,
        {url("a"): f"{STORY}\n{ADVERT}".encode(), url("b"): f"{STORY} Too.\n{ADVERT}".encode()},
    )
    reclean(store, site())
    do(
        store,
        "UPDATE clean_result SET created_at = :at",
        at=(NIGHT - 400 * DAY).replace(tzinfo=None if store.is_sqlite else UTC),
    )
    # it replaces an old result, but only now, so that it can still be rolled back
    second = reclean(store, site_removing(0))
    assert estimate(store).rows == 0
    old = datetime.now(UTC) - timedelta(days=100)
    do(
        store,
        "UPDATE clean_result SET created_at = :at WHERE status = 'accepted'",
        at=old.replace(tzinfo=None if store.is_sqlite else UTC),
    )
    do(
        store,
        "INSERT INTO extracted_page"
        " (payload_id, extractors, created_at, reason, cost_ms, codec, body)"
        " SELECT payload_id, 'older', '2020-01-01', reason, cost_ms, codec, body"
        " FROM extracted_page",
    )
    reclean_all(store, site_removing(0))
    night(archive, {url("a"): f"{STORY} Again.".encode()}, NIGHT + DAY)
    reclean(store, site_removing(0))
    do(store, "UPDATE run SET finished_at = '2020-01-01', started_at = '2020-01-01'")
    before, sources = articles(store), payloads_and_captures(store)
    runs = dump(store, "run", without=("pruned_at",))
    estimated = estimate(store)
    assert (estimated.results, estimated.extracted_pages, estimated.runs) == (2, 2, 4)
    assert estimated.bytes > 1000
    assert articles(store) == before
    assert prune(store) == estimated
    assert prune(store).rows == 0
    assert articles(store) == before
    assert payloads_and_captures(store) == sources
    assert dump(store, "run", without=("pruned_at",)) == runs
    assert rows(store, "SELECT kind FROM run WHERE pruned_at IS NULL ORDER BY id") == [
        ("crawl",),
        ("clean",),
    ]
    statuses = run_reader.site_statuses(store, datetime.now(UTC))
    assert not any(status.unbalanced for status in statuses)
    run_ids = [run for (run,) in rows(store, "SELECT id FROM run")]
    assert not run_reader.unbalanced_runs(store, run_ids)
    assert list(repair.verify_archive(store, EVERYTHING, VerifiedCounts(), quiet)) == []
    # nothing is left to roll back to, which is no error
    assert held_results.revertible_pages(store, second.run_id) == ()
    assert review.rollback(store, second.run_id, quiet).run_id == 0


@pytest.mark.parametrize("engine", ["sqlite"])
def test_prune_refuses_a_site_that_is_being_cleaned(archive: CrawlSession, store: Database) -> None:
    night(archive, {url("a"): STORY.encode()})
    lock = locks.acquire(store, "clean:courier")
    with pytest.raises(AlreadyRunning):
        prune(store)
    lock.release()
    assert one(store, "SELECT count(*) FROM ledger_entry") > 0
