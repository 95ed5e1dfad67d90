"""A newspaper of the demo over four nights, with edits of many kinds planted in its stories.

The pages are those of the demo's templates. Extraction, rules and store are the real ones, without
a network and without worker processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from pipeline.config.site import Site
from pipeline.core.models import CrawlSource, ExtractedPage, RawPage, UrlKind
from pipeline.demo_site.data import load_site
from pipeline.demo_site.model import DemoBlock, Story
from pipeline.demo_site.pages import SITE_DESIGNS
from pipeline.demo_site.state import DemoSiteState
from pipeline.extract import extract
from pipeline.jobs.clean import clean_site
from pipeline.store.clean.types import PendingPayload
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from tests.support.archive_factory import DAY, GONE, NIGHT, NOT_MODIFIED, Reply, body_of, night
from tests.support.reclean_factory import Extractors, silent

NIGHTS: Final = 4
SITES: Final = ("harbour-courier", "stepnoy-vestnik")
Edit = Callable[[Story], Story]


@dataclass(frozen=True)
class PlantedEdit:
    """An edit of one story from some night on, and the kinds of changes that it makes."""

    site: str
    slug: str
    night: int
    kinds: tuple[str, ...]
    edit: Edit


def replaced(old: str, new: str) -> Edit:
    """Return an edit that replaces words of one block."""

    def edit(story: Story) -> Story:
        assert sum(block.text.count(old) for block in story.blocks) == 1, old
        blocks = [replace(block, text=block.text.replace(old, new)) for block in story.blocks]
        return replace(story, blocks=tuple(blocks))

    return edit


def added(text: str) -> Edit:
    """Return an edit that adds a paragraph at the end."""
    return lambda story: replace(story, blocks=(*story.blocks, DemoBlock("p", text)))


def removed(number: int) -> Edit:
    """Return an edit that removes a block."""
    return lambda story: replace(
        story, blocks=(*story.blocks[:number], *story.blocks[number + 1 :])
    )


def titled(title: str) -> Edit:
    """Return an edit of the headline."""
    return lambda story: replace(story, title=title)


def all_of(*edits: Edit) -> Edit:
    """Return several edits as one."""

    def edit(story: Story) -> Story:
        for each in edits:
            story = each(story)
        return story

    return edit


COURIER, VESTNIK = SITES
EDITS: Final = (
    PlantedEdit(
        COURIER,
        "council-delays-harbour-levy",
        2,
        ("text",),
        replaced("called the delay a missed opportunity", "welcomed the delay"),
    ),
    PlantedEdit(
        COURIER,
        "night-ferry-returns",
        2,
        ("text",),
        added("The first boat was cheered by four hundred people on the quay."),
    ),
    PlantedEdit(COURIER, "town-hold-on-for-a-point", 2, ("text",), removed(3)),
    PlantedEdit(
        COURIER,
        "mayor-will-not-stand-again",
        3,
        ("title",),
        titled("Mayor Joan Trevellick ends her career after twelve years"),
    ),
    PlantedEdit(
        COURIER,
        "budget-gap-forces-hard-choices",
        2,
        ("number",),
        replaced("The report lists 31 possible savings", "The report lists 27 possible savings"),
    ),
    PlantedEdit(
        COURIER,
        "six-streets-to-close-for-storm-drain-works",
        2,
        ("typo",),
        replaced("an end to the floods", "an end to the flods"),
    ),
    PlantedEdit(
        COURIER,
        "rowers-finish-channel-relay",
        3,
        ("correction",),
        added("Correction: The relay took three nights and not two, as we wrote at first."),
    ),
    PlantedEdit(
        COURIER,
        "library-roof-appeal-passes-halfway",
        3,
        ("title", "text"),
        all_of(titled("Library roof appeal passes three quarters"), added("The donor is shy.")),
    ),
    PlantedEdit(
        VESTNIK,
        "tarify-na-vodu",
        2,
        ("number",),
        replaced("9,4 процента", "7,8 процента"),
    ),
    PlantedEdit(
        VESTNIK,
        "tarify-na-vodu",
        3,
        ("correction",),
        added("Уточнение: в предыдущей версии текста был указан неверный рост тарифа."),
    ),
    # what is no change
    PlantedEdit(
        COURIER,
        "fish-market-goes-under-the-clock",
        2,
        (),
        lambda story: replace(story, photo=story.photo + " (archive)"),
    ),
    PlantedEdit(COURIER, "lighthouse-lens-goes-on-show", 2, (), added("Updated 5 minutes ago")),
    PlantedEdit(COURIER, "lighthouse-lens-goes-on-show", 3, (), added("Updated 3 hours ago")),
)
# (site, slug) → (night on which it is gone, night on which it is back; 0 for never)
GONE_STORIES: Final = {
    (COURIER, "school-bus-route-14-faces-axe"): (2, 3),
    (COURIER, "rope-works-takes-on-forty"): (3, 0),
}


class RealExtractors(Extractors):
    """The real extractors, in this process."""

    def extract(
        self, payloads: Iterable[PendingPayload]
    ) -> Iterator[tuple[PendingPayload, ExtractedPage]]:
        """Extract payloads one by one."""
        for payload in payloads:
            yield payload, _extract_once(body_of(payload))


@cache
def _extract_once(body: bytes) -> ExtractedPage:
    """Extract a page once for both databases."""
    return extract(RawPage(0, body, "utf-8", "text/html"))


def site_of(site_id: str) -> Site:
    """Return the site file of a newspaper."""
    demo = load_site(site_id).site
    base = base_url(site_id)
    return Site(
        id=site_id,
        name=demo.name,
        url=f"{base}/",
        language=demo.language,
        timezone=demo.timezone,
        feeds=(f"{base}/feed.xml",),
    )


def base_url(site_id: str) -> str:
    """Return where a newspaper is."""
    return f"https://{site_id}.example"


def pages_of(site_id: str, number: int, base: str = "") -> Mapping[str, bytes | Reply]:
    """Return the responses of a newspaper on one night, by URL.

    Args:
        site_id: The newspaper.
        number: The night, from 1.
        base: Where the newspaper is, if it is served from elsewhere.
    """
    base = base or base_url(site_id)
    state = DemoSiteState(load_site(site_id), 1, base)
    design = SITE_DESIGNS[site_id]
    replies: dict[str, bytes | Reply] = {}
    for story in state.stories:
        story = replace(story, edit=None)
        for planted in EDITS:
            if (planted.site, planted.slug) == (site_id, story.slug) and number >= planted.night:
                story = planted.edit(story)
        gone_on, back_on = GONE_STORIES.get((site_id, story.slug), (0, 0))
        if gone_on and number >= gone_on and (not back_on or number < back_on):
            replies[base + story.path] = GONE
        elif back_on and number >= back_on:
            replies[base + story.path] = NOT_MODIFIED
        else:
            replies[base + story.path] = design.story(state, story).encode()
    return replies


def build_newsroom(store: Database, archive: CrawlSession, nights: int = NIGHTS) -> None:
    """Crawl and clean the newspapers on some nights."""
    for number in range(1, nights + 1):
        crawl_newsroom(store, archive, number)


def crawl_newsroom(store: Database, archive: CrawlSession, number: int) -> None:
    """Crawl and clean the newspapers on one night."""
    for site_id in SITES:
        at = NIGHT + (number - 1) * DAY
        night(archive, pages_of(site_id, number), at, site=site_id, source=feed_of(site_id))
        reclean_site(store, site_id)


def reclean_site(store: Database, site_id: str) -> None:
    """Clean a newspaper."""
    clean_site(store, site_of(site_id), RealExtractors(), silent)  # type: ignore[arg-type]


def feed_of(site_id: str) -> CrawlSource:
    """Return the feed of a newspaper."""
    return CrawlSource(f"{base_url(site_id)}/feed.xml", UrlKind.FEED)


def expected_changes(bases: Mapping[str, str] | None = None) -> set[tuple[str, int, str]]:
    """Return what the list of changes has to hold: URL, night and kind.

    Args:
        bases: Where the newspapers are, if they are served from elsewhere.
    """
    bases = bases or {site_id: base_url(site_id) for site_id in SITES}
    expected: set[tuple[str, int, str]] = set()
    for planted in EDITS:
        url = bases[planted.site] + _path(planted.site, planted.slug)
        expected |= {(url, planted.night, kind) for kind in planted.kinds}
    for (site_id, slug), (gone_on, back_on) in GONE_STORIES.items():
        url = bases[site_id] + _path(site_id, slug)
        expected.add((url, gone_on, "gone"))
        if back_on:
            expected.add((url, back_on, "back"))
    return expected


def _path(site_id: str, slug: str) -> str:
    (story,) = [each for each in load_site(site_id).stories if each.slug == slug]
    return story.path
