"""The Memory of a Site: what it holds of a line, and which Pages learn of it."""

from __future__ import annotations

from collections.abc import Sequence
from sqlite3 import Cursor

import pytest
from sqlalchemy import event

from pipeline.core.models import LineStats
from pipeline.store.clean import line_sightings
from pipeline.store.clean.line_sightings import MAX_COUNTED_PAGES, MAX_PAGES_PER_LINE, PageSightings
from pipeline.store.clean.session import CleanSession
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from tests.conftest import Grown
from tests.support.archive_factory import (
    DAY,
    NIGHT,
    RECIPE,
    SITE,
    clean,
    extract_all,
    links,
    night,
    one,
    rows,
    list_links,
    url,
)

LINE, OTHER, HEAD = 11, 22, 33


@pytest.fixture
def pages(archive: CrawlSession, store: Database, grown: Grown) -> list[int]:
    """Twelve Pages, all cleaned."""

    def twelve() -> None:
        night(archive, {url(str(number)): b"Story %d" % number for number in range(12)})
        clean(store)

    grown(twelve)
    return [page for (page,) in rows(store, "SELECT id FROM page WHERE kind = 'story' ORDER BY id")]


@pytest.fixture
def shelf(store: Database) -> CleanSession:
    return CleanSession(store, SITE)


def learn(
    store: Database,
    page: int,
    lines: Sequence[int] = (),
    headlines: Sequence[int] = (),
    site: str = SITE,
) -> set[int]:
    """The Pages that became stale by what one Page showed."""
    shelf = CleanSession(store, site)
    before = {each.page_id for each in shelf.stale_pages(RECIPE, 0, 100)}
    with store.write() as db:
        line_sightings.add(db, site, {page: PageSightings(tuple(lines), tuple(headlines))}, NIGHT)
    return {each.page_id for each in shelf.stale_pages(RECIPE, 0, 100)} - before


def test_nothing_is_known_of_a_line_that_one_page_alone_shows(
    store: Database, shelf: CleanSession, pages: list[int]
) -> None:
    assert learn(store, pages[0], [LINE]) == set()
    assert shelf.line_stats({pages[0]: [LINE, OTHER]}) == {pages[0]: {}}


def test_a_line_is_counted_on_the_other_pages(
    store: Database, shelf: CleanSession, pages: list[int]
) -> None:
    for page in pages[:3]:
        learn(store, page, [LINE])
    assert shelf.line_stats({pages[0]: [LINE], pages[9]: [LINE, OTHER]}) == {
        pages[0]: {LINE: LineStats(2)},
        pages[9]: {LINE: LineStats(3)},
    }


def test_a_line_that_comes_back_touches_the_pages_that_have_it_and_no_others(
    store: Database, pages: list[int]
) -> None:
    learn(store, pages[0], [LINE])
    learn(store, pages[1], [OTHER])
    assert learn(store, pages[2], [LINE]) == {pages[0]}


def test_learning_the_same_twice_touches_nobody(
    store: Database, shelf: CleanSession, pages: list[int]
) -> None:
    for page in pages[:2]:
        learn(store, page, [LINE], [HEAD])
    clean(store)
    assert learn(store, pages[1], [LINE], [HEAD]) == set()
    assert one(store, "SELECT count(*) FROM line_sighting") == 4


def test_a_line_that_stands_everywhere_costs_and_touches_no_more(
    store: Database, shelf: CleanSession, pages: list[int]
) -> None:
    for page in pages[: MAX_COUNTED_PAGES + 1]:
        learn(store, page, [LINE])
    clean(store)
    for page in pages[MAX_COUNTED_PAGES + 1 :]:
        assert learn(store, page, [LINE]) == set()
    assert one(store, "SELECT count(*) FROM line_sighting") == MAX_PAGES_PER_LINE
    assert shelf.line_stats({page: [LINE] for page in pages}) == {
        page: {LINE: LineStats(MAX_COUNTED_PAGES)} for page in pages
    }


def test_a_headline_is_known_to_pages_that_quote_it_and_not_to_its_own(
    store: Database, shelf: CleanSession, pages: list[int]
) -> None:
    quoting, own = pages[:2]
    learn(store, quoting, [HEAD])
    assert learn(store, own, headlines=[HEAD]) == {quoting}
    assert shelf.line_stats({quoting: [HEAD], own: [HEAD]}) == {
        quoting: {HEAD: LineStats(0, is_headline=True)},
        own: {HEAD: LineStats(1)},
    }


