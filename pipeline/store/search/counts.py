"""Count the articles of several queries side by side, exactly, by time or by site.

The databases count; only the articles of story groups are looked at one by one, where a story in
several papers shall count once. Days are those of the order key: UTC, as for `after:`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from json import dumps
from typing import Any

from sqlalchemy import Connection, Row, select, text

from pipeline.core.errors import ConfigError
from pipeline.fulltext import query_language
from pipeline.fulltext.query_language import And, Query
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import SketchRow
from pipeline.store.db.site_labels import load_labels
from pipeline.store.search import hints, planner
from pipeline.store.search.index import PAGE_BITS
from pipeline.store.search.planner import IndexQuery
from pipeline.store.search.time_units import TIME_UNITS, start_of, starts_between, unit_label

SITE_UNITS = ("site", "group", "country")
COUNT_UNITS = (*TIME_UNITS, *SITE_UNITS)
NO_LABEL = "(none)"  # the row of sites without a group or country
MAX_QUERIES = 20
PAGE_MASK = (1 << PAGE_BITS) - 1
DAY_SIZE = 86_400 << PAGE_BITS  # order keys of one day
EPOCH = date(1970, 1, 1)
MATCHES_SQL = {
    "sqlite": "article_index WHERE article_index MATCH :match AND rowid >= :start AND rowid < :end",
    "postgresql": (
        "article_index WHERE words @@ CAST(:match AS tsquery) AND rowid >= :start AND rowid < :end"
    ),
}
# Pages that share their story with others. The database makes this list once for a query.
IN_GROUP = (
    f"(rowid & {PAGE_MASK}) IN (SELECT page_id FROM sketch WHERE leader_id IS NOT NULL"
    " UNION SELECT leader_id FROM sketch WHERE leader_id IS NOT NULL)"
)
SITES_SQL = {
    "sqlite": "SELECT site FROM json_each(:pages) CROSS JOIN page ON page.id = json_each.value",
    "postgresql": "SELECT site FROM page WHERE id = ANY(:pages)",
}
ALL_SQL = (
    "(SELECT order_key AS rowid FROM article) AS matches WHERE rowid >= :start AND rowid < :end"
)

Tally = Mapping[Any, int]
"""Articles by day, as an ordinal from 1970, or by site."""


@dataclass(frozen=True, slots=True)
class CountedQuery:
    """One query: its text, how it is read, notes about it, and how many articles match it."""

    text: str
    description: str
    notes: tuple[str, ...]
    total: int


@dataclass(frozen=True, slots=True)
class CountRow:
    """One day, week, month, year, site, group or country.

    Attributes:
        label: The first day of a week as 2026-03-02, a month as 2026-03, or a name.
        counts: The articles of each query.
        stories: All articles of the row.
    """

    label: str
    counts: tuple[int, ...]
    stories: int


@dataclass(frozen=True, slots=True)
class CountTable:
    """The counts of several queries.

    Attributes:
        by: One of `COUNT_UNITS`, or "" for totals alone.
        within: The query that limits all of them, and of which shares are taken.
        unique: Whether near-duplicates count once.
        queries: The queries, with their totals.
        stories: All articles that `within` finds.
        rows: The rows by time, with those without a match in between; or the largest first.
    """

    by: str
    within: str
    unique: bool
    queries: tuple[CountedQuery, ...]
    stories: int
    rows: tuple[CountRow, ...]

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield each row as a dictionary: the label, the count of each query, all stories."""
        names = column_names([query.text for query in self.queries], reserved=(self.by, "stories"))
        for row in self.rows:
            yield {
                self.by: row.label,
                **dict(zip(names, row.counts, strict=True)),
                "stories": row.stories,
            }


def column_names(texts: Sequence[str], reserved: Iterable[str] = ()) -> list[str]:
    """Return a name of its own for each query: its text, with a number where that is taken.

    Args:
        texts: The queries as they were typed.
        reserved: Names that other columns have.

    Returns:
        A name for each query, in the same order.
    """
    taken = set(reserved)
    names: list[str] = []
    for query in texts:
        name = base = query.strip() or "all"
        number = 2
        while name in taken:
            name = f"{base} ({number})"
            number += 1
        taken.add(name)
        names.append(name)
    return names


def count_queries(
    database: Database,
    queries: Sequence[str],
    *,
    by: str = "",
    within: str = "",
    unique: bool = False,
) -> CountTable:
    """Count the articles that match each of some queries.

    Args:
        queries: At most MAX_QUERIES; an empty one counts all articles.
        by: One of `COUNT_UNITS`; "" counts only totals. An article of a site in two groups counts
            in both.
        within: Count only articles that this query finds, too.
        unique: Count each story once, for the first of its near-duplicates that matches.

    Raises:
        ConfigError: There is no such unit, or there are too many queries.
    """
    if by and by not in COUNT_UNITS:
        raise ConfigError(f"by: '{by}' is unknown; there are: {', '.join(COUNT_UNITS)}")
    if not 1 <= len(queries) <= MAX_QUERIES:
        raise ConfigError(f"count needs 1 to {MAX_QUERIES} queries, and got {len(queries)}")
    limits = query_language.parse_query(within)
    parsed = [query_language.parse_query(query) for query in queries]
    with database.read() as db:
        counter = _Counter(db, by, _groups(db) if unique else None)
        tallies = [counter.tally(_both(query, limits)) for query in parsed]
        stories = counter.tally(limits)
        labels = load_labels(db, by) if by in ("group", "country") else {}
        counted: list[CountedQuery] = []
        for query, tally in zip(parsed, tallies, strict=True):
            notes = (*query.notes, *hints.unknown_names(db, query))
            description = query_language.describe(query)
            counted.append(CountedQuery(query.text, description, notes, sum(tally.values())))
    folded = [_fold(tally, by, labels) for tally in (*tallies, stories)]
    rows = tuple(_rows(by, folded[:-1], folded[-1])) if by else ()
    return CountTable(by, within, unique, tuple(counted), sum(stories.values()), rows)


