"""No sequence of nights, cleans, reviews and rollbacks changes what is written once.

What is rolled back is byte for byte what it was.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.jobs import review
from pipeline.store.clean import held_results
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.read import runs as run_history
from tests.support.archive_factory import DAY, NIGHT, dump, night, one, rows, url
from tests.support.reclean_factory import (
    PARAGRAPHS,
    articles,
    inconsistent_results,
    payloads_and_captures,
    reclean,
    reclean_all,
    silent,
    site_removing,
)

CreateArchive = Callable[[], Any]  # a context manager that returns the address of an empty archive


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def create_archive(request: pytest.FixtureRequest) -> CreateArchive:
    """Return a function that creates an empty archive for each example."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        return lambda: copied(template)
    return lambda: created(request.getfixturevalue("postgres"))


@contextmanager
def copied(template: Path) -> Iterator[str]:
    with TemporaryDirectory() as folder:
        shutil.copy(template, Path(folder) / "archive.db")
        yield f"sqlite:///{folder}/archive.db"


@contextmanager
def created(postgres: Any) -> Iterator[str]:
    name = postgres.create(postgres.template)
    try:
        yield postgres.address(name)
    finally:
        postgres.drop(name)


RECIPES = st.sets(st.integers(0, 5), max_size=6).map(sorted)
BODIES = st.lists(st.integers(0, 5), min_size=1, max_size=6, unique=True)
STEPS = st.one_of(
    st.tuples(st.just("night"), st.tuples(BODIES, BODIES)),
    st.tuples(st.just("clean"), RECIPES),
    st.tuples(st.just("all"), RECIPES),
    st.tuples(st.just("accept"), st.none()),
    st.tuples(st.just("reject"), st.none()),
    st.tuples(st.just("rollback"), st.integers(0, 5)),
)


class World:
    """An archive, and how many nights it has."""

    def __init__(self, address: str) -> None:
        self.store = Database(address)
        self.archive = CrawlSession(Database(address))
        self.nights = 0
        self.recipe: list[int] = []

    def close(self) -> None:
        self.archive.close()
        self.store.close()

    def night(self, bodies: tuple[list[int], list[int]]) -> None:
        pages = {
            url(str(n)): "\n".join(["The ferries are back", *(PARAGRAPHS[line] for line in body)])
            for n, body in enumerate(bodies)
        }
        night(
            self.archive,
            {address: body.encode() for address, body in pages.items()},
            NIGHT + self.nights * DAY,
        )
        self.nights += 1

    def clean(self, recipe: list[int]) -> int:
        self.recipe = recipe
        return reclean(self.store, site_removing(*recipe)).run_id

    def all(self, recipe: list[int]) -> int:
        self.recipe = recipe
        return reclean_all(self.store, site_removing(*recipe)).run_id

    def accept(self, _: None) -> None:
        self._review(review.accept)

    def reject(self, _: None) -> None:
        self._review(review.reject)

    def _review(self, choose: Any) -> None:
        for site, pages in held_results.held_pages(self.store).items():
            review.review(self.store, site, pages, choose, silent)

    def rollback(self, back: int) -> None:
        runs = [
            run
            for (run,) in rows(
                self.store, "SELECT id FROM run WHERE kind = 'clean' ORDER BY id DESC"
            )
        ]
        if runs:
            review.rollback(self.store, runs[back % len(runs)], silent)

    def do(self, step: tuple[str, Any]) -> None:
        before = payloads_and_captures(self.store)
        getattr(self, step[0])(step[1])
        assert step[0] == "night" or payloads_and_captures(self.store) == before

    def check(self) -> None:
        """Check what is true at any time."""
        store = self.store
        assert inconsistent_results(store) == []
        assert (
            run_history.unbalanced_runs(
                store, [run for (run,) in rows(store, "SELECT id FROM run")]
            )
            == frozenset()
        )
        twice = (
            "SELECT page_id FROM clean_result WHERE status = 'accepted'"
            " GROUP BY page_id, payload_id HAVING count(*) > 1"
        )
        assert rows(store, twice) == []
        not_current = (
            "SELECT count(*) FROM revision JOIN clean_result ON clean_result.id = clean_result_id"
            " WHERE status <> 'accepted'"
        )
        assert one(store, not_current) == 0
        assert len(dump(store)["article_index"]) == one(store, "SELECT count(*) FROM articles")


@pytest.mark.trial
@given(st.lists(STEPS, min_size=2, max_size=8), RECIPES)
@example(
    [("night", ([0, 1, 2, 3, 4, 5], [0])), ("clean", []), ("clean", [0, 1, 2]), ("accept", None)],
    [1],
)
@settings(max_examples=6)
def test_kept_rows_never_change_and_a_rollback_restores_the_articles(
    create_archive: CreateArchive, steps: list[tuple[str, Any]], recipe: list[int]
) -> None:
    with create_archive() as address:
        world = World(address)
        try:
            world.night(([0, 1, 2, 3, 4, 5], [0, 1]))
            for step in steps:
                world.do(step)
                world.check()
            world.clean(world.recipe)  # so that no bytes wait for their first clean
            before, stored = articles(world.store), payloads_and_captures(world.store)
            run = world.clean(recipe)
            world.accept(None)
            if run:
                review.rollback(world.store, run, silent)
                assert articles(world.store) == before
            assert payloads_and_captures(world.store) == stored
            world.check()
        finally:
            world.close()
