"""The newsroom's vocabulary: sites, stories, links and the answers a site gives.

Promises: every class here is an immutable value; nothing here reads a file,
a clock or the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

Kind = Literal["p", "h2", "quote", "item", "photo"]
Tail = Literal["plain", "linked", "list"]
SpecialKind = Literal["consent", "broken", "private", "moved", "page"]

NIGHTS = (1, 2)


@dataclass(frozen=True)
class Block:
    """One block of a story: a paragraph, subheading, quotation, list item or photograph."""

    kind: Kind
    text: str

    @property
    def is_text(self) -> bool:
        """Whether the block belongs to the story's text (a caption does not)."""
        return self.kind != "photo"


@dataclass(frozen=True)
class Edit:
    """What the desk changed in a story on the second night."""

    at: datetime
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Story:
    """One story as the site's desk filed it."""

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
    blocks: tuple[Block, ...]
    tail: Tail
    edited: Edit | None
    deleted_on: int | None

    @property
    def text(self) -> str:
        """The clean text, one block to a line."""
        return "\n".join(block.text for block in self.blocks if block.is_text)

    @property
    def changed(self) -> datetime:
        """When the story last changed."""
        return self.modified or self.published

    def alive(self, night: int) -> bool:
        """Whether the site shows the story on that night."""
        return self.night <= night and (self.deleted_on is None or night < self.deleted_on)

    def on(self, night: int) -> Story:
        """The story as it reads on that night."""
        if self.edited is None or night == NIGHTS[0]:
            return self
        return replace(self, blocks=self.edited.blocks, modified=self.edited.at)


@dataclass(frozen=True)
class Special:
    """An address with a fault or a rule of its own, and the pages that link to it."""

    kind: SpecialKind
    path: str
    title: str
    published: datetime
    listed: tuple[str, ...]
    paragraphs: tuple[str, ...]
    target: str | None


@dataclass(frozen=True)
class NewsroomSite:
    """What a crawler's operator would know about a site before the first visit."""

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
class SiteContent:
    """Everything a site has to show, on both nights."""

    site: NewsroomSite
    description: str
    locale: str
    gone: int
    nights: tuple[datetime, ...]
    sections: Mapping[str, str]
    headlines: Mapping[int, tuple[str, ...]]
    bios: Mapping[str, str]
    stories: tuple[Story, ...]
    specials: tuple[Special, ...]


@dataclass(frozen=True)
class Page:
    """One answer of a site, without the headers that follow from its bytes."""

    status: int
    body: bytes
    content_type: str
    changed: datetime | None = None
    location: str | None = None