def _both(query: Query, limits: Query) -> Query:
    """Return the query for what both find."""
    if query.has_no_terms or limits.has_no_terms:
        return Query("…")
    nodes = [node for node in (query.tree, limits.tree) if node is not None]
    if len(nodes) < 2:
        return Query(query.text, nodes[0] if nodes else None)
    return Query(query.text, And(tuple(nodes)))


@dataclass(frozen=True, slots=True)
class _StoryGroups:
    """The leader of each article that follows one."""

    leaders: Mapping[int, int]

    def repeated(self, keys: Iterable[int]) -> list[int]:
        """Return the keys of articles whose story another one of the keys, before it, has.

        Args:
            keys: Keys of articles of groups, in their order.
        """
        seen: set[int] = set()
        repeated: list[int] = []
        for key in keys:
            page = key & PAGE_MASK
            group = self.leaders.get(page, page)
            if group in seen:
                repeated.append(key)
            seen.add(group)
        return repeated


def _groups(db: Connection) -> _StoryGroups:
    followers = select(SketchRow.page_id, SketchRow.leader_id)
    leaders: dict[int, int] = {}
    for page, leader in db.execute(followers.where(SketchRow.leader_id.is_not(None))):
        leaders[page] = leader or page
    return _StoryGroups(leaders)


class _Counter:
    """Counts queries in one transaction."""

    def __init__(self, db: Connection, by: str, groups: _StoryGroups | None) -> None:
        self._db = db
        self._by_site = by in SITE_UNITS
        self._groups = groups

    def tally(self, query: Query) -> Counter[Any]:
        """Count the articles of a query by day or by site."""
        plan = planner.plan_query(self._db, query)
        if plan is None or plan.start >= plan.end:
            return Counter()
        tally = Counter(self._count_by_site(plan) if self._by_site else self._count_by_day(plan))
        if self._groups is not None:
            repeated = self._groups.repeated(self._keys_in_groups(plan))
            tally.subtract(self._sites(repeated) if self._by_site else map(_day, repeated))
        return +tally

    def _count_by_day(self, plan: IndexQuery) -> dict[int, int]:
        rows = self._run(f"SELECT rowid / {DAY_SIZE} AS day, count(*) FROM", plan, "GROUP BY 1")
        return dict(map(tuple, rows))

    def _count_by_site(self, plan: IndexQuery) -> dict[str, int]:
        rows = self._run(
            "SELECT page.site, count(*) FROM page JOIN (SELECT rowid FROM",
            plan,
            f") AS keys ON page.id = keys.rowid & {PAGE_MASK} GROUP BY page.site",
        )
        return dict(map(tuple, rows))

    def _keys_in_groups(self, plan: IndexQuery) -> Iterator[int]:
        """Yield the keys of the matches that have near-duplicates, the oldest first."""
        for (key,) in self._run("SELECT rowid FROM", plan, f"AND {IN_GROUP} ORDER BY rowid"):
            yield key

    def _run(self, select_sql: str, plan: IndexQuery, end_sql: str) -> Iterable[Row[Any]]:
        matches = MATCHES_SQL[self._db.dialect.name] if plan.match else ALL_SQL
        parameters = {"match": plan.match, "start": plan.start, "end": plan.end}
        if not plan.match:
            del parameters["match"]
        return self._db.execute(text(f"{select_sql} {matches} {end_sql}"), parameters)

    def _sites(self, keys: Sequence[int]) -> Iterator[str]:
        """Yield the site of each of some articles."""
        is_sqlite = self._db.dialect.name == "sqlite"
        pages: Any = [key & PAGE_MASK for key in keys]
        query = text(SITES_SQL[self._db.dialect.name])
        yield from self._db.scalars(query, {"pages": dumps(pages) if is_sqlite else pages})


def _day(key: int) -> int:
    return key // DAY_SIZE


def _fold(tally: Tally, by: str, labels: Mapping[str, tuple[str, ...]]) -> Counter[Any]:
    """Add up days to first days of their unit, or sites to labels."""
    folded: Counter[Any] = Counter()
    if by in TIME_UNITS:
        for day, number in tally.items():
            folded[start_of(EPOCH + timedelta(days=day), by)] += number
    elif by in ("group", "country"):
        for site, number in tally.items():
            for label in labels.get(site, (NO_LABEL,)):
                folded[label] += number
    else:
        folded.update(tally)
    return folded


def _rows(by: str, tallies: Sequence[Tally], stories: Tally) -> Iterator[CountRow]:
    matched = {key for tally in tallies for key in tally}
    if by not in TIME_UNITS:
        totals = {key: sum(tally.get(key, 0) for tally in tallies) for key in matched}
        for key in sorted(matched, key=lambda key: (-totals[key], key)):
            yield _row(key, key, tallies, stories)
        return
    if not matched:
        return
    for start in starts_between(min(matched), max(matched), by):
        yield _row(unit_label(start, by), start, tallies, stories)


def _row(label: str, key: Any, tallies: Sequence[Tally], stories: Tally) -> CountRow:
    counts = tuple(tally.get(key, 0) for tally in tallies)
    return CountRow(label, counts, stories.get(key, 0))
