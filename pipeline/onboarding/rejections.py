"""What is wrong with a site that cannot be added, as one sentence that says what to do.

Promises a sentence for every way in which a probe can come to nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from pipeline.core.models import Outcome, Reason
from pipeline.onboarding.proposal import CleanedSample
from pipeline.process_messages import FrontPage, ProbeResult

INSTALL_BROWSER_ADVICE: Final = (
    "install Chromium and the extra 'render' (see 'Sites that are built by scripts' in the README), and add it again: its file"
    " will then say render = true"
)
OTHER_EDITION_ADVICE: Final = (
    "a browser got no text out of them either; see whether it has an edition that the server sends whole, for print or for old"
    " phones, and give that address"
)

REASON_ADVICE: Final[Mapping[Reason, str]] = {
    Reason.DNS: "its host has no address; is the name spelt right, and is there a network?",
    Reason.CONNECT: "nobody answers there; try later, and see whether a browser reaches it",
    Reason.TIMEOUT: "it did not answer in time; try later",
    Reason.TLS: "its certificate is not accepted; try the address with http://, or write to its owner",
    Reason.ROBOTS: "its robots.txt closes it to us, and that is always obeyed; ask its owner for leave",
    Reason.ROBOTS_UNREACHABLE: "its robots.txt cannot be had, which means no; try later",
    Reason.BLOCKED_ADDRESS: "it has a private or loopback address; if that is meant, add --allow-private",
    Reason.TRY_AGAIN: "it says that it is overloaded, or down; try later, with a longer --delay",
    Reason.TOO_LARGE: "its front page is larger than is taken; give the address of its feed instead",
    Reason.NOT_HTML: "it answers with something that is no HTML page and no feed; give the address of its front page",
    Reason.NOT_FOUND: "there is no such page; give the address of its front page",
    Reason.EMPTY_BODY: "it answers with an empty page; give the address of its feed, if it has one",
    Reason.HTTP_REDIRECT: "it redirects on and on; give the address where a browser ends up",
}


def unreachable_message(front: FrontPage) -> str:
    """Why the front page could not be had."""
    if front.status in (401, 402, 403, 406, 451):
        return (
            f"it answers {front.status} to us: it turns programs away; write to its owner, or give the address of its feed,"
            " which may be open"
        )
    said = REASON_ADVICE.get(front.reason, "")
    if not said and front.status and front.status >= 500:
        said = f"it answers {front.status}, an error of its own; try later"
    return (
        said
        or (front.detail or str(front.reason) or "it gave no answer of use")
        + "; see whether a browser reaches it"
    )


def is_built_by_scripts(findings: ProbeResult, judged: Sequence[CleanedSample]) -> bool:
    """Whether most of what a site sends has to be built by a browser."""
    fetched = [each for each in judged if each.result is not None]
    if not judged:
        return findings.front.outcome is Outcome.FETCHED and findings.front.needs_javascript
    shells = sum(each.result.reason is Reason.SCRIPT_SHELL for each in fetched if each.result)
    return 2 * shells > len(fetched)


def rejection_message(
    findings: ProbeResult, judged: Sequence[CleanedSample], *, rendered: bool = False
) -> str:
    """Why there is nothing to propose. `rendered`: its pages were looked at in a browser."""
    front, works = (
        findings.front,
        any(place.works and (place.links or place.children) for place in findings.sources),
    )
    if front.outcome is not Outcome.FETCHED and not works:
        return unreachable_message(front)
    fetched = [each for each in judged if each.result is not None]
    if not judged:
        if front.needs_javascript:
            said = "its front page is built by JavaScript, and neither a feed nor a sitemap was found; give the address of its"
            return f"{said} feed, if it has one" + (
                "" if rendered else f", or {INSTALL_BROWSER_ADVICE}"
            )
        return "no stories were found: no feed, no sitemap, and no links that look like stories; give the address of its feed"
    return _no_text(fetched, rendered) if fetched else _not_had(judged)


def _not_had(judged: Sequence[CleanedSample]) -> str:
    """Why no sample could be had."""
    reasons = Counter(str(each.sample.reason) or f"answer {each.sample.status}" for each in judged)
    told = ", ".join(
        f"{reason.replace('_', ' ')} {count}" for reason, count in reasons.most_common()
    )
    most, _ = reasons.most_common(1)[0]
    advice: dict[str, str] = {
        Reason.ROBOTS: "its robots.txt closes its stories to us, and that is always obeyed; ask its owner for leave",
        Reason.OPTED_OUT: "its stories say that they are not to be archived, and its file says to obey that; ask its owner",
    }
    said = f"none of {len(judged)} pages that look like stories could be had ({told})"
    return f"{said}: {advice.get(most, 'try later, or ask its owner')}"


def _no_text(fetched: Sequence[CleanedSample], rendered: bool) -> str:
    """Why none of the samples is a story."""
    reasons = Counter(each.result.reason for each in fetched if each.result)
    told = ", ".join(
        f"{reason.replace('_', ' ')} {count}" for reason, count in reasons.most_common()
    )
    said = f"of {len(fetched)} pages that look like stories none has the text of one ({told})"
    advice = {
        Reason.SCRIPT_SHELL: f"its pages are built by JavaScript; {OTHER_EDITION_ADVICE if rendered else INSTALL_BROWSER_ADVICE}",
        Reason.PAYWALL_STUB: "only the beginnings of its stories are open, and there is no way around a paywall here",
        Reason.CONSENT_WALL: "it sends a question for consent in place of its pages; write to its owner",
    }
    most, _ = reasons.most_common(1)[0]
    return f"{said}: {advice.get(most, 'this seems to be no news site; if it is one, write its file by hand')}"
