"""Feeds, sitemaps and sections: gone, empty, or frozen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.monitoring.baseline import MIN_NIGHTS, baseline_nights
from pipeline.monitoring.issues import IssueKind
from pipeline.monitoring.night_stats import Night, SourceStats

HARD = frozenset(
    {
        "not_found",
        "unreadable",
        "not_html",
        "xml_doctype_refused",
        "too_large",
        "http_redirect",
        "off_site",
    }
)
REFUSING = frozenset({401, 403, 404, 410, 451})
WORKED = 0.8  # of the settled nights, from which a place that answers with such an error is missed at once
RARE = 1e-3  # chance of so many failures in a row, below which the others are
STILL = 2e-5  # chance of a place that shows nothing new, beside that of a night without new stories


@dataclass(frozen=True, slots=True)
class SourceIssue:
    """One place, what is wrong with it, and for how many nights."""

    kind: IssueKind
    source: SourceStats
    nights: int
    expected: float = 0.0


def source_issues(
    history: Sequence[Night], tonight: Night, chance_of_new: float
) -> Iterator[SourceIssue]:
    """What is wrong with the places of tonight."""
    for place in tonight.stats.sources:
        if place.outcome in ("deferred", "refused"):
            continue
        found = _gone(history, tonight, place) or _empty(history, tonight, place)
        found = found or _frozen(history, tonight, place, chance_of_new)
        if found:
            yield found


def _of(nights: Sequence[Night], url: str) -> list[SourceStats]:
    return [place for night in nights for place in night.stats.sources if place.url == url]


def _streak(history: Sequence[Night], url: str, outcome: str) -> int:
    """Nights in a row up to tonight that a place ended so, or in the same state of not working."""
    number = 1
    for place in reversed(_of(history, url)):
        if place.outcome != outcome and not (outcome == "failed" and not place.works):
            break
        number += 1
    return number


def _gone(history: Sequence[Night], tonight: Night, place: SourceStats) -> SourceIssue | None:
    if place.works:
        return None
    model = _of(baseline_nights(history, tonight, IssueKind.PLACE_GONE), place.url)
    fails = sum(not each.works for each in model)
    nights = _streak(history, place.url, "failed")
    if len(model) < MIN_NIGHTS:
        return None
    is_hard = place.reason in HARD or place.status in REFUSING
    if is_hard and fails <= (1 - WORKED) * len(model):
        return SourceIssue(IssueKind.PLACE_GONE, place, nights)
    chance = (fails + 0.5) / (len(model) + 1)
    return SourceIssue(IssueKind.PLACE_GONE, place, nights) if chance**nights < RARE else None


def _empty(history: Sequence[Night], tonight: Night, place: SourceStats) -> SourceIssue | None:
    """Read, and without any link, which it never was."""
    model = [
        each
        for each in _of(baseline_nights(history, tonight, IssueKind.PLACE_EMPTY), place.url)
        if each.links >= 0
    ]
    if place.links != 0 or len(model) < MIN_NIGHTS or min(each.links for each in model) < 1:
        return None
    return SourceIssue(
        IssueKind.PLACE_EMPTY, place, 1, sum(each.links for each in model) / len(model)
    )


def _frozen(
    history: Sequence[Night], tonight: Night, place: SourceStats, chance_of_new: float
) -> SourceIssue | None:
    """The same bytes for longer than ever."""
    if place.outcome != "unchanged" or tonight.stats.new:
        return None
    model = [
        each for each in _of(baseline_nights(history, tonight, IssueKind.PLACE_FROZEN), place.url) if each.works
    ]
    if len(model) < MIN_NIGHTS:
        return None
    still = sum(each.outcome == "unchanged" for each in model)
    chance = (still + 0.5) / (len(model) + 1)
    nights = _streak(history, place.url, "unchanged")
    # both are signs of the same, so the second is not believed without bounds
    if chance**nights * max(chance_of_new, RARE) < STILL:
        return SourceIssue(IssueKind.PLACE_FROZEN, place, nights)
    return None
