"""What workers make ahead of new texts: the same rows and sketches that the archive would make itself, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.store.clean import articles
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.search import index
from tests.support.archive_factory import dump, night, url
from tests.support.reclean_factory import STORY, Extractors, every, reclean, site

PAGES = 24


class Lending(Extractors):
    """Workers that are up, and do all that they are lent; or die over it."""

    def __init__(self, *, dying: bool = False) -> None:
        super().__init__()
        self.are_up, self.processes = True, 2
        self.dying = dying
        self.lent = 0

    def lend(self, work: Callable[..., Any], *args: Any) -> Callable[[], Any]:
        self.lent += 1
        return lambda: None if self.dying else work(*args)


def tables(store: Database) -> dict[str, Any]:
    found = dump(store)
    return {name: found[name] for name in ("article_index", "sketch", "sketch_band")}


def bodies(word: str) -> dict[str, bytes]:
    return {url(str(n)): STORY.replace("harbour", f"{word} {n}x{n}").encode() for n in range(PAGES)}


def test_what_workers_make_ahead_is_what_the_archive_would_make(
    archive: CrawlSession, store: Database, monkeypatch: Any
) -> None:
    night(archive, bodies("harbour"))
    workers = Lending()
    made_here: list[int] = []
    row = index.index_row
    monkeypatch.setattr(index, "row", lambda *args: made_here.append(1) or row(*args))
    assert reclean(store, site(), extractors=workers).counts == {"archived": PAGES}
    assert (workers.lent, made_here) == (2, [])
    ahead = tables(store)
    monkeypatch.setattr(articles, "foreseen", lambda *_: None)
    every(store, site("Paragraph 1 .*"))
    every(store, site())
    assert made_here
    assert tables(store) == ahead


def test_workers_that_die_over_it_cost_nothing_but_time(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, bodies("quay"))
    workers = Lending(dying=True)
    assert reclean(store, site(), extractors=workers).counts == {"archived": PAGES}
    assert workers.lent == 2
    assert {name: len(found) > 0 for name, found in tables(store).items()} == dict.fromkeys(
        tables(store), True
    )
