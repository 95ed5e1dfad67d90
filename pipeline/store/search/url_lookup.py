"""Find the page of a URL as people paste it: with another scheme, `www`, slash or parameters."""

from __future__ import annotations

import re

from sqlalchemy import Connection, select, text

from pipeline.core.urls import story_key, url_key
from pipeline.store.db.schema import PageRow, RunRow

PASTED_URL = re.compile(r"(?:https?://)?[^\s/:@.]+(?:\.[^\s/:@.]+)+(?::\d+)?/\S+", re.IGNORECASE)
# the same words as in the partial index, which is not used otherwise
HAS_STORY_KEY = text("page.story_key <> ''")


def is_pasted_url(query: str) -> bool:
    """Return whether a query is one URL with a path, with or without its scheme."""
    query = query.strip()
    if PASTED_URL.fullmatch(query):
        return True
    return query.lower().startswith(("http://", "https://")) and len(query.split()) == 1


def page_id_of_url(db: Connection, url: str) -> int | None:
    """Return the page of a URL; if no page has it, the stored story that is an edition of it.

    The scheme, `www`, a final slash, tracking parameters, and the marks of mobile and print
    editions make no difference: see `core.urls.story_key`.

    Args:
        db: A connection that reads.
        url: An absolute URL.

    Returns:
        The id of the page; None where the archive has neither.
    """
    url = url.strip()
    if "://" not in url:
        url = f"https://{url}"
    try:
        key, story = url_key(url), story_key(url)
    except ValueError:
        return None
    page_id = db.scalar(select(PageRow.id).where(PageRow.url_key == key))
    if page_id is not None:
        return page_id
    sites = list(db.scalars(select(RunRow.site).distinct()))
    stories = select(PageRow.id).where(PageRow.site.in_(sites), PageRow.story_key == story)
    # sorted here: for an order, SQLite would walk all pages
    return min(db.scalars(stories.where(HAS_STORY_KEY)), default=None)
