"""What a page that is rendered may ask for. Pure.

Promises that a request is let through only if a text can depend on it: scripts and data. What is merely seen or heard, what
counts readers, frames, and where a script wants to lead the browser are not asked for. Stylesheets are answered with nothing:
a script that waits for one goes on. Which addresses may be connected to is judged in `tunnel`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from pipeline.process_messages import parent_domain

MAX_REQUESTS: Final = 150  # requests of one page
DATA_TYPES: Final = frozenset({"script", "xhr", "fetch"})
TRACKER_DOMAINS: Final = (  # of readers and of what they are shown; the ends of their hosts
    "google-analytics.com", "googletagmanager.com", "googletagservices.com", "googlesyndication.com", "doubleclick.net",
    "googleadservices.com", "adservice.google.com", "facebook.net", "facebook.com", "mc.yandex.ru", "mc.yandex.com",
    "an.yandex.ru", "top-fwz1.mail.ru", "counter.yadro.ru", "adfox.ru", "tns-counter.ru", "hotjar.com", "clarity.ms",
    "scorecardresearch.com", "chartbeat.com", "chartbeat.net", "quantserve.com", "taboola.com", "outbrain.com", "criteo.com",
    "criteo.net", "adnxs.com", "amazon-adsystem.com", "newrelic.com", "nr-data.net", "sentry.io", "onesignal.com",
)  # fmt: skip


class RequestAction(StrEnum):
    """What a page is answered."""

    FETCH = "ask"
    EMPTY = "empty"
    REFUSE = "no"


def decide_request(kind: str, method: str, url: str, page: str, asked: int) -> RequestAction:
    """Whether a page may ask for a URL, as the browser names its kind, when it has asked `asked` times before."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return RequestAction.REFUSE
    if parts.scheme not in ("http", "https") or not host:
        return RequestAction.REFUSE
    if kind == "stylesheet":
        return RequestAction.EMPTY
    is_own = parent_domain(url) == parent_domain(page)
    if (
        kind not in DATA_TYPES
        or asked >= MAX_REQUESTS
        or (method not in ("GET", "HEAD") and not is_own)
    ):
        return RequestAction.REFUSE
    counts = any(host == end or host.endswith("." + end) for end in TRACKER_DOMAINS)
    return RequestAction.REFUSE if counts and not is_own else RequestAction.FETCH


def host_and_port(url: str) -> tuple[str, int]:
    """The host and port that a URL is asked at."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
