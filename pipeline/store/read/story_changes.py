"""What publications changed in their stories: lists by time, and the two texts of a change."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, func, select, tuple_

from pipeline.core.changes.kinds import ChangeAspect, ChangeKind, Passage
from pipeline.core.errors import ConfigError
from pipeline.fulltext import query_language
from pipeline.store.db.engine import Database
from pipeline.store.db.row_classes import aliased
from pipeline.store.db.schema import ArticleRow, ChangeRow, PageRow, RevisionRow
from pipeline.store.search import executor, planner

BATCH_SIZE: Final = 200  # changes that are read in one transaction
CURSOR: Final = re.compile(r"(\d{1,18})-(\d{1,18})-([a-z]{1,8})", re.ASCII)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MAX_BATCHES: Final = 50  # that are read for one page of a list whose query matches few changes
OLD: Final = aliased(RevisionRow)
NEW: Final = aliased(RevisionRow)


@dataclass(frozen=True, slots=True)
class ChangeView:
    """One change of a story. The fields are those of the view `changes`.

    Attributes:
        article: The id of the article.
        site: The id of its site.
        url: Where it was fetched.
        title: Its title now.
        language: Its language.
        at: The first visit that found the change.
        kind: What changed.
        aspect: The part of the story that changed: title, text or presence.
        revision: The number of the new revision; None where the page is gone or back.
        before_at: The last visit that found the story as before.
        words_lost: Words that the new text does not have.
        words_gained: Words that the old text did not have.
        evidence: The first passages that changed.
    """

    article: int
    site: str
    url: str
    title: str
    language: str
    at: datetime
    kind: ChangeKind
    aspect: ChangeAspect
    revision: int | None
    before_at: datetime
    words_lost: int
    words_gained: int
    evidence: tuple[Passage, ...]

    @property
    def key(self) -> str:
        """Return a name of the change that stays the same, also as a cursor."""
        return f"{(self.at - EPOCH) // timedelta(microseconds=1)}-{self.article}-{self.aspect}"


@dataclass(frozen=True, slots=True)
class ChangeQuery:
    """Which changes to list.

    Attributes:
        sites: Ids of sites; () for all.
        kinds: Kinds of changes; () for all.
        since: The first time at which a change was found. It is included.
        until: The end of the time, which is not included.
        min_words: The smallest number of words that were lost and gained together.
        query: A search that finds the article as it is now; "" for all.
        article: The id of the one article; None for all.
    """

    sites: tuple[str, ...] = ()
    kinds: tuple[ChangeKind, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    min_words: int = 0
    query: str = ""
    article: int | None = None


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Some changes, newest first, and the cursor of the next ones; "" at the end."""

    changes: tuple[ChangeView, ...]
    next: str


@dataclass(frozen=True, slots=True)
class ChangedTexts:
    """The two versions between which a change is."""

    old_title: str
    old_text: str
    new_title: str
    new_text: str


def list_changes(
    database: Database, wanted: ChangeQuery, limit: int, after: str = ""
) -> ChangePage:
    """List changes, those that were found last first.

    Args:
        database: The archive.
        wanted: Which changes.
        limit: The largest number of changes.
        after: The cursor of the last change before; "" begins with the newest.

    Raises:
        ConfigError: There is no such cursor.
    """
    conditions = _conditions(wanted)
    cursor = _parse_cursor(after) if after else None
    changes: list[ChangeView] = []
    for _ in range(MAX_BATCHES):
        size = max(limit - len(changes) + 1, 1)
        if wanted.query.strip():
            size = BATCH_SIZE
        with database.read() as db:
            batch = _read(db, conditions, cursor, size)
            matching = _matching(db, batch, wanted.query)
        changes += matching
        if len(changes) > limit:
            return ChangePage(tuple(changes[:limit]), changes[limit - 1].key)
        if len(batch) < size:
            return ChangePage(tuple(changes), "")
        cursor = _parse_cursor(batch[-1].key)
    return ChangePage(tuple(changes), batch[-1].key)


def iter_changes(
    database: Database, wanted: ChangeQuery, limit: int | None = None
) -> Iterator[ChangeView]:
    """Iterate over changes, those that were found last first."""
    after = ""
    remaining = limit
    while remaining is None or remaining > 0:
        size = BATCH_SIZE if remaining is None else min(BATCH_SIZE, remaining)
        page = list_changes(database, wanted, size, after)
        yield from page.changes
        after = page.next
        if not after:
            return
        if remaining is not None:
            remaining -= len(page.changes)


