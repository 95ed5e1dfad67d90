"""Findings and cleaned samples → what a site's file should say, each value with where it was seen.

Promises a Proposal whose places all worked when they were asked and whose patterns let the sampled stories in; or, in
`verdicts`, a sentence that says why there is none. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from pipeline.config.site import Site, without_www
from pipeline.core.models import CleanResult, Link, Outcome, UrlKind
from pipeline.core.urls import canonicalize, host_of, looks_like_story_url, url_key
from pipeline.onboarding.site_ids import site_name
from pipeline.onboarding.timezones import guess_timezone
from pipeline.onboarding.url_patterns import UrlPattern, find_patterns, url_shape
from pipeline.process_messages import (
    DiscoveryMethod,
    ProbedSource,
    ProbeResult,
    RememberedLink,
    SamplePage,
    links_below,
    parent_domain,
)

MAX_FEEDS: Final = 5  # that a file names at the most
MAX_SECTIONS: Final = 6
MAX_CURRENT_URLS: Final = (
    2500  # URLs of a sitemap from which it is a back catalogue rather than what is new
)
MAX_CHILD_SITEMAPS: Final = (
    40  # sitemaps of an index that are asked for every night without a second thought
)
MIN_COVERAGE: Final = 0.9  # share of stories that patterns have to let in
MIN_HEADLINE_LENGTH: Final = 20  # characters of an anchor that is one
MIN_SECTION_STORIES: Final = 2  # stories that make a section one


@dataclass(frozen=True, slots=True)
class CleanedSample:
    """A sample, and what the cleaner made of it; None where there was nothing to clean."""

    sample: SamplePage
    result: CleanResult | None = None

    @property
    def is_story(self) -> bool:
        return self.result is not None and self.result.outcome is Outcome.ARCHIVED


@dataclass(frozen=True, slots=True)
class SourceYield:
    """What one place comes to under the proposed file."""

    source: ProbedSource
    stories: int = 0  # links that the file would let in
    unique_stories: int = 0  # of them, those that no other place shows
    is_selected: bool = False
    note: str = ""  # why it is not taken


@dataclass(frozen=True, slots=True)
class ExplainedValue:
    """One value of a key, and why."""

    value: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the file should say."""

    name: str
    url: str
    language: ExplainedValue
    timezone: ExplainedValue
    feeds: tuple[ExplainedValue, ...] = ()
    sitemaps: tuple[ExplainedValue, ...] = ()
    sections: tuple[ExplainedValue, ...] = ()
    omitted_sitemaps: tuple[ExplainedValue, ...] = ()  # sitemaps that may be wanted
    hosts: tuple[ExplainedValue, ...] = ()
    allow: tuple[ExplainedValue, ...] = ()
    deny: tuple[ExplainedValue, ...] = ()
    no_allow_reason: str = ""  # why there is no `allow`
    render: bool = False  # its pages were looked at in a browser, and need it
    source_yields: tuple[SourceYield, ...] = field(default=(), compare=False)

    def site(self, name: str, **more: object) -> Site:
        """The Site that the file would make."""
        keys = ("feeds", "sitemaps", "sections", "hosts", "allow", "deny")
        lists = {key: tuple(each.value for each in getattr(self, key)) for key in keys}
        return Site.model_validate(
            {
                "id": name,
                "name": self.name,
                "url": self.url,
                "timezone": self.timezone.value,
                "render": self.render,
                **lists,
            }
            | ({"language": self.language.value} if self.language.value else {})
            | more
        )


def propose_site(
    findings: ProbeResult, judged: Sequence[CleanedSample], name: str = ""
) -> Proposal | None:
    """The Proposal; None where no story or no place to find them was found."""
    stories = [each for each in judged if each.is_story]
    if not stories or not any(place.works for place in findings.sources):
        return None
    url = findings.front.url
    hosts = _hosts(findings, stories)
    lists = _lists(findings, judged)
    found = _patterns(findings, judged, lists)
    deny = _deny(found, judged, lists)
    base = Proposal(
        name=name or site_name(findings),
        url=url,
        language=_language(findings, stories),
        timezone=_timezone(findings, stories),
        sections=(ExplainedValue(url),),  # until the places are chosen: a Site needs one
        hosts=hosts,
        allow=tuple(_counted(pattern, stories, findings) for pattern in found),
        deny=deny,
        no_allow_reason=""
        if found
        else "story URLs are too unlike each other for a pattern that leaves lists out",
    )
    return _with_places(base, findings)


