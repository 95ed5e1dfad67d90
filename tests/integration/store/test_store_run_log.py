"""The ledger: each URL that a run saw has one outcome, and the sums prove it."""

from __future__ import annotations

import pytest

from pipeline.core.models import Link, LinkDecision, Outcome, Reason
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.read import runs
from tests.support.archive_factory import (
    DAY,
    FAILED,
    GONE,
    NIGHT,
    SITE,
    Reply,
    capture,
    clean,
    do,
    links,
    list_links,
    night,
    one,
    rows,
    url,
)  # fmt: skip

A, B, C, D = map(url, "abcd")


def test_each_url_of_a_run_has_exactly_one_outcome(archive: CrawlSession, store: Database) -> None:
    run = archive.start_run(SITE)
    refused = LinkDecision(Link(D), Outcome.REFUSED, Reason.OFF_SITE)
    list_links(archive, run, [*links(A, B, C, A), refused])
    list_links(archive, run, [*links(A), refused])
    first, second, _ = archive.lease_due(run, 10)
    archive.save_capture(run, capture(first, Reply(b"one")), None)
    archive.save_capture(run, capture(second, FAILED), NIGHT)
    counts = archive.finish_run(run, "stopped")
    assert counts == {"fetched": 2, "failed": 1, "deferred": 1, "refused": 1}
    entries = rows(store, "SELECT url, outcome FROM ledger WHERE run = :run ORDER BY url", run=run)
    assert len(entries) == len({address for address, _ in entries}) == sum(counts.values())
    assert runs.unbalanced_runs(store, [run]) == frozenset()


def test_run_whose_process_is_gone_is_not_shown_as_running(
    archive: CrawlSession, store: Database
) -> None:
    """As in a backup that was made during a crawl."""
    run = archive.start_run(SITE)
    assert runs.list_runs(store, 1)[0].status == "running"
    assert runs.site_statuses(store, NIGHT)[0].last["crawl"].status == "running"
    archive.close()
    (shown,) = runs.list_runs(store, 1)
    assert (shown.id, shown.status) == (run, "interrupted")
    assert shown.detail == "the process ended before its work"
    assert runs.site_statuses(store, NIGHT)[0].last["crawl"].status == "interrupted"
    stored = runs.get_run(store, run)
    assert stored is not None
    assert stored.status == "interrupted"


def test_after_a_run_nothing_is_pending_and_what_was_is_still_due(
    archive: CrawlSession, store: Database
) -> None:
    run = archive.start_run(SITE)
    list_links(archive, run, links(A, B))
    archive.lease_due(run, 1)
    archive.finish_run(run, "finished", deferred=Reason.BUDGET)
    assert one(store, "SELECT count(*) FROM ledger WHERE outcome = 'pending'") == 0
    assert rows(store, "SELECT DISTINCT reason FROM ledger WHERE outcome = 'deferred'") == [
        ("budget",)
    ]
    assert (
        one(store, "SELECT count(*) FROM page WHERE due_at IS NOT NULL AND lease_run IS NULL") == 2
    )


def test_the_ledger_view_has_the_bytes_and_the_time(archive: CrawlSession, store: Database) -> None:
    night(archive, {A: b"twelve bytes"})
    ((size, status, kind),) = rows(
        store, "SELECT bytes, status, run_kind FROM ledger WHERE url = :url", url=A
    )
    assert (size, status, kind) == (12, 200, "crawl")
    assert runs.run_log(store, 1, Outcome.FETCHED)[0].at == NIGHT


def test_a_story_that_is_linked_but_not_due_is_known(
    archive: CrawlSession, store: Database
) -> None:
    run = archive.start_run(SITE)
    list_links(archive, run, links(A))
    (due,) = archive.lease_due(run, 1)
    archive.save_capture(run, capture(due, Reply(b"one")), None)
    archive.finish_run(run, "finished")
    run = archive.start_run(SITE)
    list_links(archive, run, links(A))
    assert archive.finish_run(run, "finished") == {"fetched": 1, "known": 1}


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM ledger_entry WHERE outcome = 'gone'",
        "UPDATE ledger_entry SET outcome = 'failed' WHERE outcome = 'gone'",
        "UPDATE ledger_entry SET outcome = 'pending' WHERE outcome = 'gone'",
        "UPDATE run SET counts = '{}'",
    ],
)
def test_a_damaged_ledger_is_noticed(archive: CrawlSession, store: Database, damage: str) -> None:
    night(archive, {A: b"one", B: GONE})
    night(archive, {C: b"two"}, site="evening")
    assert runs.unbalanced_runs(store, [1, 2]) == frozenset()
    do(
        store,
        damage + (" WHERE id = 1" if "UPDATE run" in damage else ""),
    )
    assert runs.unbalanced_runs(store, [1, 2]) == {1}
    unbalanced = {state.site: state.unbalanced for state in runs.site_statuses(store, NIGHT)}
    assert unbalanced == {SITE: (1,), "evening": ()}


def test_an_active_run_is_not_unbalanced(archive: CrawlSession, store: Database) -> None:
    run = archive.start_run(SITE)
    list_links(archive, run, links(A))
    assert runs.unbalanced_runs(store, [run]) == frozenset()


def test_a_clean_has_a_ledger_of_its_own_that_adds_up(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, {A: b"one story", B: b"Before you go on, accept all"})
    assert clean(store) == {"archived": 1, "not_article": 1}
    night(archive, {A: b"another story", B: b"Before you go on, accept all"}, NIGHT + DAY)
    assert clean(store) == {"revised": 1}
    assert runs.unbalanced_runs(store, [1, 2, 3, 4]) == frozenset()
    assert [run.kind for run in runs.list_runs(store, 10)] == ["clean", "crawl", "clean", "crawl"]


def test_the_status_of_a_site_counts_only_its_stories(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, {A: b"one story", B: GONE})
    clean(store)
    (state,) = runs.site_statuses(store, NIGHT + DAY)
    assert (state.site, state.pages, state.stored, state.articles) == (SITE, 2, 1, 1)
    assert set(state.last) == {"crawl", "clean"}


def test_stored_site_counts_are_used_only_until_the_next_run(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, {url("a"): b"One story", url("b"): b"Another story"})
    clean(store)

    def counts() -> tuple[int, ...]:
        (state,) = runs.site_statuses(store, NIGHT + DAY)
        return state.pages, state.stored, state.articles, state.due

    assert counts() == (2, 2, 2, 2)
    do(store, "UPDATE site_counts SET articles = 7")  # shows that nothing is counted
    assert counts() == (2, 2, 7, 2)
    run = archive.start_run(SITE)
    list_links(archive, run, links(url("c")))
    assert counts() == (3, 2, 2, 3)
    archive.finish_run(run, "finished")
    assert rows(store, "SELECT * FROM site_counts") == [(SITE, run, 3, 2, 2)]
    assert counts() == (3, 2, 2, 3)
