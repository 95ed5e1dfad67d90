"""One site as it stands on one night.

Promises: answers only from the bundled content, the night and the base
address, so the same three always give the same edition.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from pipeline.demo_site.model import SiteContent, Special, Story


@dataclass(frozen=True)
class Edition:
    """A site, a night, and the address the site answers on."""

    content: SiteContent
    night: int
    base: str

    @cached_property
    def stories(self) -> tuple[Story, ...]:
        """The stories alive on this night, newest first."""
        alive = (story.on(self.night) for story in self.content.stories if story.alive(self.night))
        return tuple(sorted(alive, key=lambda story: story.published, reverse=True))

    @property
    def closed(self) -> datetime:
        """When this edition was closed: the evening of the night."""
        return self.content.nights[self.night - 1]

    @property
    def changed(self) -> datetime:
        """When the newest of its stories appeared or changed."""
        return max(story.changed for story in self.stories)

    @property
    def headlines(self) -> tuple[str, ...]:
        """The headline list shown under every story tonight (empty if the site has none)."""
        return self.content.headlines.get(self.night, ())

    def url(self, path: str) -> str:
        """The absolute address of a path."""
        return self.base + path

    def image(self, story: Story) -> str:
        """The path of a story's photograph."""
        return f"/media/{story.slug}.svg"

    def in_section(self, section: str | None) -> tuple[Story, ...]:
        """The stories of a section; of the whole site when there is none."""
        return tuple(story for story in self.stories if section in (None, story.section))

    def specials_on(self, path: str) -> tuple[Special, ...]:
        """The special addresses that the page at this path links to."""
        return tuple(special for special in self.content.specials if path in special.listed)

    def by_title(self, title: str) -> Story | None:
        """The living story with this headline."""
        return next((story for story in self.stories if story.title == title), None)

    def related(self, story: Story, count: int, skip: int = 0) -> tuple[Story, ...]:
        """Other stories to recommend, the same on every night the story is shown."""
        known = [other for other in self.content.stories if other.night <= story.night]
        place = next(i for i, other in enumerate(known) if other.slug == story.slug)
        steps = range(1 + skip, 1 + skip + count)
        return tuple(known[(place + step) % len(known)] for step in steps)
