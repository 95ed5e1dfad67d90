"""Selects feeds, sitemaps and sections for a proposed site file by the stories that they list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.config.site import Site
from pipeline.core.models import Link, UrlKind
from pipeline.core.urls import url_key
from pipeline.onboarding.proposal import ExplainedValue, SourceYield
from pipeline.process_messages import DiscoveryMethod, ProbedSource, RememberedLink

MAX_FEEDS: Final = 5  # in one file
MAX_SECTIONS: Final = 6
MAX_SITEMAPS: Final = 3
MAX_NEWS_SITEMAPS: Final = 1  # of an index
MAX_CURRENT_URLS: Final = 2500  # of a sitemap; a larger one holds the whole past
MAX_CHILD_SITEMAPS: Final = 40  # of an index that is fetched every night
MIN_SECTION_STORIES: Final = 2
SECTION_PAGES: Final = 5  # of one section that a night reads, as long as each lists something new
SECTION_PAGES_ALONE: Final = 10  # where neither a feed nor a sitemap lists what sections miss

StoriesByUrl = Mapping[str, frozenset[str]]  # URL of a source → keys of its stories


@dataclass(frozen=True, slots=True)
class SourceSelection:
    """The sources of a proposed file, and what each probed source yields."""

    feeds: tuple[ExplainedValue, ...]
    sitemaps: tuple[ExplainedValue, ...]
    sections: tuple[ExplainedValue, ...]
    section_pages: ExplainedValue
    omitted_sitemaps: tuple[ExplainedValue, ...]
    source_yields: tuple[SourceYield, ...]


def select_sources(sources: Sequence[ProbedSource], site: Site) -> SourceSelection:
    """Select sources by what they yield.

    Args:
        sources: The sources that were probed.
        site: The site of the proposal so far. It decides which links are stories.
    """
    stories: dict[str, frozenset[str]] = {}
    for source in sources:
        if source.works:
            links = allowed_links(source, site)
            stories[source.url] = frozenset(url_key(link.url) for link in links)
    feeds = _select_feeds(sources, stories)
    sitemaps, omitted = _select_sitemaps(sources, stories, has_feeds=bool(feeds))
    sections = _select_sections(sources, stories)
    if omitted and not (feeds or sitemaps or sections):
        sitemaps, omitted = omitted[:1], omitted[1:]
    selected = {value.value for value in (*feeds, *sitemaps, *sections)}
    section_pages = _section_pages(sources, stories, selected, has_others=bool(feeds or sitemaps))
    yields = _source_yields(sources, stories, selected, omitted)
    return SourceSelection(feeds, sitemaps, sections, section_pages, omitted, yields)


def allowed_links(source: ProbedSource, site: Site) -> tuple[RememberedLink, ...]:
    """Return the links of a source that a site follows as stories."""
    allowed = []
    for link in source.links:
        if not site.decide(Link(link.url), source.kind).reason:
            allowed.append(link)
    return tuple(allowed)


def _source_yields(
    sources: Sequence[ProbedSource],
    stories: StoriesByUrl,
    selected: set[str],
    omitted: Sequence[ExplainedValue],
) -> tuple[SourceYield, ...]:
    notes = {value.value: value.reason for value in omitted}
    yields = []
    for source in sources:
        source_yield = SourceYield(
            source,
            stories=len(stories.get(source.url, ())),
            unique_stories=_count_unique(source.url, stories),
            is_selected=source.url in selected,
            note=notes.get(source.url, ""),
        )
        yields.append(source_yield)
    return tuple(yields)


def _count_unique(url: str, stories: StoriesByUrl) -> int:
    others: set[str] = set()
    for other_url, keys in stories.items():
        if other_url != url:
            others |= keys
    return len(stories.get(url, frozenset()) - others)


def _select_feeds(
    sources: Sequence[ProbedSource], stories: StoriesByUrl
) -> tuple[ExplainedValue, ...]:
    """The richest feeds first. A feed that lists nothing beyond those before it is left out."""
    feeds = [feed for feed in sources if feed.kind is UrlKind.FEED and stories.get(feed.url)]
    feeds.sort(key=lambda feed: -len(stories[feed.url]))
    selected: list[ExplainedValue] = []
    known: set[str] = set()
    for feed in feeds[:MAX_FEEDS]:
        if not stories[feed.url] <= known:
            selected.append(_explained(feed, stories))
            known |= stories[feed.url]
    return tuple(selected)


def _select_sitemaps(
    sources: Sequence[ProbedSource], stories: StoriesByUrl, *, has_feeds: bool
) -> tuple[tuple[ExplainedValue, ...], tuple[ExplainedValue, ...]]:
    """The sitemaps to fetch, and those of the whole past. A news sitemap covers its index."""
    sitemaps = [item for item in sources if item.kind is UrlKind.SITEMAP and item.works]
    children = []
    for sitemap in sitemaps:
        if sitemap.discovered_by is DiscoveryMethod.INDEX and stories.get(sitemap.url):
            children.append(sitemap)
    urls_per_child = max((child.link_count for child in children), default=0)
    current: list[ExplainedValue] = []
    past: list[ExplainedValue] = []
    for sitemap in sitemaps:
        if sitemap.discovered_by is DiscoveryMethod.INDEX:
            continue
        if sitemap.children and children:
            is_current = _is_current_index(sitemap, urls_per_child)
            explained = _explained_index(sitemap, urls_per_child)
        elif not sitemap.children and stories.get(sitemap.url):
            is_current = sitemap.link_count <= MAX_CURRENT_URLS
            explained = _explained(sitemap, stories)
        else:
            continue
        target = current if is_current else past
        target.append(explained)
    if past:
        news = [child for child in children if child.is_news]
        for child in news[:MAX_NEWS_SITEMAPS]:
            reason = f"of an index: a news sitemap, {_description(child, stories)}"
            current.append(ExplainedValue(child.url, reason))
    if past and not current and not has_feeds:
        return (past[0],), tuple(past[1:])
    return tuple(current[:MAX_SITEMAPS]), tuple(past[:MAX_SITEMAPS])


def _is_current_index(index: ProbedSource, urls_per_child: int) -> bool:
    """Whether an index is small enough to be fetched every night."""
    children = len(index.children)
    return children <= MAX_CHILD_SITEMAPS and urls_per_child * children <= MAX_CURRENT_URLS


def _explained_index(index: ProbedSource, urls_per_child: int) -> ExplainedValue:
    children = len(index.children)
    reason = f"an index of {children} sitemaps, up to {urls_per_child} URLs each"
    return ExplainedValue(index.url, f"{index.discovered_by}: {reason}")


def _select_sections(
    sources: Sequence[ProbedSource], stories: StoriesByUrl
) -> tuple[ExplainedValue, ...]:
    """The front page, then sections of the menu, if they list stories."""
    sections: list[ExplainedValue] = []
    for source in sources:
        has_stories = len(stories.get(source.url, ())) >= MIN_SECTION_STORIES
        is_section = source.kind is UrlKind.SECTION
        if is_section and has_stories and source.discovered_by is not DiscoveryMethod.NEXT:
            sections.append(_explained(source, stories))
    return tuple(sections[:MAX_SECTIONS])


def _section_pages(
    sources: Sequence[ProbedSource],
    stories: StoriesByUrl,
    selected: set[str],
    *,
    has_others: bool,
) -> ExplainedValue:
    """How many pages of a section to read, where one was seen to go on with further stories."""
    pages = SECTION_PAGES if has_others else SECTION_PAGES_ALONE
    for section in sources:
        next_page = next_page_of(section, sources)
        if next_page is None or section.url not in selected:
            continue
        further = len(stories.get(next_page.url, frozenset()) - stories[section.url])
        if further:
            reason = f"{section.url} goes on at {next_page.url}: {further} further stories"
            return ExplainedValue(str(pages), reason)
    return ExplainedValue("")


def next_page_of(section: ProbedSource, sources: Sequence[ProbedSource]) -> ProbedSource | None:
    """Return the page on which a section goes on, if it was probed and could be read."""
    if not section.next_page:
        return None
    for source in sources:
        if source.works and url_key(source.url) == url_key(section.next_page):
            return source
    return None


def _explained(source: ProbedSource, stories: StoriesByUrl) -> ExplainedValue:
    reason = f"{source.discovered_by}: {_description(source, stories)}"
    return ExplainedValue(source.url, reason)


def _description(source: ProbedSource, stories: StoriesByUrl) -> str:
    """How many stories a source lists, and how new they are."""
    count, seen = len(stories.get(source.url, ())), len(source.links)
    description = f"{count} stories of {min(source.link_count, seen)} links"
    if source.link_count > seen:
        description += f" looked at, {source.link_count} in all"
    if source.newest:
        description += f", the newest of {source.newest:%Y-%m-%d}"
    return description
