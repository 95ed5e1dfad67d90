"""The state of one demo site on one night.

It depends only on the bundled content, the night and the base URL, so the same three always give
the same pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from pipeline.demo_site.model import DemoSiteContent, SpecialPage, Story


@dataclass(frozen=True)
class DemoSiteState:
    """A demo site on one night, at one base URL."""

    content: DemoSiteContent
    night: int
    base_url: str

    @cached_property
    def stories(self) -> tuple[Story, ...]:
        """The stories that are online on this night, newest first."""
        live = []
        for story in self.content.stories:
            if story.is_live(self.night):
                live.append(story.as_of(self.night))
        return tuple(sorted(live, key=lambda story: story.published, reverse=True))

    @property
    def night_end(self) -> datetime:
        """The evening of the night, which is the date of all listing pages."""
        return self.content.nights[self.night - 1]

    @property
    def changed_at(self) -> datetime:
        """When a story of this night last appeared or changed."""
        return max(story.changed_at for story in self.stories)

    @property
    def headlines(self) -> tuple[str, ...]:
        """The headlines under each story on this night; empty if the site has none."""
        return self.content.headlines.get(self.night, ())

    def url(self, path: str) -> str:
        """Return the absolute URL of a path."""
        return self.base_url + path

    def image(self, story: Story) -> str:
        """Return the path of a story's photograph."""
        return f"/media/{story.slug}.svg"

    def in_section(self, section: str | None) -> tuple[Story, ...]:
        """Return the stories of a section, or of the whole site if `section` is None."""
        return tuple(story for story in self.stories if section in (None, story.section))

    def special_pages_on(self, path: str) -> tuple[SpecialPage, ...]:
        """Return the special pages that the page at this path links to."""
        return tuple(special for special in self.content.specials if path in special.linked_from)

    def by_title(self, title: str) -> Story | None:
        """Return the online story with this headline."""
        for story in self.stories:
            if story.title == title:
                return story
        return None

    def related(self, story: Story, count: int, skip: int = 0) -> tuple[Story, ...]:
        """Return other stories to recommend, the same on each night that shows the story.

        Args:
            count: How many stories to return.
            skip: How many stories to leave out first, so that two lists differ.
        """
        known = [other for other in self.content.stories if other.night <= story.night]
        position = next(i for i, other in enumerate(known) if other.slug == story.slug)
        steps = range(1 + skip, 1 + skip + count)
        return tuple(known[(position + step) % len(known)] for step in steps)
