"""Several processes clean one large site, and the archive is the same as if one had done it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from pipeline.core.errors import StoreError
from pipeline.jobs.clean import CleanBatchSizes, CleanRequest
from pipeline.jobs.clean_steps import clean_parts
from pipeline.jobs.clean_steps.clean_parts import CleanPart, clean_part
from pipeline.jobs.recipe import current_recipe
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.store.clean.session import CleanSession
from pipeline.store.clean.types import CleanScope
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from tests.conftest import GrowOnce
from tests.support.archive_factory import dump, night, one, url
from tests.support.reclean_factory import STORY, Extractors, articles, reclean, site, site_removing

PAGES = 24
IN_PARTS = CleanBatchSizes(pages_per_batch=4, pages_per_part=5, min_pages_in_parts=10)
IN_ONE_PROCESS = CleanBatchSizes(pages_per_batch=4)
EVERYTHING = CleanScope(everything=True)


class FakeWorkers(Extractors):
    """Two workers that do what is submitted when somebody waits for it, or fail."""

    def __init__(self, failing: Iterable[int] = ()) -> None:
        super().__init__()
        self.is_running, self.processes = True, 2
        self.failing = set(failing)
        self.submitted: list[str] = []

    def submit(self, function: Callable[..., Any], *args: Any) -> Callable[[], Any]:
        number = len(self.submitted)
        self.submitted.append(function.__name__)
        return lambda: None if number in self.failing else function(*args)


@pytest.fixture
def fetched(archive: CrawlSession, store: Database, grow_once: GrowOnce) -> Iterator[Database]:
    """An archive of some stories that nobody has cleaned yet."""
    bodies = {}
    for number in range(PAGES):
        bodies[url(str(number))] = STORY.replace("harbour", f"quay {number}x{number}").encode()
    grow_once(lambda: night(archive, bodies))
    yield store
    clean_parts._database.cache_clear()


def contents(store: Database) -> dict[str, Any]:
    """Return what people see of the articles, and what is derived from them."""
    seen = articles(store)
    derived = dump(store, "sketch", "sketch_band", "story_group")
    return {"articles": seen["articles"], "index": seen["index"]} | derived


def test_the_archive_is_the_same_as_after_a_clean_in_one_process(fetched: Database) -> None:
    workers = FakeWorkers()
    result = reclean(fetched, site(), CleanRequest(batch_sizes=IN_PARTS), workers)
    assert result.counts == {"archived": PAGES}
    assert workers.submitted == ["clean_part"] * 5
    in_parts = contents(fetched)
    for rules, size in ((site_removing(1), IN_PARTS), (site(), IN_ONE_PROCESS)):
        request = CleanRequest(EVERYTHING, batch_sizes=size)
        assert reclean(fetched, rules, request, FakeWorkers()).counts == {"recleaned": PAGES}
    assert contents(fetched) == in_parts


def test_the_process_of_the_clean_does_what_a_worker_failed_to_do(fetched: Database) -> None:
    workers = FakeWorkers(failing=(1, 4))
    result = reclean(fetched, site(), CleanRequest(batch_sizes=IN_PARTS), workers)
    assert result.counts == {"archived": PAGES}
    assert one(fetched, "SELECT count(*) FROM articles") == PAGES


def test_a_clean_of_few_pages_and_one_that_reports_changes_stay_in_one_process(
    fetched: Database,
) -> None:
    few = FakeWorkers()
    reclean(fetched, site(), CleanRequest(batch_sizes=CleanBatchSizes()), few)
    seen: list[str] = []
    request = CleanRequest(EVERYTHING, on_change=lambda *_: seen.append(""), batch_sizes=IN_PARTS)
    reporting = FakeWorkers()
    reclean(fetched, site_removing(1), request, reporting)
    assert len(seen) == PAGES
    assert "clean_part" not in few.submitted + reporting.submitted


def test_a_worker_that_outlives_the_run_saves_nothing(fetched: Database) -> None:
    session, recipe = CleanSession(fetched, site().id), current_recipe(site())
    run = session.start_run(recipe)
    session.finish_run(run, "stopped")
    reclean(fetched, site(), CleanRequest(batch_sizes=IN_PARTS), FakeWorkers())
    session.mark_stale(recipe, EVERYTHING)
    before = dump(fetched)
    address = fetched.url.render_as_string(hide_password=False)
    with pytest.raises(StoreError, match=f"run {run} was closed"):
        clean_part(CleanPart(address, site(), run, CleanScope(), 0, 1_000_000, 10))
    assert dump(fetched) == before


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the processes are the same
def test_worker_processes_clean_parts_and_keep_their_memory_limit(
    archive: CrawlSession, store: Database
) -> None:
    words = "The ferries of quay {} left on time, the council said, and came back on Monday. " * 9
    bodies = {}
    for number in range(12):
        text = f"<title>Quay {number}</title><h1>Quay {number}</h1><p>{words.format(*[number] * 9)}"
        bodies[url(str(number))] = f"<!doctype html>{text}</p>".encode()
    night(archive, bodies)
    with WorkerPool(2, 10.0, 240) as workers:
        request = CleanRequest(batch_sizes=IN_PARTS)
        assert reclean(store, site(), request, workers).counts == {"archived": 12}
        limit = workers.submit(_memory_limit)()
    assert limit is not None
    assert 0 < limit < 4 << 30
    assert one(store, "SELECT count(*) FROM articles") == 12


def _memory_limit() -> int:
    import resource

    return resource.getrlimit(resource.RLIMIT_AS)[0]
