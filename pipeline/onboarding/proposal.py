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

from pipeline.config.site import Site, bare_host
from pipeline.core.models import CleanResult, Link, Outcome, UrlKind
from pipeline.core.urls import canonical, host_of, looks_like_story, url_key
from pipeline.onboarding.site_ids import name_of
from pipeline.onboarding.timezones import zone_of
from pipeline.onboarding.url_patterns import Pattern, patterns, shape_of
from pipeline.process_messages import Findings, Probed, Sample, Seen, Way, domain_of, within

FEEDS: Final = 5  # that a file names at the most
SECTIONS: Final = 6
HISTORY: Final = 2500  # URLs of a sitemap from which it is a back catalogue rather than what is new
CHILDREN: Final = 40  # sitemaps of an index that are asked for every night without a second thought
COVER: Final = 0.9  # share of stories that patterns have to let in
HEADLINE: Final = 20  # characters of an anchor that is one
FEWEST: Final = 2  # stories that make a section one


@dataclass(frozen=True, slots=True)
class Judged:
    """A sample, and what the cleaner made of it; None where there was nothing to clean."""

    sample: Sample
    extraction: CleanResult | None = None

    @property
    def is_story(self) -> bool:
        return self.extraction is not None and self.extraction.outcome is Outcome.ARCHIVED


@dataclass(frozen=True, slots=True)
class Yield:
    """What one place comes to under the proposed file."""

    place: Probed
    stories: int = 0  # links that the file would let in
    only_here: int = 0  # of them, those that no other place shows
    is_taken: bool = False
    note: str = ""  # why it is not taken


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a key, and why."""

    value: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the file should say."""

    name: str
    url: str
    language: Value
    timezone: Value
    feeds: tuple[Value, ...] = ()
    sitemaps: tuple[Value, ...] = ()
    sections: tuple[Value, ...] = ()
    left_out: tuple[Value, ...] = ()  # sitemaps that may be wanted
    hosts: tuple[Value, ...] = ()
    allow: tuple[Value, ...] = ()
    deny: tuple[Value, ...] = ()
    no_patterns: str = ""  # why there is no `allow`
    render: bool = False  # its pages were looked at in a browser, and need it
    yields: tuple[Yield, ...] = field(default=(), compare=False)

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


def propose(findings: Findings, judged: Sequence[Judged], name: str = "") -> Proposal | None:
    """The Proposal; None where no story or no place to find them was found."""
    stories = [each for each in judged if each.is_story]
    if not stories or not any(place.works for place in findings.places):
        return None
    url = findings.front.url
    hosts = _hosts(findings, stories)
    lists = _lists(findings, judged)
    found = _patterns(findings, judged, lists)
    deny = _deny(found, judged, lists)
    base = Proposal(
        name=name or name_of(findings),
        url=url,
        language=_language(findings, stories),
        timezone=_timezone(findings, stories),
        sections=(Value(url),),  # until the places are chosen: a Site needs one
        hosts=hosts,
        allow=tuple(_counted(pattern, stories, findings) for pattern in found),
        deny=deny,
        no_patterns=""
        if found
        else "story URLs are too unlike each other for a pattern that leaves lists out",
    )
    return _with_places(base, findings)


# hosts, language, time zone


def _hosts(findings: Findings, stories: Sequence[Judged]) -> tuple[Value, ...]:
    """Sister hosts that a good part of the stories live on."""
    home = bare_host(host_of(findings.front.url))
    urls = [
        link.url for place in findings.places if place.kind is UrlKind.FEED for link in place.links
    ]
    urls += [url for each in stories for url in (each.sample.url, each.sample.landed) if url]
    counts = Counter(bare_host(host_of(url)) for url in urls)
    sampled = {bare_host(host_of(each.sample.landed or each.sample.url)) for each in stories}
    return tuple(
        Value(host, f"{count} of {len(urls)} story links")
        for host, count in counts.most_common(4)
        if host != home and (host in sampled or domain_of(f"https://{host}/") == domain_of(findings.front.url))
        and count >= 0.1 * len(urls)
    )  # fmt: skip


def _language(findings: Findings, stories: Sequence[Judged]) -> Value:
    told = Counter(
        each.extraction.metadata.language
        for each in stories
        if each.extraction and each.extraction.metadata.language
    )
    declared = findings.front.language
    if not told:
        return Value(declared[:2], "as the front page declares") if declared else Value("")
    language, count = told.most_common(1)[0]
    why = f"the text of {count} of {len(stories)} samples"
    if declared:
        why += (
            "; the front page declares the same"
            if declared[:2] == language
            else f"; the front page declares '{declared}'"
        )
    return Value(language, why)


