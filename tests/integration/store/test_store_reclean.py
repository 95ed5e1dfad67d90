"""Cleaning again as a transaction: looked at before, held where much would be lost, accepted, rejected, taken back."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from sqlalchemy import event

from pipeline.core.errors import AlreadyRunning, ConfigError
from pipeline.core.models import Outcome
from pipeline.jobs import review as choosing
from pipeline.jobs.changes import Change
from pipeline.jobs.clean import CleanLimits, CleanRequest
from pipeline.jobs.recipe import current_recipe
from pipeline.jobs.site_profile import site_profile_report
from pipeline.store.clean import held_results
from pipeline.store.clean.session import CleanSession
from pipeline.store.clean.types import CleanScope
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.read import runs as history
from tests.conftest import Grown
from tests.support.archive_factory import DAY, NIGHT, do, dump, night, one, rows, url
from tests.support.cli import ROOT, clean_environment, wait_until
from tests.support.reclean_factory import (
    ADVERT,
    PARAGRAPHS,
    STORY,
    Extractors,
    articles,
    reclean_all,
    reclean,
    site,
    site_removing,
    text,
    payloads_and_captures,
    inconsistent_results,
)

A, B, C = url("a"), url("b"), url("c")
BODY = STORY.encode()
LITTLE, MUCH = site_removing(1), site_removing(0, 1, 2, 3)


def silent(_stage: str, _done: int, _of: int) -> None:
    pass


def page(store: Database, address: str = A) -> int:
    return int(one(store, "SELECT id FROM page WHERE url = :url", url=address))


def review(store: Database, choose: object, *addresses: str) -> dict[str, int]:
    pages = [page(store, address) for address in addresses or (A,)]
    return choosing.review(store, "courier", pages, choose, silent).counts  # type: ignore[arg-type]


@pytest.fixture
def archived(archive: CrawlSession, store: Database, grown: Grown) -> Database:
    """One story, cleaned, and met once more since."""

    def nights() -> None:
        night(archive, {A: BODY})
        assert reclean(store, site()).counts == {"archived": 1}
        night(archive, {A: BODY}, NIGHT + DAY)

    grown(nights)
    return store


def test_a_result_that_loses_much_is_held_and_the_article_stays_as_it_was(
    archived: Database,
) -> None:
    before = articles(archived)
    done = reclean(archived, MUCH)
    assert done.counts == {"held": 1}
    assert rows(archived, "SELECT outcome, reason FROM ledger WHERE run = :run", run=done.run_id) == [
        ("held", "lost_text")
    ]
    assert articles(archived) == before
    assert reclean(archived, MUCH).run_id == 0, "it is not stale under this recipe any more"
    assert held_results.held_pages(archived) == {"courier": (page(archived),)}


def test_a_result_that_loses_little_takes_the_place_of_the_one_before(archived: Database) -> None:
    done = reclean(archived, LITTLE)
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


def test_what_is_held_can_be_accepted(archived: Database) -> None:
    reclean(archived, MUCH)
    (held,) = held_results.review_inputs(archived, [page(archived)])
    assert [gone.rule for gone in choosing.preview_accept(held).lost] == ["site-pattern"] * 4
    assert review(archived, choosing.accept) == {"recleaned": 1}
    assert text(archived, page(archived)) == "\n".join(PARAGRAPHS[4:])
    assert held_results.held_pages(archived) == {}
    assert one(archived, "SELECT count(*) FROM clean_result WHERE status = 'accepted'") == 1
    assert history.unbalanced_runs(archived, [one(archived, "SELECT max(id) FROM run")]) == frozenset()


def test_what_is_rejected_is_not_offered_again(archived: Database) -> None:
    before = articles(archived)
    reclean(archived, MUCH)
    assert review(archived, choosing.reject) == {"unchanged": 1}
    for again in (
        MUCH,
        site_removing(3, 2, 1, 0),
    ):  # the same recipe, and another one with the same text
        done = reclean_all(archived, again)
        assert rows(
            archived, "SELECT outcome, reason FROM ledger WHERE run = :run", run=done.run_id
        ) == [("unchanged", "rejected")]
        assert held_results.held_pages(archived) == {}
    assert articles(archived) == before
    assert reclean(archived, LITTLE).counts == {"recleaned": 1}, "another text is another matter"


def test_a_later_clean_has_its_own_word_on_what_was_held(archived: Database) -> None:
    reclean(archived, MUCH)
    assert reclean(archived, LITTLE).counts == {"recleaned": 1}
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
    assert review(archived, choosing.accept) == {"not_article": 1}
    assert one(archived, "SELECT count(*) FROM articles") == 0
    assert choosing.rollback(archived, run, silent).counts == {"recleaned": 1}
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
    run = reclean(archived, LITTLE).run_id
    assert articles(archived) != before
    done = choosing.rollback(archived, run, silent)
    assert articles(archived) == before
    assert payloads_and_captures(archived) == stored
    assert history.unbalanced_runs(archived, [done.run_id]) == frozenset()
    assert reclean(archived, LITTLE).run_id == 0, (
        "no page is stale until the recipe or the bytes change"
    )
    assert reclean_all(archived, LITTLE).counts == {"unchanged": 3}, (
        "and the same recipe brings nothing back"
    )
    assert articles(archived) == before
    assert choosing.rollback(archived, run, silent).run_id == 0


def test_after_a_rollback_the_memory_may_touch_a_page_and_its_text_stays(
    archived: Database,
) -> None:
    before = articles(archived)
    choosing.rollback(archived, reclean(archived, LITTLE).run_id, silent)
    do(archived, "UPDATE page SET needs_clean = true WHERE kind = 'story'")
    assert reclean(archived, LITTLE).counts == {"unchanged": 1}
    assert articles(archived) == before


def test_cleans_can_be_taken_back_in_any_order(archived: Database) -> None:
    first = articles(archived)
    one_run = reclean(archived, site_removing(1)).run_id
    second = articles(archived)
    two_run = reclean(archived, site_removing(1, 2)).run_id
    third = articles(archived)
    choosing.rollback(archived, one_run, silent)
    assert articles(archived) == third, "what came later stands"
    choosing.rollback(archived, two_run, silent)
    assert articles(archived) == first != second


def test_the_first_text_of_new_bytes_stays_after_a_rollback(
    archive: CrawlSession, archived: Database
) -> None:
    night(archive, {A: BODY + b"\nIt goes on."}, NIGHT + 2 * DAY)
    run = reclean(archived, LITTLE).run_id
    assert one(archived, "SELECT revisions FROM articles") == 2
    choosing.rollback(archived, run, silent)
    texts = [text for (text,) in rows(archived, "SELECT text FROM revision ORDER BY number")]
    assert texts == [
        "\n".join(PARAGRAPHS),
        "\n".join([PARAGRAPHS[0], *PARAGRAPHS[2:], "It goes on."]),
    ]


def test_only_a_clean_can_be_taken_back(archived: Database) -> None:
    crawl = one(archived, "SELECT min(id) FROM run")
    with pytest.raises(ConfigError, match="is a crawl; only a clean can be taken back"):
        choosing.rollback(archived, crawl, silent)
    with pytest.raises(ConfigError, match="no such run"):
        choosing.rollback(archived, 999, silent)


def test_a_dry_run_changes_nothing_but_drafts_and_extracts_nothing_twice(
    archive: CrawlSession, archived: Database
) -> None:
    night(archive, {A: BODY, B: BODY + b"\n" + ADVERT.encode()}, NIGHT + 2 * DAY)
    told: list[Change] = []
    extractors = Extractors()
    plan = CleanRequest(CleanScope(everything=True), dry_run=True, on_change=lambda _, change: told.append(change))
    before = dump(archived)
    for _ in range(2):
        assert reclean(archived, LITTLE, plan, extractors).run_id == 0
    assert extractors.extracted == 1
    after = dump(archived)
    assert {name for name in before if before[name] != after[name]} == {"extracted_page"}
    assert [(each.outcome, len(each.lost), len(each.gained)) for each in told[:2]] == [
        (Outcome.RECLEANED, 1, 0),
        (Outcome.ARCHIVED, 0, 5),
    ]
    assert told[0].lost[0].rule == "site-pattern"


def test_what_a_dry_run_drafted_the_memory_learns_with_the_next_clean(
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
    shelf, recipe = CleanSession(store, "courier"), current_recipe(site())
    assert shelf.count_stale(recipe) == 0
    for scope, count in (
        (CleanScope(everything=True), 3),
        (CleanScope(since=NIGHT + DAY), 0),
        (CleanScope(True, NIGHT + DAY), 1),
        (CleanScope(True, rule="prompt"), 1),
        (CleanScope(True, rule="credit"), 0),
        (CleanScope(True, NIGHT + DAY, "prompt"), 0),
    ):
        assert shelf.count_stale(recipe, scope) == count, str(scope)
    assert reclean_all(store, site(), CleanRequest(CleanScope(True, rule="prompt"))).counts == {"unchanged": 1}


class Killed(Exception):
    """In the place of a kill: the transaction is undone, and nobody tidies up."""


def break_at(store: Database, beginning: str, times: int) -> None:
    """Breaks off at the n-th statement that begins so."""
    left = [times]

    @event.listens_for(store.engine, "before_cursor_execute")
    def _(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith(beginning) and left[0] > 0:
            left[0] -= 1
            if not left[0]:
                raise Killed


@pytest.mark.parametrize("everything", [False, True])
def test_a_clean_that_breaks_off_goes_on_where_it_was(
    archive: CrawlSession, store: Database, everything: bool
) -> None:
    night(archive, {url(str(n)): BODY.replace(b"story", b"tale %d" % n) for n in range(7)})
    reclean(store, site())
    limits = CleanLimits(pages_per_batch=2)
    plan = CleanRequest(CleanScope(everything=everything), limits=limits)
    break_at(store, "INSERT INTO ledger_entry", 2)
    with pytest.raises(Killed):
        reclean(store, LITTLE, plan)
    assert one(store, "SELECT count(*) FROM clean_result WHERE status = 'replaced'") == 2
    assert reclean(store, LITTLE, plan).counts == {"recleaned": 5}
    assert inconsistent_results(store) == []
    assert {PARAGRAPHS[1] in found for (found,) in rows(store, "SELECT text FROM articles")} == {
        False
    }


def test_a_rollback_that_breaks_off_goes_on_where_it_was(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, {url(str(n)): BODY.replace(b"story", b"tale %d" % n) for n in range(7)})
    reclean(store, site())
    before = articles(store)
    run = reclean(store, LITTLE).run_id
    break_at(store, "INSERT INTO ledger_entry", 2)
    with pytest.raises(Killed):
        choosing.rollback(store, run, silent, pages_per_batch=2)
    assert choosing.rollback(store, run, silent, pages_per_batch=2).counts == {"recleaned": 5}
    assert articles(store) == before


KILLED = """
import os, signal, sys
from sqlalchemy import event
from tests.support.reclean_factory import reclean, striking
from pipeline.jobs.clean import CleanLimits, CleanRequest
from pipeline.store.db.engine import Database

store, left = Database(sys.argv[1]), [3]

@event.listens_for(store.engine, "after_cursor_execute")
def _(connection, cursor, statement, *rest):
    left[0] -= statement.startswith("UPDATE clean_result")
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)

reclean(store, striking(1), CleanRequest(limits=CleanLimits(pages_per_batch=2)))
"""


def test_a_process_that_is_killed_in_the_middle_of_a_reclean_loses_nothing(
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
            runs.append(reclean(store, LITTLE).run_id)
        except AlreadyRunning:  # PostgreSQL notices the death of a client an instant later
            return False
        return True

    wait_until(finished, 10)
    killed = one(store, "SELECT id FROM run WHERE status = 'interrupted'")
    assert one(store, "SELECT count(*) FROM clean_result WHERE status = 'accepted'") == 5
    for run in (runs[-1], killed):
        choosing.rollback(store, run, silent)
    assert articles(store) == before