def count_changes(database: Database, wanted: ChangeQuery) -> Counter[ChangeKind]:
    """Count changes by kind. The search of the query is left out.

    Args:
        database: The archive.
        wanted: Which changes count.

    Returns:
        The number of each kind. Kinds without a change are absent.
    """
    query = select(ChangeRow.kind, func.count()).join(
        ArticleRow, ArticleRow.page_id == ChangeRow.page_id
    )
    query = query.where(*_conditions(wanted)).group_by(ChangeRow.kind)
    counts = Counter[ChangeKind]()
    with database.read() as db:
        for kind, number in db.execute(query):
            counts[ChangeKind(kind)] = number
    return counts


def changed_texts(
    database: Database, changes: Sequence[ChangeView]
) -> dict[tuple[int, int], ChangedTexts]:
    """Return the texts of changes, by article and number of the new revision.

    Args:
        database: The archive.
        changes: Changes with a new revision; others are left out.

    Returns:
        Titles and texts before and after.
    """
    wanted = {(change.article, change.revision) for change in changes if change.revision}
    texts: dict[tuple[int, int], ChangedTexts] = {}
    if not wanted:
        return texts
    is_before = (OLD.page_id == NEW.page_id) & (OLD.number == NEW.number - 1)
    query = (
        select(NEW.page_id, NEW.number, OLD.title, OLD.text, NEW.title, NEW.text)
        .join(OLD, is_before)
        .where(NEW.page_id.in_([article for article, _ in wanted]))
    )
    with database.read() as db:
        for article, number, *versions in db.execute(query):
            if (article, number) in wanted:
                texts[article, number] = ChangedTexts(*versions)
    return texts


def _conditions(wanted: ChangeQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.sites:
        conditions.append(ChangeRow.site.in_(wanted.sites))
    if wanted.kinds:
        conditions.append(ChangeRow.kind.in_(wanted.kinds))
    if wanted.since is not None:
        conditions.append(ChangeRow.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(ChangeRow.at < wanted.until)
    if wanted.min_words:
        conditions.append(ChangeRow.words_lost + ChangeRow.words_gained >= wanted.min_words)
    if wanted.article is not None:
        conditions.append(ChangeRow.page_id == wanted.article)
    return conditions


def _read(
    db: Connection,
    conditions: Sequence[ColumnElement[bool]],
    cursor: tuple[datetime, int, str] | None,
    limit: int,
) -> list[ChangeView]:
    query: Select[*tuple[Any, ...]] = select(
        ChangeRow, PageRow.url, ArticleRow.title, ArticleRow.language
    )
    query = (
        query.join(PageRow, PageRow.id == ChangeRow.page_id)
        .join(ArticleRow, ArticleRow.page_id == ChangeRow.page_id)
        .where(*conditions)
        .order_by(ChangeRow.at.desc(), ChangeRow.page_id.desc(), ChangeRow.aspect.desc())
        .limit(limit)
    )
    if cursor is not None:
        key = tuple_(ChangeRow.at, ChangeRow.page_id, ChangeRow.aspect)
        query = query.where(ChangeRow.at <= cursor[0], key < cursor)
    return [_to_view(row) for row in db.execute(query)]


def _to_view(row: Any) -> ChangeView:
    return ChangeView(
        article=row.page_id,
        site=row.site,
        url=row.url,
        title=row.title,
        language=row.language,
        at=row.at,
        kind=ChangeKind(row.kind),
        aspect=ChangeAspect(row.aspect),
        revision=row.number,
        before_at=row.before_at,
        words_lost=row.words_lost,
        words_gained=row.words_gained,
        evidence=tuple(Passage(before, after) for before, after in row.evidence),
    )


def _matching(db: Connection, batch: Sequence[ChangeView], text: str) -> Sequence[ChangeView]:
    """Return the changes of articles that a search finds."""
    if not text.strip() or not batch:
        return batch
    index_query = planner.plan_query(db, query_language.parse_query(text))
    if index_query is None:
        return ()
    query = select(ArticleRow.page_id, ArticleRow.order_key)
    pages = sorted({change.article for change in batch})
    keys: dict[int, int] = {}
    for page, key in db.execute(query.where(ArticleRow.page_id.in_(pages))):
        keys[page] = key
    matching = executor.matching_keys(db, index_query, list(keys.values()))
    return [change for change in batch if keys.get(change.article) in matching]


def _parse_cursor(text: str) -> tuple[datetime, int, str]:
    match = CURSOR.fullmatch(text)
    if match is None or match[3] not in set(ChangeAspect):
        raise ConfigError(f"after: '{text}' is no cursor; use the one of the page before")
    try:
        at = EPOCH + timedelta(microseconds=int(match[1]))
    except OverflowError:
        raise ConfigError(f"after: '{text}' is no cursor; use the one of the page before") from None
    return at, int(match[2]), match[3]