# hosts, language, time zone


def _hosts(findings: ProbeResult, stories: Sequence[CleanedSample]) -> tuple[ExplainedValue, ...]:
    """Sister hosts that a good part of the stories live on."""
    home = without_www(host_of(findings.front.url))
    urls = [
        link.url for place in findings.sources if place.kind is UrlKind.FEED for link in place.links
    ]
    urls += [url for each in stories for url in (each.sample.url, each.sample.final_url) if url]
    counts = Counter(without_www(host_of(url)) for url in urls)
    sampled = {without_www(host_of(each.sample.final_url or each.sample.url)) for each in stories}
    return tuple(
        ExplainedValue(host, f"{count} of {len(urls)} story links")
        for host, count in counts.most_common(4)
        if host != home and (host in sampled or parent_domain(f"https://{host}/") == parent_domain(findings.front.url))
        and count >= 0.1 * len(urls)
    )  # fmt: skip


def _language(findings: ProbeResult, stories: Sequence[CleanedSample]) -> ExplainedValue:
    told = Counter(
        each.result.metadata.language
        for each in stories
        if each.result and each.result.metadata.language
    )
    declared = findings.front.language
    if not told:
        return (
            ExplainedValue(declared[:2], "as the front page declares")
            if declared
            else ExplainedValue("")
        )
    language, count = told.most_common(1)[0]
    why = f"the text of {count} of {len(stories)} samples"
    if declared:
        why += (
            "; the front page declares the same"
            if declared[:2] == language
            else f"; the front page declares '{declared}'"
        )
    return ExplainedValue(language, why)


def _timezone(findings: ProbeResult, stories: Sequence[CleanedSample]) -> ExplainedValue:
    clocks: Counter[int] = Counter()
    days = []
    for each in stories:
        assert each.result is not None
        metadata = each.result.metadata
        if metadata.published_at:
            days.append(metadata.published_at)
        if metadata.published_at and metadata.published_offset is not None:
            clocks[metadata.published_offset] += 1
    for place in findings.sources:
        clocks.update(place.utc_offsets)
    at = max(days, default=datetime(2026, 1, 15, tzinfo=UTC))
    return ExplainedValue(
        *guess_timezone(findings.front.url, _language(findings, stories).value, clocks, at)
    )


# patterns


def _lists(findings: ProbeResult, judged: Sequence[CleanedSample]) -> tuple[str, ...]:
    """Pages that are certainly no stories: the front page, sections, what the menu leads to, samples without a text."""
    stories = {url_key(each.sample.url) for each in judged if each.is_story}
    feeds = {
        url_key(link.url)
        for place in findings.sources
        if place.kind is UrlKind.FEED
        for link in place.links
    }
    urls = [
        findings.front.url,
        *(place.url for place in findings.sources if place.kind is UrlKind.SECTION),
    ]
    urls += [
        link.url
        for link in findings.front.menu
        if url_key(link.url) not in feeds and not looks_like_story_url(link.url)
    ]
    urls += [each.sample.url for each in judged if each.result and not each.is_story]
    return tuple(url for url in dict.fromkeys(urls) if url_key(url) not in stories)


