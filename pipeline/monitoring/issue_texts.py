"""The sentences, causes and commands of issues."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.monitoring.issues import Issue, IssueKind
from pipeline.monitoring.night_stats import Night, NightStats
from pipeline.monitoring.share_checks import ShareDeviation

# likely causes, by the reason with which most stories or sources ended
CAUSE_BY_REASON = {
    "consent_wall": "consent or cookie walls are served instead of stories",
    "soft_404": "the site answers with its 'not found' or its front page instead of stories",
    "paywall_stub": "stories end at a paywall",
    "script_shell": "the site needs JavaScript now; render = true in its file may help",
    "no_text": "the pages have no text: their layout has changed, or their bodies are empty",
    "too_short": (
        "the pages have hardly any text: their layout has changed, or only teasers are served"
    ),
    "listing": (
        "URLs of stories lead to lists: the patterns of story URLs have changed, or stories"
        " redirect to sections"
    ),
    "extractor_timeout": "the pages take too long to extract",
    "too_complex": "the pages take too long to extract",
    "timeout": "the site answers too slowly, or not at all",
    "connect": "nothing answers at its address",
    "dns": "its host has no address any more",
    "tls": "its certificate or TLS is wrong",
    "http_status": "the site answers with errors",
    "empty_body": "the site answers with empty bodies",
    "robots": "robots.txt forbids it",
    "robots_unreachable": "robots.txt cannot be fetched, which counts as a no",
}
SHARE_SENTENCES = {
    IssueKind.FEW_ARTICLES: "{part} of {whole} new stories became articles",
    IssueKind.FEW_DATES: "{part} of {whole} articles have a date of their own",
    IssueKind.FEW_AUTHORS: "{part} of {whole} articles name an author",
    IssueKind.GARBLED: "{part} of {whole} articles have characters that cannot be read",
    IssueKind.NEW_LAYOUT: "{part} of {whole} articles are in a layout that was not known",
    IssueKind.TURNED_AWAY: "{part} of {whole} requests for stories were turned away",
    IssueKind.FAILURES: "{part} of {whole} requests for stories failed",
    IssueKind.STORIES_GONE: "{part} of {whole} requested stories are gone",
    IssueKind.REDIRECTED: "{part} of {whole} requested stories redirect elsewhere",
}
CAUSE_BY_KIND = {
    IssueKind.FEW_DATES: (
        "the layout or the metadata of its pages have changed; dates of feeds still count"
    ),
    IssueKind.FEW_AUTHORS: "the layout or the metadata of its pages have changed",
    IssueKind.GARBLED: "the pages declare another charset than they have",
    IssueKind.NEW_LAYOUT: "the site was redesigned; look at a few articles",
    IssueKind.TURNED_AWAY: (
        "the site refuses robots, or ours: crawl more slowly, or write to its owner"
    ),
    IssueKind.STORIES_GONE: "links lead to pages that are not there, or the site moved",
    IssueKind.REDIRECTED: "the site moved, or sends stories to its front page",
}
# the outcome that the stories of an issue have in the ledger
OUTCOME_BY_KIND = {
    IssueKind.TURNED_AWAY: "failed",
    IssueKind.FAILURES: "failed",
    IssueKind.STORIES_GONE: "gone",
    IssueKind.REDIRECTED: "redirected",
}


def cause_of_reason(reason: str) -> str:
    """Return the likely cause for a reason, or the reason in words."""
    return CAUSE_BY_REASON.get(reason, reason.replace("_", " "))


def share_issue(
    kind: IssueKind, deviation: ShareDeviation, tonight: Night, *, is_learnt: bool = True
) -> Issue:
    """Return the issue of a share that is off.

    Args:
        kind: The kind of the issue.
        deviation: How the share is off.
        tonight: The night that shows it.
        is_learnt: Whether the night was compared with its past.
    """
    sentence = SHARE_SENTENCES[kind].format(part=deviation.part, whole=deviation.whole)
    if deviation.nights > 1:
        sentence += f" in {deviation.nights} nights"
    if deviation.expected:
        sentence += f"; {deviation.expected:.0%} were usual"
    outcome = OUTCOME_BY_KIND.get(kind)
    if outcome:
        command = f"nightdesk runs {tonight.run} --outcome {outcome}"
    elif kind is IssueKind.FEW_ARTICLES:
        command = f"nightdesk report {tonight.site}"
    else:
        command = f"nightdesk search site:{tonight.site}"
    evidence = {
        "part": float(deviation.part),
        "whole": float(deviation.whole),
        "usual": round(deviation.expected, 4),
        "nights": float(deviation.nights),
    }
    cause = _cause_of_share(kind, tonight.stats)
    return Issue(kind, sentence, cause, command, evidence, is_learnt=is_learnt)


def _cause_of_share(kind: IssueKind, stats: NightStats) -> str:
    """The likely cause, by the reason with which most of the cases ended."""
    reasons: Mapping[str, int] = {}
    if kind is IssueKind.FEW_ARTICLES:
        reasons = stats.reasons
    elif kind is IssueKind.FAILURES:
        reasons = stats.failures
    if not reasons:
        return CAUSE_BY_KIND.get(kind, "")
    reason, number = max(reasons.items(), key=lambda item: item[1])
    total = sum(reasons.values())
    share = f" ({number} of {total})" if number < total else ""
    return cause_of_reason(reason) + share
