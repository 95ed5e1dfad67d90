"""Count on how many pages of a site an element contains the story or something else, and when.

Each page counts once, by the first bytes that were stored of it. A site has at most some hundred
rows, however many pages it has and however its elements are named. Other extractors count from
the beginning, since they see other lines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete, func, select

from pipeline.store.db.schema import CaptureRow, ContainerRow
from pipeline.store.db.sql import chunks, upsert

MAX_CONTAINERS: Final = 200  # of a site; twice as many while it is being cleaned
KEY: Final = ("site", "extractors", "name")


@dataclass(frozen=True, slots=True)
class ContainerSighting:
    """What one page shows of a container."""

    name: str  # the element and the one around it, as in `div.story > p`
    holds_story: bool  # most words in it are story
    is_main: bool = False  # most of the story is in it


@dataclass(frozen=True, slots=True)
class ContainerStats:
    """What is known of one container. The fields are those of its row."""

    name: str
    last_seen_at: datetime  # the last fetch of a page that has it
    main_pages: int = 0  # most of their story is in it
    story_pages: int = 0  # most of the container is story
    other_pages: int = 0  # most of the container is something else
    # the first and the last fetch of one of the `main_pages`
    first_main_at: datetime | None = None
    last_main_at: datetime | None = None


FIELDS: Final = tuple(ContainerStats.__dataclass_fields__)
CHANGED: Final = tuple(name for name in FIELDS if name not in KEY)
COLUMNS: Final = tuple(getattr(ContainerRow, name) for name in FIELDS)
# page id → payload id → containers
SightingsByPage = Mapping[int, Mapping[int, Sequence[ContainerSighting]]]


def add(
    db: Connection,
    site: str,
    extractors: str,
    sightings: SightingsByPage,
    max_containers: int = MAX_CONTAINERS,
) -> None:
    """Add what pages show, where their first payload shows it.

    Args:
        db: A write transaction.
        site: The site's id.
        extractors: The version of the extractors.
        sightings: What the payloads of pages show.
        max_containers: With twice as many, the least useful containers are deleted.
    """
    new = _first_sightings(db, sightings)
    if not new:
        return
    stats_by_name = {stats.name: stats for stats in _load_names(db, site, extractors, sorted(new))}
    for name, name_sightings in new.items():
        for sighting, at in name_sightings:
            stats = stats_by_name.get(name) or ContainerStats(name, at)
            stats_by_name[name] = _add_sighting(stats, sighting, at)
    rows: list[dict[str, object]] = []
    for name in sorted(new):
        values = _values(stats_by_name[name])
        rows.append({"site": site, "extractors": extractors, **values})
    db.execute(upsert(db, ContainerRow, KEY, CHANGED), rows)
    _trim(db, site, extractors, max_containers)


def ranked(db: Connection, site: str) -> tuple[ContainerStats, ...]:
    """Return the containers of a site, those of the most stories first.

    They are those of the extractors that have seen the most pages.

    Args:
        db: A connection that reads.
        site: The id of the site.

    Returns:
        Each container with its counts of pages.
    """
    most_pages = func.sum(ContainerRow.main_pages).desc()
    versions = (
        select(ContainerRow.extractors)
        .where(ContainerRow.site == site)
        .group_by(ContainerRow.extractors)
        .order_by(most_pages, func.count().desc(), ContainerRow.extractors)
    )
    version = db.scalar(versions.limit(1))
    return tuple(sorted(_load(db, site, version), key=_rank)) if version else ()


def forget_other_extractors(db: Connection, site: str, extractors: str) -> None:
    """Delete what other extractors than these have counted."""
    db.execute(
        delete(ContainerRow).where(ContainerRow.site == site, ContainerRow.extractors != extractors)
    )


def _first_sightings(
    db: Connection, sightings: SightingsByPage
) -> dict[str, list[tuple[ContainerSighting, datetime]]]:
    """Return what the first payloads of the pages show, by container, with the times of fetch."""
    found: dict[str, list[tuple[ContainerSighting, datetime]]] = defaultdict(list)
    pages = sorted(page for page, payloads in sightings.items() if any(payloads.values()))
    for chunk in chunks(pages):
        has_bytes = (CaptureRow.page_id.in_(chunk), CaptureRow.payload_id.is_not(None))
        first = select(func.min(CaptureRow.id)).where(*has_bytes).group_by(CaptureRow.page_id)
        columns = (CaptureRow.page_id, CaptureRow.payload_id, CaptureRow.fetched_at)
        query = select(*columns).where(CaptureRow.id.in_(first)).order_by(CaptureRow.page_id)
        for page, payload, at in db.execute(query):
            for sighting in sightings[page].get(payload or 0, ()):
                found[sighting.name].append((sighting, at))
    return found


def _load(db: Connection, site: str, extractors: str) -> Iterator[ContainerStats]:
    query = select(*COLUMNS)
    of_site = (ContainerRow.site == site, ContainerRow.extractors == extractors)
    for row in db.execute(query.where(*of_site)):
        yield ContainerStats(*row)


def _load_names(
    db: Connection, site: str, extractors: str, names: Sequence[str]
) -> Iterator[ContainerStats]:
    query = select(*COLUMNS).where(ContainerRow.site == site, ContainerRow.extractors == extractors)
    for chunk in chunks(names):
        for row in db.execute(query.where(ContainerRow.name.in_(chunk))):
            yield ContainerStats(*row)


def _add_sighting(
    stats: ContainerStats, sighting: ContainerSighting, at: datetime
) -> ContainerStats:
    stats = replace(
        stats,
        last_seen_at=max(stats.last_seen_at, at),
        story_pages=stats.story_pages + sighting.holds_story,
        other_pages=stats.other_pages + (not sighting.holds_story),
    )
    if not sighting.is_main:
        return stats
    return replace(
        stats,
        main_pages=stats.main_pages + 1,
        first_main_at=min(stats.first_main_at or at, at),
        last_main_at=max(stats.last_main_at or at, at),
    )


def _values(stats: ContainerStats) -> dict[str, object]:
    return {name: getattr(stats, name) for name in FIELDS}


def _rank(stats: ContainerStats) -> tuple[int, int, float, str]:
    """Sort by what is worth keeping: stories, then many pages, then recent ones."""
    pages = stats.story_pages + stats.other_pages
    return -stats.main_pages, -pages, -stats.last_seen_at.timestamp(), stats.name


def _trim(db: Connection, site: str, extractors: str, max_containers: int) -> None:
    """Delete the rarest and oldest where there are twice too many.

    A new layout has time to become frequent that way.
    """
    of_site = (ContainerRow.site == site, ContainerRow.extractors == extractors)
    count = db.scalar(select(func.count()).select_from(ContainerRow).where(*of_site)) or 0
    if count <= 2 * max_containers:
        return
    names = [stats.name for stats in sorted(_load(db, site, extractors), key=_rank)]
    for chunk in chunks(names[max_containers:]):
        db.execute(delete(ContainerRow).where(*of_site, ContainerRow.name.in_(chunk)))
