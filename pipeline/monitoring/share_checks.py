"""Shares that fell or rose: of a night, and of a few nights together, so that what rots slowly is noticed, too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.monitoring import statistics
from pipeline.monitoring.baseline import baseline_nights
from pipeline.monitoring.issues import IssueKind
from pipeline.monitoring.night_stats import NightStats, Night

FEWEST = 30  # cases in the settled past
# nights together, by how much their share has to be off, and the chance below which that is no accident
SPANS = ((1, 0.15, 3e-6), (3, 0.12, 1e-6), (7, 0.06, 3e-5))
NOW = (
    0.05  # by how much tonight's own has to be off: where tonight is well, the days before are over
)
Count = Callable[[NightStats], int]


@dataclass(frozen=True, slots=True)
class ShareCheck:
    """`part` of `whole`, and in which direction it is bad."""

    kind: IssueKind
    count: Count
    total: Count
    is_bad_low: bool
    scale: float = 1.0  # times the distances below: what matters less, or goes up and down more, has to be off by more
    weight: float = 1.0  # times the chances below: what matters most is told sooner


@dataclass(frozen=True, slots=True)
class ShareDeviation:
    """A share that is off."""

    nights: int
    part: int
    whole: int
    expected: float


SHARE_CHECKS = (
    ShareCheck(IssueKind.FEW_ARTICLES, lambda f: f.articles, lambda f: f.cleaned, True, weight=6),
    ShareCheck(IssueKind.FEW_DATES, lambda f: f.with_own_date, lambda f: f.articles, True),
    ShareCheck(IssueKind.FEW_AUTHORS, lambda f: f.with_author, lambda f: f.articles, True, 1.5),
    ShareCheck(IssueKind.GARBLED, lambda f: f.garbled, lambda f: f.articles, False),
    ShareCheck(IssueKind.NEW_LAYOUT, lambda f: f.in_new_layout, lambda f: f.articles, False, 2.5),
    ShareCheck(IssueKind.TURNED_AWAY, lambda f: f.turned_away, lambda f: f.requested, False),
    ShareCheck(IssueKind.FAILURES, lambda f: f.failed - f.turned_away, lambda f: f.requested, False, 1.5),
    ShareCheck(IssueKind.STORIES_GONE, lambda f: f.gone, lambda f: f.requested, False, 1.5),
    ShareCheck(IssueKind.REDIRECTED, lambda f: f.redirected, lambda f: f.requested, False, 1.5),
)


def check_share(share: ShareCheck, history: Sequence[Night], tonight: Night) -> ShareDeviation | None:
    """How this share is off tonight, if it is."""
    model = [
        (share.count(night.stats), share.total(night.stats))
        for night in baseline_nights(history, tonight, share.kind)
    ]
    model = [pair for pair in model if pair[1]]
    if sum(whole for _, whole in model) < FEWEST:
        return None
    usual, spread = statistics.share_spread(model)
    part, whole = share.count(tonight.stats), share.total(tonight.stats)
    if not whole:
        return None
    if not _is_bad(share, part / whole, usual, NOW):
        return None
    for nights, distance, rare in SPANS:
        parts, wholes = _together(share, history, tonight, nights)
        if (
            _is_bad(share, parts / wholes, usual, distance * share.scale)
            and _chance(share, parts, wholes, usual, spread / nights) < rare * share.weight
        ):
            return ShareDeviation(nights, parts, wholes, usual)
    return None


def _is_bad(share: ShareCheck, value: float, usual: float, distance: float) -> bool:
    return (usual - value if share.is_bad_low else value - usual) >= distance


def _chance(share: ShareCheck, part: int, whole: int, usual: float, spread: float) -> float:
    tail = statistics.share_at_most if share.is_bad_low else statistics.share_at_least
    return tail(part, whole, usual, spread)


def _together(
    share: ShareCheck, history: Sequence[Night], tonight: Night, nights: int
) -> tuple[int, int]:
    """Of tonight and the nights before it."""
    some = [*history[len(history) - nights + 1 :], tonight] if nights > 1 else [tonight]
    return sum(share.count(each.stats) for each in some), sum(
        share.total(each.stats) for each in some
    )
