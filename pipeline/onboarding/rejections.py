"""Why a site cannot be added: one sentence that says what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from pipeline.core.models import CleanResult, Outcome, Reason
from pipeline.onboarding.proposal import CleanedSample, clean_results, count_shells
from pipeline.process_messages import FrontPage, ProbeResult

INSTALL_BROWSER_ADVICE: Final = (
    "install Chromium and the extra 'render' (see the manual on rendered sites), and add"
    " it again: its file will then say render = true"
)
OTHER_EDITION_ADVICE: Final = (
    "a browser got no text out of them either; see whether there is an edition for print or for"
    " old phones that the server sends whole, and give that address"
)
ACCESS_DENIED_STATUSES: Final = (401, 402, 403, 406, 451)

REASON_ADVICE: Final[Mapping[Reason, str]] = {
    Reason.DNS: "its host has no address; check the spelling and your network",
    Reason.CONNECT: "nothing answers there; try later, and check it in a browser",
    Reason.TIMEOUT: "it did not answer in time; try later",
    Reason.TLS: "its certificate is not accepted; try the address with http://, or ask its owner",
    Reason.ROBOTS: (
        "its robots.txt does not allow us, and that is always obeyed; ask its owner for permission"
    ),
    Reason.ROBOTS_UNREACHABLE: "its robots.txt cannot be fetched, which means no; try later",
    Reason.BLOCKED_ADDRESS: (
        "it has a private or loopback address; if you want that, add --allow-private"
    ),
    Reason.TRY_AGAIN: "it says that it is overloaded or down; try later, with a longer --delay",
    Reason.TOO_LARGE: "its front page is too large; give the address of its feed instead",
    Reason.NOT_HTML: (
        "it answers with neither an HTML page nor a feed; give the address of its front page"
    ),
    Reason.NOT_FOUND: "there is no such page; give the address of its front page",
    Reason.EMPTY_BODY: (
        "it answers with an empty page; give the address of its feed, if it has one"
    ),
    Reason.HTTP_REDIRECT: ("it redirects without end; give the address at which a browser arrives"),
}
UNFETCHED_ADVICE: Final[Mapping[str, str]] = {
    Reason.ROBOTS: (
        "its robots.txt does not allow its stories, and that is always obeyed; ask its owner for"
        " permission"
    ),
    Reason.OPTED_OUT: (
        "its stories say that they must not be archived, and its file says to obey that; ask its"
        " owner"
    ),
}
TEXTLESS_ADVICE: Final[Mapping[str, str]] = {
    Reason.PAYWALL_STUB: (
        "only the beginnings of its stories are free, and a paywall is never bypassed"
    ),
    Reason.CONSENT_WALL: "it sends a consent form in place of its pages; ask its owner",
}


def unreachable_message(front: FrontPage) -> str:
    """Return why the front page could not be fetched."""
    if front.status in ACCESS_DENIED_STATUSES:
        return (
            f"it answers {front.status} to us: it refuses programs; ask its owner, or give the"
            " address of its feed, which may be open"
        )
    advice = REASON_ADVICE.get(front.reason, "")
    if advice:
        return advice
    if front.status and front.status >= 500:
        return f"it answers {front.status}, an error of the server; try later"
    cause = front.detail or str(front.reason) or "it gave no useful answer"
    return f"{cause}; check it in a browser"


def is_built_by_scripts(probe: ProbeResult, samples: Sequence[CleanedSample]) -> bool:
    """Return whether a browser has to build most of the site's pages.

    Args:
        probe: The result of the probe.
        samples: Its samples, cleaned.
    """
    if not samples:
        return probe.front.outcome is Outcome.FETCHED and probe.front.needs_javascript
    results = clean_results(samples)
    return 2 * count_shells(results) > len(results)


def rejection_message(
    probe: ProbeResult, samples: Sequence[CleanedSample], *, rendered: bool = False
) -> str:
    """Return why there is no proposal.

    Args:
        probe: The result of the probe.
        samples: Its samples, cleaned.
        rendered: Whether the pages were probed in a browser.
    """
    has_links = any(source.works and (source.links or source.children) for source in probe.sources)
    if probe.front.outcome is not Outcome.FETCHED and not has_links:
        return unreachable_message(probe.front)
    if not samples:
        return _no_samples_message(probe.front, rendered)
    results = clean_results(samples)
    if not results:
        return _not_fetched_message(samples)
    return _no_text_message(results, rendered)


def _no_samples_message(front: FrontPage, rendered: bool) -> str:
    if not front.needs_javascript:
        return (
            "no stories were found: no feed, no sitemap, and no links that look like stories; give"
            " the address of its feed"
        )
    message = (
        "its front page is built by JavaScript, and neither a feed nor a sitemap was found; give"
        " the address of its feed, if it has one"
    )
    if not rendered:
        message += f", or {INSTALL_BROWSER_ADVICE}"
    return message


def _not_fetched_message(samples: Sequence[CleanedSample]) -> str:
    """Why no sample could be fetched."""
    reasons = Counter(
        str(sample.sample.reason) or f"answer {sample.sample.status}" for sample in samples
    )
    message = f"none of {len(samples)} pages that look like stories could be fetched"
    advice = UNFETCHED_ADVICE.get(_most_common(reasons), "try later, or ask its owner")
    return f"{message} ({_counts_text(reasons)}): {advice}"


def _no_text_message(results: Sequence[CleanResult], rendered: bool) -> str:
    """Why none of the samples is a story."""
    reasons = Counter(str(result.reason) for result in results)
    most_common = _most_common(reasons)
    advice = TEXTLESS_ADVICE.get(
        most_common, "this does not look like a news site; if it is one, write its file by hand"
    )
    if most_common == Reason.SCRIPT_SHELL:
        browser_advice = OTHER_EDITION_ADVICE if rendered else INSTALL_BROWSER_ADVICE
        advice = f"its pages are built by JavaScript; {browser_advice}"
    message = f"none of {len(results)} pages that look like stories has the text of a story"
    return f"{message} ({_counts_text(reasons)}): {advice}"


def _most_common(reasons: Counter[str]) -> str:
    return reasons.most_common(1)[0][0]


def _counts_text(reasons: Counter[str]) -> str:
    counts = [f"{reason.replace('_', ' ')} {count}" for reason, count in reasons.most_common()]
    return ", ".join(counts)
