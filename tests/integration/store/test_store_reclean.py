"""Another clean can be previewed, held, accepted, rejected and rolled back."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from sqlalchemy import event

from pipeline.core.errors import AlreadyRunning, ConfigError
from pipeline.core.models import Outcome
from pipeline.jobs import review as reviews
from pipeline.jobs.changes import Change
from pipeline.jobs.clean import CleanBatchSizes, CleanRequest
from pipeline.jobs.recipe import current_recipe
from pipeline.jobs.site_profile import site_profile_report
from pipeline.store.clean import held_results
from pipeline.store.clean.session import CleanSession
from pipeline.store.clean.types import CleanScope
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.read import runs as run_history
from tests.conftest import GrowOnce
from tests.support.archive_factory import DAY, NIGHT, do, dump, night, one, rows, url
from tests.support.cli import ROOT, clean_environment, wait_until
from tests.support.reclean_factory import (
    ADVERT,
    PARAGRAPHS,
    STORY,
    Extractors,
    articles,
    inconsistent_results,
    payloads_and_captures,
    reclean,
    reclean_all,
    site,
    site_removing,
    text,
)

A, B, C = url("a"), url("b"), url("c")
BODY = STORY.encode()
LOSES_LITTLE, LOSES_MUCH = site_removing(1), site_removing(0, 1, 2, 3)


def silent(_stage: str, _done: int, _of: int) -> None:
    pass


def page(store: Database, address: str = A) -> int:
    return int(one(store, "SELECT id FROM page WHERE url = :url", url=address))


def review(store: Database, choose: object, *addresses: str) -> dict[str, int]:
    pages = [page(store, address) for address in addresses or (A,)]
    return reviews.review(store, "courier", pages, choose, silent).counts  # type: ignore[arg-type]


@pytest.fixture
def archived(archive: CrawlSession, store: Database, grow_once: GrowOnce) -> Database:
    """An archive with one story that is cleaned, and fetched once more since."""

    def nights() -> None:
        night(archive, {A: BODY})
        assert reclean(store, site()).counts == {"archived": 1}
        night(archive, {A: BODY}, NIGHT + DAY)

    grow_once(nights)
    return store


def test_a_result_that_loses_much_is_held_and_the_article_stays_as_it_was(
    archived: Database,
) -> None:
    before = articles(archived)
    done = reclean(archived, LOSES_MUCH)
    assert done.counts == {"held": 1}
    assert rows(
        archived, "SELECT outcome, reason FROM ledger WHERE run = :run", run=done.run_id
    ) == [("held", "lost_text")]
    assert articles(archived) == before
    assert reclean(archived, LOSES_MUCH).run_id == 0, (
        "the page is not stale under this recipe any more"
    )
    assert held_results.held_pages(archived) == {"courier": (page(archived),)}


def test_a_result_that_loses_little_replaces_the_one_before(archived: Database) -> None:
    done = reclean(archived, LOSES_LITTLE)
    assert done.counts == {"recleaned": 1}
    assert PARAGRAPHS[1] not in text(archived, page(archived))
    verdicts = rows(archived, "SELECT status, run_id FROM clean_result ORDER BY id")
    assert verdicts == [
        ("replaced", one(archived, "SELECT min(run) FROM ledger WHERE run_kind = 'clean'")),
        ("accepted", done.run_id),
    ]


def test_new_bytes_are_never_held(archive: CrawlSession, archived: Database) -> None:
    night(
        archive,
        {A: f"The ferries of the harbour are back\n{PARAGRAPHS[0]}".encode()},
        NIGHT + 2 * DAY,
    )
    assert reclean(archived, site()).counts == {"revised": 1}
    assert text(archived, page(archived)) == PARAGRAPHS[0]


def test_a_clean_with_the_same_result_adds_no_row_and_writes_no_article(archived: Database) -> None:
    before = articles(archived)
    assert reclean(archived, site("Nothing of this text")).counts == {"unchanged": 1}
    assert articles(archived) == before
    assert one(archived, "SELECT count(*) FROM clean_result") == 1
    assert (
        one(archived, "SELECT count(*) FROM clean_result JOIN page ON recipe = clean_recipe") == 1
    )


def test_a_held_result_can_be_accepted(archived: Database) -> None:
    reclean(archived, LOSES_MUCH)
    (held,) = held_results.review_inputs(archived, [page(archived)])
    assert [gone.rule for gone in reviews.preview_accept(held).lost] == ["site-pattern"] * 4
    assert review(archived, reviews.accept) == {"recleaned": 1}
    assert text(archived, page(archived)) == "\n".join(PARAGRAPHS[4:])
    assert held_results.held_pages(archived) == {}
    assert one(archived, "SELECT count(*) FROM clean_result WHERE status = 'accepted'") == 1
    assert (
        run_history.unbalanced_runs(archived, [one(archived, "SELECT max(id) FROM run")])
        == frozenset()
    )


def test_a_rejected_result_is_not_offered_again(archived: Database) -> None:
    before = articles(archived)
    reclean(archived, LOSES_MUCH)
    assert review(archived, reviews.reject) == {"unchanged": 1}
    for again in (
        LOSES_MUCH,
        site_removing(3, 2, 1, 0),
    ):  # the same recipe, and another one with the same text
        done = reclean_all(archived, again)
        assert rows(
            archived, "SELECT outcome, reason FROM ledger WHERE run = :run", run=done.run_id
        ) == [("unchanged", "rejected")]
        assert held_results.held_pages(archived) == {}
    assert articles(archived) == before
    assert reclean(archived, LOSES_LITTLE).counts == {"recleaned": 1}, (
        "another text is a new result"
    )


def test_a_later_clean_replaces_a_held_result(archived: Database) -> None:
    reclean(archived, LOSES_MUCH)
    assert reclean(archived, LOSES_LITTLE).counts == {"recleaned": 1}
    assert held_results.held_pages(archived) == {}


def test_a_page_that_is_no_article_any_more_is_held_and_comes_back_as_it_was_after_a_rollback(
    archived: Database,
) -> None:
    before = articles(archived)
    nothing = site_removing(*range(6))
    run = reclean(archived, nothing).run_id
    assert rows(archived, "SELECT reason FROM ledger WHERE run = :run", run=run) == [
        ("lost_article",)
    ]
    assert review(archived, reviews.accept) == {"not_article": 1}
    assert one(archived, "SELECT count(*) FROM articles") == 0
    assert reviews.rollback(archived, run, silent).counts == {"recleaned": 1}
    assert articles(archived) == before


def test_a_rollback_restores_every_article_byte_for_byte(
    archive: CrawlSession, archived: Database
) -> None:
    night(
        archive,
        {A: BODY, B: BODY.replace(b"story", b"tale"), C: BODY.replace(b"river", b"bay")},
        NIGHT + 2 * DAY,
    )
    night(
        archive,
        {
            A: BODY + b"\nIt goes on.",
            B: b"Short\nOne line of text that is long enough to be a story of its own, just.",
        },
        NIGHT + 3 * DAY,
    )
    reclean(archived, site())
    before, stored = articles(archived), payloads_and_captures(archived)
    run = reclean(archived, LOSES_LITTLE).run_id
    assert articles(archived) != before
    done = reviews.rollback(archived, run, silent)
    assert articles(archived) == before
    assert payloads_and_captures(archived) == stored
    assert run_history.unbalanced_runs(archived, [done.run_id]) == frozenset()
    assert reclean(archived, LOSES_LITTLE).run_id == 0, (
        "no page is stale until the recipe or the bytes change"
    )
    assert reclean_all(archived, LOSES_LITTLE).counts == {"unchanged": 3}, (
        "and the same recipe does not undo the rollback"
    )
    assert articles(archived) == before
    assert reviews.rollback(archived, run, silent).run_id == 0


def test_after_a_rollback_a_page_whose_profile_changes_keeps_its_text(
    archived: Database,
) -> None:
    before = articles(archived)
    reviews.rollback(archived, reclean(archived, LOSES_LITTLE).run_id, silent)
    do(archived, "UPDATE page SET needs_clean = true WHERE kind = 'story'")
    assert reclean(archived, LOSES_LITTLE).counts == {"unchanged": 1}
    assert articles(archived) == before


def test_cleans_can_be_rolled_back_in_any_order(archived: Database) -> None:
    first = articles(archived)
    one_run = reclean(archived, site_removing(1)).run_id
    second = articles(archived)
    two_run = reclean(archived, site_removing(1, 2)).run_id
    third = articles(archived)
    reviews.rollback(archived, one_run, silent)
    assert articles(archived) == third, "the later clean stays"
    reviews.rollback(archived, two_run, silent)
    assert articles(archived) == first != second


def test_the_first_text_of_new_bytes_stays_after_a_rollback(
    archive: CrawlSession, archived: Database
) -> None:
    night(archive, {A: BODY + b"\nIt goes on."}, NIGHT + 2 * DAY)
    run = reclean(archived, LOSES_LITTLE).run_id
    assert one(archived, "SELECT revisions FROM articles") == 2
    reviews.rollback(archived, run, silent)
    texts = [text for (text,) in rows(archived, "SELECT text FROM revision ORDER BY number")]
    assert texts == [
        "\n".join(PARAGRAPHS),
        "\n".join([PARAGRAPHS[0], *PARAGRAPHS[2:], "It goes on."]),
    ]


def test_only_a_clean_can_be_rolled_back(archived: Database) -> None:
    crawl = one(archived, "SELECT min(id) FROM run")
    with pytest.raises(ConfigError, match="is a crawl; only a clean can be taken back"):
        reviews.rollback(archived, crawl, silent)
    with pytest.raises(ConfigError, match="no such run"):
        reviews.rollback(archived, 999, silent)


def test_a_dry_run_saves_only_extracted_pages_and_extracts_nothing_twice(
    archive: CrawlSession, archived: Database
) -> None:
    night(archive, {A: BODY, B: BODY + b"\n" + ADVERT.encode()}, NIGHT + 2 * DAY)
    told: list[Change] = []
    extractors = Extractors()
    plan = CleanRequest(
        CleanScope(everything=True), dry_run=True, on_change=lambda _, change: told.append(change)
    )
    before = dump(archived)
    for _ in range(2):
        assert reclean(archived, LOSES_LITTLE, plan, extractors).run_id == 0
    assert extractors.extracted == 1
    after = dump(archived)
    assert {name for name in before if before[name] != after[name]} == {"extracted_page"}
    assert [(each.outcome, len(each.lost), len(each.gained)) for each in told[:2]] == [
        (Outcome.RECLEANED, 1, 0),
        (Outcome.ARCHIVED, 0, 5),
    ]
    assert told[0].lost[0].rule == "site-pattern"


def test_pages_that_a_dry_run_extracted_enter_the_profile_with_the_next_clean(
    archive: CrawlSession, store: Database
) -> None:
    bodies = {
        url(name): f"{name} is a headline of four words\n{PARAGRAPHS[0]}\n{ADVERT}".encode()
        for name in "abcd"
    }
    night(archive, bodies)
    reclean(store, site(), CleanRequest(dry_run=True))
    assert (
        one(store, "SELECT count(*) FROM line_sighting"),
        one(store, "SELECT count(*) FROM extracted_page"),
    ) == (0, 4)
    extractors = Extractors()
    reclean(store, site(), extractors=extractors)
    assert extractors.extracted == 0
    assert one(store, "SELECT count(*) FROM extracted_page WHERE NOT in_profile") == 0
    (top, *_) = site_profile_report(store, "courier", 5).lines
    assert (top.text, top.pages, dict(top.removed)) in [
        (ADVERT, 4, {"prompt": 4}),
        (PARAGRAPHS[0], 4, {}),
    ]


def test_a_scope_narrows_a_clean_down(archive: CrawlSession, store: Database) -> None:
    night(archive, {A: BODY, B: BODY + b"\n" + ADVERT.encode()})
    night(archive, {A: BODY, B: BODY + b"\n" + ADVERT.encode(), C: BODY}, NIGHT + 5 * DAY)
    reclean(store, site())
    session, recipe = CleanSession(store, "courier"), current_recipe(site())
    assert session.count_stale(recipe) == 0
    for scope, count in (
        (CleanScope(everything=True), 3),
        (CleanScope(since=NIGHT + DAY), 0),
        (CleanScope(True, NIGHT + DAY), 1),
        (CleanScope(True, rule="prompt"), 1),
        (CleanScope(True, rule="credit"), 0),
        (CleanScope(True, NIGHT + DAY, "prompt"), 0),
    ):
        assert session.count_stale(recipe, scope) == count, str(scope)
    assert reclean_all(store, site(), CleanRequest(CleanScope(True, rule="prompt"))).counts == {
        "unchanged": 1
    }


class Killed(Exception):
    """Stands for a kill: the transaction is rolled back, and nothing else is done."""


def kill_at(store: Database, beginning: str, times: int) -> None:
    """Raise Killed at the n-th statement that begins so."""
    left = [times]

    @event.listens_for(store.engine, "before_cursor_execute")
    def _(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith(beginning) and left[0] > 0:
            left[0] -= 1
            if not left[0]:
                raise Killed


@pytest.mark.parametrize("everything", [False, True])
def test_an_interrupted_clean_continues_where_it_stopped(
    archive: CrawlSession, store: Database, everything: bool
) -> None:
    night(archive, {url(str(n)): BODY.replace(b"story", b"tale %d" % n) for n in range(7)})
    reclean(store, site())
    limits = CleanBatchSizes(pages_per_batch=2)
    plan = CleanRequest(CleanScope(everything=everything), batch_sizes=limits)
    kill_at(store, "INSERT INTO ledger_entry", 2)
    with pytest.raises(Killed):
        reclean(store, LOSES_LITTLE, plan)
    assert one(store, "SELECT count(*) FROM clean_result WHERE status = 'replaced'") == 2
    assert reclean(store, LOSES_LITTLE, plan).counts == {"recleaned": 5}
    assert inconsistent_results(store) == []
    assert {PARAGRAPHS[1] in found for (found,) in rows(store, "SELECT text FROM articles")} == {
        False
    }


def test_an_interrupted_rollback_continues_where_it_stopped(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, {url(str(n)): BODY.replace(b"story", b"tale %d" % n) for n in range(7)})
    reclean(store, site())
    before = articles(store)
    run = reclean(store, LOSES_LITTLE).run_id
    kill_at(store, "INSERT INTO ledger_entry", 2)
    with pytest.raises(Killed):
        reviews.rollback(store, run, silent, pages_per_batch=2)
    assert reviews.rollback(store, run, silent, pages_per_batch=2).counts == {"recleaned": 5}
    assert articles(store) == before


KILLED = """
import os, signal, sys
from sqlalchemy import event
from tests.support.reclean_factory import reclean, site_removing
from pipeline.jobs.clean import CleanBatchSizes, CleanRequest
from pipeline.store.db.engine import Database