def _patterns(
    findings: ProbeResult, judged: Sequence[CleanedSample], lists: Sequence[str]
) -> tuple[UrlPattern, ...]:
    """Of the stories that were cleaned, of what feeds show, and of what stands in lists and is built like a cleaned story."""
    weights: dict[str, int] = {}
    for each in judged:
        if each.is_story:
            weights[each.sample.url] = 5
    known = {url_shape(url).key for url in weights}
    bad = {url_shape(url).key for url in lists} - known
    domain = parent_domain(findings.front.url)
    has_feeds = any(place.kind is UrlKind.FEED and place.links for place in findings.sources)
    for place in findings.sources:
        for link in links_below(place.links, findings.front.url):
            key = url_shape(link.url).key
            is_wanted = key in known and _is_shown_as_story(place, link, has_feeds)
            is_wanted = is_wanted or (place.kind is UrlKind.FEED and key not in bad)
            if (
                is_wanted
                and url_key(link.url) not in {url_key(url) for url in lists}
                and parent_domain(link.url) == domain
            ):
                weights.setdefault(link.url, 2 if place.kind is UrlKind.FEED else 1)
    found = find_patterns(weights, lists)
    wanted = [each.sample.url for each in judged if each.is_story]
    wanted += [url for url, weight in weights.items() if weight == 2]
    covered = sum(any(pattern.matches(url) for pattern in found) for url in wanted)
    return found if covered >= MIN_COVERAGE * len(wanted) else ()


def _is_shown_as_story(place: ProbedSource, link: RememberedLink, has_feeds: bool) -> bool:
    """Lists also show tags and further pages, which may be built like stories: those have short names. A sitemap tells neither,
    so it is asked only where nothing else speaks."""
    if place.kind is UrlKind.SECTION:
        return len(link.title) >= MIN_HEADLINE_LENGTH
    return place.kind is UrlKind.FEED or not has_feeds


def _counted(
    pattern: UrlPattern, stories: Sequence[CleanedSample], findings: ProbeResult
) -> ExplainedValue:
    """A pattern with what it covers."""
    sampled = sum(pattern.matches(each.sample.url) for each in stories)
    links = {url_key(link.url): link.url for place in findings.sources for link in place.links}
    shown = sum(pattern.matches(url) for url in links.values())
    return ExplainedValue(
        pattern.pattern, f"{sampled} of {len(stories)} sampled stories, {shown} of all links seen"
    )


def _deny(
    found: Sequence[UrlPattern], judged: Sequence[CleanedSample], lists: Sequence[str]
) -> tuple[ExplainedValue, ...]:
    """First segments of which every sample, or a page of the menu, would be let in and is no story."""
    good = {_first(each.sample.url) for each in judged if each.is_story}
    sampled = [each.sample.url for each in judged if each.result and not each.is_story]
    wrong = Counter(
        _first(url) for url in sampled if any(pattern.matches(url) for pattern in found)
    )
    return tuple(
        ExplainedValue(f"/{first}/", f"{count} samples, none of them a story")
        for first, count in sorted(wrong.items())
        if first and first not in good and count >= MIN_SECTION_STORIES and not first.isdigit()
    )


def _first(url: str) -> str:
    return next((each for each in urlsplit(canonicalize(url)).path.split("/") if each), "")


# places


def _with_places(base: Proposal, findings: ProbeResult) -> Proposal:
    """Chooses the places by what they would yield."""
    site = base.site("new")
    let_in = {place.url: _let_in(place, site) for place in findings.sources if place.works}
    feeds = _feeds(findings.sources, let_in)
    sitemaps, left_out = _sitemaps(findings.sources, let_in, bool(feeds))
    sections = _sections(findings.sources, let_in)
    taken = {each.value for each in (*feeds, *sitemaps, *sections)}
    if not taken and left_out:
        sitemaps, left_out, taken = left_out[:1], left_out[1:], {left_out[0].value}
    notes = {each.value: each.reason for each in left_out}
    yields = tuple(
        SourceYield(
            place,
            len(let_in.get(place.url, ())),
            _only_here(place.url, let_in),
            place.url in taken,
            notes.get(place.url, ""),
        )
        for place in findings.sources
    )
    return Proposal(
        name=base.name, url=base.url, language=base.language, timezone=base.timezone, feeds=feeds, sitemaps=sitemaps,
        sections=sections, omitted_sitemaps=left_out, hosts=base.hosts, allow=base.allow, deny=base.deny,
        no_allow_reason=base.no_allow_reason, source_yields=yields,
    )  # fmt: skip


