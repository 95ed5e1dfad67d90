"""Shares that fell or rose, in one night and in several together, to see a slow decline, too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.monitoring import statistics
from pipeline.monitoring.baseline import baseline_nights
from pipeline.monitoring.issues import IssueKind
from pipeline.monitoring.night_stats import Night, NightStats

MIN_CASES = 30  # in the baseline
MIN_DISTANCE_TONIGHT = 0.05  # if tonight is well, the bad days before are over

CountOf = Callable[[NightStats], int]


@dataclass(frozen=True, slots=True)
class _ShareSpan:
    """Some nights together.

    Attributes:
        nights: How many.
        distance: How far their share must be off.
        chance: The chance below which that is no accident.
    """

    nights: int
    distance: float
    chance: float


SPANS = (_ShareSpan(1, 0.15, 3e-6), _ShareSpan(3, 0.12, 1e-6), _ShareSpan(7, 0.06, 3e-5))


@dataclass(frozen=True, slots=True)
class ShareCheck:
    """A share of which a change in one direction is an issue.

    Attributes:
        kind: The kind of the issue.
        count: Returns the part.
        total: Returns the whole.
        is_bad_low: Whether a low share is bad. Otherwise a high one is.
        distance_factor: Multiplies the distances of the spans, for shares that matter less or vary
            more.
        chance_factor: Multiplies the chances of the spans, for shares that matter most.
    """

    kind: IssueKind
    count: CountOf
    total: CountOf
    is_bad_low: bool
    distance_factor: float = 1.0
    chance_factor: float = 1.0


@dataclass(frozen=True, slots=True)
class ShareDeviation:
    """A share that is off in some nights together."""

    nights: int
    part: int
    whole: int
    expected: float


SHARE_CHECKS = (
    ShareCheck(
        IssueKind.FEW_ARTICLES,
        lambda stats: stats.articles,
        lambda stats: stats.cleaned,
        True,
        chance_factor=6,
    ),
    ShareCheck(
        IssueKind.FEW_DATES,
        lambda stats: stats.with_own_date,
        lambda stats: stats.articles,
        True,
    ),
    ShareCheck(
        IssueKind.FEW_AUTHORS,
        lambda stats: stats.with_author,
        lambda stats: stats.articles,
        True,
        1.5,
    ),
    ShareCheck(
        IssueKind.GARBLED,
        lambda stats: stats.garbled,
        lambda stats: stats.articles,
        False,
    ),
    ShareCheck(
        IssueKind.NEW_LAYOUT,
        lambda stats: stats.in_new_layout,
        lambda stats: stats.articles,
        False,
        2.5,
    ),
    ShareCheck(
        IssueKind.TURNED_AWAY,
        lambda stats: stats.turned_away,
        lambda stats: stats.requested,
        False,
    ),
    ShareCheck(
        IssueKind.FAILURES,
        lambda stats: stats.failed - stats.turned_away,
        lambda stats: stats.requested,
        False,
        1.5,
    ),
    ShareCheck(
        IssueKind.STORIES_GONE,
        lambda stats: stats.gone,
        lambda stats: stats.requested,
        False,
        1.5,
    ),
    ShareCheck(
        IssueKind.REDIRECTED,
        lambda stats: stats.redirected,
        lambda stats: stats.requested,
        False,
        1.5,
    ),
)


def is_learnt(check: ShareCheck, history: Sequence[Night], tonight: Night) -> bool:
    """Return whether the past of the site says which share is usual."""
    cases = sum(check.total(night.stats) for night in baseline_nights(history, tonight, check.kind))
    return cases >= MIN_CASES


def check_share(
    check: ShareCheck, history: Sequence[Night], tonight: Night
) -> ShareDeviation | None:
    """Return how the share is off tonight, or None if it is not, or if too little is known."""
    past: list[tuple[int, int]] = []
    cases = 0
    for night in baseline_nights(history, tonight, check.kind):
        total = check.total(night.stats)
        if total:
            past.append((check.count(night.stats), total))
            cases += total
    if cases < MIN_CASES:
        return None
    expected, spread = statistics.share_spread(past)
    part, whole = check.count(tonight.stats), check.total(tonight.stats)
    if not whole or not _is_bad(check, part / whole, expected, MIN_DISTANCE_TONIGHT):
        return None
    for span in SPANS:
        part, whole = _sum_nights(check, history, tonight, span.nights)
        if not _is_bad(check, part / whole, expected, span.distance * check.distance_factor):
            continue
        chance = _chance(check, part, whole, expected, spread / span.nights)
        if chance < span.chance * check.chance_factor:
            return ShareDeviation(span.nights, part, whole, expected)
    return None


def _is_bad(check: ShareCheck, share: float, expected: float, distance: float) -> bool:
    difference = expected - share if check.is_bad_low else share - expected
    return difference >= distance


def _chance(check: ShareCheck, part: int, whole: int, expected: float, spread: float) -> float:
    if check.is_bad_low:
        return statistics.share_at_most(part, whole, expected, spread)
    return statistics.share_at_least(part, whole, expected, spread)


def _sum_nights(
    check: ShareCheck, history: Sequence[Night], tonight: Night, count: int
) -> tuple[int, int]:
    """Part and whole of tonight and the nights before it, `count` in all."""
    nights = [tonight]
    if count > 1:
        nights = [*history[len(history) - count + 1 :], tonight]
    part, whole = 0, 0
    for night in nights:
        part += check.count(night.stats)
        whole += check.total(night.stats)
    return part, whole
