"""Containers of a site: each page counts once, by its first bytes, and their number is limited."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import pytest

from pipeline.core.models import Block, BlockKind, ExtractedPage, Metadata, Recipe
from pipeline.extract import EXTRACTORS
from pipeline.jobs.site_profile import site_profile_report
from pipeline.store.clean import container_stats
from pipeline.store.clean.container_stats import ContainerSighting, ContainerStats
from pipeline.store.clean.line_sightings import PageSightings
from pipeline.store.clean.session import CleanLimits, CleanSession
from pipeline.store.clean.types import PendingPayload
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.read import pages
from tests.support.archive_factory import (
    DAY,
    NIGHT,
    RECIPE,
    SITE,
    body_of,
    clean,
    extracted_of,
    night,
    one,
    rows,
    url,
)
from tests.support.reclean_factory import PARAGRAPHS, Extractors, reclean, site

pytestmark = pytest.mark.trial_on_postgresql

STORY, BOX = "div.story-text > p", "div.box > p"
SHOWN = (ContainerSighting(STORY, True, is_main=True), ContainerSighting(BOX, False))
OTHER = (ContainerSighting("td.content > p", True, is_main=True), ContainerSighting(STORY, False))


@pytest.fixture
def session(store: Database) -> CleanSession:
    return CleanSession(store, SITE)


def extract(
    session: CleanSession,
    shows: Mapping[str, tuple[ContainerSighting, ...]],
    recipe: Recipe = RECIPE,
    in_profile: bool = True,
) -> None:
    """Extract all pending payloads. The beginning of their bytes says what they show."""
    for each in session.pending_payloads(recipe, 0, 1000):
        payload = each.raw_page.payload_id
        shown = next(
            shown for begin, shown in shows.items() if body_of(each).startswith(begin.encode())
        )
        sightings = {page: PageSightings(containers={payload: shown}) for page, _ in each.pages}
        session.save_extracted(
            [(payload, extracted_of(body_of(each), recipe))], sightings if in_profile else None
        )


def stats(store: Database) -> dict[str, ContainerStats]:
    with store.read() as db:
        return {each.name: each for each in container_stats.ranked(db, SITE)}


def counts(store: Database) -> dict[str, tuple[int, int, int]]:
    """Return main, story and other pages by container."""
    return {
        each.name: (each.main_pages, each.story_pages, each.other_pages)
        for each in stats(store).values()
    }


def dates(store: Database, name: str) -> tuple[datetime | None, datetime | None, datetime]:
    found = stats(store)[name]
    return found.first_main_at, found.last_main_at, found.last_seen_at


def test_containers_are_counted_in_pages_with_the_times_of_the_fetches(
    archive: CrawlSession, store: Database, session: CleanSession
) -> None:
    for number in range(4):
        night(archive, {url(str(number)): b"%d old" % number}, NIGHT + number * DAY)
        extract(session, {"3": OTHER, "": SHOWN})
    assert counts(store) == {STORY: (3, 3, 1), BOX: (0, 0, 3), "td.content > p": (1, 1, 0)}
    assert dates(store, STORY) == (NIGHT, NIGHT + 2 * DAY, NIGHT + 3 * DAY)
    assert dates(store, BOX) == (None, None, NIGHT + 2 * DAY)
    assert list(stats(store)) == [STORY, "td.content > p", BOX], (
        "those with the most stories come first"
    )


def test_a_page_counts_once_whatever_it_becomes_later(
    archive: CrawlSession, store: Database, session: CleanSession
) -> None:
    for number in range(3):
        night(archive, {url("a"): b"%d edit" % number}, NIGHT + number * DAY)
    extract(session, {"0": SHOWN, "": OTHER})
    assert counts(store) == {STORY: (1, 1, 0), BOX: (0, 0, 1)}
    assert dates(store, STORY) == (NIGHT, NIGHT, NIGHT)


def test_an_extracted_page_that_is_stored_already_is_not_counted_again(
    archive: CrawlSession, store: Database, session: CleanSession
) -> None:
    night(archive, {url("a"): b"One story"})
    (pending,) = session.pending_payloads(RECIPE, 0, 9)
    payload, page = pending.raw_page.payload_id, pending.pages[0][0]
    for _ in range(2):
        session.save_extracted(
            [(payload, extracted_of(b"One story"))],
            {page: PageSightings(containers={payload: SHOWN})},
        )
    assert counts(store)[STORY] == (1, 1, 0)


def test_pages_that_a_dry_run_extracted_are_counted_when_they_enter_the_profile(
    archive: CrawlSession, store: Database, session: CleanSession
) -> None:
    night(archive, {url("a"): b"One story"})
    extract(session, {"": SHOWN}, in_profile=False)
    assert counts(store) == {}
    (unprofiled,) = session.not_in_profile(RECIPE, 9)
    for _ in range(2):
        session.add_to_profile(
            [unprofiled.extracted_page_id],
            {
                page: PageSightings(containers={unprofiled.payload_id: SHOWN})
                for page, _ in unprofiled.pages
            },
        )
    assert counts(store)[STORY] == (1, 1, 0)


def test_other_extractors_count_from_the_beginning_and_replace_the_old_counts(
    archive: CrawlSession, store: Database, session: CleanSession
) -> None:
    night(archive, {url(name): name.encode() for name in "abc"})
    extract(session, {"": SHOWN})
    newer = Recipe("extractors-2", RECIPE.rules)
    (first, *_) = session.pending_payloads(newer, 0, 9)
    seen = {first.pages[0][0]: PageSightings(containers={first.raw_page.payload_id: OTHER})}
    session.save_extracted([(first.raw_page.payload_id, extracted_of(b"a", newer))], seen)
    assert counts(store)[STORY] == (3, 3, 0), (
        "the old counts stay until all pages are extracted again"
    )
    extract(session, {"": OTHER}, newer)
    session.trim_profile(newer)
    assert counts(store) == {"td.content > p": (3, 3, 0), STORY: (0, 0, 3)}
    assert rows(store, "SELECT DISTINCT extractors FROM container") == [("extractors-2",)]


def test_a_site_with_new_container_names_on_each_page_has_a_limited_profile(
    archive: CrawlSession, store: Database
) -> None:
    session = CleanSession(store, SITE, CleanLimits(max_containers=5))
    for number in range(30):
        night(archive, {url(str(number)): b"Story %d" % number}, NIGHT + number * DAY)
        extract(
            session,
            {
                "": (
                    *SHOWN,
                    ContainerSighting(f"div.x{number} > p", True),
                    ContainerSighting(f"div.y{number} > p", False),
                )
            },
        )
        assert one(store, "SELECT count(*) FROM container") <= 2 * 5
    assert counts(store)[STORY] == (30, 30, 0)
    assert counts(store)[BOX] == (0, 0, 30)
    assert "div.x29 > p" in counts(store), "the newest container has time to become frequent"


def test_pages_without_containers_and_other_sites_count_for_nothing(
    archive: CrawlSession, store: Database, session: CleanSession
) -> None:
    night(archive, {url("a"): b"One story"})
    clean(store)
    night(archive, {"https://evening.example/1": b"Evening"}, site="evening")
    extract(CleanSession(store, "evening"), {"": SHOWN})
    assert counts(store) == {}


class Layouts(Extractors):
    """Each line is in the container that is named before it. One that begins with ? is no story."""

    def extract(
        self, payloads: Iterable[PendingPayload]
    ) -> Iterator[tuple[PendingPayload, ExtractedPage]]:
        for payload in payloads:
            title, *lines = body_of(payload).decode().split("\n")
            blocks = []
            for line in lines:
                where, _, text = line.partition(": ")
                blocks.append(
                    Block(
                        BlockKind.PARAGRAPH,
                        text,
                        story_probability=0.1 if text.startswith("?") else 0.9,
                        element_path=where,
                    )
                )
            yield payload, ExtractedPage(EXTRACTORS, tuple(blocks), Metadata(title=title))


def body(number: int, where: str) -> bytes:
    lines = [
        f"Title of {number}",
        f"{where}: {PARAGRAPHS[number % 6]}",
        f"{where}: In {number} words.",
        f"{BOX}: ? About us",
    ]
    return "\n".join(lines).encode()


def test_the_profile_knows_when_an_old_layout_of_a_site_ended(
    archive: CrawlSession, store: Database
) -> None:
    for number in range(8):
        night(archive, {url(str(number)): body(number, "td.content > p")}, NIGHT + number * DAY)
        reclean(store, site(), extractors=Layouts())
    assert [each.is_retired for each in site_profile_report(store, SITE, 5).containers] == [
        False,
        False,
    ]
    for number in range(8, 20):
        night(archive, {url(str(number)): body(number, STORY)}, NIGHT + number * DAY)
    reclean(store, site(), extractors=Layouts())
    found = {each.name: each for each in site_profile_report(store, SITE, 5).containers}
    assert [(name, each.main_pages, each.is_retired) for name, each in found.items()] == [
        (STORY, 12, False),
        ("td.content > p", 8, True),
        (BOX, 0, False),
    ]
    assert (found["td.content > p"].first_main_at, found["td.content > p"].last_main_at) == (
        NIGHT,
        NIGHT + 7 * DAY,
    )
    assert (found[BOX].story_pages, found[BOX].other_pages) == (0, 20)


def test_an_explanation_knows_what_the_containers_of_a_page_hold_on_other_pages(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, {url(str(number)): body(number, STORY) for number in range(3)})
    night(archive, {url("old"): body(9, "td.content > p")})
    reclean(store, site(), extractors=Layouts())
    page = pages.find_page(store, url("2"))
    assert page is not None
    explained = pages.explain_page(store, page)
    assert explained is not None
    assert [(each.name, each.story_pages, each.other_pages) for each in explained.containers] == [
        (STORY, 3, 0),
        (BOX, 0, 4),
    ]


def test_containers_make_no_page_stale(archive: CrawlSession, store: Database) -> None:
    for number in range(12):
        night(
            archive,
            {
                url(
                    str(number)
                ): f"Title {number}\n{STORY}: Only {number} stands here, alone.".encode()
            },
        )
        assert sum(reclean(store, site(), extractors=Layouts()).counts.values()) == 1
