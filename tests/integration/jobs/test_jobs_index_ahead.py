"""Index rows and sketches that workers prepare equal those that the archive makes itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.store.clean import articles
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.search import index
from tests.support.archive_factory import dump, night, url
from tests.support.reclean_factory import STORY, Extractors, reclean, reclean_all, site

PAGES = 24


class FakeWorkers(Extractors):
    """Workers that run and do what is submitted, or fail."""

    def __init__(self, *, failing: bool = False) -> None:
        super().__init__()
        self.is_running, self.processes = True, 2
        self.failing = failing
        self.submitted = 0

    def submit(self, function: Callable[..., Any], *args: Any) -> Callable[[], Any]:
        self.submitted += 1
        return lambda: None if self.failing else function(*args)


def tables(store: Database) -> dict[str, Any]:
    rows = dump(store)
    return {name: rows[name] for name in ("article_index", "sketch", "sketch_band")}


def bodies(word: str) -> dict[str, bytes]:
    return {url(str(n)): STORY.replace("harbour", f"{word} {n}x{n}").encode() for n in range(PAGES)}


def test_prepared_rows_equal_those_that_the_archive_makes(
    archive: CrawlSession, store: Database, monkeypatch: Any
) -> None:
    night(archive, bodies("harbour"))
    workers = FakeWorkers()
    made_here: list[int] = []
    index_row = index.index_row
    monkeypatch.setattr(index, "index_row", lambda *args: made_here.append(1) or index_row(*args))
    assert reclean(store, site(), extractors=workers).counts == {"archived": PAGES}
    assert (workers.submitted, made_here) == (2, [])
    ahead = tables(store)
    monkeypatch.setattr(articles, "index_source_ahead", lambda *_: None)
    reclean_all(store, site("Paragraph 1 .*"))
    reclean_all(store, site())
    assert made_here
    assert tables(store) == ahead


def test_the_archive_makes_the_rows_if_the_workers_fail(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, bodies("quay"))
    workers = FakeWorkers(failing=True)
    assert reclean(store, site(), extractors=workers).counts == {"archived": PAGES}
    assert workers.submitted == 2
    assert all(tables(store).values())
