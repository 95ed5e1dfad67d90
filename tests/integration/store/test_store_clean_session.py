"""A clean session: what is stale, and what becomes of pages whose bytes change over time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.core.errors import AlreadyRunning
from pipeline.core.models import Recipe
from pipeline.store.clean.container_stats import ContainerSighting
from pipeline.store.clean.line_sightings import MAX_COUNTED_PAGES, MAX_PAGES_PER_LINE, PageSightings
from pipeline.store.clean.session import CleanLimits, CleanSession
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.read import pages
from tests.support.archive_factory import (
    DAY,
    NIGHT,
    RECIPE,
    SITE,
    WALL,
    body_of,
    clean,
    clean_outcome,
    do,
    dump,
    extract_all,
    extracted_of,
    night,
    one,
    rows,
    url,
)  # fmt: skip

A, B = url("a"), url("b")
STORY = b"The ferry is back\nIt left at seven.\nSubscribe to our letter"


@pytest.fixture
def session(store: Database) -> CleanSession:
    return CleanSession(store, SITE)


def history(store: Database, address: str = A) -> list[str]:
    """Return the texts of the revisions of a page."""
    page = pages.find_page(store, address)
    assert page is not None
    return [revision.text for revision in pages.list_revisions(store, page.id)]


def nights(archive: CrawlSession, *bodies: bytes, start: int = 0) -> None:
    for day, body in enumerate(bodies, start):
        night(archive, {A: body}, NIGHT + day * DAY)


def test_a_new_page_is_stale_until_it_is_cleaned(
    archive: CrawlSession, store: Database, session: CleanSession
) -> None:
    night(archive, {A: STORY, B: b"Another story"})
    assert (session.count_stale(RECIPE), session.count_pending_payloads(RECIPE)) == (2, 2)
    assert clean(store) == {"archived": 2}
    assert (session.count_stale(RECIPE), session.count_pending_payloads(RECIPE)) == (0, 0)
    night(archive, {A: STORY, B: b"Another story"}, NIGHT + DAY)
    assert session.count_stale(RECIPE) == 0


def test_new_bytes_make_their_page_stale_and_only_that_one(
    archive: CrawlSession, store: Database, session: CleanSession
) -> None:
    night(archive, {A: STORY, B: b"Another story"})
    clean(store)
    night(archive, {A: STORY, B: b"Another story, longer"}, NIGHT + DAY)
    assert [each.url for each in session.stale_pages(RECIPE, 0, 10)] == [B]
    assert session.count_pending_payloads(RECIPE) == 1


def test_other_rules_make_all_pages_stale_and_extract_nothing_again(
    archive: CrawlSession, store: Database, session: CleanSession
) -> None:
    night(archive, {A: STORY})
    clean(store)
    other_rules = Recipe(RECIPE.extractors, "rules-2")
    assert (session.count_stale(other_rules), session.count_pending_payloads(other_rules)) == (1, 0)
    assert clean(store, other_rules, remove="Subscribe to our letter") == {"recleaned": 1}
    assert history(store) == ["The ferry is back\nIt left at seven."]
    assert one(store, "SELECT count(*) FROM extracted_page") == 1
    assert one(store, "SELECT count(*) FROM clean_result") == 2, (
        "the result of the earlier rules stays"
    )


def test_other_extractors_extract_all_pages_again(
    archive: CrawlSession, store: Database, session: CleanSession
) -> None:
    night(archive, {A: STORY})
    clean(store)
    newer = Recipe("extractors-2", RECIPE.rules)
    assert session.count_pending_payloads(newer) == 1
    assert clean(store, newer) == {"unchanged": 1}
    assert one(store, "SELECT count(*) FROM extracted_page") == 2


def test_a_page_whose_profile_changed_is_stale_once(
    archive: CrawlSession, store: Database, session: CleanSession
) -> None:
    night(archive, {A: STORY})
    clean(store)
    do(store, "UPDATE page SET needs_clean = true WHERE url = :url", url=A)
    assert session.count_stale(RECIPE) == 1
    assert clean(store) == {"unchanged": 1}
    assert session.count_stale(RECIPE) == 0


def test_a_page_without_all_of_its_extracted_pages_waits(
    archive: CrawlSession, store: Database, session: CleanSession
) -> None:
    nights(archive, b"One", b"Two")
    extract_all(session)
    do(
        store,
        "DELETE FROM extracted_page"
        " WHERE payload_id = (SELECT min(payload_id) FROM extracted_page)",
    )
    (page,) = session.stale_pages(RECIPE, 0, 10)
    assert page.periods == ()
    assert clean(store) == {"archived": 1}


def test_stale_pages_and_payloads_are_read_in_batches(
    archive: CrawlSession, store: Database, session: CleanSession
) -> None:
    night(archive, {url(str(number)): b"Story %d" % number for number in range(7)})
    seen, after = [], 0
    while batch := session.pending_payloads(RECIPE, after, 3):
        after = batch[-1].raw_page.payload_id
        seen.append(len(batch))
    assert seen == [3, 3, 1]
    one_payload = CleanLimits(max_payload_bytes=len(b"Story 0"))
    batch = CleanSession(store, SITE, one_payload).pending_payloads(RECIPE, 0, 3)
    assert len(batch) == 1, "large payloads are not read together"
    extract_all(session)
    assert [
        len(session.stale_pages(RECIPE, after, 4))
        for after in (0, session.stale_pages(RECIPE, 0, 4)[-1].page_id)
    ] == [4, 3]
    few_blocks = CleanSession(store, SITE, CleanLimits(pages_per_read=2, max_blocks=3))
    assert len(few_blocks.stale_pages(RECIPE, 0, 7)) == 4, "nor are long extracted pages"


def test_extraction_parts_hold_each_pending_payload_once(
    archive: CrawlSession, session: CleanSession
) -> None:
    night(archive, {url(str(number)): b"Story %d" % number for number in range(7)})
    parts = session.extraction_parts(RECIPE, 3)
    assert [number for _, number in parts] == [3, 3, 1]
    after, seen = 0, list[int]()
    for last, _ in parts:
        seen += [
            each.raw_page.payload_id
            for each in session.pending_payloads(RECIPE, after, 10, last=last)
        ]
        after = last
    assert seen == [each.raw_page.payload_id for each in session.pending_payloads(RECIPE, 0, 10)]
    extract_all(session)
    assert session.extraction_parts(RECIPE, 3) == ()


def test_parallel_extractions_of_a_site_make_the_same_profile_as_one(
    archive: CrawlSession, store: Database, session: CleanSession, database_url: str
) -> None:
    night(archive, {url(str(number)): b"Story %d" % number for number in range(24)})
    found = session.pending_payloads(RECIPE, 0, 30)

    def extract_fourth(number: int) -> None:
        own = CleanSession(Database(database_url), SITE)
        for each in found[number::4]:
            payload = each.raw_page.payload_id
            seen = {
                page: PageSightings((7,), (), {payload: (ContainerSighting("main", True, True),)})
                for page, _ in each.pages
            }
            own.save_extracted([(payload, extracted_of(body_of(each)))], seen)
        own.store.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(extract_fourth, range(4)))
    assert rows(store, "SELECT main_pages, story_pages FROM container WHERE name = 'main'") == [
        (24, 24)
    ]
    assert one(store, "SELECT count(*) FROM line_sighting WHERE key = 7") == MAX_PAGES_PER_LINE
    assert one(store, "SELECT count(*) FROM page WHERE needs_clean") == MAX_COUNTED_PAGES


def test_each_site_cleans_its_own_pages(
    archive: CrawlSession, store: Database, session: CleanSession
) -> None:
    night(archive, {A: STORY})
    night(archive, {B: STORY}, site="evening")
    assert [each.url for each in session.stale_pages(RECIPE, 0, 10)] == [A]
    assert clean(store) == {"archived": 1}
    assert clean(store, site="evening") == {"archived": 1}
    assert one(store, "SELECT count(*) FROM extracted_page") == 1, (
        "the same bytes are extracted once"
    )


def test_two_cleans_of_a_site_do_not_run_at_the_same_time(
    database_url: str, session: CleanSession
) -> None:
    run = session.start_run(RECIPE)
    other = Database(database_url)
    with pytest.raises(
        AlreadyRunning, match=r"courier: already being cleaned since .*let it finish"
    ):
        CleanSession(other, SITE).start_run(RECIPE)
    session.finish_run(run, "finished")
    second = CleanSession(other, SITE)
    second.finish_run(second.start_run(RECIPE), "finished")
    other.close()


def test_an_edit_is_a_second_revision_and_both_texts_stay(
    archive: CrawlSession, store: Database
) -> None:
    nights(archive, b"Levy delayed\nUntil 14 April.")
    clean(store)
    nights(archive, b"Levy delayed\nUntil 24 March.", start=1)
    assert clean(store) == {"revised": 1}
    assert history(store) == ["Levy delayed\nUntil 14 April.", "Levy delayed\nUntil 24 March."]
    (article,) = pages.find_articles(store, "", 5)
    assert (article.text, article.revisions) == ("Levy delayed\nUntil 24 March.", 2)


def test_a_revision_lasts_from_the_first_fetch_to_the_last(
    archive: CrawlSession, store: Database
) -> None:
    nights(archive, b"One", b"One", b"Two", b"Two")
    clean(store)
    page = pages.find_page(store, A)
    assert page is not None
    spans = [
        (each.first_seen_at, each.last_seen_at) for each in pages.list_revisions(store, page.id)
    ]
    assert spans == [(NIGHT, NIGHT + DAY), (NIGHT + 2 * DAY, NIGHT + 3 * DAY)]


def test_changed_bytes_with_the_same_clean_text_are_one_revision(
    archive: CrawlSession, store: Database
) -> None:
    nights(archive, b"Levy\nUntil April.\nadvert 1")
    clean(store, remove="advert 1")
    nights(archive, b"Levy\nadvert 1\nUntil April.", start=1)
    assert clean(store, remove="advert 1") == {"unchanged": 1}
    assert history(store) == ["Levy\nUntil April."]
    assert one(store, "SELECT count(*) FROM payload") == 2


def test_a_consent_wall_for_one_night_neither_hides_the_article_nor_makes_a_revision(
    archive: CrawlSession, store: Database
) -> None:
    nights(archive, STORY)
    clean(store)
    nights(archive, WALL.encode() + b", accept all", start=1)
    assert clean(store) == {"not_article": 1}
    assert history(store) == [STORY.decode()]
    nights(archive, STORY, start=2)
    assert clean(store) == {"unchanged": 1}
    assert history(store) == [STORY.decode()]
    assert [each.url for each in pages.find_articles(store, "ferry", 5)] == [A]


def test_a_text_that_returns_is_a_third_revision(archive: CrawlSession, store: Database) -> None:
    nights(archive, b"Version A", b"Version B", b"Version A")
    clean(store)
    assert history(store) == ["Version A", "Version B", "Version A"]
    nights(archive, b"Version B", start=3)
    clean(store)
    assert history(store) == ["Version A", "Version B", "Version A", "Version B"]


def test_better_rules_merge_revisions_that_differed_only_by_boilerplate(
    archive: CrawlSession, store: Database
) -> None:
    nights(archive, b"Levy\nUntil April.\nadvert", b"Levy\nUntil April.", b"Levy\nUntil May.")
    clean(store)
    assert len(history(store)) == 3
    clean(store, Recipe(RECIPE.extractors, "rules-2"), remove="advert")
    assert history(store) == ["Levy\nUntil April.", "Levy\nUntil May."]


def test_a_page_that_is_no_article_any_more_is_unpublished_and_can_return(
    archive: CrawlSession, store: Database
) -> None:
    nights(archive, STORY)
    clean(store)
    do(store, "UPDATE page SET needs_clean = true")
    session = CleanSession(store, SITE)
    wall = clean_outcome(session.stale_pages(RECIPE, 0, 1)[0])
    run = session.start_run(RECIPE)
    session.save_results(
        run,
        RECIPE,
        [type(wall)(wall.page_id, wall.payload_id, wall.results, (), wall.outcome, wall.reason)],
    )
    session.finish_run(run, "finished")
    assert pages.find_articles(store, "ferry", 5) == ()
    assert (
        one(store, "SELECT count(*) FROM articles")
        == one(store, "SELECT count(*) FROM revision")
        == 0
    )
    do(store, "UPDATE page SET needs_clean = true")
    clean(store)
    assert [each.url for each in pages.find_articles(store, "ferry", 5)] == [A]


def test_writing_the_same_results_again_changes_nothing(
    archive: CrawlSession, store: Database
) -> None:
    nights(archive, b"Version A", b"Version B\nadvert", WALL.encode(), b"Version A")
    clean(store, remove="advert")
    below = ("extracted_page", "clean_result", "revision", "article", "page", "payload", "capture")
    before, index = dump(store, *below, without=("created_at",)), dump(store)["article_index"]
    do(store, "UPDATE page SET needs_clean = true WHERE kind = 'story'")
    assert clean(store, remove="advert") == {"unchanged": 1}
    assert dump(store, *below, without=("created_at",)) == before
    assert dump(store)["article_index"] == index


def test_an_extracted_page_that_is_saved_twice_is_stored_once(
    archive: CrawlSession, store: Database, session: CleanSession
) -> None:
    night(archive, {A: STORY})
    (pending,) = session.pending_payloads(RECIPE, 0, 5)
    extract_all(session)
    session.save_extracted([(pending.raw_page.payload_id, extracted_of(b"something else"))], {})
    assert (
        session.stale_pages(RECIPE, 0, 5)[0].periods[0].extracted.metadata.title
        == "The ferry is back"
    )
    assert rows(store, "SELECT count(*) FROM extracted_page") == [(1,)]


def test_an_explanation_names_every_block_and_the_rule_that_removed_it(
    archive: CrawlSession, store: Database
) -> None:
    nights(archive, STORY)
    clean(store, remove="Subscribe to our letter")
    page = pages.find_page(store, A)
    assert page is not None
    found = pages.explain_page(store, page)
    assert found is not None
    assert [(each.block.text, each.rule, each.why) for each in found.blocks] == [
        ("The ferry is back", "", ""),
        ("It left at seven.", "", ""),
        ("Subscribe to our letter", "wanted", "the test says so"),
    ]
    assert (found.digest, found.fetched_at, found.recipe) == (page.digest, NIGHT, str(RECIPE))