def _timezone(findings: Findings, stories: Sequence[Judged]) -> Value:
    clocks: Counter[int] = Counter()
    days = []
    for each in stories:
        assert each.extraction is not None
        metadata = each.extraction.metadata
        if metadata.published_at:
            days.append(metadata.published_at)
        if metadata.published_at and metadata.published_offset is not None:
            clocks[metadata.published_offset] += 1
    for place in findings.places:
        clocks.update(place.clocks)
    at = max(days, default=datetime(2026, 1, 15, tzinfo=UTC))
    return Value(*zone_of(findings.front.url, _language(findings, stories).value, clocks, at))


# patterns


def _lists(findings: Findings, judged: Sequence[Judged]) -> tuple[str, ...]:
    """Pages that are certainly no stories: the front page, sections, what the menu leads to, samples without a text."""
    stories = {url_key(each.sample.url) for each in judged if each.is_story}
    feeds = {
        url_key(link.url)
        for place in findings.places
        if place.kind is UrlKind.FEED
        for link in place.links
    }
    urls = [
        findings.front.url,
        *(place.url for place in findings.places if place.kind is UrlKind.SECTION),
    ]
    urls += [
        link.url
        for link in findings.front.menu
        if url_key(link.url) not in feeds and not looks_like_story(link.url)
    ]
    urls += [each.sample.url for each in judged if each.extraction and not each.is_story]
    return tuple(url for url in dict.fromkeys(urls) if url_key(url) not in stories)


def _patterns(
    findings: Findings, judged: Sequence[Judged], lists: Sequence[str]
) -> tuple[Pattern, ...]:
    """Of the stories that were cleaned, of what feeds show, and of what stands in lists and is built like a cleaned story."""
    weights: dict[str, int] = {}
    for each in judged:
        if each.is_story:
            weights[each.sample.url] = 5
    known = {shape_of(url).key for url in weights}
    bad = {shape_of(url).key for url in lists} - known
    domain = domain_of(findings.front.url)
    has_feeds = any(place.kind is UrlKind.FEED and place.links for place in findings.places)
    for place in findings.places:
        for link in within(place.links, findings.front.url):
            key = shape_of(link.url).key
            is_wanted = key in known and _is_shown_as_story(place, link, has_feeds)
            is_wanted = is_wanted or (place.kind is UrlKind.FEED and key not in bad)
            if (
                is_wanted
                and url_key(link.url) not in {url_key(url) for url in lists}
                and domain_of(link.url) == domain
            ):
                weights.setdefault(link.url, 2 if place.kind is UrlKind.FEED else 1)
    found = patterns(weights, lists)
    wanted = [each.sample.url for each in judged if each.is_story]
    wanted += [url for url, weight in weights.items() if weight == 2]
    covered = sum(any(pattern.matches(url) for pattern in found) for url in wanted)
    return found if covered >= COVER * len(wanted) else ()


def _is_shown_as_story(place: Probed, link: Seen, has_feeds: bool) -> bool:
    """Lists also show tags and further pages, which may be built like stories: those have short names. A sitemap tells neither,
    so it is asked only where nothing else speaks."""
    if place.kind is UrlKind.SECTION:
        return len(link.title) >= HEADLINE
    return place.kind is UrlKind.FEED or not has_feeds


def _counted(pattern: Pattern, stories: Sequence[Judged], findings: Findings) -> Value:
    """A pattern with what it covers."""
    sampled = sum(pattern.matches(each.sample.url) for each in stories)
    links = {url_key(link.url): link.url for place in findings.places for link in place.links}
    shown = sum(pattern.matches(url) for url in links.values())
    return Value(
        pattern.pattern, f"{sampled} of {len(stories)} sampled stories, {shown} of all links seen"
    )


def _deny(
    found: Sequence[Pattern], judged: Sequence[Judged], lists: Sequence[str]
) -> tuple[Value, ...]:
    """First segments of which every sample, or a page of the menu, would be let in and is no story."""
    good = {_first(each.sample.url) for each in judged if each.is_story}
    sampled = [each.sample.url for each in judged if each.extraction and not each.is_story]
    wrong = Counter(
        _first(url) for url in sampled if any(pattern.matches(url) for pattern in found)
    )
    return tuple(
        Value(f"/{first}/", f"{count} samples, none of them a story")
        for first, count in sorted(wrong.items())
        if first and first not in good and count >= FEWEST and not first.isdigit()
    )


def _first(url: str) -> str:
    return next((each for each in urlsplit(canonical(url)).path.split("/") if each), "")


# places


