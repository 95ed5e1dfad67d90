"""The archive for Python programs: open it, search it, read it, and get rows for tables.

It gives the answers of the command line, as frozen values. Long results are iterators that hold no
transaction open while you work, so memory does not grow with the archive. Nothing here writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from os import fspath
from pathlib import Path
from typing import Any, Self

from pipeline.config.settings import load_settings
from pipeline.core.blocks import Figure
from pipeline.core.changes.kinds import ChangeKind
from pipeline.core.errors import ConfigError
from pipeline.core.story import Story
from pipeline.store import read
from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from pipeline.store.read import (
    ORDERS,
    ArticleView,
    ChangeQuery,
    ChangeView,
    CountTable,
    Explanation,
    ExportedArticle,
    ExportQuery,
    LinkView,
    RevisionView,
    SearchHit,
    TopWord,
)
from pipeline.story.markdown import to_markdown

HITS_PER_READ = 100

Time = str | date | None  # a datetime is a date, too


class Reader:
    """An archive that is open for reading.

    Close it, or use it in a `with` statement. Several threads may share one reader.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """Return the number of all articles."""
        return read.count_articles(self._database)

    def close(self) -> None:
        """Close the connections. A later call opens new ones."""
        self._database.close()

    def search(
        self,
        query: str,
        *,
        site: str | None = None,
        order: str = "newest",
        unique: bool = False,
        limit: int | None = None,
    ) -> Iterator[SearchHit]:
        """Search articles with the query language of `nightdesk search`.

        Args:
            query: Words, phrases and filters. An empty query finds all articles.
            site: Only articles of the site with this id.
            order: "newest" or "rank".
            unique: Return each story once, and leave out its near-duplicates.
            limit: Largest number of hits. Without it, all hits are read page by page.

        Returns:
            Hits with the article, its highlighted title and an excerpt.

        Raises:
            ConfigError: If there is no such order.
        """
        if order not in ORDERS:
            raise ConfigError(f"order: '{order}' is unknown; there are: {', '.join(ORDERS)}")
        return self._iter_hits(query, site, order, unique, limit)

    def _iter_hits(
        self, query: str, site: str | None, order: str, unique: bool, limit: int | None
    ) -> Iterator[SearchHit]:
        cursor = ""
        remaining = limit
        while remaining is None or remaining > 0:
            size = HITS_PER_READ if remaining is None else min(HITS_PER_READ, remaining)
            page = read.search_articles(
                self._database, query, size, after=cursor, order=order, site=site, unique=unique
            )
            yield from page.hits
            cursor = page.next
            if not cursor:
                return
            if remaining is not None:
                remaining -= len(page.hits)

    def count(
        self, *queries: str, by: str = "", within: str = "", unique: bool = False
    ) -> CountTable:
        """Count the articles of several queries side by side; the numbers are exact.

        Args:
            queries: One query or more; an empty one counts all articles.
            by: "day", "week", "month", "year", "site", "group" or "country"; "" counts totals.
            within: Count only articles that this query finds, too.
            unique: Count a story in several papers once.

        Returns:
            The totals, and the rows; `records` of it is made for `pandas.DataFrame`.

        Raises:
            ConfigError: If there is no such unit, or no query.
        """
        return read.count_queries(self._database, queries, by=by, within=within, unique=unique)

    def top_words(self, query: str, limit: int = 30) -> tuple[TopWord, ...]:
        """Return the words by which the articles of a query differ most from all others.

        Args:
            query: The query; its own words are left out.
            limit: Largest number of words.

        Returns:
            The words, those that differ most first.
        """
        return read.top_words(self._database, query, limit)

    def articles(
        self,
        query: str = "",
        *,
        site: str | None = None,
        since: Time = None,
        until: Time = None,
        limit: int | None = None,
    ) -> Iterator[ArticleView]:
        """Read articles, newest first.

        Args:
            query: Only articles that this search finds.
            site: Only articles of the site with this id.
            since: First day or time, included. A time without a zone is taken for UTC.
            until: Last day or time, included.
            limit: Largest number of articles.

        Raises:
            ConfigError: If a date is wrong.
        """
        selected = self._select(query, site, since, until, limit)
        return (exported.article for exported in selected)

    def rows(
        self,
        query: str = "",
        *,
        site: str | None = None,
        since: Time = None,
        until: Time = None,
        limit: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Read the same articles as dictionaries of plain values, for `pandas.DataFrame`.

        Each has also `payload_sha256` of the page's bytes and `recipe`, as exports have. The
        arguments are those of `articles`.
        """
        return map(_to_row, self._select(query, site, since, until, limit))

    def article(self, key: int | str) -> ArticleView | None:
        """Return an article by its number or by any spelling of its URL; None if it is unknown."""
        page_id = self._page_id(key)
        return read.get_article(self._database, page_id) if page_id else None

    def revisions(self, key: int | str) -> tuple[RevisionView, ...]:
        """Return all texts that an article had, oldest first."""
        page_id = self._page_id(key)
        return read.list_revisions(self._database, page_id) if page_id else ()

    def changes(
        self,
        query: str = "",
        *,
        site: str | None = None,
        kind: str | None = None,
        since: Time = None,
        until: Time = None,
        min_words: int = 0,
        limit: int | None = None,
    ) -> Iterator[ChangeView]:
        """Read what publications changed in their stories, newest first.

        Args:
            query: Only changes of the articles that this search finds.
            site: Only changes of the site with this id.
            kind: "title", "text", "number", "typo", "correction", "gone" or "back".
            since: First day or time at which a change was found.
            until: Last day or time; a day is included.
            min_words: The fewest words that were lost and gained together.
            limit: Largest number of changes.

        Raises:
            ConfigError: If a date or the kind is wrong.
        """
        if kind is not None and kind not in set(ChangeKind):
            kinds = ", ".join(ChangeKind)
            raise ConfigError(f"kind: '{kind}' is unknown; there are: {kinds}")
        wanted = ChangeQuery(
            sites=(site,) if site else (),
            kinds=(ChangeKind(kind),) if kind else (),
            since=_to_time("since", since),
            until=_to_end("until", until),
            min_words=min_words,
            query=query,
        )
        return read.iter_changes(self._database, wanted, limit)

    def markdown(self, key: int | str) -> str | None:
        """Return the newest text of an article as Markdown; None if it is unknown.

        That is: headings, lists, quotes, tables, code, links and figures. The title is not in it.
        """
        story = self._story(key)
        return None if story is None else to_markdown(story)

    def links(self, key: int | str) -> tuple[LinkView, ...]:
        """Return the links in the newest text of an article, in its order.

        Each has its absolute URL, its text, and the article that it leads to if the archive has it.
        """
        page_id = self._page_id(key)
        return read.list_links(self._database, page_id) if page_id else ()

    def figures(self, key: int | str) -> tuple[Figure, ...]:
        """Return the figures of an article: the absolute URL, alt, caption and credit of each."""
        story = self._story(key)
        if story is None:
            return ()
        return tuple(replace(each, image=story.resolve(each.image)) for each in story.figures)

    def explain(self, key: int | str) -> Explanation | None:
        """Return how a text was made.

        That is: the blocks of the page with the rule that removed each, the metadata, the digest
        of the bytes, and the recipe.
        """
        page = read.find_page(self._database, str(key))
        return read.explain_page(self._database, page) if page else None

    def raw(self, key: int | str) -> bytes | None:
        """Return the bytes from which a text was made, as the server sent them; None without any.

        Of a page that is no article, these are the newest bytes.
        """
        page_id = self._page_id(key)
        payload = read.article_payload(self._database, page_id) if page_id else None
        return payload[2] if payload else None

    def _story(self, key: int | str) -> Story | None:
        page_id = self._page_id(key)
        return read.get_story(self._database, page_id) if page_id else None

    def _page_id(self, key: int | str) -> int:
        page = read.find_page(self._database, str(key))
        return page.id if page else 0

    def _select(
        self, query: str, site: str | None, since: Time, until: Time, limit: int | None
    ) -> Iterator[ExportedArticle]:
        export_query = ExportQuery(
            query,
            (site,) if site else (),
            _to_time("since", since),
            _to_end("until", until),
            limit,
        )
        return read.iter_articles(self._database, export_query)


def open_archive(location: str | Path | None = None) -> Reader:
    """Open an archive for reading.

    Args:
        location: A home folder (which holds `config/`), a SQLite file or a database URL. By
            default it is the archive that the command line would use here.

    Raises:
        ConfigError: If a setting is wrong.
        StoreError: If there is no archive, or if it cannot be read.
    """
    text = "" if location is None else fspath(location)
    if "://" in text:
        database_url = text
    elif text and not Path(text).is_dir():
        database_url = f"sqlite:///{Path(text).absolute()}"
    else:
        database_url = load_settings(Path(text) if text else None).database_url
    database = Database(database_url)
    migrate.ensure(database, create=False)
    return Reader(database)


def _to_row(exported: ExportedArticle) -> dict[str, Any]:
    row = asdict(exported.article)
    for name, value in row.items():
        if isinstance(value, tuple):
            row[name] = list(value)
    row["payload_sha256"] = exported.payload
    row["recipe"] = exported.recipe
    return row


def _to_time(name: str, value: Time) -> datetime | None:
    if value is None:
        return None
    time = value
    if isinstance(time, str):
        try:
            time = datetime.fromisoformat(time)
        except ValueError:
            raise ConfigError(f"{name}: '{value}' is no date; write it as in 2026-11-03") from None
    elif not isinstance(time, datetime):
        time = datetime.combine(time, datetime.min.time())
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _to_end(name: str, value: Time) -> datetime | None:
    """Return the first moment after a day, or after the second of a time."""
    time = _to_time(name, value)
    if time is None:
        return None
    is_time = isinstance(value, datetime) or (isinstance(value, str) and ":" in value)
    try:
        return time + (timedelta(seconds=1) if is_time else timedelta(days=1))
    except OverflowError:  # the last day that there is
        return None
