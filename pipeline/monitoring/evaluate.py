"""Compare one night of a site with its past ones: what differs, the evidence and a likely cause.

What follows from another issue is not reported beside it: if the site is down, nobody needs to hear
that there were no new stories.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.monitoring import count_checks, share_checks, source_checks
from pipeline.monitoring.absolute_checks import absolute_issues
from pipeline.monitoring.baseline import baseline_nights
from pipeline.monitoring.count_checks import CountDeviation
from pipeline.monitoring.issue_texts import CAUSE_BY_REASON, cause_of_reason, share_issue
from pipeline.monitoring.issues import Issue, IssueKind
from pipeline.monitoring.night_stats import Night, SourceStats
from pipeline.monitoring.source_checks import NO_LINKS, SourceIssue

REFUSING_STATUSES = frozenset({401, 403, 429, 451})
MIN_STORIES_TONIGHT = 3  # with a known charset
MIN_STORIES_BEFORE = 30
USUAL_CHARSET_SHARE = 0.8  # "nearly all stories"
RARE_CHARSET_SHARE = 0.02
# issues that follow from another one
CONSEQUENCES = {
    IssueKind.SITE_DOWN: set(IssueKind) - {IssueKind.SITE_DOWN, IssueKind.LEDGER_WRONG},
    IssueKind.NIGHT_FAILED: set(IssueKind)
    - {IssueKind.NIGHT_FAILED, IssueKind.LEDGER_WRONG, IssueKind.SITE_DOWN},
    IssueKind.SOURCE_GONE: {IssueKind.FEW_LINKS, IssueKind.FEW_STORIES},
    IssueKind.SOURCE_EMPTY: {IssueKind.FEW_LINKS, IssueKind.FEW_STORIES},
    IssueKind.SOURCE_FROZEN: {IssueKind.FEW_STORIES},
    IssueKind.FEW_LINKS: {IssueKind.FEW_STORIES},
    IssueKind.ALL_REFUSED: {IssueKind.FEW_STORIES},
    IssueKind.TURNED_AWAY: {IssueKind.FEW_STORIES},
    IssueKind.FAILURES: {IssueKind.FEW_STORIES},
    IssueKind.STORIES_GONE: {IssueKind.FEW_STORIES},
    IssueKind.REDIRECTED: {IssueKind.FEW_STORIES},
    IssueKind.FEW_ARTICLES: {
        IssueKind.NEW_LAYOUT,
        IssueKind.SHORT_TEXTS,
        IssueKind.LONG_TEXTS,
    },
    IssueKind.GARBLED: {IssueKind.NEW_CHARSET},
}


@dataclass(frozen=True, slots=True)
class NightEvaluation:
    """The issues of a night, serious ones first, and the kinds that it says nothing about."""

    issues: tuple[Issue, ...]
    undecided: frozenset[IssueKind]


def evaluate_night(
    history: Sequence[Night],
    tonight: Night,
    accepted: Mapping[tuple[str, str], datetime] | None = None,
) -> NightEvaluation:
    """Find what differs tonight, and what is wrong whatever the past was like.

    Args:
        history: The nights before, oldest first.
        tonight: The night to evaluate.
        accepted: When a person accepted an issue as normal, by its kind and subject.
    """
    issues = [
        *_check_crawl(tonight),
        *_check_sources(history, tonight),
        *_check_counts(history, tonight),
        *_check_shares(history, tonight),
        *_check_charset(history, tonight),
        *absolute_issues(history, tonight),
    ]
    issues = _without_accepted(_without_repeats(issues), tonight, accepted or {})
    hidden: set[IssueKind] = set()
    for issue in issues:
        hidden |= CONSEQUENCES.get(issue.kind, set())
    shown = [issue for issue in issues if issue.kind not in hidden]
    shown.sort(key=lambda issue: not issue.is_serious)
    return NightEvaluation(tuple(shown), frozenset(hidden | _undecided(tonight)))


def _without_repeats(issues: Sequence[Issue]) -> list[Issue]:
    """The first issue of each kind and subject: two rules may see the same."""
    first: dict[tuple[str, str], Issue] = {}
    for issue in issues:
        first.setdefault((issue.kind, issue.subject), issue)
    return list(first.values())


def _without_accepted(
    issues: Sequence[Issue], tonight: Night, accepted: Mapping[tuple[str, str], datetime]
) -> list[Issue]:
    """The issues that nobody accepted. A comparison learns; an absolute rule has to be told."""
    remaining: list[Issue] = []
    for issue in issues:
        at = accepted.get((issue.kind, issue.subject))
        if at is None or (issue.is_learnt and at < tonight.started_at):
            remaining.append(issue)
    return remaining


def _undecided(tonight: Night) -> set[IssueKind]:
    """Kinds of issues that a night without such cases says nothing about."""
    stats = tonight.stats
    kinds = {IssueKind.NO_NIGHT, IssueKind.LEDGER_WRONG}
    for check in share_checks.SHARE_CHECKS:
        if not check.total(stats):
            kinds.add(check.kind)
    if stats.articles < count_checks.MIN_ARTICLES:
        kinds |= {IssueKind.SHORT_TEXTS, IssueKind.LONG_TEXTS}
        kinds |= {IssueKind.MORE_REMOVED, IssueKind.LESS_REMOVED}
    if not stats.articles:
        kinds.add(IssueKind.FEW_ARTICLES)
    if not stats.with_date:
        kinds.add(IssueKind.FEW_DATES)
    if not stats.charsets:
        kinds.add(IssueKind.NEW_CHARSET)
    if stats.links < 0:
        kinds |= {IssueKind.FEW_LINKS, IssueKind.TRAPS, IssueKind.ALL_REFUSED}
    return kinds


def _check_crawl(tonight: Night) -> Iterator[Issue]:
    """Whether the site was down, or else whether the crawl failed."""
    failed: list[SourceStats] = []
    for source in tonight.stats.sources:
        if not source.works and source.reason != NO_LINKS:
            failed.append(source)
    if failed and len(failed) == len(tonight.stats.sources):
        reason = Counter(source.reason for source in failed).most_common(1)[0][0]
        statuses = sorted({source.status for source in failed if source.status})
        if len(failed) == 1:
            sentence = "its source could not be fetched"
        else:
            sentence = f"none of its {len(failed)} sources could be fetched"
        if statuses:
            sentence += f" (HTTP {', '.join(map(str, statuses))})"
        cause = cause_of_reason(reason)
        if REFUSING_STATUSES & set(statuses):
            cause = "the site turns us away"
        command = f"nightdesk runs {tonight.run} --outcome failed"
        yield Issue(IssueKind.SITE_DOWN, sentence, cause, command)
    elif tonight.status in ("failed", "interrupted"):
        sentence = f"the crawl ended {tonight.status}: {tonight.detail or 'no reason is known'}"
        cause = ""
        if tonight.status == "interrupted":
            cause = "the process was killed, or the machine went down"
        yield Issue(IssueKind.NIGHT_FAILED, sentence, cause, f"nightdesk crawl {tonight.site}")


def _check_sources(history: Sequence[Night], tonight: Night) -> Iterator[Issue]:
    probability = count_checks.probability_of_new(history, tonight)
    for source_issue in source_checks.source_issues(history, tonight, probability):
        source = source_issue.source
        sentence, cause = _describe_source_issue(source_issue)
        evidence = {
            "nights": float(source_issue.nights),
            "status": float(source.status),
            "links": float(source.links),
        }
        command = f"nightdesk check {tonight.site}"
        yield Issue(
            source_issue.kind,
            sentence,
            cause,
            command,
            evidence,
            source.url,
            is_learnt=source_issue.is_learnt,
        )


def _describe_source_issue(issue: SourceIssue) -> tuple[str, str]:
    """The sentence and the cause."""
    source = issue.source
    name = f"the {source.kind} {source.url}"
    duration = f" for {issue.nights} nights" if issue.nights > 1 else ""
    if issue.kind is IssueKind.SOURCE_GONE:
        reason = source.reason.replace("_", " ")
        if source.status:
            sentence = f"{name} cannot be fetched{duration} ({reason}, HTTP {source.status})"
            return sentence, "it was moved or removed"
        sentence = f"{name} cannot be fetched{duration} ({reason})"
        return sentence, CAUSE_BY_REASON.get(source.reason, "")
    if source.reason == NO_LINKS:
        return f"{name} has entries, and none of them links to a page", "its format is unusual"
    if issue.kind is IssueKind.SOURCE_EMPTY:
        sentence = f"{name} has no link; about {issue.expected:.0f} were usual"
        return sentence, "it was emptied, or the layout of the page has changed"
    sentence = f"{name} has been the same{duration or ' since the night before'}"
    return f"{sentence}, and nothing is new", "it is no longer updated"


def _check_counts(history: Sequence[Night], tonight: Night) -> Iterator[Issue]:
    if deviation := count_checks.check_links(history, tonight):
        yield _links_issue(tonight, deviation)
    if deviation := count_checks.check_new_stories(history, tonight):
        yield _stories_issue(tonight, deviation)
    if deviation := count_checks.check_text_length(history, tonight):
        yield _length_issue(tonight, deviation)
    if deviation := count_checks.check_removed_blocks(history, tonight):
        yield _removed_issue(tonight, deviation)


def _links_issue(tonight: Night, deviation: CountDeviation) -> Issue:
    return Issue(
        IssueKind.FEW_LINKS,
        f"{deviation.actual:.0f} links; {deviation.expected:.0f} were usual",
        "a list was shortened, or its layout has changed so that links are not found",
        f"nightdesk check {tonight.site}",
        _count_evidence(deviation),
    )


def _stories_issue(tonight: Night, deviation: CountDeviation) -> Issue:
    duration = f" in {deviation.nights} nights" if deviation.nights > 1 else ""
    stories = f"{deviation.actual:.0f} new stories{duration}"
    return Issue(
        IssueKind.FEW_STORIES,
        f"{stories}; about {deviation.expected:.0f} were usual",
        "stories are missed, or the site publishes less",
        f"nightdesk check {tonight.site}",
        _count_evidence(deviation),
    )


def _length_issue(tonight: Night, deviation: CountDeviation) -> Issue:
    if deviation.actual < deviation.expected:
        kind, cause = IssueKind.SHORT_TEXTS, "texts are cut: a paywall, or another layout"
    else:
        kind, cause = IssueKind.LONG_TEXTS, "boilerplate is taken for text"
    return Issue(
        kind,
        f"the median article has {deviation.actual:.0f} words; {deviation.expected:.0f} were usual",
        cause,
        f"nightdesk search site:{tonight.site}",
        _count_evidence(deviation),
    )


def _removed_issue(tonight: Night, deviation: CountDeviation) -> Issue:
    if deviation.actual > deviation.expected:
        kind, cause = IssueKind.MORE_REMOVED, "there is new boilerplate, or text is removed"
    else:
        kind, cause = IssueKind.LESS_REMOVED, "boilerplate may stay in the texts"
    return Issue(
        kind,
        f"{deviation.actual:.1f} blocks removed per article; {deviation.expected:.1f} were usual",
        cause,
        f"nightdesk profile {tonight.site}",
        _count_evidence(deviation),
    )


def _count_evidence(deviation: CountDeviation) -> Mapping[str, float]:
    return {
        "found": round(deviation.actual, 1),
        "usual": round(deviation.expected, 1),
        "nights": float(deviation.nights),
    }


def _check_shares(history: Sequence[Night], tonight: Night) -> Iterator[Issue]:
    for check in share_checks.SHARE_CHECKS:
        deviation = share_checks.check_share(check, history, tonight)
        if deviation:
            yield share_issue(check.kind, deviation, tonight)


def _check_charset(history: Sequence[Night], tonight: Night) -> Iterator[Issue]:
    """Whether nearly all stories come in another charset than nearly all did before."""
    before: Counter[str] = Counter()
    for night in baseline_nights(history, tonight, IssueKind.NEW_CHARSET):
        before.update(night.stats.charsets)
    now = Counter(tonight.stats.charsets)
    if now.total() < MIN_STORIES_TONIGHT or before.total() < MIN_STORIES_BEFORE:
        return
    new, new_count = now.most_common(1)[0]
    old, old_count = before.most_common(1)[0]
    is_usual_now = new_count >= USUAL_CHARSET_SHARE * now.total()
    was_usual_before = old_count >= USUAL_CHARSET_SHARE * before.total()
    was_rare_before = before[new] <= RARE_CHARSET_SHARE * before.total()
    if new == old or not (is_usual_now and was_usual_before and was_rare_before):
        return
    unknown = "no declared charset"
    yield Issue(
        IssueKind.NEW_CHARSET,
        f"stories come as {new or unknown} now; {old or unknown} was usual",
        "the site has changed its software",
        f"nightdesk search site:{tonight.site}",
    )
