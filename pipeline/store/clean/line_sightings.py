"""The Memory of a Site as rows: which lines and which headlines were met on which Pages.

Promises that learning something new makes just the touched Pages stale, that a line which stands everywhere costs no more
than one that stands on a few Pages (beyond `KEPT` Pages it is known well enough), and that a line which one Page alone shows is
let go when `REMEMBERED` Pages of the Site were learnt after it. Letting go changes no Fact: none was known of that line. Where
it comes back later, it is counted anew from there. What is a line, and what follows from a Fact, is the craft's business.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.orm import aliased

from pipeline.core.models import LineStats
from pipeline.store.clean.container_stats import ContainerSighting
from pipeline.store.db.schema import LineSightingRow, PageRow
from pipeline.store.db.sql import chunks, insert_or_ignore

LINE, HEADLINE = "line", "headline"
MAX_PAGES_PER_LINE = 8  # Pages remembered for one line
MAX_COUNTED_PAGES = 5  # Pages up to which one more can make a difference to a Fact
WINDOW_PAGES = 10_000  # Pages of a Site whose every line is remembered; of older ones, what another Page shows, too


@dataclass(frozen=True, slots=True)
class PageSightings:
    """Keys of the lines and of the headlines that one Page showed, and its containers by Payload."""

    lines: tuple[int, ...] = ()
    headlines: tuple[int, ...] = ()
    containers: Mapping[int, tuple[ContainerSighting, ...]] = field(default_factory=dict)


PagesByLine = dict[tuple[int, str], set[int]]  # (key, role) → pages


def add(db: Connection, site: str, seen: Mapping[int, PageSightings], now: datetime) -> None:
    """Adds the lines and headlines that Pages showed, and marks the Pages of which more is known now."""
    known = _load(
        db, site, {key for each in seen.values() for key in (*each.lines, *each.headlines)}
    )
    rows, touched = [], set[int]()
    for page, key, role in _iterate(seen):
        pages = known[key, role]
        if page in pages or len(pages) >= MAX_PAGES_PER_LINE:
            continue
        touched |= _affected_pages(known, key, role) - {page}
        pages.add(page)
        rows.append({"site": site, "key": key, "role": role, "page_id": page})
    for chunk in chunks(rows):
        db.execute(insert_or_ignore(db, LineSightingRow, ["site", "key", "role", "page_id"]), list(chunk))
    for pages_chunk in chunks(sorted(touched)):
        db.execute(update(PageRow).where(PageRow.id.in_(pages_chunk)).values(needs_clean=True))
    for pages_chunk in chunks(sorted(seen)):
        db.execute(
            update(PageRow).where(PageRow.id.in_(pages_chunk)).values(profile_updated_at=now)
        )


def forget_old(db: Connection, site: str, remembered: int, limit: int) -> int:
    """Forgets the lines and headlines that one Page alone shows, of so many Pages at the most that were learnt before those
    which are remembered. Returns how many Pages it looked at."""
    beyond = select(PageRow.id).where(PageRow.site == site, PageRow.profile_updated_at.is_not(None))
    beyond = (
        beyond.order_by(PageRow.profile_updated_at.desc(), PageRow.id.desc())
        .offset(remembered)
        .limit(limit)
    )
    pages = db.scalars(beyond).all()
    other = aliased(LineSightingRow)
    elsewhere = select(other.page_id).where(
        other.site == LineSightingRow.site,
        other.key == LineSightingRow.key,
        other.page_id != LineSightingRow.page_id,
    )
    for chunk in chunks(pages):
        # a Page has one Site; to name it here would lead SQLite through all lines of that Site
        db.execute(
            delete(LineSightingRow).where(LineSightingRow.page_id.in_(chunk), ~elsewhere.exists())
        )
        db.execute(update(PageRow).where(PageRow.id.in_(chunk)).values(profile_updated_at=None))
    return len(pages)


def _iterate(seen: Mapping[int, PageSightings]) -> Iterator[tuple[int, int, str]]:
    for page, each in seen.items():
        yield from ((page, key, LINE) for key in each.lines)
        yield from ((page, key, HEADLINE) for key in each.headlines)


def _affected_pages(known: PagesByLine, key: int, role: str) -> set[int]:
    """Pages whose Fact of a line changes when one more Page shows it, before that Page is added."""
    pages = known[key, role]
    if role == HEADLINE:
        return known[key, LINE] if len(pages) <= 1 else set()
    return pages if len(pages) <= MAX_COUNTED_PAGES else set()


def stats(
    db: Connection, site: str, lines: Mapping[int, Sequence[int]]
) -> dict[int, dict[int, LineStats]]:
    """Facts for the lines of Pages: page → line → Fact; a line of which nothing is known is left out."""
    known = _load(db, site, {key for keys in lines.values() for key in keys})
    return {page: _stats_of_page(known, page, keys) for page, keys in lines.items()}


def _stats_of_page(known: PagesByLine, page: int, keys: Sequence[int]) -> dict[int, LineStats]:
    facts = {}
    for key in keys:
        others = len(known[key, LINE] - {page}) if (key, LINE) in known else 0
        headline = bool(known[key, HEADLINE] - {page}) if (key, HEADLINE) in known else False
        if others or headline:
            facts[key] = LineStats(min(others, MAX_COUNTED_PAGES), headline)
    return facts


def _load(db: Connection, site: str, keys: set[int]) -> PagesByLine:
    known: PagesByLine = defaultdict(set)
    query = select(LineSightingRow.key, LineSightingRow.role, LineSightingRow.page_id).where(
        LineSightingRow.site == site
    )
    for chunk in chunks(sorted(keys)):
        for key, role, page in db.execute(query.where(LineSightingRow.key.in_(chunk))).all():
            known[key, role].add(page)
    return known
