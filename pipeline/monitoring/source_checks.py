"""Sources, which are feeds, sitemaps and sections, that are gone, empty or frozen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.monitoring.baseline import MIN_NIGHTS, baseline_nights
from pipeline.monitoring.issues import IssueKind
from pipeline.monitoring.night_stats import Night, SourceStats

NO_LINKS = "no_links"  # the reason of a source with entries of which none links to a page
PERMANENT_REASONS = frozenset(
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
PERMANENT_STATUSES = frozenset({401, 403, 404, 410, 451})
MIN_WORKING_SHARE = 0.8  # of the baseline; such a source is reported at once for these errors
MAX_FAILURE_CHANCE = 1e-3  # for other errors: the chance of so many failures in a row
MAX_FROZEN_CHANCE = 2e-5  # the chance that a source and the whole site show nothing new


@dataclass(frozen=True, slots=True)
class SourceIssue:
    """What is wrong with one source, and for how many nights."""

    kind: IssueKind
    source: SourceStats
    nights: int
    expected: float = 0.0  # links that are usual
    is_learnt: bool = True  # by a comparison with the past


def source_issues(
    history: Sequence[Night], tonight: Night, probability_of_new: float
) -> Iterator[SourceIssue]:
    """Iterate over what is wrong with the sources of tonight.

    Args:
        history: The nights before, oldest first.
        tonight: The night that is evaluated.
        probability_of_new: How likely it is that tonight has so few new stories.
    """
    for source in tonight.stats.sources:
        if source.outcome in ("deferred", "refused"):
            continue
        issue = (
            _without_links(source)
            or _gone(history, tonight, source)
            or _empty(history, tonight, source)
            or _frozen(history, tonight, source, probability_of_new)
        )
        if issue:
            yield issue


def _past_of(nights: Sequence[Night], url: str) -> list[SourceStats]:
    past: list[SourceStats] = []
    for night in nights:
        past += [source for source in night.stats.sources if source.url == url]
    return past


def _nights_in_a_row(history: Sequence[Night], url: str, outcome: str) -> int:
    """How many nights in a row, up to tonight, the source had this outcome.

    For "failed", each outcome of a source that does not work counts.
    """
    nights = 1
    for source in reversed(_past_of(history, url)):
        is_same = source.outcome == outcome or (outcome == "failed" and not source.works)
        if not is_same:
            break
        nights += 1
    return nights


def _without_links(source: SourceStats) -> SourceIssue | None:
    """The source has entries, and none of them links to a page. This needs no past."""
    if source.reason != NO_LINKS:
        return None
    return SourceIssue(IssueKind.SOURCE_EMPTY, source, 1, is_learnt=False)


def _gone(history: Sequence[Night], tonight: Night, source: SourceStats) -> SourceIssue | None:
    if source.works:
        return None
    past = _past_of(baseline_nights(history, tonight, IssueKind.SOURCE_GONE), source.url)
    nights = _nights_in_a_row(history, source.url, "failed")
    is_permanent = source.reason in PERMANENT_REASONS or source.status in PERMANENT_STATUSES
    if len(past) < MIN_NIGHTS:
        # An index may list a sitemap that is gone, and a section may end. A feed is in the file.
        if is_permanent and source.kind == "feed":
            return SourceIssue(IssueKind.SOURCE_GONE, source, nights, is_learnt=False)
        return None
    failures = sum(not past_source.works for past_source in past)
    if is_permanent and failures <= (1 - MIN_WORKING_SHARE) * len(past):
        return SourceIssue(IssueKind.SOURCE_GONE, source, nights)
    chance = (failures + 0.5) / (len(past) + 1)
    if chance**nights < MAX_FAILURE_CHANCE:
        return SourceIssue(IssueKind.SOURCE_GONE, source, nights)
    return None


def _empty(history: Sequence[Night], tonight: Night, source: SourceStats) -> SourceIssue | None:
    """The source was read and has no link, which never happened before."""
    past = _past_of(baseline_nights(history, tonight, IssueKind.SOURCE_EMPTY), source.url)
    links = [past_source.links for past_source in past if past_source.links >= 0]
    if source.links != 0 or len(links) < MIN_NIGHTS or min(links) < 1:
        return None
    return SourceIssue(IssueKind.SOURCE_EMPTY, source, 1, sum(links) / len(links))


def _frozen(
    history: Sequence[Night], tonight: Night, source: SourceStats, probability_of_new: float
) -> SourceIssue | None:
    """The source has had the same bytes for longer than ever."""
    if source.outcome != "unchanged" or tonight.stats.new:
        return None
    past = _past_of(baseline_nights(history, tonight, IssueKind.SOURCE_FROZEN), source.url)
    working = [past_source for past_source in past if past_source.works]
    if len(working) < MIN_NIGHTS:
        return None
    unchanged = sum(past_source.outcome == "unchanged" for past_source in working)
    chance = (unchanged + 0.5) / (len(working) + 1)
    nights = _nights_in_a_row(history, source.url, "unchanged")
    # both are signs of the same thing, so the second one counts only up to a bound
    if chance**nights * max(probability_of_new, MAX_FAILURE_CHANCE) < MAX_FROZEN_CHANCE:
        return SourceIssue(IssueKind.SOURCE_FROZEN, source, nights)
    return None
