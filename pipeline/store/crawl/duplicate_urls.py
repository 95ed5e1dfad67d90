"""Find the page that already has the story which another URL of the site has just returned.

A page whose bytes are stored stays as it is. Only a URL that is fetched for the first time can be
a duplicate: by the URL that its page declares as canonical, by the form of its URL (www, mobile,
AMP, print, a slash at the end), or by the same bytes under a similar URL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, bindparam, select, text

from pipeline.core.models import UrlKind
from pipeline.core.urls import may_be_same_story, story_key, url_key
from pipeline.store.db.schema import PageRow, PayloadRow
from pipeline.store.db.sql import chunks

# the same words as in the partial index, which is not used otherwise
HAS_STORY_KEY: Final = text("page.story_key <> ''")
# Error pages share their bytes by the hundred, and are no duplicates of each other.
MAX_PAGES_OF_SAME_BYTES: Final = 20

IS_STORED_STORY: Final = (
    PageRow.site == bindparam("site"),
    PageRow.kind == UrlKind.STORY,
    PageRow.payload_id.is_not(None),
)
HAS_ONE_OF_STORY_KEYS: Final = PageRow.story_key.in_(bindparam("keys", expanding=True))
BY_STORY: Final = (
    select(PageRow.story_key, PageRow.id, PageRow.url)
    .where(*IS_STORED_STORY, HAS_ONE_OF_STORY_KEYS, HAS_STORY_KEY)
    .order_by(PageRow.id)
)
BY_URL: Final = select(PageRow.url_key, PageRow.id, PageRow.url).where(
    *IS_STORED_STORY, PageRow.url_key.in_(bindparam("keys", expanding=True))
)
BY_PAYLOAD: Final = (
    select(PageRow.id, PageRow.url)
    .where(*IS_STORED_STORY, PageRow.payload_id == bindparam("payload"))
    .order_by(PageRow.id)
    .limit(MAX_PAGES_OF_SAME_BYTES)
)
BY_DIGEST: Final = select(PayloadRow.digest, PayloadRow.id).where(
    PayloadRow.digest.in_(bindparam("digests", expanding=True))
)

Holder = tuple[int, str]  # the id and the URL of a page that has a story


@dataclass(frozen=True, slots=True)
class DuplicateUrl:
    """The page that has the story already, and a sentence that says how this is known."""

    page_id: int
    detail: str


@dataclass(frozen=True, slots=True)
class NewPage:
    """A page that gets its first bytes."""

    page_id: int
    url: str
    url_key: str
    digest: str  # of its bytes
    # the story key of the canonical URL that the page declares where it is similar, else of its own
    story_key: str
    declared_key: str  # the URL key of that canonical URL, or ""
    declares_address: bool  # whether the page declares any canonical URL

    @classmethod
    def from_url(cls, page_id: int, url: str, key: str, canonical_url: str, digest: str) -> NewPage:
        """Return the new page for a page, the canonical URL that it declares, and its bytes."""
        if not canonical_url or not may_be_same_story(url, canonical_url):
            return cls(page_id, url, key, digest, story_key(url), "", bool(canonical_url))
        story, declared = story_key(canonical_url), url_key(canonical_url)
        return cls(page_id, url, key, digest, story, declared, True)


@dataclass(slots=True)
class DuplicateFinder:
    """The pages that may have the stories of some new pages.

    A new page that is the first with its story is added, for the new pages after it.
    """

    by_story: dict[str, Holder] = field(default_factory=dict)
    by_url: dict[str, Holder] = field(default_factory=dict)
    by_digest: dict[str, list[Holder]] = field(default_factory=dict)

    @classmethod
    def load(
        cls, db: Connection, site: str, stored: Mapping[str, int], new_pages: Sequence[NewPage]
    ) -> DuplicateFinder:
        """Read what the archive knows of the stories of new pages.

        Args:
            db: A transaction.
            site: The site's id.
            stored: The stored payloads by digest.
            new_pages: The pages that get their first bytes.
        """
        finder = cls()
        for keys in chunks(sorted({page.story_key for page in new_pages})):
            for key, page_id, url in db.execute(BY_STORY, {"site": site, "keys": keys}):
                finder.by_story.setdefault(key, (page_id, url))
        for keys in chunks(sorted({page.declared_key for page in new_pages if page.declared_key})):
            for key, page_id, url in db.execute(BY_URL, {"site": site, "keys": keys}):
                finder.by_url[key] = (page_id, url)
        for digest in {page.digest for page in new_pages if page.digest in stored}:
            rows = db.execute(BY_PAYLOAD, {"site": site, "payload": stored[digest]})
            finder.by_digest[digest] = [(page_id, url) for page_id, url in rows]
        return finder

    def match(self, page: NewPage) -> DuplicateUrl | None:
        """Return the page that has the story of a new page already, or None if it is the first.

        Args:
            page: A page that was just fetched for the first time.

        Returns:
            The other page, and whether its canonical URL or its bytes show it.
        """
        holder = self.by_story.get(page.story_key) or self.by_url.get(page.declared_key)
        if holder is not None and holder[0] != page.page_id:
            how = "the page says so" if page.declares_address else "by the form of its address"
            return DuplicateUrl(holder[0], f"the same story as {holder[1]}: {how}")
        for page_id, url in self.by_digest.get(page.digest, ())[:MAX_PAGES_OF_SAME_BYTES]:
            if page_id != page.page_id and may_be_same_story(page.url, url):
                return DuplicateUrl(page_id, f"the same bytes as {url}")
        self._add(page)
        return None

    def _add(self, page: NewPage) -> None:
        holder = (page.page_id, page.url)
        self.by_story.setdefault(page.story_key, holder)
        self.by_url.setdefault(page.url_key, holder)
        self.by_digest.setdefault(page.digest, []).append(holder)


def payload_ids_by_digest(db: Connection, digests: Sequence[str]) -> dict[str, int]:
    """Return the stored payloads with these digests. A digest without one is left out."""
    ids: dict[str, int] = {}
    for chunk in chunks(digests):
        for digest, payload_id in db.execute(BY_DIGEST, {"digests": chunk}):
            ids[digest] = payload_id
    return ids
