"""Shares that fell or rose: of a night, and of a few nights together, so that what rots slowly is noticed, too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.monitoring import statistics
from pipeline.monitoring.baseline import past
from pipeline.monitoring.issues import Trouble
from pipeline.monitoring.night_stats import Figures, Night

FEWEST = 30  # cases in the settled past
# nights together, by how much their share has to be off, and the chance below which that is no accident
SPANS = ((1, 0.15, 3e-6), (3, 0.12, 1e-6), (7, 0.06, 3e-5))
NOW = (
    0.05  # by how much tonight's own has to be off: where tonight is well, the days before are over
)
Count = Callable[[Figures], int]


@dataclass(frozen=True, slots=True)
class Share:
    """`part` of `whole`, and in which direction it is bad."""

    kind: Trouble
    part: Count
    whole: Count
    is_bad_low: bool
    scale: float = 1.0  # times the distances below: what matters less, or goes up and down more, has to be off by more
    weight: float = 1.0  # times the chances below: what matters most is told sooner


@dataclass(frozen=True, slots=True)
class Off:
    """A share that is off."""

    nights: int
    part: int
    whole: int
    usual: float


SHARES = (
    Share(Trouble.FEW_ARTICLES, lambda f: f.articles, lambda f: f.judged, True, weight=6),
    Share(Trouble.FEW_DATES, lambda f: f.dated, lambda f: f.articles, True),
    Share(Trouble.FEW_AUTHORS, lambda f: f.signed, lambda f: f.articles, True, 1.5),
    Share(Trouble.GARBLED, lambda f: f.garbled, lambda f: f.articles, False),
    Share(Trouble.NEW_LAYOUT, lambda f: f.unplaced, lambda f: f.articles, False, 2.5),
    Share(Trouble.TURNED_AWAY, lambda f: f.turned_away, lambda f: f.asked, False),
    Share(Trouble.FAILURES, lambda f: f.failed - f.turned_away, lambda f: f.asked, False, 1.5),
    Share(Trouble.STORIES_GONE, lambda f: f.gone, lambda f: f.asked, False, 1.5),
    Share(Trouble.REDIRECTED, lambda f: f.redirected, lambda f: f.asked, False, 1.5),
)


def off(share: Share, history: Sequence[Night], tonight: Night) -> Off | None:
    """How this share is off tonight, if it is."""
    model = [
        (share.part(night.figures), share.whole(night.figures))
        for night in past(history, tonight, share.kind)
    ]
    model = [pair for pair in model if pair[1]]
    if sum(whole for _, whole in model) < FEWEST:
        return None
    usual, spread = statistics.share_spread(model)
    part, whole = share.part(tonight.figures), share.whole(tonight.figures)
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
            return Off(nights, parts, wholes, usual)
    return None


def _is_bad(share: Share, value: float, usual: float, distance: float) -> bool:
    return (usual - value if share.is_bad_low else value - usual) >= distance


def _chance(share: Share, part: int, whole: int, usual: float, spread: float) -> float:
    tail = statistics.at_most if share.is_bad_low else statistics.at_least
    return tail(part, whole, usual, spread)


def _together(
    share: Share, history: Sequence[Night], tonight: Night, nights: int
) -> tuple[int, int]:
    """Of tonight and the nights before it."""
    some = [*history[len(history) - nights + 1 :], tonight] if nights > 1 else [tonight]
    return sum(share.part(each.figures) for each in some), sum(
        share.whole(each.figures) for each in some
    )
