"""What is pruned is what was told, and what stays is whole: bytes, articles, revisions, and what a rollback needs."""

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
from pipeline.store.maintenance.prune import Spare
from pipeline.store.maintenance.verify_sources import Asked, Looked
from pipeline.store.read import runs as history
from tests.support.archive_factory import DAY, NIGHT, do, dump, night, one, rows, url
from tests.support.reclean_factory import (
    ADVERT,
    STORY,
    articles,
    every,
    reclean,
    site,
    striking,
    waterline,
)

DAYS = RetentionOptions(result_days=60, ledger_days=365)


def quiet(*_: object) -> None:
    pass


def prune(store: Database, *, dry: bool = False) -> Spare:
    return retention.prune_site(
        store, retention.retention_rule("courier", DAYS, datetime.now(UTC)), quiet, dry=dry
    )


def test_old_results_and_ledgers_go_as_the_dry_run_says_and_all_else_stays(
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
    second = reclean(
        store, striking(0)
    )  # replaces what was made long ago, but only now: a rollback is promised
    assert prune(store, dry=True).rows == 0
    old = datetime.now(UTC) - timedelta(days=100)
    do(
        store,
        "UPDATE clean_result SET created_at = :at WHERE status = 'accepted'",
        at=old.replace(tzinfo=None if store.is_sqlite else UTC),
    )
    do(store, "INSERT INTO extracted_page (payload_id, extractors, created_at, reason, cost_ms, codec, body)"
       " SELECT payload_id, 'older', '2020-01-01', reason, cost_ms, codec, body FROM extracted_page")  # fmt: skip
    every(store, striking(0))
    night(archive, {url("a"): f"{STORY} Again.".encode()}, NIGHT + DAY)
    reclean(store, striking(0))
    do(store, "UPDATE run SET finished_at = '2020-01-01', started_at = '2020-01-01'")
    before, kept, runs = (
        articles(store),
        waterline(store),
        dump(store, "run", without=("pruned_at",)),
    )
    told = prune(store, dry=True)
    assert (told.results, told.drafts, told.runs) == (2, 2, 4)
    assert told.bytes > 1000
    assert articles(store) == before
    assert prune(store) == told
    assert prune(store).rows == 0
    assert articles(store) == before
    assert waterline(store) == kept
    assert dump(store, "run", without=("pruned_at",)) == runs
    assert rows(store, "SELECT kind FROM run WHERE pruned_at IS NULL ORDER BY id") == [
        ("crawl",),
        ("clean",),
    ]
    assert not any(state.unbalanced for state in history.states(store, datetime.now(UTC)))
    assert not history.unbalanced(store, [run for (run,) in rows(store, "SELECT id FROM run")])
    assert [each.sentence for each in repair.verify_archive(store, Asked(), Looked(), quiet)] == []
    assert (
        held_results.made_by(store, second.run) == ()
    )  # nothing is left to go back to, which is no error
    assert review.rollback(store, second.run, quiet).run_id == 0


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_site_that_is_being_cleaned_is_left_alone(archive: CrawlSession, store: Database) -> None:
    night(archive, {url("a"): STORY.encode()})
    held = locks.acquire(store, "clean:courier")
    with pytest.raises(AlreadyRunning):
        prune(store)
    held.release()
    assert one(store, "SELECT count(*) FROM ledger_entry") > 0
