"""Detours on the way to a story: cookie checks, consent pages and refreshes that lead back to it.

Pure functions. A detour stays on the site's own hosts, and each of its requests passes the same
guards as any other. What does not lead back to the story ends with a reason.
"""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import parse_qsl, unquote, urlsplit

from scrapy.http import Response

from crawler.hops import hop_target
from pipeline.config.site import Site
from pipeline.core.models import Capture, Link, Outcome, Reason, UrlKind
from pipeline.core.urls import url_key

MAX_DETOUR_REQUESTS = 5  # after the first one
DETOUR_PATH = re.compile(  # such as /consent, /set-cookie.php, /privacy-gate/
    r"/(?:(?:set|check)-?)?(?:cookies?|consent|gdpr|cmp|privacy)"
    r"(?:-?(?:check|wall|gate|test|consent|settings))?(?:\.\w{1,5})?(?:/|$)",
    re.IGNORECASE,
)
CONSENT_HOST = re.compile(r"(?:^|\.)(?:consent|cmp|gdpr|privacy)\.", re.IGNORECASE)
CHECK_PARAMETER = re.compile(r"consent|cookie|gdpr|check|session|sid$|verif", re.IGNORECASE)
MIN_NAMED_PATH = 4  # characters; a shorter path occurs in other parameters by chance


def next_url(site: Site, story_url: str, response: Response) -> str:
    """Return the next URL of a detour that may lead back to a story; "" where there is none.

    Args:
        site: The site.
        story_url: The URL of the story.
        response: An answer on the way.
    """
    target = hop_target(response)
    if not target or not site.owns(target):
        return ""
    if url_key(target) == url_key(story_url) or adds_check(target, story_url):
        return target
    return target if _asks_for_consent(target) or _names_url(target, story_url) else ""


def adds_check(target: str, story_url: str) -> bool:
    """Return whether a URL is that of the story with the parameter of a check.

    Args:
        target: The absolute URL to which the answer sends its reader.
        story_url: The URL that was requested.

    Returns:
        True where all parameters of the story are there, and each new one has the name of a check.
    """
    parts, story = urlsplit(target), urlsplit(story_url)
    if (parts.hostname, parts.path) != (story.hostname, story.path):
        return False
    before = set(parse_qsl(story.query, keep_blank_values=True))
    after = set(parse_qsl(parts.query, keep_blank_values=True))
    return before < after and all(CHECK_PARAMETER.search(name) for name, _ in after - before)


def end_of_detour(site: Site, story_url: str, final_url: str, capture: Capture) -> Capture:
    """Return the capture of a story whose detour ended at a URL.

    Args:
        site: The site.
        story_url: The URL of the story.
        final_url: The URL of the last answer.
        capture: The capture of the last answer.
    """
    if capture.outcome is Outcome.REDIRECTED:
        return _name_foreign_consent(site, story_url, capture)
    is_story = url_key(final_url) == url_key(story_url) or adds_check(final_url, story_url)
    if is_story or capture.outcome is not Outcome.FETCHED:
        return capture
    parts = urlsplit(final_url)
    place = f"{parts.hostname}{parts.path}"[:200]
    if _asks_for_consent(final_url):
        return _without_story(capture, Reason.CONSENT_WALL, f"leads to the consent page {place}")
    path_only = parts._replace(query="", fragment="").geturl()
    if not site.decide(Link(path_only), UrlKind.SECTION).reason:  # the story has moved there
        return replace(
            _without_story(capture, Reason.HTTP_REDIRECT, ""),
            outcome=Outcome.REDIRECTED,
            location=final_url,
        )
    detail = f"leads to {place}, which does not lead back to the story"
    return _without_story(capture, Reason.HTTP_REDIRECT, detail)


def _name_foreign_consent(site: Site, story_url: str, capture: Capture) -> Capture:
    """Name a redirect to a consent page of another host, which is not followed."""
    target = capture.location
    is_foreign = not site.owns(target) and _names_url(target, story_url)
    if not is_foreign or not _asks_for_consent(target):
        return capture
    parts = urlsplit(target)
    detail = f"leads to the consent page {parts.hostname}{parts.path}"[:200]
    return _without_story(capture, Reason.CONSENT_WALL, detail)


def _without_story(capture: Capture, reason: Reason, detail: str) -> Capture:
    return replace(
        capture,
        outcome=Outcome.FAILED,
        reason=reason,
        detail=detail,
        body=None,
        location="",
        canonical_url="",
        requested_url="",
    )


def _asks_for_consent(url: str) -> bool:
    parts = urlsplit(url)
    return bool(DETOUR_PATH.search(parts.path) or CONSENT_HOST.search(parts.hostname or ""))


def _names_url(target: str, story_url: str) -> bool:
    """Whether a parameter of a URL names the story, as in `/check?return=/news/harbour`."""
    path = unquote(urlsplit(story_url).path)
    return len(path) >= MIN_NAMED_PATH and path in unquote(unquote(urlsplit(target).query))
