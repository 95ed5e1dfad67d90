"""The containers of a Site as rows: on how many Pages each held the story or something else, and from when to when.

Promises that each Page counts once, by the first bytes that were stored of it, and that a Site has no more than some hundred
rows, however many Pages it has and however its containers are named. Other extractors count anew, since they see other lines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, delete, func, select

from pipeline.store.db.schema import CaptureRow
from pipeline.store.db.schema import ContainerRow as Row
from pipeline.store.db.sql import chunks, upsert

MAX_CONTAINERS = 200  # containers of a Site; twice as many while it is being cleaned
KEY = ("site", "extractors", "name")


@dataclass(frozen=True, slots=True)
class ContainerSighting:
    """What one Page shows of a container: whether most words in it are story, and whether most of the story stands in it."""

    name: str
    holds_story: bool
    is_main: bool = False


@dataclass(frozen=True, slots=True)
class ContainerStats:
    """What is known of one container."""

    name: str
    last_seen_at: datetime  # the last visit to a Page that has it
    main_pages: int = 0  # with most of their story in it
    story_pages: int = 0  # with story in it, for the most part
    other_pages: int = 0  # with something else in it
    first_main_at: datetime | None = (
        None  # the first and the last visit to a Page with most of its story in it
    )
    last_main_at: datetime | None = None


COLUMNS = tuple(ContainerStats.__dataclass_fields__)
SightingsByPage = Mapping[int, Mapping[int, Sequence[ContainerSighting]]]  # page → payload → containers


def add(db: Connection, site: str, extractors: str, shown: SightingsByPage) -> None:
    """Adds what Pages showed, as far as it was shown by their first Payload."""
    fresh = _first_sightings(db, shown)
    if not fresh:
        return
    known = {each.name: each for each in _load(db, site, extractors, sorted(fresh))}
    for name, sightings in fresh.items():
        for container, at in sightings:
            known[name] = _add_sighting(known.get(name) or ContainerStats(name, at), container, at)
    rows = [
        {"site": site, "extractors": extractors, **_values(known[name])} for name in sorted(fresh)
    ]
    db.execute(upsert(db, Row, KEY, [name for name in COLUMNS if name not in KEY]), rows)
    _trim(db, site, extractors)


def ranked(db: Connection, site: str) -> tuple[ContainerStats, ...]:
    """All containers of a Site, those that hold most stories first: of the extractors that have seen most Pages."""
    versions = select(Row.extractors).where(Row.site == site).group_by(Row.extractors)
    version = db.scalar(
        versions.order_by(
            func.sum(Row.main_pages).desc(), func.count().desc(), Row.extractors
        ).limit(1)
    )
    return tuple(sorted(_load(db, site, version), key=_rank)) if version else ()


def forget_other_extractors(db: Connection, site: str, extractors: str) -> None:
    """Drops what other extractors than these counted."""
    db.execute(delete(Row).where(Row.site == site, Row.extractors != extractors))


def _first_sightings(db: Connection, shown: SightingsByPage) -> dict[str, list[tuple[ContainerSighting, datetime]]]:
    """Sightings on Pages whose first Payload is among those given: container → (what was shown, time of the visit)."""
    found: dict[str, list[tuple[ContainerSighting, datetime]]] = defaultdict(list)
    pages = sorted(page for page, payloads in shown.items() if any(payloads.values()))
    for chunk in chunks(pages):
        brought = (CaptureRow.page_id.in_(chunk), CaptureRow.payload_id.is_not(None))
        first = select(func.min(CaptureRow.id)).where(*brought).group_by(CaptureRow.page_id)
        query = select(CaptureRow.page_id, CaptureRow.payload_id, CaptureRow.fetched_at).where(
            CaptureRow.id.in_(first)
        )
        for page, payload, at in db.execute(query.order_by(CaptureRow.page_id)):
            for container in shown[page].get(payload or 0, ()):
                found[container.name].append((container, at))
    return found


def _load(
    db: Connection, site: str, extractors: str, names: Sequence[str] | None = None
) -> Iterable[ContainerStats]:
    query = select(*(getattr(Row, name) for name in ContainerStats.__dataclass_fields__))
    query = query.where(Row.site == site, Row.extractors == extractors)
    for chunk in chunks(names) if names is not None else [None]:
        yield from (
            ContainerStats(*row)
            for row in db.execute(query if chunk is None else query.where(Row.name.in_(chunk)))
        )


def _add_sighting(known: ContainerStats, container: ContainerSighting, at: datetime) -> ContainerStats:
    """The same with one Page more."""
    more = replace(
        known,
        last_seen_at=max(known.last_seen_at, at),
        story_pages=known.story_pages + container.holds_story,
        other_pages=known.other_pages + (not container.holds_story),
    )
    if not container.is_main:
        return more
    return replace(
        more,
        main_pages=more.main_pages + 1,
        first_main_at=min(more.first_main_at or at, at),
        last_main_at=max(more.last_main_at or at, at),
    )


def _values(known: ContainerStats) -> dict[str, object]:
    return {name: getattr(known, name) for name in COLUMNS}


def _rank(known: ContainerStats) -> tuple[int, int, float, str]:
    """Sorts what is worth keeping to the front: where stories stand, what stands on many Pages, what was seen lately."""
    return (
        -known.main_pages,
        -known.story_pages - known.other_pages,
        -known.last_seen_at.timestamp(),
        known.name,
    )


def _trim(db: Connection, site: str, extractors: str) -> None:
    """Drops the rarest and oldest where there are twice as many as wanted: a new layout has time to come to the front."""
    ours = (Row.site == site, Row.extractors == extractors)
    if (db.scalar(select(func.count()).select_from(Row).where(*ours)) or 0) <= 2 * MAX_CONTAINERS:
        return
    names = [each.name for each in sorted(_load(db, site, extractors), key=_rank)]
    for chunk in chunks(names[MAX_CONTAINERS:]):
        db.execute(delete(Row).where(*ours, Row.name.in_(chunk)))
