"""One night of a Site compared with its settled past: what is other than it was, with evidence, a likely cause, and a command.

Promises that what follows from something else is not told beside it: where the site is down, nobody needs to hear that there
were no new stories.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.monitoring import count_checks, share_checks, source_checks
from pipeline.monitoring.baseline import FEWEST, past
from pipeline.monitoring.issues import Finding, Trouble
from pipeline.monitoring.night_stats import Figures, Night

YOUNG = 10  # judged stories of a Site without a past, of which so few as this share are articles
HOPELESS = 0.3
FOLLOWS = {
    Trouble.SITE_DOWN: set(Trouble) - {Trouble.SITE_DOWN, Trouble.LEDGER_WRONG},
    Trouble.NIGHT_FAILED: set(Trouble)
    - {Trouble.NIGHT_FAILED, Trouble.LEDGER_WRONG, Trouble.SITE_DOWN},
    Trouble.PLACE_GONE: {Trouble.FEW_LINKS, Trouble.FEW_STORIES},
    Trouble.PLACE_EMPTY: {Trouble.FEW_LINKS, Trouble.FEW_STORIES},
    Trouble.PLACE_FROZEN: {Trouble.FEW_STORIES},
    Trouble.FEW_LINKS: {Trouble.FEW_STORIES},
    Trouble.TURNED_AWAY: {Trouble.FEW_STORIES},
    Trouble.FAILURES: {Trouble.FEW_STORIES},
    Trouble.STORIES_GONE: {Trouble.FEW_STORIES},
    Trouble.REDIRECTED: {Trouble.FEW_STORIES},
    Trouble.FEW_ARTICLES: {Trouble.NEW_LAYOUT, Trouble.SHORT_TEXTS, Trouble.LONG_TEXTS},
    Trouble.GARBLED: {Trouble.NEW_CHARSET},
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
class Examined:
    """What is wrong, the grave first, and the kinds of which the night could tell nothing."""

    findings: tuple[Finding, ...]
    undecided: frozenset[Trouble]


def examine(history: Sequence[Night], tonight: Night) -> Examined:
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
        (each for each in found if each.kind not in hidden), key=lambda each: not each.is_grave
    )
    return Examined(tuple(shown), frozenset(hidden | _undecided(tonight)))


def _undecided(tonight: Night) -> set[Trouble]:
    """Kinds that a night without such cases says nothing of."""
    figures = tonight.figures
    kinds = {share.kind for share in share_checks.SHARES if not share.whole(figures)}
    if figures.articles < count_checks.FEW_TEXTS:
        kinds |= {Trouble.SHORT_TEXTS, Trouble.LONG_TEXTS, Trouble.MORE_STRUCK, Trouble.LESS_STRUCK}
    if not figures.charsets:
        kinds.add(Trouble.NEW_CHARSET)
    return (
        kinds
        | ({Trouble.FEW_LINKS} if figures.links < 0 else set())
        | {Trouble.NO_NIGHT, Trouble.LEDGER_WRONG}
    )


def _whole(tonight: Night) -> Iterator[Finding]:
    figures = tonight.figures
    down = [place for place in figures.places if not place.works]
    if down and len(down) == len(figures.places):
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
        yield Finding(
            Trouble.SITE_DOWN,
            f"{sentence}{told}",
            cause,
            f"nightdesk runs {tonight.run} --outcome failed",
        )
    elif tonight.status in ("failed", "interrupted"):
        yield Finding(
            Trouble.NIGHT_FAILED,
            f"the crawl ended {tonight.status}: {tonight.detail or 'no reason is known'}",
            "the process was killed, or the machine went down"
            if tonight.status == "interrupted"
            else "",
            f"nightdesk crawl {tonight.site}",
        )


def _places(history: Sequence[Night], tonight: Night) -> Iterator[Finding]:
    chance = count_checks.chance_of_new(history, tonight)
    for each in source_checks.troubles(history, tonight, chance):
        place = each.place
        since = f" for {each.nights} nights" if each.nights > 1 else ""
        if each.kind is Trouble.PLACE_GONE:
            status = f", HTTP {place.status}" if place.status else ""
            sentence = f"the {place.kind} {place.url} cannot be had{since} ({place.reason.replace('_', ' ')}{status})"
            cause = "it was moved or taken away" if status else CAUSES.get(place.reason, "")
        elif each.kind is Trouble.PLACE_EMPTY:
            sentence = (
                f"the {place.kind} {place.url} shows no link; about {each.usual:.0f} were usual"
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
        yield Finding(
            each.kind, sentence, cause, f"nightdesk check {tonight.site}", evidence, place.url
        )


def _amounts(history: Sequence[Night], tonight: Night) -> Iterator[Finding]:
    site, check = tonight.site, f"nightdesk check {tonight.site}"
    if found := count_checks.few_links(history, tonight):
        cause = "a list was shortened, or its layout has changed so that links are not found"
        yield _amount(
            Trouble.FEW_LINKS,
            found,
            f"{found.found:.0f} links; {found.usual:.0f} were usual",
            cause,
            check,
        )
    if found := count_checks.few_stories(history, tonight):
        since = "" if found.nights == 1 else f" in {found.nights} nights"
        sentence = f"{found.found:.0f} new stories{since}; about {found.usual:.0f} were usual"
        yield _amount(
            Trouble.FEW_STORIES,
            found,
            sentence,
            "stories are missed, or the site publishes less",
            check,
        )
    if found := count_checks.lengths(history, tonight):
        is_short = found.found < found.usual
        kind = Trouble.SHORT_TEXTS if is_short else Trouble.LONG_TEXTS
        cause = (
            "texts are cut: a paywall, or another layout"
            if is_short
            else "boilerplate is taken for text"
        )
        sentence = (
            f"articles of {found.found:.0f} words in the middle; {found.usual:.0f} were usual"
        )
        yield _amount(kind, found, sentence, cause, f"nightdesk search site:{site}")
    if found := count_checks.strikes(history, tonight):
        is_more = found.found > found.usual
        kind = Trouble.MORE_STRUCK if is_more else Trouble.LESS_STRUCK
        sentence = f"{found.found:.1f} blocks struck of an article; {found.usual:.1f} were usual"
        cause = (
            "there is new boilerplate, or text is struck"
            if is_more
            else "boilerplate may stay in the texts"
        )
        yield _amount(kind, found, sentence, cause, f"nightdesk memory {site}")


def _amount(
    kind: Trouble, found: count_checks.Amount, sentence: str, cause: str, command: str
) -> Finding:
    evidence = {
        "found": round(found.found, 1),
        "usual": round(found.usual, 1),
        "nights": float(found.nights),
    }
    return Finding(kind, sentence, cause, command, evidence)


WORDS = {
    Trouble.FEW_ARTICLES: "{part} of {whole} new stories became articles",
    Trouble.FEW_DATES: "{part} of {whole} articles have a date of their own",
    Trouble.FEW_AUTHORS: "{part} of {whole} articles name an author",
    Trouble.GARBLED: "{part} of {whole} articles hold characters that cannot be read",
    Trouble.NEW_LAYOUT: "{part} of {whole} articles stand in a layout that was not known",
    Trouble.TURNED_AWAY: "{part} of {whole} requests for stories were turned away",
    Trouble.FAILURES: "{part} of {whole} requests for stories failed",
    Trouble.STORIES_GONE: "{part} of {whole} stories that were asked for are gone",
    Trouble.REDIRECTED: "{part} of {whole} stories that were asked for redirect elsewhere",
}
LIKELY = {
    Trouble.FEW_DATES: "the layout or the metadata of its pages have changed; dates of feeds still count",
    Trouble.FEW_AUTHORS: "the layout or the metadata of its pages have changed",
    Trouble.GARBLED: "the pages declare another charset than they have",
    Trouble.NEW_LAYOUT: "the site was redesigned; look at a few articles",
    Trouble.TURNED_AWAY: "the site refuses robots, or ours: lower the pace, or write to its owner",
    Trouble.STORIES_GONE: "links lead to pages that are not there, or the site moved",
    Trouble.REDIRECTED: "the site moved, or sends stories to its front page",
}
OUTCOMES = {
    Trouble.TURNED_AWAY: "failed", Trouble.FAILURES: "failed", Trouble.STORIES_GONE: "gone", Trouble.REDIRECTED: "redirected",
}  # fmt: skip


def _shares(history: Sequence[Night], tonight: Night) -> Iterator[Finding]:
    for share in share_checks.SHARES:
        found = share_checks.off(share, history, tonight)
        if found is None:
            found = _hopeless(share, history, tonight)
        if found:
            yield _share(share.kind, found, tonight)


def _share(kind: Trouble, found: share_checks.Off, tonight: Night) -> Finding:
    since = f" in {found.nights} nights" if found.nights > 1 else ""
    sentence = WORDS[kind].format(part=found.part, whole=found.whole) + since
    sentence += f"; {found.usual:.0%} were usual" if found.usual else ""
    outcome = OUTCOMES.get(kind)
    command = (
        f"nightdesk runs {tonight.run} --outcome {outcome}"
        if outcome
        else f"nightdesk search site:{tonight.site}"
    )
    if kind is Trouble.FEW_ARTICLES:
        command = f"nightdesk report {tonight.site}"
    evidence = {
        "part": float(found.part), "whole": float(found.whole), "usual": round(found.usual, 4), "nights": float(found.nights),
    }  # fmt: skip
    return Finding(kind, sentence, _cause(kind, tonight.figures), command, evidence)


def _cause(kind: Trouble, figures: Figures) -> str:
    """The likely cause, by what most of the cases ended with."""
    told = {Trouble.FEW_ARTICLES: figures.reasons, Trouble.FAILURES: figures.failures}.get(kind)
    if not told:
        return LIKELY.get(kind, "")
    reason, number = max(told.items(), key=lambda item: item[1])
    share = f" ({number} of {sum(told.values())})" if number < sum(told.values()) else ""
    return CAUSES.get(reason, reason.replace("_", " ")) + share


def _hopeless(
    share: share_checks.Share, history: Sequence[Night], tonight: Night
) -> share_checks.Off | None:
    """A Site that has no past to be compared with, and yields nothing from its first night."""
    if share.kind is not Trouble.FEW_ARTICLES or past(history, tonight, share.kind):
        return None
    some = [*history[-FEWEST:], tonight]
    part, whole = (
        sum(each.figures.articles for each in some),
        sum(each.figures.judged for each in some),
    )
    return (
        share_checks.Off(len(some), part, whole, 0.0)
        if whole >= YOUNG and part < HOPELESS * whole
        else None
    )


def _charset(history: Sequence[Night], tonight: Night) -> list[Finding]:
    """Nearly all stories come in another charset than nearly all did."""
    model = past(history, tonight, Trouble.NEW_CHARSET)
    before = sum((Counter(night.figures.charsets) for night in model), Counter[str]())
    now = Counter(tonight.figures.charsets)
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
        Finding(
            Trouble.NEW_CHARSET,
            sentence,
            "the site has changed its software",
            f"nightdesk search site:{tonight.site}",
        )
    ]
