"""Chooses the `allow` and `deny` patterns of a proposed site file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from pipeline.core.link_rules import looks_like_story_url
from pipeline.core.models import UrlKind
from pipeline.core.urls import canonicalize, parent_domain, url_key
from pipeline.onboarding.proposal import CleanedSample, ExplainedValue, story_samples
from pipeline.onboarding.url_patterns import UrlPattern, find_patterns, matches_any, url_shape
from pipeline.process_messages import ProbedSource, ProbeResult, RememberedLink, links_below

MIN_COVERAGE: Final = 0.9  # share of the stories that the patterns have to allow
MIN_HEADLINE_LENGTH: Final = 20  # characters of an anchor that is a headline
MIN_DENIED_SAMPLES: Final = 2
SAMPLE_WEIGHT: Final = 5  # of a cleaned story; patterns of more weight come first
FEED_WEIGHT: Final = 2
OTHER_WEIGHT: Final = 1


def list_urls(probe: ProbeResult, samples: Sequence[CleanedSample]) -> tuple[str, ...]:
    """Return pages that are certainly no stories.

    Args:
        probe: The probe. Its front page, sections and menu are no stories.
        samples: The samples. Those without the text of a story are none.
    """
    story_keys = set(map(url_key, _story_urls(samples)))
    feed_keys: set[str] = set()
    urls = [probe.front.url]
    for source in probe.sources:
        if source.kind is UrlKind.FEED:
            feed_keys.update(url_key(link.url) for link in source.links)
        elif source.kind is UrlKind.SECTION:
            urls.append(source.url)
    for link in probe.front.menu:
        if url_key(link.url) not in feed_keys and not looks_like_story_url(link.url):
            urls.append(link.url)
    urls += _rejected_urls(samples)
    return tuple(url for url in dict.fromkeys(urls) if url_key(url) not in story_keys)


def _story_urls(samples: Sequence[CleanedSample]) -> list[str]:
    return [sample.sample.url for sample in story_samples(samples)]


def _rejected_urls(samples: Sequence[CleanedSample]) -> list[str]:
    """Samples that were cleaned and are no stories."""
    rejected = []
    for sample in samples:
        if sample.result is not None and not sample.is_story:
            rejected.append(sample.sample.url)
    return rejected


def allow_patterns(
    probe: ProbeResult, samples: Sequence[CleanedSample], lists: Sequence[str]
) -> tuple[UrlPattern, ...]:
    """Find patterns that allow the stories and exclude the lists.

    Args:
        probe: The probe. Stories of feeds count, and links that are built like a sampled story.
        samples: The samples.
        lists: Pages that are no stories.

    Returns:
        The patterns; () where they do not cover enough stories.
    """
    sampled_stories = _story_urls(samples)
    weights = dict.fromkeys(sampled_stories, SAMPLE_WEIGHT)
    for url, weight in _link_weights(probe, sampled_stories, lists).items():
        weights.setdefault(url, weight)
    patterns = find_patterns(weights, lists)
    wanted = list(sampled_stories)
    wanted += [url for url, weight in weights.items() if weight == FEED_WEIGHT]
    covered = sum(matches_any(url, patterns) for url in wanted)
    if covered < MIN_COVERAGE * len(wanted):
        return ()
    return patterns


def _link_weights(
    probe: ProbeResult, sampled_stories: Sequence[str], lists: Sequence[str]
) -> dict[str, int]:
    """The weights of links that are probably stories."""
    story_shapes = set(map(_shape_key, sampled_stories))
    list_shapes = set(map(_shape_key, lists)) - story_shapes
    list_keys = set(map(url_key, lists))
    domain = parent_domain(probe.front.url)
    has_feeds = any(source.kind is UrlKind.FEED and source.links for source in probe.sources)
    weights: dict[str, int] = {}
    for source in probe.sources:
        is_feed = source.kind is UrlKind.FEED
        for link in links_below(source.links, probe.front.url):
            shape = _shape_key(link.url)
            is_story = shape in story_shapes and _is_listed_as_story(source, link, has_feeds)
            if not is_story and not (is_feed and shape not in list_shapes):
                continue
            if url_key(link.url) not in list_keys and parent_domain(link.url) == domain:
                weights.setdefault(link.url, FEED_WEIGHT if is_feed else OTHER_WEIGHT)
    return weights


def _shape_key(url: str) -> tuple[object, ...]:
    return url_shape(url).key


def _is_listed_as_story(source: ProbedSource, link: RememberedLink, has_feeds: bool) -> bool:
    """Whether a source lists a link that is built like a story as one.

    Sections also list tags and further pages, which may be built like stories but have short names.
    A sitemap does not tell the difference, so it counts only where no feed has links.
    """
    if source.kind is UrlKind.SECTION:
        return len(link.title) >= MIN_HEADLINE_LENGTH
    return source.kind is UrlKind.FEED or not has_feeds


def explain_pattern(
    pattern: UrlPattern, stories: Sequence[CleanedSample], probe: ProbeResult
) -> ExplainedValue:
    """Return a pattern with how much it covers.

    Args:
        pattern: The pattern.
        stories: The samples that are stories.
        probe: The probe with all links.
    """
    sampled = sum(pattern.matches(story.sample.url) for story in stories)
    urls_by_key = {}
    for source in probe.sources:
        for link in source.links:
            urls_by_key[url_key(link.url)] = link.url
    listed = sum(pattern.matches(url) for url in urls_by_key.values())
    reason = f"{sampled} of {len(stories)} sampled stories, {listed} of all links seen"
    return ExplainedValue(pattern.pattern, reason)


def deny_values(
    patterns: Sequence[UrlPattern], samples: Sequence[CleanedSample]
) -> tuple[ExplainedValue, ...]:
    """Return first path segments to deny.

    The patterns allow samples with these segments, and none of them is a story.

    Args:
        patterns: The `allow` patterns.
        samples: The samples.
    """
    good = set(map(_first_segment, _story_urls(samples)))
    counts: Counter[str] = Counter()
    for url in _rejected_urls(samples):
        if matches_any(url, patterns):
            counts[_first_segment(url)] += 1
    denied = []
    for segment, count in sorted(counts.items()):
        if not segment or segment in good or segment.isdigit():
            continue
        if count >= MIN_DENIED_SAMPLES:
            reason = f"{count} samples, none of them a story"
            denied.append(ExplainedValue(f"/{segment}/", reason))
    return tuple(denied)


def _first_segment(url: str) -> str:
    for segment in urlsplit(canonicalize(url)).path.split("/"):
        if segment:
            return segment
    return ""
