"""Rows of pages as the pages that a run may fetch now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from pipeline.core.models import DueUrl, Link, Outcome, UrlKind
from pipeline.core.urls import MAX_URL_LENGTH, requested_spelling
from pipeline.store.db.schema import PageRow
from pipeline.store.db.sql import chunks, storable

AnyRow = Row[*tuple[Any, ...]]


def story_urls_of(db: Connection, rows: Sequence[AnyRow]) -> dict[int, str]:
    """Return the URLs of the stories to which pages belong as parts, by the stories' ids.

    Args:
        db: A connection that reads.
        rows: Rows of pages; those of kind `part` name their story.

    Returns:
        The canonical URLs. Empty where none of the pages is a part.
    """
    stories = sorted({row.part_of for row in rows if row.part_of is not None})
    urls: dict[int, str] = {}
    for chunk in chunks(stories):
        for page_id, url in db.execute(
            select(PageRow.id, PageRow.url).where(PageRow.id.in_(chunk))
        ):
            urls[page_id] = url
    return urls


def due_story(row: AnyRow, story_urls: Mapping[int, str]) -> DueUrl:
    """Return a page of a story. One that is missing in all spellings is asked for once a visit.

    Args:
        row: The page's `PAGE_COLUMNS`.
        story_urls: The URLs of the stories that have further parts, by their ids.
    """
    spellings = [row.requested_url or row.url]
    if row.requested_url != row.url and row.outcome != Outcome.GONE:
        spellings.append(row.url)
    return DueUrl(
        row.id,
        row.url,
        UrlKind(row.kind),
        row.first_seen_at,
        row.etag,
        row.last_modified,
        row.attempts,
        tuple(spellings),
        story_urls.get(row.part_of, ""),
        row.part_number or 1,
    )


def due_source(row: AnyRow, link: Link) -> DueUrl:
    """Return a source in the spelling of the site file or of the index that lists it.

    The validators of another spelling may belong to another page.

    Args:
        row: The stored page of the source.
        link: The link that leads to it now.

    Returns:
        What to request, with the validators of the last answer if its spelling is the same.
    """
    spelling = requested_or_storable(link.url)
    etag, last_modified = row.etag, row.last_modified
    if spelling != row.requested_url:
        etag = last_modified = ""
    spellings = (spelling,) if spelling == row.url else (spelling, row.url)
    return DueUrl(
        row.id,
        row.url,
        link.kind,
        row.first_seen_at,
        etag,
        last_modified,
        row.attempts,
        spellings,
    )


def requested_or_storable(url: str) -> str:
    try:
        return storable(requested_spelling(url))[:MAX_URL_LENGTH]
    except ValueError:
        return storable(url)[:MAX_URL_LENGTH]
