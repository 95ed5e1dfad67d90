"""The line sightings of a site profile: their statistics, and which pages become stale."""

from __future__ import annotations

from collections.abc import Sequence
from sqlite3 import Cursor

import pytest
from sqlalchemy import event

from pipeline.core.models import LineStats
from pipeline.store.clean import line_sightings
from pipeline.store.clean.line_sightings import MAX_COUNTED_PAGES, MAX_PAGES_PER_LINE, PageSightings
from pipeline.store.clean.session import CleanLimits, CleanSession
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from tests.conftest import GrowOnce
from tests.support.archive_factory import (
    DAY,
    NIGHT,
    RECIPE,
    SITE,
    clean,
    extract_all,
    links,
    list_links,
    night,
    one,
    rows,
    url,
)

LINE, OTHER, HEAD = 11, 22, 33


@pytest.fixture
def pages(archive: CrawlSession, store: Database, grow_once: GrowOnce) -> list[int]:
    """Twelve pages, all cleaned."""

    def twelve() -> None:
        night(archive, {url(str(number)): b"Story %d" % number for number in range(12)})
        clean(store)

    grow_once(twelve)
    return [page for (page,) in rows(store, "SELECT id FROM page WHERE kind = 'story' ORDER BY id")]


@pytest.fixture
def session(store: Database) -> CleanSession:
    return CleanSession(store, SITE)


def add(
    store: Database,
    page: int,
    lines: Sequence[int] = (),
    headlines: Sequence[int] = (),
    site: str = SITE,
) -> set[int]:
    """Add what one page shows, and return the pages that became stale."""
    session = CleanSession(store, site)
    before = {each.page_id for each in session.stale_pages(RECIPE, 0, 100)}
    with store.write() as db:
        line_sightings.add(db, site, {page: PageSightings(tuple(lines), tuple(headlines))}, NIGHT)
    return {each.page_id for each in session.stale_pages(RECIPE, 0, 100)} - before


def test_a_line_on_a_single_page_has_no_statistics(
    store: Database, session: CleanSession, pages: list[int]
) -> None:
    assert add(store, pages[0], [LINE]) == set()
    assert session.line_stats({pages[0]: [LINE, OTHER]}) == {pages[0]: {}}


def test_a_line_is_counted_on_the_other_pages(
    store: Database, session: CleanSession, pages: list[int]
) -> None:
    for page in pages[:3]:
        add(store, page, [LINE])
    assert session.line_stats({pages[0]: [LINE], pages[9]: [LINE, OTHER]}) == {
        pages[0]: {LINE: LineStats(2)},
        pages[9]: {LINE: LineStats(3)},
    }


def test_a_line_on_another_page_makes_only_the_pages_with_that_line_stale(
    store: Database, pages: list[int]
) -> None:
    add(store, pages[0], [LINE])
    add(store, pages[1], [OTHER])
    assert add(store, pages[2], [LINE]) == {pages[0]}


def test_adding_the_same_sightings_twice_makes_no_page_stale(
    store: Database, session: CleanSession, pages: list[int]
) -> None:
    for page in pages[:2]:
        add(store, page, [LINE], [HEAD])
    clean(store)
    assert add(store, pages[1], [LINE], [HEAD]) == set()
    assert one(store, "SELECT count(*) FROM line_sighting") == 4


def test_a_line_on_every_page_adds_no_rows_and_makes_no_page_stale_beyond_the_limits(
    store: Database, session: CleanSession, pages: list[int]
) -> None:
    for page in pages[: MAX_COUNTED_PAGES + 1]:
        add(store, page, [LINE])
    clean(store)
    for page in pages[MAX_COUNTED_PAGES + 1 :]:
        assert add(store, page, [LINE]) == set()
    assert one(store, "SELECT count(*) FROM line_sighting") == MAX_PAGES_PER_LINE
    assert session.line_stats({page: [LINE] for page in pages}) == {
        page: {LINE: LineStats(MAX_COUNTED_PAGES)} for page in pages
    }


def test_a_headline_counts_for_pages_that_quote_it_and_not_for_its_own_page(
    store: Database, session: CleanSession, pages: list[int]
) -> None:
    quoting, own = pages[:2]
    add(store, quoting, [HEAD])
    assert add(store, own, headlines=[HEAD]) == {quoting}
    assert session.line_stats({quoting: [HEAD], own: [HEAD]}) == {
        quoting: {HEAD: LineStats(0, is_headline=True)},
        own: {HEAD: LineStats(1)},
    }


