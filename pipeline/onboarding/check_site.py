"""A known site's file against what a new probe found: what is broken, what has changed, what is new.

Promises one sentence for each difference, the gravest first, and none for a site that is as its file says. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pipeline.config.site import Site, without_www
from pipeline.core.models import Link, Outcome, Reason, UrlKind
from pipeline.core.urls import canonicalize, host_of, url_key
from pipeline.onboarding.proposal import CleanedSample, allowed_links, propose_site
from pipeline.onboarding.rejections import unreachable_message
from pipeline.process_messages import DiscoveryMethod, ProbedSource, ProbeResult, parent_domain

STALE_AFTER: Final = timedelta(days=30)  # without a new story
MIN_ALLOWED_SHARE: Final = (
    0.5  # share of a feed's own links that `allow` should let in at the least
)


class Severity(StrEnum):
    """How grave a difference is."""

    BROKEN = "broken"
    CHANGED = "changed"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class SiteDifference:
    """One difference. `key` is the key of the file that it is about."""

    severity: Severity
    key: str
    sentence: str


def compare_with_probe(
    site: Site, findings: ProbeResult, judged: Sequence[CleanedSample], now: datetime
) -> tuple[SiteDifference, ...]:
    """All differences."""
    found = [*_front(site, findings), *_places(site, findings, now), *_samples(site, judged)]
    found += [*_patterns(site, findings, judged), *_language(site, judged), *_new(site, findings)]
    order = list(Severity)
    return tuple(sorted(found, key=lambda notice: order.index(notice.severity)))


def _front(site: Site, findings: ProbeResult) -> Iterator[SiteDifference]:
    front = findings.front
    if front.outcome is not Outcome.FETCHED:
        yield SiteDifference(Severity.BROKEN, "url", f"{site.url}: {unreachable_message(front)}")
    elif without_www(host_of(front.url)) != without_www(host_of(site.url)):
        yield SiteDifference(
            Severity.CHANGED,
            "url",
            f"{site.url} now leads to {front.url}; if it has moved, change url and the places",
        )
    elif canonicalize(front.url).rstrip("/") != canonicalize(site.url).rstrip("/"):
        yield SiteDifference(Severity.CHANGED, "url", f"{site.url} now leads to {front.url}")


def _places(site: Site, findings: ProbeResult, now: datetime) -> Iterator[SiteDifference]:
    asked = {url_key(place.url): place for place in findings.sources}
    for mine in site.sources:
        place = asked.get(url_key(mine.url))
        key = f"{mine.kind}s"
        if place is None:
            why = findings.stop_reason or "since the site gave no answer"
            yield SiteDifference(
                Severity.CHANGED, key, f"{mine.url}: was not asked: the probe ended {why}"
            )
        elif not place.works:
            yield SiteDifference(Severity.BROKEN, key, f"{mine.url}: {failure_text(place)}")
        else:
            yield from _yield(site, place, key, now)


def failure_text(place: ProbedSource) -> str:
    """What became of a place that does not work."""
    return (
        place.detail or str(place.reason).replace("_", " ") or f"the server answered {place.status}"
    )


def _yield(site: Site, place: ProbedSource, key: str, now: datetime) -> Iterator[SiteDifference]:
    if place.children:
        return
    if not place.links:
        yield SiteDifference(Severity.BROKEN, key, f"{place.url}: answers well and shows no links")
    elif not (fit := allowed_links(place, site)):
        yield SiteDifference(
            Severity.BROKEN,
            key,
            f"{place.url}: none of its {len(place.links)} links is a story by allow, deny and hosts",
        )
    elif place.kind is UrlKind.FEED and len(fit) < MIN_ALLOWED_SHARE * len(place.links):
        yield SiteDifference(
            Severity.CHANGED,
            key,
            f"{place.url}: only {len(fit)} of its {len(place.links)} links are stories by allow",
        )
    if place.newest and place.kind is UrlKind.FEED and now - place.newest > STALE_AFTER:
        yield SiteDifference(
            Severity.CHANGED, key, f"{place.url}: its newest story is of {place.newest:%Y-%m-%d}"
        )


def _samples(site: Site, judged: Sequence[CleanedSample]) -> Iterator[SiteDifference]:
    cleaned = [each for each in judged if each.result is not None]
    stories = sum(each.is_story for each in cleaned)
    shells = sum(each.result.reason is Reason.SCRIPT_SHELL for each in cleaned if each.result)
    if 2 * shells > len(cleaned) and not site.render:
        told = f"{shells} of {len(cleaned)} sampled pages are built by scripts; set render = true"
        yield SiteDifference(Severity.BROKEN, "render", told)
    elif cleaned and not stories:
        yield SiteDifference(
            Severity.BROKEN,
            "cleaning",
            f"none of {len(cleaned)} sampled pages has the text of a story",
        )
    elif stories < 0.5 * len(cleaned):
        yield SiteDifference(
            Severity.CHANGED,
            "cleaning",
            f"only {stories} of {len(cleaned)} sampled pages have the text of a story",
        )
    if judged and not cleaned:
        yield SiteDifference(
            Severity.BROKEN,
            "url",
            f"none of {len(judged)} sampled pages could be had: {judged[0].sample.detail}",
        )


def _patterns(
    site: Site, findings: ProbeResult, judged: Sequence[CleanedSample]
) -> Iterator[SiteDifference]:
    """Sampled stories that the file would not let in, with the patterns that would."""
    if not site.allow:
        return
    stories = [each for each in judged if each.is_story]
    shut_out = [
        each for each in stories if site.decide(Link(each.sample.url), each.sample.found_on).reason
    ]
    if len(shut_out) <= 0.1 * len(stories):
        return
    proposal = propose_site(findings, judged, site.name)
    wish = ", ".join(f"'{each.value}'" for each in proposal.allow) if proposal else ""
    told = f"{len(shut_out)} of {len(stories)} sampled stories are not let in, as {shut_out[0].sample.url}"
    yield SiteDifference(
        Severity.CHANGED, "allow", told + (f"; these patterns would: {wish}" if wish else "")
    )


def _language(site: Site, judged: Sequence[CleanedSample]) -> Iterator[SiteDifference]:
    told = [each.result.metadata.language for each in judged if each.is_story and each.result]
    if site.language and told and site.language not in told:
        most = max(set(told), key=told.count)
        yield SiteDifference(
            Severity.CHANGED,
            "language",
            f"the samples are in '{most}', the file says '{site.language}'",
        )


def _new(site: Site, findings: ProbeResult) -> Iterator[SiteDifference]:
    """Feeds and sitemaps that the file does not name and that show stories which its places do not."""
    mine = {url_key(place.url) for place in site.sources}
    shown = {
        url_key(link.url)
        for place in findings.sources
        if url_key(place.url) in mine
        for link in allowed_links(place, site)
    }
    under = {
        child
        for place in findings.sources
        if url_key(place.url) in mine
        for child in place.children
    }
    for place in findings.sources:
        if (
            url_key(place.url) in mine
            or place.kind is UrlKind.SECTION
            or not place.works
            or place.url in under
        ):
            continue
        more = {url_key(link.url) for link in allowed_links(place, site)} - shown
        if more and place.discovered_by is not DiscoveryMethod.INDEX and parent_domain(place.url):
            sentence = f"{place.url} ({place.discovered_by}) shows {len(more)} stories that the file's places do not"
            yield SiteDifference(Severity.NEW, f"{place.kind}s", sentence)
