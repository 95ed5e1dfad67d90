"""Several URLs, one story: which Page already holds what another URL of the Site has just brought.

Promises that a Page whose bytes are kept stays what it is, and that only a URL which is visited for the first time is told to
be a twin: by the address that its page declares, by its form (www, mobile, AMP, print, a slash at the end), or by the same
bytes under an address that is akin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, select, text

from pipeline.core.models import UrlKind
from pipeline.core.urls import may_be_same_story, story_key, url_key
from pipeline.store.db.schema import PageRow, PayloadRow
from pipeline.store.db.sql import chunks

HAS_STORY_KEY = text("page.story_key <> ''")  # word for word as in the index, which is not used else
MAX_PAGES_OF_SAME_BYTES = (
    20  # Pages that may hold the very same bytes: error pages do, by the hundred, and are no twins
)

IS_STORED_STORY = (
    PageRow.site == bindparam("site"),
    PageRow.kind == UrlKind.STORY,
    PageRow.payload_id.is_not(None),
)
BY_STORY = (
    select(PageRow.story_key, PageRow.id, PageRow.url)
    .where(*IS_STORED_STORY, PageRow.story_key.in_(bindparam("keys", expanding=True)), HAS_STORY_KEY)
    .order_by(PageRow.id)
)
BY_URL = select(PageRow.url_key, PageRow.id, PageRow.url).where(
    *IS_STORED_STORY, PageRow.url_key.in_(bindparam("keys", expanding=True))
)
BY_PAYLOAD = (
    select(PageRow.id, PageRow.url)
    .where(*IS_STORED_STORY, PageRow.payload_id == bindparam("payload"))
    .order_by(PageRow.id)
    .limit(MAX_PAGES_OF_SAME_BYTES)
)
BY_DIGEST = select(PayloadRow.digest, PayloadRow.id).where(
    PayloadRow.digest.in_(bindparam("digests", expanding=True))
)

Holder = tuple[int, str]  # a Page that holds a story, and its URL


@dataclass(frozen=True, slots=True)
class DuplicateUrl:
    """The Page that holds the story already, and how that is known."""

    page_id: int
    detail: str


@dataclass(frozen=True, slots=True)
class NewPage:
    """A Page that has its first bytes."""

    page_id: int
    url: str
    url_key: str
    digest: str
    story_key: str  # the key of its story: that of the address which it declares, if this is akin, else of its own
    declared_key: str  # the key of the address that it declares; "" where it declares none that is akin
    declares_address: bool  # whether it declares any address

    @classmethod
    def from_url(cls, page: int, url: str, key: str, canonical_url: str, digest: str) -> NewPage:
        """A Page by its number, URL and key, with the address that it declares and the digest of its bytes."""
        own = story_key(url)
        if not canonical_url or not may_be_same_story(url, canonical_url):
            return cls(page, url, key, digest, own, "", bool(canonical_url))
        return cls(
            page, url, key, digest, story_key(canonical_url), url_key(canonical_url), True
        )


@dataclass(slots=True)
class DuplicateFinder:
    """The Pages that may hold what a few new URLs brought. Those that are found to be first of their story join them."""

    by_story: dict[str, Holder] = field(default_factory=dict)
    by_url: dict[str, Holder] = field(default_factory=dict)  # of before stories had keys
    by_digest: dict[str, list[Holder]] = field(default_factory=dict)

    @classmethod
    def load(
        cls, db: Connection, site: str, stored: Mapping[str, int], fresh: Sequence[NewPage]
    ) -> DuplicateFinder:
        """What the archive knows of Pages that have their first bytes. `stored` are the Payloads by digest."""
        twins = cls()
        for keys in chunks(sorted({each.story_key for each in fresh})):
            for key, page, url in db.execute(BY_STORY, {"site": site, "keys": keys}):
                twins.by_story.setdefault(key, (page, url))
        for keys in chunks(sorted({each.declared_key for each in fresh if each.declared_key})):
            twins.by_url |= {
                key: (page, url)
                for key, page, url in db.execute(BY_URL, {"site": site, "keys": keys})
            }
        for digest in {each.digest for each in fresh if each.digest in stored}:
            same = db.execute(BY_PAYLOAD, {"site": site, "payload": stored[digest]})
            twins.by_digest[digest] = [(page, url) for page, url in same]
        return twins

    def match(self, fresh: NewPage) -> DuplicateUrl | None:
        """The twin of a Page that has its first bytes, or None where it is the first of its story."""
        holder = self.by_story.get(fresh.story_key) or self.by_url.get(fresh.declared_key)
        if holder is not None and holder[0] != fresh.page_id:
            how = "the page says so" if fresh.declares_address else "by the form of its address"
            return DuplicateUrl(holder[0], f"the same story as {holder[1]}: {how}")
        for number, address in self.by_digest.get(fresh.digest, ())[:MAX_PAGES_OF_SAME_BYTES]:
            if number != fresh.page_id and may_be_same_story(fresh.url, address):
                return DuplicateUrl(number, f"the same bytes as {address}")
        self._add(fresh)
        return None

    def _add(self, fresh: NewPage) -> None:
        """From here on this Page holds its story, for those that are kept after it."""
        holder = (fresh.page_id, fresh.url)
        self.by_story.setdefault(fresh.story_key, holder)
        self.by_url.setdefault(fresh.url_key, holder)
        self.by_digest.setdefault(fresh.digest, []).append(holder)


def payload_ids_by_digest(db: Connection, digests: Sequence[str]) -> dict[str, int]:
    """The Payloads of these bytes, by digest; one that is not there is left out."""
    return {
        digest: number
        for chunk in chunks(digests)
        for digest, number in db.execute(BY_DIGEST, {"digests": chunk})
    }
