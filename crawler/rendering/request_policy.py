"""Which requests a rendered page may make. Pure functions.

A request is allowed only if the text can depend on it: scripts and data. Images, media, fonts,
trackers, frames and navigation by scripts are refused. Stylesheets get an empty answer, so that a
script that waits for one goes on. `socks_proxy` decides which addresses may be connected to.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from pipeline.core.urls import parent_domain

MAX_REQUESTS: Final = 150  # of one page
DATA_TYPES: Final = frozenset({"script", "xhr", "fetch"})
TRACKER_DOMAINS: Final = frozenset({  # of counters and advertisements
    "google-analytics.com", "googletagmanager.com", "googletagservices.com",
    "googlesyndication.com", "doubleclick.net", "googleadservices.com", "adservice.google.com",
    "facebook.net", "facebook.com", "mc.yandex.ru", "mc.yandex.com", "an.yandex.ru",
    "top-fwz1.mail.ru", "counter.yadro.ru", "adfox.ru", "tns-counter.ru", "hotjar.com",
    "clarity.ms", "scorecardresearch.com", "chartbeat.com", "chartbeat.net", "quantserve.com",
    "taboola.com", "outbrain.com", "criteo.com", "criteo.net", "adnxs.com",
    "amazon-adsystem.com", "newrelic.com", "nr-data.net", "sentry.io", "onesignal.com",
})  # fmt: skip


class RequestAction(StrEnum):
    """What happens to a request of a page."""

    FETCH = "fetch"
    EMPTY = "empty"  # it gets an empty answer
    REFUSE = "refuse"


def decide_request(
    resource_type: str, method: str, url: str, page_url: str, request_count: int
) -> RequestAction:
    """Decide about one request of a page.

    Args:
        resource_type: The kind of the request, as the browser names it.
        method: Its HTTP method.
        url: Its URL.
        page_url: The URL of the page.
        request_count: How many requests of the page were allowed before.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return RequestAction.REFUSE
    if parts.scheme not in ("http", "https") or not host:
        return RequestAction.REFUSE
    if resource_type == "stylesheet":
        return RequestAction.EMPTY
    if resource_type not in DATA_TYPES or request_count >= MAX_REQUESTS:
        return RequestAction.REFUSE
    if parent_domain(url) == parent_domain(page_url):
        return RequestAction.FETCH
    if method not in ("GET", "HEAD") or _is_tracker(host):
        return RequestAction.REFUSE
    return RequestAction.FETCH


def _is_tracker(host: str) -> bool:
    """Whether a host is a tracker's domain, or below one."""
    labels = host.split(".")
    return any(".".join(labels[start:]) in TRACKER_DOMAINS for start in range(len(labels)))


def host_and_port(url: str) -> tuple[str, int]:
    """Return the host and port of a URL."""
    parts = urlsplit(url)
    default_port = 443 if parts.scheme == "https" else 80
    return parts.hostname or "", parts.port or default_port
