"""A known site's file against what a new probe found: what is broken, what has changed, what is new.

Promises one sentence for each difference, the gravest first, and none for a site that is as its file says. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pipeline.config.site import Site, bare_host
from pipeline.core.models import Link, Outcome, Reason, UrlKind
from pipeline.core.urls import canonical, host_of, url_key
from pipeline.onboarding.proposal import Judged, allowed, propose
from pipeline.onboarding.rejections import unreachable
from pipeline.process_messages import Findings, Probed, Way, domain_of

SILENT: Final = timedelta(days=30)  # without a new story
FEW: Final = 0.5  # share of a feed's own links that `allow` should let in at the least


class Grade(StrEnum):
    """How grave a difference is."""

    BROKEN = "broken"
    CHANGED = "changed"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Notice:
    """One difference. `key` is the key of the file that it is about."""

    grade: Grade
    key: str
    sentence: str


def compare(
    site: Site, findings: Findings, judged: Sequence[Judged], now: datetime
) -> tuple[Notice, ...]:
    """All differences."""
    found = [*_front(site, findings), *_places(site, findings, now), *_samples(site, judged)]
    found += [*_patterns(site, findings, judged), *_language(site, judged), *_new(site, findings)]
    order = list(Grade)
    return tuple(sorted(found, key=lambda notice: order.index(notice.grade)))


def _front(site: Site, findings: Findings) -> Iterator[Notice]:
    front = findings.front
    if front.outcome is not Outcome.FETCHED:
        yield Notice(Grade.BROKEN, "url", f"{site.url}: {unreachable(front)}")
    elif bare_host(host_of(front.url)) != bare_host(host_of(site.url)):
        yield Notice(
            Grade.CHANGED,
            "url",
            f"{site.url} now leads to {front.url}; if it has moved, change url and the places",
        )
    elif canonical(front.url).rstrip("/") != canonical(site.url).rstrip("/"):
        yield Notice(Grade.CHANGED, "url", f"{site.url} now leads to {front.url}")


def _places(site: Site, findings: Findings, now: datetime) -> Iterator[Notice]:
    asked = {url_key(place.url): place for place in findings.places}
    for mine in site.places:
        place = asked.get(url_key(mine.url))
        key = f"{mine.kind}s"
        if place is None:
            why = findings.ended or "since the site gave no answer"
            yield Notice(Grade.CHANGED, key, f"{mine.url}: was not asked: the probe ended {why}")
        elif not place.works:
            yield Notice(Grade.BROKEN, key, f"{mine.url}: {said(place)}")
        else:
            yield from _yield(site, place, key, now)


def said(place: Probed) -> str:
    """What became of a place that does not work."""
    return (
        place.detail or str(place.reason).replace("_", " ") or f"the server answered {place.status}"
    )


def _yield(site: Site, place: Probed, key: str, now: datetime) -> Iterator[Notice]:
    if place.children:
        return
    if not place.links:
        yield Notice(Grade.BROKEN, key, f"{place.url}: answers well and shows no links")
    elif not (fit := allowed(place, site)):
        yield Notice(
            Grade.BROKEN,
            key,
            f"{place.url}: none of its {len(place.links)} links is a story by allow, deny and hosts",
        )
    elif place.kind is UrlKind.FEED and len(fit) < FEW * len(place.links):
        yield Notice(
            Grade.CHANGED,
            key,
            f"{place.url}: only {len(fit)} of its {len(place.links)} links are stories by allow",
        )
    if place.newest and place.kind is UrlKind.FEED and now - place.newest > SILENT:
        yield Notice(
            Grade.CHANGED, key, f"{place.url}: its newest story is of {place.newest:%Y-%m-%d}"
        )


def _samples(site: Site, judged: Sequence[Judged]) -> Iterator[Notice]:
    cleaned = [each for each in judged if each.extraction is not None]
    stories = sum(each.is_story for each in cleaned)
    shells = sum(
        each.extraction.reason is Reason.SCRIPT_SHELL for each in cleaned if each.extraction
    )
    if 2 * shells > len(cleaned) and not site.render:
        told = f"{shells} of {len(cleaned)} sampled pages are built by scripts; set render = true"
        yield Notice(Grade.BROKEN, "render", told)
    elif cleaned and not stories:
        yield Notice(
            Grade.BROKEN,
            "cleaning",
            f"none of {len(cleaned)} sampled pages has the text of a story",
        )
    elif stories < 0.5 * len(cleaned):
        yield Notice(
            Grade.CHANGED,
            "cleaning",
            f"only {stories} of {len(cleaned)} sampled pages have the text of a story",
        )
    if judged and not cleaned:
        yield Notice(
            Grade.BROKEN,
            "url",
            f"none of {len(judged)} sampled pages could be had: {judged[0].sample.detail}",
        )


def _patterns(site: Site, findings: Findings, judged: Sequence[Judged]) -> Iterator[Notice]:
    """Sampled stories that the file would not let in, with the patterns that would."""
    if not site.allow:
        return
    stories = [each for each in judged if each.is_story]
    shut_out = [
        each for each in stories if site.decide(Link(each.sample.url), each.sample.found_on).reason
    ]
    if len(shut_out) <= 0.1 * len(stories):
        return
    proposal = propose(findings, judged, site.name)
    wish = ", ".join(f"'{each.value}'" for each in proposal.allow) if proposal else ""
    told = f"{len(shut_out)} of {len(stories)} sampled stories are not let in, as {shut_out[0].sample.url}"
    yield Notice(Grade.CHANGED, "allow", told + (f"; these patterns would: {wish}" if wish else ""))


def _language(site: Site, judged: Sequence[Judged]) -> Iterator[Notice]:
    told = [
        each.extraction.metadata.language for each in judged if each.is_story and each.extraction
    ]
    if site.language and told and site.language not in told:
        most = max(set(told), key=told.count)
        yield Notice(
            Grade.CHANGED,
            "language",
            f"the samples are in '{most}', the file says '{site.language}'",
        )


def _new(site: Site, findings: Findings) -> Iterator[Notice]:
    """Feeds and sitemaps that the file does not name and that show stories which its places do not."""
    mine = {url_key(place.url) for place in site.places}
    shown = {
        url_key(link.url)
        for place in findings.places
        if url_key(place.url) in mine
        for link in allowed(place, site)
    }
    under = {
        child for place in findings.places if url_key(place.url) in mine for child in place.children
    }
    for place in findings.places:
        if (
            url_key(place.url) in mine
            or place.kind is UrlKind.SECTION
            or not place.works
            or place.url in under
        ):
            continue
        more = {url_key(link.url) for link in allowed(place, site)} - shown
        if more and place.way is not Way.INDEX and domain_of(place.url):
            sentence = (
                f"{place.url} ({place.way}) shows {len(more)} stories that the file's places do not"
            )
            yield Notice(Grade.NEW, f"{place.kind}s", sentence)
