"""Builds the proposal of a site file from a probe and its cleaned samples.

All sources of a proposal worked in the probe, and its patterns allow the sampled stories. Where
there is no proposal, `rejections` says why. Pure functions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from pipeline.core.models import UrlKind
from pipeline.core.urls import host_of, parent_domain, without_www
from pipeline.onboarding.proposal import (
    CleanedSample,
    ExplainedValue,
    Proposal,
    clean_results,
    story_samples,
)
from pipeline.onboarding.site_names import site_name
from pipeline.onboarding.source_selection import select_sources
from pipeline.onboarding.story_patterns import (
    allow_patterns,
    deny_values,
    explain_pattern,
    list_urls,
)
from pipeline.onboarding.timezones import guess_timezone
from pipeline.process_messages import ProbeResult

MAX_HOSTS: Final = 4  # hosts that are considered
MIN_HOST_SHARE: Final = 0.1  # of the story links, from which a host belongs to the site
DEFAULT_DATE: Final = datetime(2026, 1, 15, tzinfo=UTC)  # for zone offsets, without any date
NO_PATTERN_REASON: Final = "story URLs differ too much for a pattern that excludes lists"


def propose_site(
    probe: ProbeResult, samples: Sequence[CleanedSample], name: str = ""
) -> Proposal | None:
    """Propose what a site file should say.

    Args:
        probe: The result of the probe.
        samples: Its samples, cleaned.
        name: The site's name, where the user gave one.

    Returns:
        The proposal; None where no story, or no source of stories, was found.
    """
    stories = story_samples(samples)
    if not stories or not any(source.works for source in probe.sources):
        return None
    lists = list_urls(probe, samples)
    patterns = allow_patterns(probe, samples, lists)
    language = _language(probe, stories)
    proposal = Proposal(
        name=name or site_name(probe),
        url=probe.front.url,
        language=language,
        timezone=_timezone(probe, stories, language.value),
        sections=(ExplainedValue(probe.front.url),),  # until sources are selected: a site needs one
        hosts=_hosts(probe, stories),
        allow=tuple(explain_pattern(pattern, stories, probe) for pattern in patterns),
        deny=deny_values(patterns, samples),
        no_allow_reason="" if patterns else NO_PATTERN_REASON,
    )
    selection = select_sources(probe.sources, proposal.site("new"))
    return replace(
        proposal,
        feeds=selection.feeds,
        sitemaps=selection.sitemaps,
        sections=selection.sections,
        section_pages=selection.section_pages,
        omitted_sitemaps=selection.omitted_sitemaps,
        source_yields=selection.source_yields,
    )


def _hosts(probe: ProbeResult, stories: Sequence[CleanedSample]) -> tuple[ExplainedValue, ...]:
    """Sister hosts that serve many of the stories."""
    home = without_www(host_of(probe.front.url))
    domain = parent_domain(probe.front.url)
    urls = _story_urls(probe, stories)
    counts = Counter(without_www(host_of(url)) for url in urls)
    sampled_hosts = set()
    for story in stories:
        sampled_hosts.add(without_www(host_of(story.sample.final_url or story.sample.url)))
    hosts = []
    for host, count in counts.most_common(MAX_HOSTS):
        is_related = host in sampled_hosts or parent_domain(f"https://{host}/") == domain
        if host != home and is_related and count >= MIN_HOST_SHARE * len(urls):
            hosts.append(ExplainedValue(host, f"{count} of {len(urls)} story links"))
    return tuple(hosts)


def _story_urls(probe: ProbeResult, stories: Iterable[CleanedSample]) -> list[str]:
    """The links of feeds and the URLs of samples, before and after redirects."""
    urls: list[str] = []
    for source in probe.sources:
        if source.kind is UrlKind.FEED:
            urls += [link.url for link in source.links]
    for story in stories:
        urls += [url for url in (story.sample.url, story.sample.final_url) if url]
    return urls


def _language(probe: ProbeResult, stories: Sequence[CleanedSample]) -> ExplainedValue:
    counts: Counter[str] = Counter()
    for result in clean_results(stories):
        if result.metadata.language:
            counts[result.metadata.language] += 1
    declared = probe.front.language
    if not counts:
        if not declared:
            return ExplainedValue("")
        return ExplainedValue(declared[:2], "as the front page declares")
    language, count = counts.most_common(1)[0]
    reason = f"the text of {count} of {len(stories)} samples"
    if declared[:2] == language:
        reason += "; the front page declares the same"
    elif declared:
        reason += f"; the front page declares '{declared}'"
    return ExplainedValue(language, reason)


def _timezone(
    probe: ProbeResult, stories: Sequence[CleanedSample], language: str
) -> ExplainedValue:
    offsets: Counter[int] = Counter()
    dates = []
    for result in clean_results(stories):
        metadata = result.metadata
        if metadata.published_at:
            dates.append(metadata.published_at)
            if metadata.published_offset is not None:
                offsets[metadata.published_offset] += 1
    for source in probe.sources:
        offsets.update(source.utc_offsets)
    newest = max(dates, default=DEFAULT_DATE)
    guess = guess_timezone(probe.front.url, language, offsets, newest)
    return ExplainedValue(guess.zone, guess.reason)