def test_a_second_article_of_the_same_headline_is_news_to_the_first_only_if_it_shows_it(
    store: Database, shelf: CleanSession, pages: list[int]
) -> None:
    first, second, third, quoting = pages[:4]
    learn(store, first, [HEAD], [HEAD])
    assert learn(store, second, headlines=[HEAD]) == {first}, (
        "the line of the first is now another's headline"
    )
    clean(store)
    learn(store, quoting, [HEAD])
    clean(store)
    assert learn(store, third, headlines=[HEAD]) == set()


def test_sites_do_not_share_their_memories(
    archive: CrawlSession, store: Database, shelf: CleanSession, pages: list[int]
) -> None:
    night(archive, {"https://evening.example/1": b"Evening"}, site="evening")
    clean(store, site="evening")
    other = one(store, "SELECT id FROM page WHERE site = 'evening' AND kind = 'story'")
    learn(store, pages[0], [LINE])
    assert learn(store, other, [LINE], site="evening") == set()
    assert shelf.line_stats({pages[1]: [LINE]}) == {pages[1]: {LINE: LineStats(1)}}


def test_pages_of_one_batch_learn_of_each_other(
    store: Database, shelf: CleanSession, pages: list[int]
) -> None:
    with store.write() as db:
        line_sightings.add(db, SITE, {page: PageSightings((LINE,), (page,)) for page in pages[:3]}, NIGHT)
    assert shelf.line_stats({pages[0]: [LINE, pages[1]]}) == {
        pages[0]: {LINE: LineStats(2), pages[1]: LineStats(0, is_headline=True)}
    }


def test_what_is_learnt_and_the_drafts_it_came_from_are_written_together(
    archive: CrawlSession, store: Database, shelf: CleanSession
) -> None:
    night(archive, {url("new"): b"A new story"})
    run = archive.start_run(SITE)
    list_links(archive, run, links(url("new")))
    archive.finish_run(run, "finished")
    assert extract_all(shelf, seen=PageSightings((LINE,), (HEAD,))) == 1
    assert rows(store, "SELECT key, role FROM line_sighting ORDER BY key") == [
        (LINE, "line"),
        (HEAD, "headline"),
    ]


def test_many_lines_are_learnt_and_recalled_in_one_go(
    store: Database, shelf: CleanSession, pages: list[int]
) -> None:
    keys = tuple(range(1, 1202))
    with store.write() as db:
        line_sightings.add(db, SITE, {page: PageSightings(keys) for page in pages[:2]}, NIGHT)
    assert shelf.line_stats({pages[0]: keys})[pages[0]] == dict.fromkeys(keys, LineStats(1))


# What is let go


def remember(store: Database, pages: Sequence[int], own: int = 1000) -> None:
    """Each Page shows LINE and a line and a headline of its own, and is learnt a day after the one before."""
    with store.write() as db:
        for number, page in enumerate(pages):
            line_sightings.add(
                db, SITE, {page: PageSightings((LINE, own + page), (2 * own + page,))}, NIGHT + number * DAY
            )


def let_go(store: Database, remembered: int, limit: int = 100) -> int:
    with store.write() as db:
        return line_sightings.forget_old(db, SITE, remembered, limit)


def test_lines_that_one_page_alone_shows_are_let_go_when_others_were_learnt_after_it(
    store: Database, pages: list[int]
) -> None:
    remember(store, pages)
    assert let_go(store, remembered=2) == len(pages) - 2
    left = {
        page
        for (page,) in rows(store, "SELECT page_id FROM line_sighting WHERE key <> :key", key=LINE)
    }
    assert left == set(pages[-2:])
    assert one(store, "SELECT count(*) FROM line_sighting WHERE key = :key", key=LINE) == MAX_PAGES_PER_LINE, (
        "what came back is never let go"
    )
    assert let_go(store, remembered=2) == 0


def test_letting_go_changes_no_fact_and_touches_no_page(
    store: Database, shelf: CleanSession, pages: list[int]
) -> None:
    remember(store, pages)
    quoted = 2000 + pages[0]
    learn(store, pages[1], [quoted])
    clean(store)
    asked = {page: [LINE, 1000 + page, quoted] for page in pages}
    before = shelf.line_stats(asked)
    assert before[pages[1]][quoted] == LineStats(0, is_headline=True)
    assert let_go(store, remembered=0) == len(pages)
    assert shelf.line_stats(asked) == before
    assert shelf.stale_pages(RECIPE, 0, 100) == ()
    assert one(store, "SELECT count(*) FROM line_sighting") == MAX_PAGES_PER_LINE + 2, (
        "a line everywhere, and a headline with the page that quotes it"
    )


