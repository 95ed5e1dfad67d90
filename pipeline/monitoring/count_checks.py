"""Counts that fell or rose: links, new stories, the length of texts, removed blocks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import median

from pipeline.monitoring import statistics
from pipeline.monitoring.baseline import (
    MIN_NIGHTS,
    baseline_nights,
    exclude_rushed,
    hours_between,
    rhythm_slot,
)
from pipeline.monitoring.issues import IssueKind
from pipeline.monitoring.night_stats import Night

MAX_CHANCE = 5e-7  # below this chance so few new stories are no accident
MAX_CHANCE_OF_NONE = 1e-4  # the same for none at all, on a site that always had some
MIN_DEVIATIONS = 6.0  # many, because nights have heavier tails than the normal distribution
MIN_DEVIATION = 0.07  # the smallest deviation that is believed, in logarithms
WEEK_WEIGHT = 1.0  # the mean of a weekday is mixed with so many nights of the whole week
ARTICLE_DEVIATION = 0.5  # of the length of a single article, in logarithms
MIN_DIFFERENCE = 4  # links, or blocks of an article
MIN_RHYTHM_NIGHTS = 14  # a rhythm is believed from so many nights on
MIN_SLOT_NIGHTS = 4  # a site is compared by weekday if that has so many nights
MAX_SHARE = 0.65  # of the usual number; more than that is no issue
MAX_SHARE_OF_LOWEST = 0.85
MIN_ARTICLES = 4  # the median of a night with fewer articles says nothing
LENGTH_RATIO = 0.6
REMOVED_RATIO = 0.4


@dataclass(frozen=True, slots=True)
class _CountSpan:
    """Some nights together, and the share of their usual number that is left in a bad time.

    One night can be a holiday.
    """

    nights: int
    share: float


SPANS = (_CountSpan(1, 0.2), _CountSpan(3, 0.4), _CountSpan(7, 0.6))


@dataclass(frozen=True, slots=True)
class CountDeviation:
    """What was counted in some nights, and what is usual."""

    actual: float
    expected: float
    nights: int = 1


@dataclass(frozen=True, slots=True)
class _Rhythm:
    """How many new stories a site has, by what its nights have in common.

    Attributes:
        nights: Nights that were not rushed, tonight last.
        counts: New stories of the baseline nights, by time.
        expected: Returns the usual number of new stories of a night.
        size: The dispersion of the counts.
    """

    nights: Sequence[Night]
    counts: Sequence[int]
    expected: Callable[[Night], float]
    size: float

    def lowest(self, span: int) -> int:
        """Return the fewest new stories that so many nights in a row ever had."""
        sums: list[int] = []
        for start in range(len(self.counts) - span + 1):
            sums.append(sum(self.counts[start : start + span]))
        return min(sums, default=0)


@dataclass(frozen=True, slots=True)
class _SlotMeans:
    """The usual number of new stories of each slot.

    The fewer nights a slot has, the more it is mixed with the mean of all nights.
    """

    usual_gap: float
    mean: float
    counts: Mapping[int, Sequence[int]]

    def expected(self, night: Night) -> float:
        counts = self.counts.get(rhythm_slot(night, self.usual_gap), ())
        return (sum(counts) + WEEK_WEIGHT * self.mean) / (len(counts) + WEEK_WEIGHT)


@dataclass(frozen=True, slots=True)
class _SlotMedians:
    """The median of each slot that has enough nights, and of all nights."""

    usual_gap: float
    median: float
    medians: Mapping[int, float]

    def expected(self, night: Night) -> float:
        return self.medians.get(rhythm_slot(night, self.usual_gap), self.median)


def check_links(history: Sequence[Night], tonight: Night) -> CountDeviation | None:
    """Check the links that all sources together list.

    Most sources list the same number each night, so half of them is noticed at once.
    """
    actual = tonight.stats.links
    nights: list[Night] = []
    for night in baseline_nights(history, tonight, IssueKind.FEW_LINKS):
        if night.stats.links >= 0:
            nights.append(night)
    if actual < 0 or len(nights) < MIN_NIGHTS:
        return None
    values = [log(night.stats.links + 1) for night in nights]
    medians = _slot_medians(nights, values)
    residuals: list[float] = []
    for night, value in zip(nights, values, strict=True):
        residuals.append(value - medians.expected(night))
    expected_log = medians.expected(tonight)
    expected = exp(expected_log) - 1
    lowest = expected * exp(min(residuals))
    if actual >= MAX_SHARE * expected or actual >= MAX_SHARE_OF_LOWEST * lowest:
        return None
    if expected - actual < MIN_DIFFERENCE:
        return None
    deviation = max(statistics.scaled_mad(residuals), MIN_DEVIATION)
    if expected_log - log(actual + 1) <= MIN_DEVIATIONS * deviation:
        return None
    return CountDeviation(actual, expected)


def check_new_stories(history: Sequence[Night], tonight: Night) -> CountDeviation | None:
    """Check the new stories by the rhythm of the week.

    Several nights are also checked together, since many sites have quiet days.
    """
    rhythm = _rhythm(history, tonight)
    if rhythm is None or tonight.stats.new >= MAX_SHARE * rhythm.expected(tonight):
        return None
    for span in SPANS:
        nights = rhythm.nights[-span.nights :]
        actual = sum(night.stats.new for night in nights)
        expected = sum(map(rhythm.expected, nights))
        if actual >= span.share * expected or actual >= rhythm.lowest(span.nights):
            continue
        chance = statistics.count_at_most(actual, expected, rhythm.size * len(nights))
        if chance < (MAX_CHANCE if actual else MAX_CHANCE_OF_NONE):
            return CountDeviation(actual, expected, len(nights))
    return None


def probability_of_new(history: Sequence[Night], tonight: Night) -> float:
    """Return how likely it is that tonight has so few new stories; 1 if nothing can be said."""
    rhythm = _rhythm(history, tonight)
    if rhythm is None:
        return 1.0
    expected = rhythm.expected(tonight)
    return statistics.count_at_most(tonight.stats.new, expected, rhythm.size)


def check_text_length(history: Sequence[Night], tonight: Night) -> CountDeviation | None:
    """Check the median length of texts, which may be shorter or longer than before."""
    kinds = (IssueKind.SHORT_TEXTS, IssueKind.LONG_TEXTS)
    return _check_per_article(
        history, tonight, kinds, lambda night: night.stats.median_words, LENGTH_RATIO
    )


def check_removed_blocks(history: Sequence[Night], tonight: Night) -> CountDeviation | None:
    """Check the blocks that are removed from an article, more or fewer than before."""
    kinds = (IssueKind.MORE_REMOVED, IssueKind.LESS_REMOVED)
    deviation = _check_per_article(history, tonight, kinds, _removed_per_article, REMOVED_RATIO)
    if deviation is None or abs(deviation.actual - deviation.expected) < MIN_DIFFERENCE:
        return None
    return deviation


def _removed_per_article(night: Night) -> float:
    return night.stats.removed_blocks / night.stats.articles


def _rhythm(history: Sequence[Night], tonight: Night) -> _Rhythm | None:
    unrushed = exclude_rushed([*history, tonight])
    unrushed_runs = {night.run for night in unrushed}
    rushed_runs = {night.run for night in history} - unrushed_runs
    past: list[Night] = []
    for night in baseline_nights(history, tonight, IssueKind.FEW_STORIES):
        if night.run not in rushed_runs:
            past.append(night)
    if unrushed[-1].run != tonight.run or len(past) < MIN_RHYTHM_NIGHTS:
        return None
    counts = [night.stats.new for night in past]
    usual_gap = median(hours_between(past))
    counts_by_slot: dict[int, list[int]] = defaultdict(list)
    for night in past:
        counts_by_slot[rhythm_slot(night, usual_gap)].append(night.stats.new)
    means = _SlotMeans(usual_gap, statistics.mean(counts), counts_by_slot)
    size = statistics.dispersion(counts, list(map(means.expected, past)))
    return _Rhythm(unrushed, counts, means.expected, size)


def _check_per_article(
    history: Sequence[Night],
    tonight: Night,
    kinds: tuple[IssueKind, ...],
    value_of: Callable[[Night], float],
    ratio: float,
) -> CountDeviation | None:
    """Compare a number per article in logarithms.

    Args:
        ratio: The smallest factor, in either direction, that is an issue.
    """
    values: list[float] = []
    for night in baseline_nights(history, tonight, *kinds):
        if night.stats.articles >= MIN_ARTICLES:
            values.append(log(value_of(night) + 1))
    if len(values) < MIN_NIGHTS or tonight.stats.articles < MIN_ARTICLES:
        return None
    expected = median(values)
    actual = log(value_of(tonight) + 1)
    # a night of few articles has another median for that reason alone
    sampling_deviation = ARTICLE_DEVIATION / tonight.stats.articles**0.5
    deviation = max(statistics.scaled_mad(values), MIN_DEVIATION, sampling_deviation)
    distance = abs(actual - expected)
    if distance <= MIN_DEVIATIONS * deviation or distance <= -log(ratio):
        return None
    return CountDeviation(exp(actual) - 1, exp(expected) - 1)


def _slot_medians(nights: Sequence[Night], values: Sequence[float]) -> _SlotMedians:
    usual_gap = median(hours_between(nights))
    values_by_slot: dict[int, list[float]] = defaultdict(list)
    for night, value in zip(nights, values, strict=True):
        values_by_slot[rhythm_slot(night, usual_gap)].append(value)
    medians: dict[int, float] = {}
    for slot, slot_values in values_by_slot.items():
        if len(slot_values) >= MIN_SLOT_NIGHTS:
            medians[slot] = median(slot_values)
    return _SlotMedians(usual_gap, median(values), medians)
