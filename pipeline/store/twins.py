"""Several URLs, one story: which Page already holds what another URL of the Site has just brought.

Promises that a Page whose bytes are kept stays what it is, and that only a URL which is visited for the first time is told to
be a twin: by the address that its page declares, by its form (www, mobile, AMP, print, a slash at the end), or by the same
bytes under an address that is akin.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select, text

from pipeline.model import Capture, Kind
from pipeline.store.schema import Page, Payload
from pipeline.urls import are_akin, key_of_story, url_key

HAS_KEY = text("page.story_key <> ''")  # word for word as in the index, which is not used else
LIMIT = 20  # Pages that may hold the very same bytes: error pages do, by the hundred, and are no twins


@dataclass(frozen=True, slots=True)
class Twin:
    """The Page that holds the story already, and how that is known."""

    page_id: int
    detail: str


def story_key(url: str, canonical_url: str) -> str:
    """The key of a story: that of the address which its page declares, if this is akin, else of its own."""
    return key_of_story(canonical_url if canonical_url and are_akin(url, canonical_url) else url)


def find(db: Connection, site: str, url: str, capture: Capture, digest: str) -> Twin | None:
    """The twin of a Page that has its first bytes, or None where it is the first of its story."""
    own = (Page.site == site, Page.kind == Kind.STORY, Page.id != capture.page_id, Page.payload_id.is_not(None))
    query = select(Page.id, Page.url).where(*own).limit(1)
    found = db.execute(query.where(Page.story_key == story_key(url, capture.canonical_url), HAS_KEY)).first()
    if found is None and capture.canonical_url and are_akin(url, capture.canonical_url):  # of before stories had keys
        found = db.execute(query.where(Page.url_key == url_key(capture.canonical_url))).first()
    if found is not None:
        how = "the page says so" if capture.canonical_url else "by the form of its address"
        return Twin(found.id, f"the same story as {found.url}: {how}")
    same = select(Page.id, Page.url).join(Payload, Payload.id == Page.payload_id).where(*own, Payload.digest == digest)
    for each in db.execute(same.order_by(Page.id).limit(LIMIT)):
        if are_akin(url, each.url):
            return Twin(each.id, f"the same bytes as {each.url}")
    return None