store, left = Database(sys.argv[1]), [3]

@event.listens_for(store.engine, "after_cursor_execute")
def _(connection, cursor, statement, *rest):
    left[0] -= statement.startswith("UPDATE clean_result")
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)

reclean(store, site_removing(1), CleanRequest(batch_sizes=CleanBatchSizes(pages_per_batch=2)))
"""


def test_a_process_that_is_killed_in_the_middle_of_a_clean_loses_nothing(
    database_url: str, archive: CrawlSession, store: Database
) -> None:
    night(archive, {url(str(n)): BODY.replace(b"story", b"tale %d" % n) for n in range(5)})
    reclean(store, site())
    before = articles(store)
    paths = str(ROOT)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, database_url],
        env=clean_environment(PYTHONPATH=paths),
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == -signal.SIGKILL
    runs: list[int] = []

    def finished() -> bool:
        try:
            runs.append(reclean(store, LOSES_LITTLE).run_id)
        except AlreadyRunning:  # PostgreSQL notices the death of a client a moment later
            return False
        return True

    wait_until(finished, 10)
    killed = one(store, "SELECT id FROM run WHERE status = 'interrupted'")
    assert one(store, "SELECT count(*) FROM clean_result WHERE status = 'accepted'") == 5
    for run in (runs[-1], killed):
        reviews.rollback(store, run, silent)
    assert articles(store) == before
