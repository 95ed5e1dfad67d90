"""The part of a site profile that knows which pages show which lines and headlines.

What is added makes only those pages stale whose statistics change. A line on every page costs no
more than one on a few pages: beyond `MAX_PAGES_PER_LINE` it is known well enough. A line that
only one page shows is forgotten when `WINDOW_PAGES` other pages of the site were added after it.
That changes no statistics, since a single page counts for nothing; where the line comes back
later, it is counted from there. What a line is, and what follows from its statistics, stands in
`pipeline.cleaning`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, delete, select, text, update

from pipeline.core.models import LineStats
from pipeline.store.clean.container_stats import ContainerSighting
from pipeline.store.db.row_classes import aliased
from pipeline.store.db.schema import LineSightingRow, PageRow
from pipeline.store.db.sql import chunks, insert_or_ignore

LINE: Final = "line"
HEADLINE: Final = "headline"
UNIQUE: Final = ("site", "key", "role", "page_id")
MAX_PAGES_PER_LINE: Final = 8  # pages remembered for one line
MAX_COUNTED_PAGES: Final = 5  # up to here one page more can change the statistics of a line
WINDOW_PAGES: Final = 10_000  # pages of a site whose every line is remembered
PAGES_PER_QUERY: Final = 100  # of which one query reads the statistics
# How many other pages show each line of some pages, and whether it is a headline of one of them.
STATS_SQL: Final = {
    "sqlite": (
        "SELECT CAST(shown.key AS INTEGER) AS page_id, line.value AS line_key,"
        " sum(role = :line) AS pages, max(role = :headline) AS is_headline"
        " FROM json_each(:lines) AS shown"
        " CROSS JOIN json_each(shown.value) AS line"
        " CROSS JOIN line_sighting AS sighting"
        " ON sighting.site = :site AND sighting.key = line.value"
        " WHERE sighting.page_id <> CAST(shown.key AS INTEGER) GROUP BY 1, 2"
    ),
    "postgresql": (
        "SELECT line.page_id, line.key AS line_key,"
        " count(*) FILTER (WHERE role = :line) AS pages, bool_or(role = :headline) AS is_headline"
        " FROM unnest(CAST(:pages AS bigint[]), CAST(:keys AS bigint[])) AS line (page_id, key)"
        " JOIN line_sighting AS sighting ON sighting.site = :site AND sighting.key = line.key"
        " WHERE sighting.page_id <> line.page_id GROUP BY 1, 2"
    ),
}


@dataclass(frozen=True, slots=True)
class PageSightings:
    """What one page shows: keys of its lines and headlines, and its containers by payload id."""

    lines: tuple[int, ...] = ()
    headlines: tuple[int, ...] = ()
    containers: Mapping[int, tuple[ContainerSighting, ...]] = field(default_factory=dict)


PagesByLine = dict[tuple[int, str], set[int]]  # (key, role) → page ids


def add(db: Connection, site: str, sightings: Mapping[int, PageSightings], now: datetime) -> None:
    """Add the lines and headlines that pages show, and mark the pages whose statistics change.

    Args:
        db: A write transaction.
        site: The site's id.
        sightings: What each page shows, by page id.
        now: The time of the addition.
    """
    keys: set[int] = set()
    for shown in sightings.values():
        keys.update(shown.lines, shown.headlines)
    pages_by_line = _load(db, site, keys)
    rows: list[dict[str, Any]] = []
    affected: set[int] = set()
    for page, key, role in _iterate(sightings):
        pages = pages_by_line[key, role]
        if page in pages or len(pages) >= MAX_PAGES_PER_LINE:
            continue
        affected |= _affected_pages(pages_by_line, key, role) - {page}
        pages.add(page)
        rows.append({"site": site, "key": key, "role": role, "page_id": page})
    for chunk in chunks(rows):
        db.execute(insert_or_ignore(db, LineSightingRow, UNIQUE), list(chunk))
    for page_chunk in chunks(sorted(affected)):
        db.execute(update(PageRow).where(PageRow.id.in_(page_chunk)).values(needs_clean=True))
    for page_chunk in chunks(sorted(sightings)):
        in_chunk = PageRow.id.in_(page_chunk)
        db.execute(update(PageRow).where(in_chunk).values(profile_updated_at=now))


def forget_old(db: Connection, site: str, window: int, limit: int) -> int:
    """Forget the lines and headlines that only one page shows, of pages outside the window.

    Args:
        db: A write transaction.
        site: The site's id.
        window: How many pages of the site keep all of their lines: those added last.
        limit: How many pages to look at.

    Returns:
        How many pages it has looked at.
    """
    outside = (
        select(PageRow.id)
        .where(PageRow.site == site, PageRow.profile_updated_at.is_not(None))
        .order_by(PageRow.profile_updated_at.desc(), PageRow.id.desc())
        .offset(window)
        .limit(limit)
    )
    pages = db.scalars(outside).all()
    other = aliased(LineSightingRow)
    elsewhere = select(other.page_id).where(
        other.site == LineSightingRow.site,
        other.key == LineSightingRow.key,
        other.page_id != LineSightingRow.page_id,
    )
    for chunk in chunks(pages):
        # A page has one site. A condition on the site would lead SQLite through all of its lines.
        in_chunk = LineSightingRow.page_id.in_(chunk)
        db.execute(delete(LineSightingRow).where(in_chunk, ~elsewhere.exists()))
        db.execute(update(PageRow).where(PageRow.id.in_(chunk)).values(profile_updated_at=None))
    return len(pages)


def stats(
    db: Connection, site: str, lines: Mapping[int, Sequence[int]]
) -> dict[int, dict[int, LineStats]]:
    """Return the statistics for the lines of pages.

    Args:
        db: A transaction.
        site: The site's id.
        lines: Keys of lines by page id.

    Returns:
        Statistics by page id and key. A line of which nothing is known is left out.
    """
    statement = text(STATS_SQL[db.dialect.name])
    values = {"site": site, "line": LINE, "headline": HEADLINE}
    stats_by_page: dict[int, dict[int, LineStats]] = {page: {} for page in lines}
    for pages in chunks(list(lines), PAGES_PER_QUERY):
        parameters = _parameters(db, {page: lines[page] for page in pages})
        for page, key, count, is_headline in db.execute(statement, {**values, **parameters}):
            stats = LineStats(min(count, MAX_COUNTED_PAGES), bool(is_headline))
            stats_by_page[page][key] = stats
    return stats_by_page


def _parameters(db: Connection, lines: Mapping[int, Sequence[int]]) -> dict[str, Any]:
    """Return the lines of pages as each database takes them: a JSON object, or two arrays."""
    if db.dialect.name == "sqlite":
        return {"lines": msgspec.json.encode(lines).decode()}
    pages: list[int] = []
    keys: list[int] = []
    for page, page_keys in lines.items():
        pages += [page] * len(page_keys)
        keys += page_keys
    return {"pages": pages, "keys": keys}


def _iterate(sightings: Mapping[int, PageSightings]) -> Iterator[tuple[int, int, str]]:
    for page, shown in sightings.items():
        for key in shown.lines:
            yield page, key, LINE
        for key in shown.headlines:
            yield page, key, HEADLINE


def _affected_pages(pages_by_line: PagesByLine, key: int, role: str) -> set[int]:
    """Return the pages whose statistics change when one more page shows a line."""
    pages = pages_by_line[key, role]
    if role == HEADLINE:
        return pages_by_line[key, LINE] if len(pages) <= 1 else set()
    return pages if len(pages) <= MAX_COUNTED_PAGES else set()


def _load(db: Connection, site: str, keys: set[int]) -> PagesByLine:
    pages_by_line: PagesByLine = defaultdict(set)
    columns = (LineSightingRow.key, LineSightingRow.role, LineSightingRow.page_id)
    query = select(*columns).where(LineSightingRow.site == site)
    for chunk in chunks(sorted(keys)):
        for key, role, page in db.execute(query.where(LineSightingRow.key.in_(chunk))).all():
            pages_by_line[key, role].add(page)
    return pages_by_line
