"""Made-up nights of made-up sites: healthy ones with the rhythms and accidents that real ones have, and ways to break them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pipeline.monitoring.night_stats import Night, NightStats, SourceStats

START = datetime(2026, 1, 5, 2, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Profile:
    """What a site is like."""

    name: str
    week: tuple[float, ...]  # new stories a day, Monday first
    spread: float = 12.0  # size of the negative binomial
    feed: int = 30  # links of its feed; 0: no feed
    sections: int = 3
    articles: float = 0.97
    with_date: float = 0.99
    with_author: float = 0.7
    words: float = 420.0
    removed: float = 6.0


PROFILES = (
    Profile("daily", (24, 26, 25, 25, 27, 12, 10)),
    Profile("agency", (180, 190, 190, 185, 180, 90, 80), feed=100, words=190, with_author=0.05),
    Profile("small", (6, 5, 6, 7, 6, 2, 1), spread=6, feed=20),
    Profile("weekly", (0.1, 14, 0.2, 0.1, 9, 0.1, 0.1), spread=8, feed=15, sections=2),
    Profile("bursts", (10, 10, 10, 10, 10, 10, 10), spread=1.5, feed=0, sections=5, articles=0.9),
    Profile(
        "tabloid",
        (60, 60, 62, 60, 64, 55, 50),
        articles=0.85,
        with_date=0.9,
        with_author=0.3,
        removed=15,
        feed=40,
    ),
)


def poisson(chance: random.Random, mean: float) -> int:
    if mean > 50:
        return max(0, round(chance.gauss(mean, mean**0.5)))
    number, product, limit = 0, chance.random(), 2.718281828459045**-mean
    while product > limit:
        number += 1
        product *= chance.random()
    return number


def binomial(chance: random.Random, n: int, share: float) -> int:
    """With a little more spread than plain chance has."""
    share = min(max(chance.gauss(share, 0.02), 0.0), 1.0)
    return sum(chance.random() < share for _ in range(n))


def healthy(chance: random.Random, site: Profile, day: int) -> NightStats:
    """A night without trouble; holidays, quiet news and a slow server are none."""
    at = START + timedelta(days=day)
    mean = site.week[at.weekday()] * chance.gammavariate(site.spread, 1 / site.spread)
    if chance.random() < 0.02:
        mean *= 0.4  # a holiday
    new = poisson(chance, mean)
    judged = new - (chance.random() < 0.05 and new > 0)
    articles = binomial(chance, judged, site.articles)
    asked = new + poisson(chance, 2 * mean)
    gone, failed = binomial(chance, asked, 0.01), binomial(chance, asked, 0.01)
    median_words = site.words * chance.lognormvariate(0, 0.7 / max(articles, 1) ** 0.5)
    places = list(_source_stats(chance, site, new))
    return NightStats(
        seen=asked + 20, known=20, requested=asked, new=new, changed=0, unchanged=asked - new, gone=gone, failed=failed,
        cleaned=judged, articles=articles, with_own_date=binomial(chance, articles, site.with_date), with_date=articles,
        with_author=binomial(chance, articles, site.with_author), in_new_layout=binomial(chance, articles, 0.01),
        median_words=round(median_words), removed_blocks=round(articles * site.removed * chance.lognormvariate(0, 0.2)),
        reasons={"too_short": judged - articles}, failures={"timeout": failed}, charsets={"utf-8": judged},
        sources=tuple(places),
    )  # fmt: skip


def _source_stats(chance: random.Random, site: Profile, new: int) -> Iterator[SourceStats]:
    if site.feed:
        if chance.random() < 0.004:
            yield SourceStats("https://x.example/feed", "feed", "failed", "timeout")
        elif not new:
            yield SourceStats("https://x.example/feed", "feed", "unchanged", "not_modified", 304)
        else:
            yield SourceStats("https://x.example/feed", "feed", "fetched", "", 200, site.feed)
    for number in range(site.sections):
        links = max(1, round(chance.gauss(40 + 5 * number, 3)))
        yield SourceStats(f"https://x.example/s{number}", "section", "fetched", "", 200, links)


def history(chance: random.Random, site: Profile, nights: int) -> list[Night]:
    return [night(site, day, healthy(chance, site, day)) for day in range(nights)]


def night(site: Profile, day: int, figures: NightStats) -> Night:
    late = timedelta(minutes=day * 7 % 11)
    return Night(day + 1, site.name, START + timedelta(days=day) + late, "finished", figures)


# Breakages: what they make of a healthy night; `age` is the number of nights since they began, from 1.

Break = Callable[[random.Random, NightStats, int], NightStats]


def _no_text(reason: str) -> Break:
    def broken(_: random.Random, figures: NightStats, __: int) -> NightStats:
        none = {
            "articles": 0,
            "with_own_date": 0,
            "with_date": 0,
            "with_author": 0,
            "in_new_layout": 0,
            "median_words": 0,
            "removed_blocks": 0,
        }
        return replace(figures, **none, reasons={reason: figures.cleaned})

    return broken


def _selector(_: random.Random, figures: NightStats, __: int) -> NightStats:
    """The layout has another markup, of which a part is still read."""
    return replace(
        figures,
        in_new_layout=figures.articles,
        with_author=0,
        median_words=figures.median_words * 2 // 3,
    )


def _bots(_: random.Random, figures: NightStats, __: int) -> NightStats:
    new = replace(
        figures,
        new=0,
        cleaned=0,
        articles=0,
        with_own_date=0,
        with_date=0,
        with_author=0,
        in_new_layout=0,
        median_words=0,
        removed_blocks=0,
        gone=0,
    )
    return replace(
        new,
        failed=figures.requested,
        turned_away=figures.requested,
        failures={"http_status": figures.requested},
        charsets={},
    )


def _feed(outcome: str, reason: str, status: int) -> Break:
    def broken(_: random.Random, figures: NightStats, __: int) -> NightStats:
        sources = tuple(
            replace(source, outcome=outcome, reason=reason, status=status, links=-1)
            if source.kind == "feed"
            else source
            for source in figures.sources
        )
        return replace(without_new_stories(figures), sources=sources)

    return broken


def without_new_stories(figures: NightStats) -> NightStats:
    none = {
        "new": 0,
        "cleaned": 0,
        "articles": 0,
        "with_own_date": 0,
        "with_date": 0,
        "with_author": 0,
        "in_new_layout": 0,
        "median_words": 0,
        "removed_blocks": 0,
    }
    return replace(figures, **none, requested=figures.unchanged, reasons={}, charsets={})


def _half(_: random.Random, figures: NightStats, __: int) -> NightStats:
    """Half of what the places showed is not there any more."""
    sources = tuple(
        replace(source, links=source.links // 2 if source.links > 0 else source.links)
        for source in figures.sources
    )
    halved = {
        name: getattr(figures, name) // 2
        for name in (
            "new",
            "cleaned",
            "articles",
            "with_own_date",
            "with_date",
            "with_author",
            "in_new_layout",
        )
    }
    return replace(
        figures,
        **halved,
        removed_blocks=figures.removed_blocks // 2,
        sources=sources,
        requested=figures.requested - figures.new // 2,
    )


def _dates(_: random.Random, figures: NightStats, __: int) -> NightStats:
    return replace(figures, with_own_date=0)


def _charset(_: random.Random, figures: NightStats, __: int) -> NightStats:
    return replace(
        figures, charsets={"windows-1251": figures.cleaned}, garbled=figures.articles * 9 // 10
    )


def _front(_: random.Random, figures: NightStats, __: int) -> NightStats:
    return replace(
        without_new_stories(figures),
        requested=figures.requested,
        redirected=figures.requested,
        unchanged=0,
    )


def _rot(chance: random.Random, figures: NightStats, age: int) -> NightStats:
    """Two of a hundred more are lost each night."""
    lost = sum(chance.random() < 0.02 * age for _ in range(figures.articles))
    share = (figures.articles - lost) / max(figures.articles, 1)
    kept = {
        name: round(getattr(figures, name) * share)
        for name in ("with_own_date", "with_date", "with_author", "removed_blocks", "in_new_layout")
    }
    return replace(
        figures,
        articles=figures.articles - lost,
        **kept,
        reasons={"no_text": figures.cleaned - figures.articles + lost},
    )


BREAKS: dict[
    str, tuple[Break, int]
] = {  # what happens, and the nights within which it has to be noticed
    "selector change": (_selector, 1),
    "empty body": (_no_text("no_text"), 1),
    "consent wall": (_no_text("consent_wall"), 1),
    "403 for bots": (_bots, 1),
    "feed frozen": (_feed("unchanged", "not_modified", 304), 1),
    "feed gone": (_feed("gone", "not_found", 404), 1),
    "half the stories lost": (_half, 1),
    "dates lost": (_dates, 1),
    "charset changed": (_charset, 1),
    "redirect to the front page": (_front, 1),
    "soft 404s": (_no_text("soft_404"), 1),
    "slow rot": (_rot, 10),
}
