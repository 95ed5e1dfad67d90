"""The waterline: whatever is cleaned, and in whatever order, visits and bytes stay as they were."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.clean_values import CleanOutcome
from pipeline.core.models import Outcome, Reason, Recipe
from pipeline.store.clean import line_sightings
from pipeline.store.clean.line_sightings import PageSightings
from pipeline.store.clean.session import CleanSession
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from tests.support.archive_factory import (
    NIGHT,
    RECIPE,
    WALL,
    clean,
    clean_outcome,
    extract_all,
    extracted_of,
    dump,
    night,
    url,
)

ABOVE = ("payload", "capture")
RECIPES = (RECIPE, Recipe(RECIPE.extractors, "rules-2"), Recipe("extractors-2", "rules-2"))
STEPS = st.tuples(
    st.sampled_from(["clean", "draft", "put", "put twice", "withdraw", "learn", "give up", "die"]),
    st.sampled_from(RECIPES),
    st.sampled_from(["", "advert", "Levy delayed"]),
    st.lists(st.integers(0, 9), max_size=5),
)
sites = map("site-{}".format, count())


def step(
    store: Database, site: str, what: str, recipe: Recipe, strike: str, keys: list[int]
) -> None:
    shelf = CleanSession(store, site)
    seen = PageSightings(tuple(keys), tuple(key + 5 for key in keys))
    if what == "clean":
        clean(store, recipe, site, strike, seen)
        return
    if what == "learn":
        with store.write() as db:
            line_sightings.add(
                db, site, {material.page_id: seen for material in shelf.stale_pages(recipe, 0, 9)}, NIGHT
            )
        return
    run = shelf.start_run(recipe)
    if what != "give up":
        extract_all(shelf, recipe, seen)
    stale = [each for each in shelf.stale_pages(recipe, 0, 9) if each.periods]
    results = [clean_outcome(each, recipe, strike) for each in stale]
    if what == "withdraw":
        results = [_nothing(each) for each in results]
    if what in ("put", "put twice", "withdraw"):
        shelf.save_results(run, recipe, results)
    if what == "put twice":
        shelf.save_results(run, recipe, results)
    if what == "die":
        shelf.release()
        return
    shelf.finish_run(run, "finished")


def _nothing(made: CleanOutcome) -> CleanOutcome:
    return CleanOutcome(
        made.page_id, made.payload_id, made.results, (), Outcome.NOT_ARTICLE, Reason.NO_TEXT
    )


@given(data=st.data())
@settings(max_examples=12)
def test_no_sequence_of_cleaning_changes_a_capture_or_a_payload(
    archive: CrawlSession, store: Database, data: st.DataObject
) -> None:
    site = next(sites)
    texts = st.sampled_from(
        [
            "Levy delayed\nUntil April.\nadvert",
            "Levy delayed\nUntil May.",
            f"{WALL}, accept",
            "advert",
        ]
    )
    nights = data.draw(st.lists(st.tuples(texts, texts), min_size=1, max_size=4))
    for hour, (first, second) in enumerate(nights):
        pages = {url(f"{site}/a"): first.encode(), url(f"{site}/b"): second.encode()}
        night(archive, pages, NIGHT + timedelta(hours=hour), site)
        before = dump(store, *ABOVE)
        for each in data.draw(st.lists(STEPS, max_size=3)):
            step(store, site, *each)
            assert dump(store, *ABOVE) == before


def test_drafts_come_back_as_they_were_made(archive: CrawlSession, store: Database) -> None:
    night(archive, {url("a"): "Ҳар рӯз\n«нав»".encode()})
    shelf = CleanSession(store, "courier")
    extract_all(shelf)
    ((met,),) = (material.periods for material in shelf.stale_pages(RECIPE, 0, 5))
    assert met.extracted == extracted_of("Ҳар рӯз\n«нав»".encode())