def _let_in(place: ProbedSource, site: Site) -> frozenset[str]:
    return frozenset(url_key(link.url) for link in allowed_links(place, site))


def allowed_links(place: ProbedSource, site: Site) -> tuple[RememberedLink, ...]:
    """Links of a place that a Site would follow as stories."""
    return tuple(link for link in place.links if not site.decide(Link(link.url), place.kind).reason)


def _only_here(url: str, let_in: Mapping[str, frozenset[str]]) -> int:
    others = frozenset[str]().union(*(keys for other, keys in let_in.items() if other != url))
    return len(let_in.get(url, frozenset()) - others)


def _feeds(
    places: Iterable[ProbedSource], let_in: Mapping[str, frozenset[str]]
) -> tuple[ExplainedValue, ...]:
    """The richest first; one that shows nothing beyond those before it is left out."""
    found = [place for place in places if place.kind is UrlKind.FEED and let_in.get(place.url)]
    found.sort(key=lambda place: -len(let_in[place.url]))
    taken, known = list[ExplainedValue](), frozenset[str]()
    for place in found[:MAX_FEEDS]:
        if not let_in[place.url] <= known:
            taken.append(
                ExplainedValue(place.url, f"{place.discovered_by}: {_said(place, let_in)}")
            )
            known |= let_in[place.url]
    return tuple(taken)


def _sitemaps(
    places: Sequence[ProbedSource], let_in: Mapping[str, frozenset[str]], has_feeds: bool
) -> tuple[tuple[ExplainedValue, ...], tuple[ExplainedValue, ...]]:
    """Those to take, and those that hold the whole past. A news sitemap speaks for its index."""
    found = [place for place in places if place.kind is UrlKind.SITEMAP and place.works]
    inner = [
        place
        for place in found
        if place.discovered_by is DiscoveryMethod.INDEX and let_in.get(place.url)
    ]
    per_child = max((place.link_count for place in inner), default=0)
    small, large = list[ExplainedValue](), list[ExplainedValue]()
    for place in found:
        if place.children:
            total = per_child * len(place.children)
            if not inner or place.discovered_by is DiscoveryMethod.INDEX:
                continue
            value = ExplainedValue(
                place.url,
                f"{place.discovered_by}: an index of {len(place.children)} sitemaps, up to {per_child} URLs each",
            )
            is_small = total <= MAX_CURRENT_URLS and len(place.children) <= MAX_CHILD_SITEMAPS
            (small if is_small else large).append(value)
        elif let_in.get(place.url) and place.discovered_by is not DiscoveryMethod.INDEX:
            value = ExplainedValue(place.url, f"{place.discovered_by}: {_said(place, let_in)}")
            (small if place.link_count <= MAX_CURRENT_URLS else large).append(value)
    news = [place for place in inner if place.is_news]
    if large and news:
        small += [
            ExplainedValue(place.url, f"of an index: a news sitemap, {_said(place, let_in)}")
            for place in news[:1]
        ]
    if not small and not has_feeds and large:
        return (large[0],), tuple(large[1:])
    return tuple(small[:3]), tuple(large[:3])


def _sections(
    places: Sequence[ProbedSource], let_in: Mapping[str, frozenset[str]]
) -> tuple[ExplainedValue, ...]:
    """The front page, then those of the menu, if they list stories."""
    found = [
        place
        for place in places
        if place.kind is UrlKind.SECTION and len(let_in.get(place.url, ())) >= MIN_SECTION_STORIES
    ]
    return tuple(
        ExplainedValue(place.url, f"{place.discovered_by}: {_said(place, let_in)}")
        for place in found[:MAX_SECTIONS]
    )


def _said(place: ProbedSource, let_in: Mapping[str, frozenset[str]]) -> str:
    stories = len(let_in.get(place.url, ()))
    seen = f"{stories} stories of {min(place.link_count, len(place.links))} links"
    if place.link_count > len(place.links):
        seen += f" looked at, {place.link_count} in all"
    return seen + (f", the newest of {place.newest:%Y-%m-%d}" if place.newest else "")
