"""The settled past that a night is compared with.

Promises that the model of a Site lags behind, so that slow rot cannot become what is usual; that a night with an open Finding
is no model for what it was accused of; and that a crawl by hand, minutes after the night, is none for how much is new.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from statistics import median

from pipeline.monitoring.issues import IssueKind
from pipeline.monitoring.night_stats import Night

LAG = timedelta(days=14)
MIN_LAGGED_NIGHTS = 14  # nights before the lag that make it worth while; a younger Site is compared with all but its last few
RECENT_NIGHTS = 3
MIN_NIGHTS = 7  # nights that a comparison takes
MAX_NIGHTS = 90  # nights
RUSHED_GAP = 0.5  # of the usual time between two nights


def baseline_nights(history: Sequence[Night], tonight: Night, *kinds: IssueKind) -> tuple[Night, ...]:
    """The nights that are a model for tonight, oldest first; () while there are too few."""
    nights = [each for each in history if each.is_complete and each.issue_kinds.isdisjoint(kinds)]
    older = [each for each in nights if tonight.started_at - each.started_at >= LAG]
    if len(older) < MIN_LAGGED_NIGHTS:
        older = nights[:-RECENT_NIGHTS] if len(nights) >= MIN_NIGHTS + RECENT_NIGHTS else nights
    return tuple(older[-MAX_NIGHTS:]) if len(older) >= MIN_NIGHTS else ()


def hours_between(nights: Sequence[Night]) -> list[float]:
    """Hours between each night and the one before; the first has the usual number."""
    between = [
        (later.started_at - earlier.started_at).total_seconds() / 3600
        for earlier, later in pairwise(nights)
    ]
    return [median(between) if between else 24.0, *between]


def exclude_rushed(nights: Sequence[Night]) -> list[Night]:
    """Without those that came soon after another: they had no time to find as much as usual."""
    between = hours_between(nights)
    usual = median(between) if between else 24.0
    return [night for night, gap in zip(nights, between, strict=True) if gap >= RUSHED_GAP * usual]


def rhythm_slot(night: Night, usual_gap: float) -> int:
    """What a night shares with others of its rhythm: the weekday, or the hour where there are several a day."""
    return night.started_at.weekday() if usual_gap > 20 else 100 + night.started_at.hour