def test_a_second_article_with_the_same_headline_makes_the_first_stale_only_if_that_shows_the_line(
    store: Database, session: CleanSession, pages: list[int]
) -> None:
    first, second, third, quoting = pages[:4]
    add(store, first, [HEAD], [HEAD])
    assert add(store, second, headlines=[HEAD]) == {first}, (
        "the line of the first page is now the headline of another one"
    )
    clean(store)
    add(store, quoting, [HEAD])
    clean(store)
    assert add(store, third, headlines=[HEAD]) == set()


def test_sites_do_not_share_their_profiles(
    archive: CrawlSession, store: Database, session: CleanSession, pages: list[int]
) -> None:
    night(archive, {"https://evening.example/1": b"Evening"}, site="evening")
    clean(store, site="evening")
    other = one(store, "SELECT id FROM page WHERE site = 'evening' AND kind = 'story'")
    add(store, pages[0], [LINE])
    assert add(store, other, [LINE], site="evening") == set()
    assert session.line_stats({pages[1]: [LINE]}) == {pages[1]: {LINE: LineStats(1)}}


def test_pages_of_one_batch_count_for_each_other(
    store: Database, session: CleanSession, pages: list[int]
) -> None:
    with store.write() as db:
        line_sightings.add(
            db, SITE, {page: PageSightings((LINE,), (page,)) for page in pages[:3]}, NIGHT
        )
    assert session.line_stats({pages[0]: [LINE, pages[1]]}) == {
        pages[0]: {LINE: LineStats(2), pages[1]: LineStats(0, is_headline=True)}
    }


def test_extracted_pages_and_their_sightings_are_saved_together(
    archive: CrawlSession, store: Database, session: CleanSession
) -> None:
    night(archive, {url("new"): b"A new story"})
    run = archive.start_run(SITE)
    list_links(archive, run, links(url("new")))
    archive.finish_run(run, "finished")
    assert extract_all(session, sightings=PageSightings((LINE,), (HEAD,))) == 1
    assert rows(store, "SELECT key, role FROM line_sighting ORDER BY key") == [
        (LINE, "line"),
        (HEAD, "headline"),
    ]


def test_many_lines_are_added_and_read_in_one_call(
    store: Database, session: CleanSession, pages: list[int]
) -> None:
    keys = tuple(range(1, 1202))
    with store.write() as db:
        line_sightings.add(db, SITE, {page: PageSightings(keys) for page in pages[:2]}, NIGHT)
    assert session.line_stats({pages[0]: keys})[pages[0]] == dict.fromkeys(keys, LineStats(1))


# What is forgotten


def add_all(store: Database, pages: Sequence[int], own: int = 1000) -> None:
    """Add pages, each a day after the one before.

    All show LINE, and each shows a line and a headline of its own.
    """
    with store.write() as db:
        for number, page in enumerate(pages):
            line_sightings.add(
                db,
                SITE,
                {page: PageSightings((LINE, own + page), (2 * own + page,))},
                NIGHT + number * DAY,
            )


def forget(store: Database, window: int, limit: int = 100) -> int:
    with store.write() as db:
        return line_sightings.forget_old(db, SITE, window, limit)


def test_lines_of_a_single_page_outside_the_window_are_forgotten(
    store: Database, pages: list[int]
) -> None:
    add_all(store, pages)
    assert forget(store, window=2) == len(pages) - 2
    left = {
        page
        for (page,) in rows(store, "SELECT page_id FROM line_sighting WHERE key <> :key", key=LINE)
    }
    assert left == set(pages[-2:])
    assert (
        one(store, "SELECT count(*) FROM line_sighting WHERE key = :key", key=LINE)
        == MAX_PAGES_PER_LINE
    ), "a line of several pages is never forgotten"
    assert forget(store, window=2) == 0