def _with_places(base: Proposal, findings: Findings) -> Proposal:
    """Chooses the places by what they would yield."""
    site = base.site("new")
    let_in = {place.url: _let_in(place, site) for place in findings.places if place.works}
    feeds = _feeds(findings.places, let_in)
    sitemaps, left_out = _sitemaps(findings.places, let_in, bool(feeds))
    sections = _sections(findings.places, let_in)
    taken = {each.value for each in (*feeds, *sitemaps, *sections)}
    if not taken and left_out:
        sitemaps, left_out, taken = left_out[:1], left_out[1:], {left_out[0].value}
    notes = {each.value: each.why for each in left_out}
    yields = tuple(
        Yield(
            place,
            len(let_in.get(place.url, ())),
            _only_here(place.url, let_in),
            place.url in taken,
            notes.get(place.url, ""),
        )
        for place in findings.places
    )
    return Proposal(
        name=base.name, url=base.url, language=base.language, timezone=base.timezone, feeds=feeds, sitemaps=sitemaps,
        sections=sections, left_out=left_out, hosts=base.hosts, allow=base.allow, deny=base.deny,
        no_patterns=base.no_patterns, yields=yields,
    )  # fmt: skip


def _let_in(place: Probed, site: Site) -> frozenset[str]:
    return frozenset(url_key(link.url) for link in allowed(place, site))


def allowed(place: Probed, site: Site) -> tuple[Seen, ...]:
    """Links of a place that a Site would follow as stories."""
    return tuple(link for link in place.links if not site.decide(Link(link.url), place.kind).reason)


def _only_here(url: str, let_in: Mapping[str, frozenset[str]]) -> int:
    others = frozenset[str]().union(*(keys for other, keys in let_in.items() if other != url))
    return len(let_in.get(url, frozenset()) - others)


def _feeds(places: Iterable[Probed], let_in: Mapping[str, frozenset[str]]) -> tuple[Value, ...]:
    """The richest first; one that shows nothing beyond those before it is left out."""
    found = [place for place in places if place.kind is UrlKind.FEED and let_in.get(place.url)]
    found.sort(key=lambda place: -len(let_in[place.url]))
    taken, known = list[Value](), frozenset[str]()
    for place in found[:FEEDS]:
        if not let_in[place.url] <= known:
            taken.append(Value(place.url, f"{place.way}: {_said(place, let_in)}"))
            known |= let_in[place.url]
    return tuple(taken)


def _sitemaps(
    places: Sequence[Probed], let_in: Mapping[str, frozenset[str]], has_feeds: bool
) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
    """Those to take, and those that hold the whole past. A news sitemap speaks for its index."""
    found = [place for place in places if place.kind is UrlKind.SITEMAP and place.works]
    inner = [place for place in found if place.way is Way.INDEX and let_in.get(place.url)]
    per_child = max((place.total for place in inner), default=0)
    small, large = list[Value](), list[Value]()
    for place in found:
        if place.children:
            total = per_child * len(place.children)
            if not inner or place.way is Way.INDEX:
                continue
            value = Value(
                place.url,
                f"{place.way}: an index of {len(place.children)} sitemaps, up to {per_child} URLs each",
            )
            is_small = total <= HISTORY and len(place.children) <= CHILDREN
            (small if is_small else large).append(value)
        elif let_in.get(place.url) and place.way is not Way.INDEX:
            value = Value(place.url, f"{place.way}: {_said(place, let_in)}")
            (small if place.total <= HISTORY else large).append(value)
    news = [place for place in inner if place.is_news]
    if large and news:
        small += [
            Value(place.url, f"of an index: a news sitemap, {_said(place, let_in)}")
            for place in news[:1]
        ]
    if not small and not has_feeds and large:
        return (large[0],), tuple(large[1:])
    return tuple(small[:3]), tuple(large[:3])


def _sections(places: Sequence[Probed], let_in: Mapping[str, frozenset[str]]) -> tuple[Value, ...]:
    """The front page, then those of the menu, if they list stories."""
    found = [
        place
        for place in places
        if place.kind is UrlKind.SECTION and len(let_in.get(place.url, ())) >= FEWEST
    ]
    return tuple(
        Value(place.url, f"{place.way}: {_said(place, let_in)}") for place in found[:SECTIONS]
    )


def _said(place: Probed, let_in: Mapping[str, frozenset[str]]) -> str:
    stories = len(let_in.get(place.url, ()))
    seen = f"{stories} stories of {min(place.total, len(place.links))} links"
    if place.total > len(place.links):
        seen += f" looked at, {place.total} in all"
    return seen + (f", the newest of {place.newest:%Y-%m-%d}" if place.newest else "")
