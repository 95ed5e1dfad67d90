"""The archive for programs in Python: opened, searched, read, and handed out as rows for tables.

Promises the answers of the command line, as frozen values, and memory that does not grow with what is read: what may be long is
an iterator, which holds no transaction open while the caller works. Nothing here writes. Whoever asks for what is not there is
given None; a wrong address, an archive that is not there and a wrong date raise a `NightdeskError`, whose text is one sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from os import fspath
from pathlib import Path
from typing import Any, Self

from pipeline.config import settings
from pipeline.core.errors import ConfigError
from pipeline.store.db import migrate
from pipeline.store.db.article_view import ArticleView
from pipeline.store.db.engine import Database
from pipeline.store.read import export_articles, pages
from pipeline.store.read.export_articles import Asked
from pipeline.store.read.pages import Explanation, RevisionView
from pipeline.store.search import search as results
from pipeline.store.search.search import Hit

PAGE = 100  # hits read at a time

Day = str | datetime | None


class Reader:
    """An archive that is open for reading. Close it, or use it in a `with` statement. Threads may share one."""

    def __init__(self, store: Database) -> None:
        self._store = store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives the connections back. What is asked afterwards opens new ones."""
        self._store.close()

    def __len__(self) -> int:
        """All articles."""
        return export_articles.count(self._store)

    def search(
        self,
        words: str,
        *,
        site: str | None = None,
        order: str = "newest",
        once: bool = False,
        limit: int | None = None,
    ) -> Iterator[Hit]:
        """What `nightdesk search` finds, in the same language: hits with `article`, marked `title` and `excerpt`. `order` is
        "newest" or "rank"; with `once`, near-copies of one story come once. Without a limit all are read, page by page."""
        if order not in results.ORDERS:
            raise ConfigError(f"order: '{order}' is none; there are: {', '.join(results.ORDERS)}")
        after, left = "", limit
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            found = results.search(
                self._store, words, size, after=after, order=order, site=site, once=once
            )
            yield from found.hits
            left = None if left is None else left - len(found.hits)
            after = found.next
            if not after:
                return

    def articles(
        self,
        words: str = "",
        *,
        site: str | None = None,
        since: Day = None,
        until: Day = None,
        limit: int | None = None,
    ) -> Iterator[ArticleView]:
        """Articles, newest first: all, or those that words, a site and dates are about. `since` is included, `until` is not;
        both are dates as in `2026-11-03`, or times, taken for UTC where they name no zone."""
        asked = Asked(
            words, (site,) if site else (), _moment("since", since), _moment("until", until), limit
        )
        return (each.article for each in export_articles.articles(self._store, asked))

    def rows(
        self,
        words: str = "",
        *,
        site: str | None = None,
        since: Day = None,
        until: Day = None,
        limit: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """The same articles as dictionaries of plain values, with `payload` (SHA-256 of the bytes) and `recipe`:
        `pandas.DataFrame(archive.rows("harbour"))`."""
        asked = Asked(
            words, (site,) if site else (), _moment("since", since), _moment("until", until), limit
        )
        for each in export_articles.articles(self._store, asked):
            values = asdict(each.article)
            lists = {
                name: list(value) for name, value in values.items() if isinstance(value, tuple)
            }
            yield values | lists | {"payload": each.payload, "recipe": each.recipe}

    def article(self, what: int | str) -> ArticleView | None:
        """One article by its number, or by any spelling of its URL."""
        page = self._page(what)
        return pages.article(self._store, page) if page else None

    def revisions(self, what: int | str) -> tuple[RevisionView, ...]:
        """All texts that an article had, oldest first."""
        page = self._page(what)
        return pages.revisions(self._store, page) if page else ()

    def explain(self, what: int | str) -> Explanation | None:
        """How its text was made: the blocks of the page with what struck them, the metadata, the digest, the recipe."""
        page = pages.find_page(self._store, str(what))
        return pages.explain(self._store, page) if page else None

    def raw(self, what: int | str) -> bytes | None:
        """The bytes of the page as they came."""
        page = self._page(what)
        found = pages.raw(self._store, page) if page else None
        return found[2] if found else None

    def _page(self, what: int | str) -> int:
        page = pages.find_page(self._store, str(what))
        return page.id if page else 0


def open_archive(where: str | Path | None = None) -> Reader:
    """The archive of a home folder (that which holds `config/`), of a SQLite file or of a database URL; by default the one that
    the command line would take here. Raises ConfigError and StoreError."""
    given = "" if where is None else fspath(where)
    if "://" in given:
        address = given
    elif given and not Path(given).is_dir():
        address = f"sqlite:///{Path(given).absolute()}"
    else:
        address = settings.load(Path(given) if given else None).database_url
    store = Database(address)
    migrate.ensure(store, create=False)
    return Reader(store)


def _moment(name: str, given: Day) -> datetime | None:
    if given is None or isinstance(given, datetime):
        return given.replace(tzinfo=UTC) if given and given.tzinfo is None else given
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise ConfigError(f"{name}: '{given}' is no date; write it as in 2026-11-03") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
