"""Compares a known site's file with a new probe: what is broken, what has changed, what is new.

Each difference is one sentence, the most severe first. A site that is as its file says has none.
Pure functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pipeline.config.site import Site
from pipeline.core.models import Link, Outcome, UrlKind
from pipeline.core.urls import canonicalize, host_of, parent_domain, url_key, without_www
from pipeline.onboarding.proposal import (
    CleanedSample,
    clean_results,
    count_shells,
    story_samples,
)
from pipeline.onboarding.proposal_builder import propose_site
from pipeline.onboarding.rejections import unreachable_message
from pipeline.onboarding.source_selection import SECTION_PAGES, allowed_links, next_page_of
from pipeline.process_messages import DiscoveryMethod, ProbedSource, ProbeResult

STALE_AFTER: Final = timedelta(days=30)  # without a new story
MIN_ALLOWED_SHARE: Final = 0.5  # of a feed's own links
MIN_STORY_SHARE: Final = 0.5  # of the samples
MAX_REFUSED_SHARE: Final = 0.1  # of the sampled stories


class Severity(StrEnum):
    """How severe a difference is, the most severe first."""

    BROKEN = "broken"
    CHANGED = "changed"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class SiteDifference:
    """A difference between a site and its file. `key` is the key of the file that it concerns."""

    severity: Severity
    key: str
    sentence: str


def compare_with_probe(
    site: Site, probe: ProbeResult, samples: Sequence[CleanedSample], now: datetime
) -> tuple[SiteDifference, ...]:
    """Return all differences between a site's file and a probe.

    Args:
        site: The site as its file describes it.
        probe: The result of the probe.
        samples: Its samples, cleaned.
        now: The time of the probe.
    """
    differences = [
        *_compare_front_page(site, probe),
        *_compare_sources(site, probe, now),
        *_compare_samples(site, samples),
        *_compare_patterns(site, probe, samples),
        *_compare_language(site, samples),
        *_find_new_sources(site, probe),
        *_find_next_pages(site, probe),
    ]
    order = list(Severity)
    differences.sort(key=lambda difference: order.index(difference.severity))
    return tuple(differences)


def _broken(key: str, sentence: str) -> SiteDifference:
    return SiteDifference(Severity.BROKEN, key, sentence)


def _changed(key: str, sentence: str) -> SiteDifference:
    return SiteDifference(Severity.CHANGED, key, sentence)


def _compare_front_page(site: Site, probe: ProbeResult) -> Iterator[SiteDifference]:
    front = probe.front
    if front.outcome is not Outcome.FETCHED:
        yield _broken("url", f"{site.url}: {unreachable_message(front)}")
    elif without_www(host_of(front.url)) != without_www(host_of(site.url)):
        advice = "if it has moved, change url and the sources"
        yield _changed("url", f"{site.url} now leads to {front.url}; {advice}")
    elif canonicalize(front.url).rstrip("/") != canonicalize(site.url).rstrip("/"):
        yield _changed("url", f"{site.url} now leads to {front.url}")


def _compare_sources(site: Site, probe: ProbeResult, now: datetime) -> Iterator[SiteDifference]:
    probed_by_key = {url_key(source.url): source for source in probe.sources}
    for source in site.sources:
        probed = probed_by_key.get(url_key(source.url))
        key = f"{source.kind}s"
        if probed is None:
            cause = probe.stop_reason or "because the site gave no answer"
            yield _changed(key, f"{source.url}: was not fetched: the probe ended {cause}")
        elif not probed.works:
            yield _broken(key, f"{source.url}: {failure_text(probed)}")
        elif not probed.children:
            yield from _compare_links(site, probed, key)
            if probed.kind is UrlKind.FEED and _is_stale(probed, now):
                sentence = f"its newest story is of {probed.newest:%Y-%m-%d}"
                yield _changed(key, f"{probed.url}: {sentence}")


def failure_text(source: ProbedSource) -> str:
    """Return why a source does not work."""
    reason = str(source.reason).replace("_", " ")
    return source.detail or reason or f"the server answered {source.status}"


def _is_stale(source: ProbedSource, now: datetime) -> bool:
    return source.newest is not None and now - source.newest > STALE_AFTER


def _compare_links(site: Site, source: ProbedSource, key: str) -> Iterator[SiteDifference]:
    links = len(source.links)
    allowed = len(allowed_links(source, site))
    if not links:
        yield _broken(key, f"{source.url}: answers but lists no links")
    elif not allowed:
        sentence = f"none of its {links} links is a story by allow, deny and hosts"
        yield _broken(key, f"{source.url}: {sentence}")
    elif source.kind is UrlKind.FEED and allowed < MIN_ALLOWED_SHARE * links:
        sentence = f"only {allowed} of its {links} links are stories by allow"
        yield _changed(key, f"{source.url}: {sentence}")


def _compare_samples(site: Site, samples: Sequence[CleanedSample]) -> Iterator[SiteDifference]:
    results = clean_results(samples)
    stories = len(story_samples(samples))
    shells = count_shells(results)
    count = len(results)
    if samples and not results:
        detail = samples[0].sample.detail
        yield _broken("url", f"none of {len(samples)} sampled pages could be fetched: {detail}")
    elif 2 * shells > count and not site.render:
        sentence = f"{shells} of {count} sampled pages are built by scripts"
        yield _broken("render", f"{sentence}; set render = true")
    elif results and not stories:
        yield _broken("cleaning", f"none of {count} sampled pages has the text of a story")
    elif stories < MIN_STORY_SHARE * count:
        sentence = f"only {stories} of {count} sampled pages have the text of a story"
        yield _changed("cleaning", sentence)


def _compare_patterns(
    site: Site, probe: ProbeResult, samples: Sequence[CleanedSample]
) -> Iterator[SiteDifference]:
    """Sampled stories that the file does not allow, and patterns that would allow them."""
    if not site.allow:
        return
    stories = story_samples(samples)
    refused_urls = []
    for story in stories:
        page = story.sample
        if site.decide(Link(page.url), page.found_on).reason:
            refused_urls.append(page.url)
    if len(refused_urls) <= MAX_REFUSED_SHARE * len(stories):
        return
    sentence = f"{len(refused_urls)} of {len(stories)} sampled stories are not allowed"
    sentence += f", such as {refused_urls[0]}"
    proposal = propose_site(probe, samples, site.name)
    if proposal is not None and proposal.allow:
        patterns = ", ".join(f"'{pattern.value}'" for pattern in proposal.allow)
        sentence += f"; these patterns would allow them: {patterns}"
    yield _changed("allow", sentence)


def _compare_language(site: Site, samples: Sequence[CleanedSample]) -> Iterator[SiteDifference]:
    results = clean_results(story_samples(samples))
    languages = [result.metadata.language for result in results]
    if site.language and languages and site.language not in languages:
        most_common = max(set(languages), key=languages.count)
        sentence = f"the samples are in '{most_common}', the file says '{site.language}'"
        yield _changed("language", sentence)


def _find_new_sources(site: Site, probe: ProbeResult) -> Iterator[SiteDifference]:
    """Feeds and sitemaps that the file does not name, with stories that its sources do not list."""
    site_keys = {url_key(source.url) for source in site.sources}
    known_stories: set[str] = set()
    children: set[str] = set()
    for source in probe.sources:
        if url_key(source.url) in site_keys:
            known_stories.update(_story_keys(source, site))
            children.update(source.children)
    for source in probe.sources:
        if url_key(source.url) in site_keys or source.url in children:
            continue
        if source.kind is UrlKind.SECTION or not source.works:
            continue
        new_stories = _story_keys(source, site) - known_stories
        is_child = source.discovered_by is DiscoveryMethod.INDEX
        if new_stories and not is_child and parent_domain(source.url):
            sentence = (
                f"{source.url} ({source.discovered_by}) lists {len(new_stories)} stories"
                " that the sources of the file do not"
            )
            yield SiteDifference(Severity.NEW, f"{source.kind}s", sentence)


def _find_next_pages(site: Site, probe: ProbeResult) -> Iterator[SiteDifference]:
    """Next pages of sections with further stories, where the file reads only first pages."""
    if site.section_pages > 1:
        return
    known_stories: set[str] = set()
    for source in probe.sources:
        if source.discovered_by is DiscoveryMethod.GIVEN:
            known_stories.update(_story_keys(source, site))
    for source in probe.sources:
        next_page = next_page_of(source, probe.sources)
        if next_page is None or source.discovered_by is not DiscoveryMethod.GIVEN:
            continue
        further = len(_story_keys(next_page, site) - known_stories)
        if further:
            sentence = f"{source.url} goes on at {next_page.url}, which lists {further} further"
            sentence += f" stories; section_pages = {SECTION_PAGES} reads them"
            yield SiteDifference(Severity.NEW, "section_pages", sentence)


def _story_keys(source: ProbedSource, site: Site) -> set[str]:
    return {url_key(link.url) for link in allowed_links(source, site)}
