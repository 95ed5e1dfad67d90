"""Captures and payloads stay as they are, whatever is cleaned and in whatever order."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest
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
    dump,
    extract_all,
    extracted_of,
    night,
    url,
)

KEPT = ("payload", "capture")
RECIPES = (RECIPE, Recipe(RECIPE.extractors, "rules-2"), Recipe("extractors-2", "rules-2"))
STEPS = st.tuples(
    st.sampled_from(
        ["clean", "extract", "save", "save twice", "unpublish", "profile", "nothing", "die"]
    ),
    st.sampled_from(RECIPES),
    st.sampled_from(["", "advert", "Levy delayed"]),
    st.lists(st.integers(0, 9), max_size=5),
)
sites = map("site-{}".format, count())


def step(
    store: Database, site: str, what: str, recipe: Recipe, remove: str, keys: list[int]
) -> None:
    session = CleanSession(store, site)
    sightings = PageSightings(tuple(keys), tuple(key + 5 for key in keys))
    if what == "clean":
        clean(store, recipe, site, remove, sightings)
        return
    if what == "profile":
        with store.write() as db:
            line_sightings.add(
                db,
                site,
                {page.page_id: sightings for page in session.stale_pages(recipe, 0, 9)},
                NIGHT,
            )
        return
    run = session.start_run(recipe)
    if what != "nothing":
        extract_all(session, recipe, sightings)
    stale = [page for page in session.stale_pages(recipe, 0, 9) if page.periods]
    outcomes = [clean_outcome(page, recipe, remove) for page in stale]
    if what == "unpublish":
        outcomes = [_unpublished(outcome) for outcome in outcomes]
    if what in ("save", "save twice", "unpublish"):
        session.save_results(run, recipe, outcomes)
    if what == "save twice":
        session.save_results(run, recipe, outcomes)
    if what == "die":
        session.release()
        return
    session.finish_run(run, "finished")


def _unpublished(outcome: CleanOutcome) -> CleanOutcome:
    return CleanOutcome(
        outcome.page_id,
        outcome.payload_id,
        outcome.results,
        (),
        Outcome.NOT_ARTICLE,
        Reason.NO_TEXT,
    )


@pytest.mark.trial
@given(data=st.data())
@settings(max_examples=12)
def test_no_sequence_of_cleans_changes_a_capture_or_a_payload(
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
        before = dump(store, *KEPT)
        for arguments in data.draw(st.lists(STEPS, max_size=3)):
            step(store, site, *arguments)
            assert dump(store, *KEPT) == before


def test_extracted_pages_come_back_as_they_were_saved(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, {url("a"): "Ҳар рӯз\n«нав»".encode()})
    session = CleanSession(store, "courier")
    extract_all(session)
    (page,) = session.stale_pages(RECIPE, 0, 5)
    (period,) = page.periods
    assert period.extracted == extracted_of("Ҳар рӯз\n«нав»".encode())
