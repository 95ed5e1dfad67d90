"""Invented nights of invented sites.

Healthy nights have the rhythms and accidents of real ones. BREAKS has the ways to break them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pipeline.monitoring.night_stats import Night, NightStats, SourceStats

START = datetime(2026, 1, 5, 2, 30, tzinfo=UTC)
MAX_EXACT_MEAN = 50  # larger means get a normal approximation
SHARE_SPREAD = 0.02
FEED_URL = "https://x.example/feed"
# What is 0 in a night without new stories.
NEW_STORY_FIELDS = (
    "new",
    "cleaned",
    "articles",
    "with_own_date",
    "with_date",
    "with_author",
    "in_new_layout",
    "median_words",
    "removed_blocks",
)
ARTICLE_FIELDS = NEW_STORY_FIELDS[2:]


@dataclass(frozen=True)
class Profile:
    """What a site is like.

    Attributes:
        name: The name of the profile.
        week: New stories of each day on average, Monday first.
        spread: The size parameter of the negative binomial distribution of new stories.
        feed: Links of its feed; 0 for no feed.
        sections: Number of sections.
        articles: Share of new stories that become articles.
        with_date: Share of articles with a date from their own page.
        with_author: Share of articles with an author.
        words: Median length of articles.
        removed: Removed blocks of each article.
    """

    name: str
    week: tuple[float, ...]
    spread: float = 12.0
    feed: int = 30
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


def poisson(generator: random.Random, mean: float) -> int:
    """Return a random number of a Poisson distribution."""
    if mean > MAX_EXACT_MEAN:
        return max(0, round(generator.gauss(mean, mean**0.5)))
    number, product, limit = 0, generator.random(), 2.718281828459045**-mean
    while product > limit:
        number += 1
        product *= generator.random()
    return number


def binomial(generator: random.Random, number: int, share: float) -> int:
    """Return a random number of a binomial distribution with a little more spread."""
    share = min(max(generator.gauss(share, SHARE_SPREAD), 0.0), 1.0)
    return sum(generator.random() < share for _ in range(number))


def healthy(generator: random.Random, site: Profile, day: int) -> NightStats:
    """Return a night without issues; holidays, few news and a slow server are none.

    Args:
        generator: The source of random numbers.
        site: The profile of the site.
        day: The number of the day, from 0.
    """
    weekday = (START + timedelta(days=day)).weekday()
    mean = site.week[weekday] * generator.gammavariate(site.spread, 1 / site.spread)
    if generator.random() < 0.02:
        mean *= 0.4  # a holiday
    new = poisson(generator, mean)
    cleaned = new - (generator.random() < 0.05 and new > 0)
    articles = binomial(generator, cleaned, site.articles)
    requested = new + poisson(generator, 2 * mean)
    gone = binomial(generator, requested, 0.01)
    failed = binomial(generator, requested, 0.01)
    median_words = site.words * generator.lognormvariate(0, 0.7 / max(articles, 1) ** 0.5)
    # The order of the calls is part of the seeded histories.
    sources = tuple(_source_stats(generator, site, new))
    return NightStats(
        seen=requested + 20,
        known=20,
        requested=requested,
        new=new,
        changed=0,
        unchanged=requested - new,
        gone=gone,
        failed=failed,
        cleaned=cleaned,
        articles=articles,
        with_own_date=binomial(generator, articles, site.with_date),
        with_date=articles,
        with_author=binomial(generator, articles, site.with_author),
        in_new_layout=binomial(generator, articles, 0.01),
        median_words=round(median_words),
        removed_blocks=round(articles * site.removed * generator.lognormvariate(0, 0.2)),
        reasons={"too_short": cleaned - articles},
        failures={"timeout": failed},
        charsets={"utf-8": cleaned},
        sources=sources,
    )


def _source_stats(generator: random.Random, site: Profile, new: int) -> Iterator[SourceStats]:
    if site.feed:
        if generator.random() < 0.004:
            yield SourceStats(FEED_URL, "feed", "failed", "timeout")
        elif not new:
            yield SourceStats(FEED_URL, "feed", "unchanged", "not_modified", 304)
        else:
            yield SourceStats(FEED_URL, "feed", "fetched", "", 200, site.feed)
    for number in range(site.sections):
        links = max(1, round(generator.gauss(40 + 5 * number, 3)))
        yield SourceStats(f"https://x.example/s{number}", "section", "fetched", "", 200, links)


def history(generator: random.Random, site: Profile, nights: int) -> list[Night]:
    """Return healthy nights from the first day on."""
    return [night(site, day, healthy(generator, site, day)) for day in range(nights)]


def night(site: Profile, day: int, stats: NightStats) -> Night:
    """Return the night of a day with its numbers."""
    delay = timedelta(minutes=day * 7 % 11)
    return Night(day + 1, site.name, START + timedelta(days=day) + delay, "finished", stats)


# Makes a broken night of a healthy one. The last argument is the number of nights since the
# breakage began, from 1.
Break = Callable[[random.Random, NightStats, int], NightStats]


def _no_text(reason: str) -> Break:
    def apply(_: random.Random, stats: NightStats, __: int) -> NightStats:
        return replace(stats, **_zeros(ARTICLE_FIELDS), reasons={reason: stats.cleaned})

    return apply


def _changed_layout(_: random.Random, stats: NightStats, __: int) -> NightStats:
    """The layout has other markup, of which only a part is extracted."""
    return replace(
        stats,
        in_new_layout=stats.articles,
        with_author=0,
        median_words=stats.median_words * 2 // 3,
    )


def _blocked(_: random.Random, stats: NightStats, __: int) -> NightStats:
    return replace(
        stats,
        **_zeros(NEW_STORY_FIELDS),
        gone=0,
        failed=stats.requested,
        turned_away=stats.requested,
        failures={"http_status": stats.requested},
        charsets={},
    )


def _broken_feed(outcome: str, reason: str, status: int) -> Break:
    def apply(_: random.Random, stats: NightStats, __: int) -> NightStats:
        sources = []
        for source in stats.sources:
            if source.kind == "feed":
                source = replace(source, outcome=outcome, reason=reason, status=status, links=-1)
            sources.append(source)
        return replace(without_new_stories(stats), sources=tuple(sources))

    return apply


def without_new_stories(stats: NightStats) -> NightStats:
    """Return the night without its new stories."""
    return replace(
        stats, **_zeros(NEW_STORY_FIELDS), requested=stats.unchanged, reasons={}, charsets={}
    )


def _half_lost(_: random.Random, stats: NightStats, __: int) -> NightStats:
    """Sources list only half of their links."""
    sources = []
    for source in stats.sources:
        links = source.links // 2 if source.links > 0 else source.links
        sources.append(replace(source, links=links))
    halves = {}
    for name in NEW_STORY_FIELDS:
        if name != "median_words":
            halves[name] = getattr(stats, name) // 2
    requested = stats.requested - stats.new // 2
    return replace(stats, **halves, sources=tuple(sources), requested=requested)


def _no_dates(_: random.Random, stats: NightStats, __: int) -> NightStats:
    return replace(stats, with_own_date=0)


def _wrong_charset(_: random.Random, stats: NightStats, __: int) -> NightStats:
    garbled = stats.articles * 9 // 10
    return replace(stats, charsets={"windows-1251": stats.cleaned}, garbled=garbled)


def _redirected(_: random.Random, stats: NightStats, __: int) -> NightStats:
    return replace(
        without_new_stories(stats),
        requested=stats.requested,
        redirected=stats.requested,
        unchanged=0,
    )


def _slow_rot(generator: random.Random, stats: NightStats, age: int) -> NightStats:
    """Each night, two more articles of a hundred are lost."""
    lost = sum(generator.random() < 0.02 * age for _ in range(stats.articles))
    share = (stats.articles - lost) / max(stats.articles, 1)
    rest = {}
    for name in ("with_own_date", "with_date", "with_author", "removed_blocks", "in_new_layout"):
        rest[name] = round(getattr(stats, name) * share)
    reasons = {"no_text": stats.cleaned - stats.articles + lost}
    return replace(stats, articles=stats.articles - lost, **rest, reasons=reasons)


def _zeros(names: tuple[str, ...]) -> dict[str, int]:
    return dict.fromkeys(names, 0)


# Each breakage, and the number of nights within which it has to be noticed.
BREAKS: dict[str, tuple[Break, int]] = {
    "selector change": (_changed_layout, 1),
    "empty body": (_no_text("no_text"), 1),
    "consent wall": (_no_text("consent_wall"), 1),
    "403 for bots": (_blocked, 1),
    "feed frozen": (_broken_feed("unchanged", "not_modified", 304), 1),
    "feed gone": (_broken_feed("gone", "not_found", 404), 1),
    "half the stories lost": (_half_lost, 1),
    "dates lost": (_no_dates, 1),
    "charset changed": (_wrong_charset, 1),
    "redirect to the front page": (_redirected, 1),
    "soft 404s": (_no_text("soft_404"), 1),
    "slow rot": (_slow_rot, 10),
}