def test_forgetting_changes_no_statistics_and_makes_no_page_stale(
    store: Database, session: CleanSession, pages: list[int]
) -> None:
    add_all(store, pages)
    quoted = 2000 + pages[0]
    add(store, pages[1], [quoted])
    clean(store)
    lines = {page: [LINE, 1000 + page, quoted] for page in pages}
    before = session.line_stats(lines)
    assert before[pages[1]][quoted] == LineStats(0, is_headline=True)
    assert forget(store, window=0) == len(pages)
    assert session.line_stats(lines) == before
    assert session.stale_pages(RECIPE, 0, 100) == ()
    assert one(store, "SELECT count(*) FROM line_sighting") == MAX_PAGES_PER_LINE + 2, (
        "a line on every page, and a headline with the page that quotes it"
    )


def test_a_forgotten_line_that_comes_back_is_counted_from_there(
    store: Database, session: CleanSession, pages: list[int]
) -> None:
    old, *newer = pages[:4]
    add(store, old, [OTHER])
    forget(store, window=0)
    for page in newer:
        add(store, page, [OTHER])
    assert session.line_stats({old: [OTHER], newer[0]: [OTHER]}) == {
        old: {OTHER: LineStats(3)},
        newer[0]: {OTHER: LineStats(2)},
    }


def test_a_page_that_is_added_again_is_inside_the_window_again(
    store: Database, pages: list[int]
) -> None:
    add_all(store, pages[:3])
    forget(store, window=0)
    with store.write() as db:
        line_sightings.add(db, SITE, {pages[0]: PageSightings((OTHER,))}, NIGHT + 9 * DAY)
    assert forget(store, window=1) == 0
    assert one(store, "SELECT count(*) FROM line_sighting WHERE key = :key", key=OTHER) == 1


def test_pages_are_forgotten_a_few_at_a_time_and_other_sites_keep_theirs(
    archive: CrawlSession, store: Database, pages: list[int]
) -> None:
    night(archive, {"https://evening.example/1": b"Evening"}, site="evening")
    clean(store, site="evening")
    other = one(store, "SELECT id FROM page WHERE site = 'evening' AND kind = 'story'")
    add(store, other, [OTHER], site="evening")
    add_all(store, pages)
    assert [forget(store, window=2, limit=4) for _ in range(4)] == [4, 4, 2, 0]
    assert one(store, "SELECT count(*) FROM line_sighting WHERE key = :key", key=OTHER) == 1


def test_a_profile_stays_within_its_limits_while_pages_are_added(
    archive: CrawlSession, store: Database
) -> None:
    session = CleanSession(store, SITE, CleanLimits(profile_window=3))
    for number in range(12):
        night(archive, {url(f"late-{number}"): b"Late %d" % number}, NIGHT + number * DAY)
        extract_all(session, sightings=PageSightings((LINE, 1000 + number), (2000 + number,)))
    assert one(store, "SELECT count(*) FROM page WHERE profile_updated_at IS NOT NULL") == 3
    assert one(store, "SELECT count(*) FROM line_sighting") == MAX_PAGES_PER_LINE + 3 * 2
    session = CleanSession(store, SITE, CleanLimits(profile_window=0))
    assert session.trim_profile(RECIPE) == 3
    assert one(store, "SELECT count(*) FROM line_sighting") == MAX_PAGES_PER_LINE


def test_a_failed_forget_changes_nothing_and_the_next_one_does_it(
    store: Database, pages: list[int]
) -> None:
    add_all(store, pages)
    before = rows(store, "SELECT * FROM line_sighting ORDER BY site, key, role, page_id")

    def fail(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("UPDATE page"):
            raise InterruptedError

    event.listen(store.engine, "before_cursor_execute", fail)
    with pytest.raises(InterruptedError):
        forget(store, window=0)
    event.remove(store.engine, "before_cursor_execute", fail)
    assert rows(store, "SELECT * FROM line_sighting ORDER BY site, key, role, page_id") == before
    assert forget(store, window=0) == len(pages)
    assert one(store, "SELECT count(*) FROM line_sighting") == MAX_PAGES_PER_LINE


# SQLite only: it has no statistics, and plans by the words of a statement
@pytest.mark.parametrize("engine", ["sqlite"])
def test_forgetting_reads_the_lines_of_its_pages_and_not_those_of_the_whole_site(
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

    add_all(store, pages)
    assert forget(store, window=2) == len(pages) - 2
    selected, deleted = plans
    assert "ix_page_profile" in selected
    assert "TEMP B-TREE" not in selected
    assert "ix_line_sighting_page_id" in deleted
