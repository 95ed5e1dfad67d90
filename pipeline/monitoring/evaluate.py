"""One night of a Site compared with its settled past: what is other than it was, with evidence, a likely cause, and a command.

Promises that what follows from something else is not told beside it: where the site is down, nobody needs to hear that there
were no new stories.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.monitoring import count_checks, share_checks, source_checks
from pipeline.monitoring.baseline import MIN_NIGHTS, baseline_nights
from pipeline.monitoring.issues import Issue, IssueKind
from pipeline.monitoring.night_stats import NightStats, Night

YOUNG = 10  # judged stories of a Site without a past, of which so few as this share are articles
HOPELESS = 0.3
FOLLOWS = {
    IssueKind.SITE_DOWN: set(IssueKind) - {IssueKind.SITE_DOWN, IssueKind.LEDGER_WRONG},
    IssueKind.NIGHT_FAILED: set(IssueKind)
    - {IssueKind.NIGHT_FAILED, IssueKind.LEDGER_WRONG, IssueKind.SITE_DOWN},
    IssueKind.PLACE_GONE: {IssueKind.FEW_LINKS, IssueKind.FEW_STORIES},
    IssueKind.PLACE_EMPTY: {IssueKind.FEW_LINKS, IssueKind.FEW_STORIES},
    IssueKind.PLACE_FROZEN: {IssueKind.FEW_STORIES},
    IssueKind.FEW_LINKS: {IssueKind.FEW_STORIES},
    IssueKind.TURNED_AWAY: {IssueKind.FEW_STORIES},
    IssueKind.FAILURES: {IssueKind.FEW_STORIES},
    IssueKind.STORIES_GONE: {IssueKind.FEW_STORIES},
    IssueKind.REDIRECTED: {IssueKind.FEW_STORIES},
    IssueKind.FEW_ARTICLES: {IssueKind.NEW_LAYOUT, IssueKind.SHORT_TEXTS, IssueKind.LONG_TEXTS},
    IssueKind.GARBLED: {IssueKind.NEW_CHARSET},
}
CAUSES = {
    "consent_wall": "consent or cookie walls are served instead of stories",
    "soft_404": "the site answers with its 'not found' or its front page instead of stories",
    "paywall_stub": "stories end at a paywall",
    "script_shell": "the site is built by JavaScript now; render = true in its file may help",
    "no_text": "the pages hold no text any more: their layout has changed, or their bodies are empty",
    "too_short": "the pages hold hardly any text: their layout has changed, or only teasers are served",
    "listing": "URLs of stories lead to lists: the patterns of story URLs have changed, or stories redirect to sections",
    "extractor_timeout": "the pages have become too costly to read",
    "too_complex": "the pages have become too costly to read",
    "timeout": "the site answers too slowly, or no more",
    "connect": "nobody answers there",
    "dns": "its host has no address any more",
    "tls": "its certificate or TLS is wrong",
    "http_status": "the site answers with errors",
    "empty_body": "the site answers with empty bodies",
    "robots": "robots.txt forbids it",
    "robots_unreachable": "robots.txt cannot be had, which means no",
}


@dataclass(frozen=True, slots=True)
class NightEvaluation:
    """What is wrong, the grave first, and the kinds of which the night could tell nothing."""

    issues: tuple[Issue, ...]
    undecided: frozenset[IssueKind]


def evaluate_night(history: Sequence[Night], tonight: Night) -> NightEvaluation:
    """What is wrong with tonight. `history` are the nights before it, oldest first."""
    found = [
        *_whole(tonight),
        *_places(history, tonight),
        *_amounts(history, tonight),
        *_shares(history, tonight),
    ]
    found += _charset(history, tonight)
    kinds = {each.kind for each in found}
    hidden = {kind for each in kinds for kind in FOLLOWS.get(each, set())}
    shown = sorted(
        (each for each in found if each.kind not in hidden), key=lambda each: not each.is_serious
    )
    return NightEvaluation(tuple(shown), frozenset(hidden | _undecided(tonight)))


def _undecided(tonight: Night) -> set[IssueKind]:
    """Kinds that a night without such cases says nothing of."""
    figures = tonight.stats
    kinds = {share.kind for share in share_checks.SHARE_CHECKS if not share.total(figures)}
    if figures.articles < count_checks.MIN_ARTICLES:
        kinds |= {IssueKind.SHORT_TEXTS, IssueKind.LONG_TEXTS, IssueKind.MORE_STRUCK, IssueKind.LESS_STRUCK}
    if not figures.charsets:
        kinds.add(IssueKind.NEW_CHARSET)
    return (
        kinds
        | ({IssueKind.FEW_LINKS} if figures.links < 0 else set())
        | {IssueKind.NO_NIGHT, IssueKind.LEDGER_WRONG}
    )


def _whole(tonight: Night) -> Iterator[Issue]:
    figures = tonight.stats
    down = [place for place in figures.sources if not place.works]
    if down and len(down) == len(figures.sources):
        why = Counter(place.reason for place in down).most_common(1)[0][0]
        statuses = sorted({place.status for place in down if place.status})
        told = f" (HTTP {', '.join(map(str, statuses))})" if statuses else ""
        sentence = (
            "its place could not be had"
            if len(down) == 1
            else f"none of its {len(down)} places could be had"
        )
        cause = (
            "the site turns us away"
            if {401, 403, 429, 451} & set(statuses)
            else CAUSES.get(why, why.replace("_", " "))
        )
        yield Issue(
            IssueKind.SITE_DOWN,
            f"{sentence}{told}",
            cause,
            f"nightdesk runs {tonight.run} --outcome failed",
        )
    elif tonight.status in ("failed", "interrupted"):
        yield Issue(
            IssueKind.NIGHT_FAILED,
            f"the crawl ended {tonight.status}: {tonight.detail or 'no reason is known'}",
            "the process was killed, or the machine went down"
            if tonight.status == "interrupted"
            else "",
            f"nightdesk crawl {tonight.site}",
        )


def _places(history: Sequence[Night], tonight: Night) -> Iterator[Issue]:
    chance = count_checks.probability_of_new(history, tonight)
    for each in source_checks.source_issues(history, tonight, chance):
        place = each.source
        since = f" for {each.nights} nights" if each.nights > 1 else ""
        if each.kind is IssueKind.PLACE_GONE:
            status = f", HTTP {place.status}" if place.status else ""
            sentence = f"the {place.kind} {place.url} cannot be had{since} ({place.reason.replace('_', ' ')}{status})"
            cause = "it was moved or taken away" if status else CAUSES.get(place.reason, "")
        elif each.kind is IssueKind.PLACE_EMPTY:
            sentence = (
                f"the {place.kind} {place.url} shows no link; about {each.expected:.0f} were usual"
            )
            cause = "it was emptied, or the layout of the page has changed"
        else:
            sentence = f"the {place.kind} {place.url} has shown the same{since or ' as the night before'}, and nothing is new"
            cause = "it is no longer fed"
        evidence = {
            "nights": float(each.nights),
            "status": float(place.status),
            "links": float(place.links),
        }
        yield Issue(
            each.kind, sentence, cause, f"nightdesk check {tonight.site}", evidence, place.url
        )


def _amounts(history: Sequence[Night], tonight: Night) -> Iterator[Issue]:
    site, check = tonight.site, f"nightdesk check {tonight.site}"
    if found := count_checks.check_links(history, tonight):
        cause = "a list was shortened, or its layout has changed so that links are not found"
        yield _amount(
            IssueKind.FEW_LINKS,
            found,
            f"{found.actual:.0f} links; {found.expected:.0f} were usual",
            cause,
            check,
        )
    if found := count_checks.check_new_stories(history, tonight):
        since = "" if found.nights == 1 else f" in {found.nights} nights"
        sentence = f"{found.actual:.0f} new stories{since}; about {found.expected:.0f} were usual"
        yield _amount(
            IssueKind.FEW_STORIES,
            found,
            sentence,
            "stories are missed, or the site publishes less",
            check,
        )
    if found := count_checks.check_text_length(history, tonight):
        is_short = found.actual < found.expected
        kind = IssueKind.SHORT_TEXTS if is_short else IssueKind.LONG_TEXTS
        cause = (
            "texts are cut: a paywall, or another layout"
            if is_short
            else "boilerplate is taken for text"
        )
        sentence = (
            f"articles of {found.actual:.0f} words in the middle; {found.expected:.0f} were usual"
        )
        yield _amount(kind, found, sentence, cause, f"nightdesk search site:{site}")
    if found := count_checks.check_removed_blocks(history, tonight):
        is_more = found.actual > found.expected
        kind = IssueKind.MORE_STRUCK if is_more else IssueKind.LESS_STRUCK
        sentence = f"{found.actual:.1f} blocks struck of an article; {found.expected:.1f} were usual"
        cause = (
            "there is new boilerplate, or text is struck"
            if is_more
            else "boilerplate may stay in the texts"
        )
        yield _amount(kind, found, sentence, cause, f"nightdesk memory {site}")


def _amount(
    kind: IssueKind, found: count_checks.CountDeviation, sentence: str, cause: str, command: str
) -> Issue:
    evidence = {
        "found": round(found.actual, 1),
        "usual": round(found.expected, 1),
        "nights": float(found.nights),
    }
    return Issue(kind, sentence, cause, command, evidence)


WORDS = {
    IssueKind.FEW_ARTICLES: "{part} of {whole} new stories became articles",
    IssueKind.FEW_DATES: "{part} of {whole} articles have a date of their own",
    IssueKind.FEW_AUTHORS: "{part} of {whole} articles name an author",
    IssueKind.GARBLED: "{part} of {whole} articles hold characters that cannot be read",
    IssueKind.NEW_LAYOUT: "{part} of {whole} articles stand in a layout that was not known",
    IssueKind.TURNED_AWAY: "{part} of {whole} requests for stories were turned away",
    IssueKind.FAILURES: "{part} of {whole} requests for stories failed",
    IssueKind.STORIES_GONE: "{part} of {whole} stories that were asked for are gone",
    IssueKind.REDIRECTED: "{part} of {whole} stories that were asked for redirect elsewhere",
}
LIKELY = {
    IssueKind.FEW_DATES: "the layout or the metadata of its pages have changed; dates of feeds still count",
    IssueKind.FEW_AUTHORS: "the layout or the metadata of its pages have changed",
    IssueKind.GARBLED: "the pages declare another charset than they have",
    IssueKind.NEW_LAYOUT: "the site was redesigned; look at a few articles",
    IssueKind.TURNED_AWAY: "the site refuses robots, or ours: lower the pace, or write to its owner",
    IssueKind.STORIES_GONE: "links lead to pages that are not there, or the site moved",
    IssueKind.REDIRECTED: "the site moved, or sends stories to its front page",
}
OUTCOMES = {
    IssueKind.TURNED_AWAY: "failed", IssueKind.FAILURES: "failed", IssueKind.STORIES_GONE: "gone", IssueKind.REDIRECTED: "redirected",
}  # fmt: skip


def _shares(history: Sequence[Night], tonight: Night) -> Iterator[Issue]:
    for share in share_checks.SHARE_CHECKS:
        found = share_checks.check_share(share, history, tonight)
        if found is None:
            found = _hopeless(share, history, tonight)
        if found:
            yield _share(share.kind, found, tonight)


def _share(kind: IssueKind, found: share_checks.ShareDeviation, tonight: Night) -> Issue:
    since = f" in {found.nights} nights" if found.nights > 1 else ""
    sentence = WORDS[kind].format(part=found.part, whole=found.whole) + since
    sentence += f"; {found.expected:.0%} were usual" if found.expected else ""
    outcome = OUTCOMES.get(kind)
    command = (
        f"nightdesk runs {tonight.run} --outcome {outcome}"
        if outcome
        else f"nightdesk search site:{tonight.site}"
    )
    if kind is IssueKind.FEW_ARTICLES:
        command = f"nightdesk report {tonight.site}"
    evidence = {
        "part": float(found.part), "whole": float(found.whole), "usual": round(found.expected, 4), "nights": float(found.nights),
    }  # fmt: skip
    return Issue(kind, sentence, _cause(kind, tonight.stats), command, evidence)


def _cause(kind: IssueKind, figures: NightStats) -> str:
    """The likely cause, by what most of the cases ended with."""
    told = {IssueKind.FEW_ARTICLES: figures.reasons, IssueKind.FAILURES: figures.failures}.get(kind)
    if not told:
        return LIKELY.get(kind, "")
    reason, number = max(told.items(), key=lambda item: item[1])
    share = f" ({number} of {sum(told.values())})" if number < sum(told.values()) else ""
    return CAUSES.get(reason, reason.replace("_", " ")) + share


def _hopeless(
    share: share_checks.ShareCheck, history: Sequence[Night], tonight: Night
) -> share_checks.ShareDeviation | None:
    """A Site that has no past to be compared with, and yields nothing from its first night."""
    if share.kind is not IssueKind.FEW_ARTICLES or baseline_nights(history, tonight, share.kind):
        return None
    some = [*history[-MIN_NIGHTS:], tonight]
    part, whole = (
        sum(each.stats.articles for each in some),
        sum(each.stats.cleaned for each in some),
    )
    return (
        share_checks.ShareDeviation(len(some), part, whole, 0.0)
        if whole >= YOUNG and part < HOPELESS * whole
        else None
    )


def _charset(history: Sequence[Night], tonight: Night) -> list[Issue]:
    """Nearly all stories come in another charset than nearly all did."""
    model = baseline_nights(history, tonight, IssueKind.NEW_CHARSET)
    before = sum((Counter(night.stats.charsets) for night in model), Counter[str]())
    now = Counter(tonight.stats.charsets)
    if now.total() < 3 or before.total() < 30:
        return []
    (new, number), (old, often) = now.most_common(1)[0], before.most_common(1)[0]
    if (
        new == old
        or number < 0.8 * now.total()
        or often < 0.8 * before.total()
        or before[new] > 0.02 * before.total()
    ):
        return []
    sentence = f"stories come as {new or 'no declared charset'} now; {old or 'no declared charset'} was usual"
    return [
        Issue(
            IssueKind.NEW_CHARSET,
            sentence,
            "the site has changed its software",
            f"nightdesk search site:{tonight.site}",
        )
    ]