def test_a_line_that_comes_back_after_it_was_let_go_is_counted_anew(
    store: Database, shelf: CleanSession, pages: list[int]
) -> None:
    old, *newer = pages[:4]
    learn(store, old, [OTHER])
    let_go(store, remembered=0)
    for page in newer:
        learn(store, page, [OTHER])
    assert shelf.line_stats({old: [OTHER], newer[0]: [OTHER]}) == {
        old: {OTHER: LineStats(3)},
        newer[0]: {OTHER: LineStats(2)},
    }


def test_a_page_that_is_learnt_again_is_remembered_again(store: Database, pages: list[int]) -> None:
    remember(store, pages[:3])
    let_go(store, remembered=0)
    with store.write() as db:
        line_sightings.add(db, SITE, {pages[0]: PageSightings((OTHER,))}, NIGHT + 9 * DAY)
    assert let_go(store, remembered=1) == 0
    assert one(store, "SELECT count(*) FROM line_sighting WHERE key = :key", key=OTHER) == 1


def test_pages_are_let_go_a_few_at_a_time_and_other_sites_keep_theirs(
    archive: CrawlSession, store: Database, pages: list[int]
) -> None:
    night(archive, {"https://evening.example/1": b"Evening"}, site="evening")
    clean(store, site="evening")
    other = one(store, "SELECT id FROM page WHERE site = 'evening' AND kind = 'story'")
    learn(store, other, [OTHER], site="evening")
    remember(store, pages)
    assert [let_go(store, remembered=2, limit=4) for _ in range(4)] == [4, 4, 2, 0]
    assert one(store, "SELECT count(*) FROM line_sighting WHERE key = :key", key=OTHER) == 1


def test_a_memory_stays_within_its_bounds_while_it_learns(
    monkeypatch: pytest.MonkeyPatch, archive: CrawlSession, store: Database, shelf: CleanSession
) -> None:
    monkeypatch.setattr(line_sightings, "WINDOW_PAGES", 3)
    for number in range(12):
        night(archive, {url(f"late-{number}"): b"Late %d" % number}, NIGHT + number * DAY)
        extract_all(shelf, seen=PageSightings((LINE, 1000 + number), (2000 + number,)))
    assert one(store, "SELECT count(*) FROM page WHERE profile_updated_at IS NOT NULL") == 3
    assert one(store, "SELECT count(*) FROM line_sighting") == MAX_PAGES_PER_LINE + 3 * 2
    monkeypatch.setattr(line_sightings, "WINDOW_PAGES", 0)
    assert shelf.trim_profile(RECIPE) == 3
    assert one(store, "SELECT count(*) FROM line_sighting") == MAX_PAGES_PER_LINE


def test_letting_go_that_breaks_off_is_done_by_the_next_one(
    store: Database, pages: list[int]
) -> None:
    remember(store, pages)
    before = rows(store, "SELECT * FROM line_sighting ORDER BY site, key, role, page_id")

    def break_off(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("UPDATE page"):
            raise InterruptedError

    event.listen(store.engine, "before_cursor_execute", break_off)
    with pytest.raises(InterruptedError):
        let_go(store, remembered=0)
    event.remove(store.engine, "before_cursor_execute", break_off)
    assert rows(store, "SELECT * FROM line_sighting ORDER BY site, key, role, page_id") == before
    assert let_go(store, remembered=0) == len(pages)
    assert one(store, "SELECT count(*) FROM line_sighting") == MAX_PAGES_PER_LINE


@pytest.mark.parametrize(
    "engine", ["sqlite"]
)  # which has no statistics to go by, and takes the wording at its word
def test_letting_go_reads_the_lines_of_its_pages_and_not_those_of_the_whole_site(
    store: Database, pages: list[int]
) -> None:
    plans: list[str] = []

    @event.listens_for(store.engine, "before_cursor_execute")
    def _(
        _connection: object,
        cursor: Cursor,
        statement: str,
        values: tuple[object, ...],
        *_rest: object,
    ) -> None:
        if statement.startswith(("DELETE FROM line_sighting", "SELECT page.id")):
            plans.append(
                " ".join(
                    row[3] for row in cursor.execute(f"EXPLAIN QUERY PLAN {statement}", values)
                )
            )

    remember(store, pages)
    assert let_go(store, remembered=2) == len(pages) - 2
    found, deleted = plans
    assert "ix_page_profile" in found
    assert "TEMP B-TREE" not in found
    assert "ix_line_page_id" in deleted
