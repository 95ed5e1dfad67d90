"""Amounts that fell or rose: links, new stories, the length of texts, and what is struck of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import median

from pipeline.monitoring import statistics
from pipeline.monitoring.baseline import MIN_NIGHTS, hours_between, baseline_nights, rhythm_slot, exclude_rushed
from pipeline.monitoring.issues import IssueKind
from pipeline.monitoring.night_stats import Night

RARE = 5e-7  # chance below which so few new stories are no accident
NONE = 1e-4  # the same for none at all, on a site that always had some
FAR = 6.0  # deviations; nights have heavier tails than the normal distribution
FLOOR = 0.07  # the least deviation that is believed, in logarithms
SHRUNK = 1.0  # nights of the whole week that the mean of a weekday is mixed with
WIDE = 0.5  # the deviation of the median of one article, as it were
LEAST = 4  # links, or blocks of an article
TWO_WEEKS = 14  # nights from which a rhythm is believed
OWN_DAYS = 4  # nights of one weekday, from which a Site is compared by weekday
SPANS = (
    (1, 0.2),
    (3, 0.4),
    (7, 0.6),
)  # nights together, and what is left of their usual number: a holiday is a day
HALF = 0.65  # of what is usual: less than that is worth a word
MIN_ARTICLES = 4  # articles of a night from which its median says something


@dataclass(frozen=True, slots=True)
class CountDeviation:
    """What was found, and what is usual; for so many nights."""

    actual: float
    expected: float
    nights: int = 1


def check_links(history: Sequence[Night], tonight: Night) -> CountDeviation | None:
    """Links that all places together show. Most places show the same number every night: half is noticed at once."""
    found = tonight.stats.links
    model = [
        night for night in baseline_nights(history, tonight, IssueKind.FEW_LINKS) if night.stats.links >= 0
    ]
    if found < 0 or len(model) < MIN_NIGHTS:
        return None
    usual_of = _by_day([(night, log(night.stats.links + 1)) for night in model])
    rest = [log(night.stats.links + 1) - usual_of(night) for night in model]
    usual, distance = exp(usual_of(tonight)) - 1, usual_of(tonight) - log(found + 1)
    lowest = usual * exp(min(rest))
    is_low = found < HALF * usual and found < 0.85 * lowest and usual - found >= LEAST
    return (
        CountDeviation(found, usual)
        if is_low and distance > FAR * max(statistics.scaled_mad(rest), FLOOR)
        else None
    )


def check_new_stories(history: Sequence[Night], tonight: Night) -> CountDeviation | None:
    """New stories, by the rhythm of the week; of tonight and of some nights together, since many sites have quiet days."""
    rhythm = _rhythm(history, tonight)
    if rhythm is None or tonight.stats.new >= HALF * rhythm.mean(tonight):
        return None
    for span, left in SPANS:
        some = rhythm.nights[-span:]
        found, usual = sum(night.stats.new for night in some), sum(map(rhythm.mean, some))
        is_low = found < left * usual and found < rhythm.lowest(span)
        if is_low and statistics.count_at_most(found, usual, rhythm.size * len(some)) < (
            RARE if found else NONE
        ):
            return CountDeviation(found, usual, len(some))
    return None


def probability_of_new(history: Sequence[Night], tonight: Night) -> float:
    """How likely so few new stories are tonight; 1 where nothing can be said."""
    rhythm = _rhythm(history, tonight)
    return (
        statistics.count_at_most(tonight.stats.new, rhythm.mean(tonight), rhythm.size)
        if rhythm
        else 1.0
    )


def check_text_length(history: Sequence[Night], tonight: Night) -> CountDeviation | None:
    """The median length of texts, shorter or longer than it was."""
    return _middle(
        history,
        tonight,
        (IssueKind.SHORT_TEXTS, IssueKind.LONG_TEXTS),
        lambda night: night.stats.median_words,
        0.6,
    )


def check_removed_blocks(history: Sequence[Night], tonight: Night) -> CountDeviation | None:
    """Blocks struck of an article, more or fewer than they were."""
    found = _middle(history, tonight, (IssueKind.MORE_STRUCK, IssueKind.LESS_STRUCK), _struck, 0.4)
    return found if found and abs(found.actual - found.expected) >= LEAST else None


def _struck(night: Night) -> float:
    return night.stats.removed_blocks / night.stats.articles


@dataclass(frozen=True, slots=True)
class _Rhythm:
    """How many new stories a Site has, by what nights have in common."""

    nights: Sequence[Night]  # that had their time, tonight the last
    counts: Sequence[int]  # of the model, in the order of time
    mean: Callable[[Night], float]
    size: float

    def lowest(self, span: int) -> int:
        """The fewest that so many nights in a row ever had."""
        sums = [
            sum(self.counts[start : start + span]) for start in range(len(self.counts) - span + 1)
        ]
        return min(sums, default=0)


def _rhythm(history: Sequence[Night], tonight: Night) -> _Rhythm | None:
    every = exclude_rushed([*history, tonight])
    hurried = {night.run for night in history} - {night.run for night in every}
    model = [
        night for night in baseline_nights(history, tonight, IssueKind.FEW_STORIES) if night.run not in hurried
    ]
    if every[-1].run != tonight.run or len(model) < TWO_WEEKS:
        return None
    usual = median(hours_between(model))
    whole = statistics.mean([night.stats.new for night in model])
    days: dict[int, list[int]] = defaultdict(list)
    for night in model:
        days[rhythm_slot(night, usual)].append(night.stats.new)

    def mean(night: Night) -> float:
        """Of its weekday, and the less nights there are of it, the more of the whole week."""
        own = days.get(rhythm_slot(night, usual), [])
        return (sum(own) + SHRUNK * whole) / (len(own) + SHRUNK)

    counts = [night.stats.new for night in model]
    return _Rhythm(
        every, counts, mean, statistics.dispersion(counts, [mean(night) for night in model])
    )


def _middle(
    history: Sequence[Night],
    tonight: Night,
    kinds: tuple[IssueKind, ...],
    value: Callable[[Night], float],
    ratio: float,
) -> CountDeviation | None:
    """An amount per article, compared in logarithms; `ratio` is the least factor, either way, that is worth a word."""
    model = [
        night for night in baseline_nights(history, tonight, *kinds) if night.stats.articles >= MIN_ARTICLES
    ]
    if len(model) < MIN_NIGHTS or tonight.stats.articles < MIN_ARTICLES:
        return None
    values = [log(value(night) + 1) for night in model]
    usual, found = median(values), log(value(tonight) + 1)
    # a night of few articles has another median for that alone
    spread = max(statistics.scaled_mad(values), FLOOR, WIDE / tonight.stats.articles**0.5)
    if abs(found - usual) > FAR * spread and abs(found - usual) > -log(ratio):
        return CountDeviation(exp(found) - 1, exp(usual) - 1)
    return None


def _by_day(values: Sequence[tuple[Night, float]]) -> Callable[[Night], float]:
    """The median of a night's own weekday, where there are enough, else of all."""
    usual = median(hours_between([night for night, _ in values]))
    days: dict[int, list[float]] = defaultdict(list)
    for night, value in values:
        days[rhythm_slot(night, usual)].append(value)
    whole = median(value for _, value in values)
    medians = {day: median(own) for day, own in days.items() if len(own) >= OWN_DAYS}
    return lambda night: medians.get(rhythm_slot(night, usual), whole)
