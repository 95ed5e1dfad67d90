"""The past nights with which a night is compared.

The baseline lags behind, so that a slow decline cannot become normal. A night with an open issue is
no baseline for this kind of issue. A crawl by hand, minutes after another, is none for new stories.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from statistics import median

from pipeline.monitoring.issues import IssueKind
from pipeline.monitoring.night_stats import Night

LAG = timedelta(days=14)
MIN_LAGGED_NIGHTS = 14  # with fewer nights before the lag, only the last few nights are left out
RECENT_NIGHTS = 3
MIN_NIGHTS = 7  # a comparison needs so many nights
MAX_NIGHTS = 90
RUSHED_GAP = 0.5  # of the usual time between two nights
DAILY_GAP_HOURS = 20  # nights that are usually further apart are compared by weekday
DEFAULT_GAP_HOURS = 24.0


def baseline_nights(
    history: Sequence[Night], tonight: Night, *kinds: IssueKind
) -> tuple[Night, ...]:
    """Return the nights with which to compare tonight, oldest first.

    Args:
        history: The nights before, oldest first.
        tonight: The night that is evaluated.
        kinds: The kinds of issues that the comparison is about.

    Returns:
        The nights, or () if there are too few of them.
    """
    nights: list[Night] = []
    for night in history:
        if night.is_complete and night.issue_kinds.isdisjoint(kinds):
            nights.append(night)
    older = [night for night in nights if tonight.started_at - night.started_at >= LAG]
    if len(older) < MIN_LAGGED_NIGHTS:
        older = nights
        if len(nights) >= MIN_NIGHTS + RECENT_NIGHTS:
            older = nights[:-RECENT_NIGHTS]
    if len(older) < MIN_NIGHTS:
        return ()
    return tuple(older[-MAX_NIGHTS:])


def hours_between(nights: Sequence[Night]) -> list[float]:
    """Return the hours between each night and the one before. The first gets the median."""
    gaps: list[float] = []
    for earlier, later in pairwise(nights):
        gaps.append((later.started_at - earlier.started_at).total_seconds() / 3600)
    usual = median(gaps) if gaps else DEFAULT_GAP_HOURS
    return [usual, *gaps]


def exclude_rushed(nights: Sequence[Night]) -> list[Night]:
    """Return the nights without those that came soon after another.

    These had no time to find as much as usual.
    """
    gaps = hours_between(nights)
    usual = median(gaps)
    return [night for night, gap in zip(nights, gaps, strict=True) if gap >= RUSHED_GAP * usual]


def rhythm_slot(night: Night, usual_gap: float) -> int:
    """Return what nights of the same rhythm share.

    It is the weekday, or the hour if there are several nights a day.

    Args:
        usual_gap: The usual number of hours between two nights.
    """
    if usual_gap > DAILY_GAP_HOURS:
        return night.started_at.weekday()
    return 100 + night.started_at.hour
