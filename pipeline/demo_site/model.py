"""The values of the demo sites: sites, stories, special pages and responses.

All classes are immutable. Nothing here reads a file, a clock or the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

DemoBlockKind = Literal["p", "h2", "quote", "item", "photo"]
StoryEnding = Literal["plain", "linked", "list"]
SpecialPageKind = Literal["consent", "broken", "private", "moved", "page"]

NIGHTS = (1, 2)


@dataclass(frozen=True)
class DemoBlock:
    """A block of a story: a paragraph, subheading, quotation, list item or photograph."""

    kind: DemoBlockKind
    text: str

    @property
    def is_text(self) -> bool:
        """Whether the block belongs to the story's text (a caption does not)."""
        return self.kind != "photo"


@dataclass(frozen=True)
class StoryEdit:
    """How the newspaper changed a story on the second night."""

    at: datetime
    blocks: tuple[DemoBlock, ...]


@dataclass(frozen=True)
class Story:
    """One story of a demo site."""

    slug: str
    path: str
    title: str
    authors: tuple[str, ...]
    section: str
    section_name: str
    tags: tuple[str, ...]
    language: str
    published: datetime
    modified: datetime | None
    night: int
    summary: str
    photo: str
    blocks: tuple[DemoBlock, ...]
    ending: StoryEnding
    edit: StoryEdit | None
    deleted_on: int | None

    @property
    def text(self) -> str:
        """The clean text, one block per line."""
        return "\n".join(block.text for block in self.blocks if block.is_text)

    @property
    def changed_at(self) -> datetime:
        """When the story last changed."""
        return self.modified or self.published

    def is_live(self, night: int) -> bool:
        """Return whether the site shows the story on that night."""
        return self.night <= night and (self.deleted_on is None or night < self.deleted_on)

    def as_of(self, night: int) -> Story:
        """Return the story as it is on that night."""
        if self.edit is None or night == NIGHTS[0]:
            return self
        return replace(self, blocks=self.edit.blocks, modified=self.edit.at)


@dataclass(frozen=True)
class SpecialPage:
    """A page with a fault or a special rule, and the pages that link to it."""

    kind: SpecialPageKind
    path: str
    title: str
    published: datetime
    linked_from: tuple[str, ...]
    paragraphs: tuple[str, ...]
    target: str | None


@dataclass(frozen=True)
class DemoSite:
    """What you know about a site before the first crawl."""

    id: str
    name: str
    language: str
    timezone: str
    feeds: tuple[str, ...]
    sitemaps: tuple[str, ...]
    sections: tuple[str, ...]
    allow: tuple[str, ...]
    deny: tuple[str, ...]


@dataclass(frozen=True)
class DemoSiteContent:
    """All content of a site, on both nights."""

    site: DemoSite
    description: str
    locale: str
    gone_status: int
    nights: tuple[datetime, ...]
    sections: Mapping[str, str]
    headlines: Mapping[int, tuple[str, ...]]
    bios: Mapping[str, str]
    stories: tuple[Story, ...]
    specials: tuple[SpecialPage, ...]


@dataclass(frozen=True)
class DemoResponse:
    """One response of a site, without the headers that depend on its bytes."""

    status: int
    body: bytes
    content_type: str
    changed_at: datetime | None = None
    location: str | None = None
