"""Turns a server's answer, or the error in its place, into a capture.

Pure functions. Every answer gets a reason code. Headers are kept by an allow-list with bounded
values, and no field holds credentials. `discovery` reads what is inside a feed or a sitemap.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from scrapy.http import Headers, Response

from crawler.hops import REDIRECT_STATUSES, hop_target, names_other_page
from crawler.http.fetch_errors import FetchError
from pipeline.config.site import Politeness, Site
from pipeline.core.http_headers import (
    STORED_HEADERS,
    VALIDATOR_HEADERS,
    has_html_sign,
    is_html,
    parse_content_type,
    select_headers,
)
from pipeline.core.models import SITE_RULE_KINDS, Capture, DueUrl, Outcome, Reason, UrlKind
from pipeline.core.page_head import (
    HeadElement,
    declared_canonical_url,
    declared_picture_url,
    opt_outs,
    parse_head,
)
from pipeline.core.urls import host_of, resolve_href, url_key

RENDERED_HEADER = "x-nightdesk-rendered"  # ours: no header of a server is kept under this name
FRONT_OR_ERROR_PATH = re.compile(  # a front page, the front page of a language, an error page
    r"^/?$|^/[a-z]{2}/?$"
    r"|^/(?:[a-z]{2}/)?(?:404|(?:page-?)?not-?found|error(?:-?404)?)(?:\.\w+)?/?$",
    re.IGNORECASE,
)
# The server knows the page under the URL that was asked for.
ANSWERED_OUTCOMES = (Outcome.FETCHED, Outcome.UNCHANGED, Outcome.REDIRECTED)
STORY_KINDS = (UrlKind.STORY, UrlKind.PART)
HTML_KINDS = (*STORY_KINDS, UrlKind.SECTION, UrlKind.FRONT_PAGE)
OVERLOAD_STATUSES = frozenset({429, 503})
RENDER_META = "nightdesk_render"  # in a request's meta: a browser has to render the page
RENDER_INFO_META = "nightdesk_rendered"  # in a request's meta: the RenderInfo


@dataclass(frozen=True, slots=True)
class RenderInfo:
    """How a browser rendered the body of a page, and what that cost."""

    browser: str  # with its version
    requests: int  # that the page made, without the one for itself
    refused: int
    received: int  # bytes, including the page itself
    elapsed_ms: int

    def __str__(self) -> str:
        return (
            f"{self.browser}; requests={self.requests}; refused={self.refused};"
            f" bytes={self.received}; ms={self.elapsed_ms}"
        )

    @property
    def sentence(self) -> str:
        """The same for people."""
        plural = "" if self.requests == 1 else "s"
        return (
            f"rendered by {self.browser} in {self.elapsed_ms / 1000:.1f} s with"
            f" {self.requests} further request{plural}, {self.received / 1000:.0f} kB"
        )


@dataclass(frozen=True, slots=True)
class _Classification:
    """The outcome of an answer, with its reason and a sentence for people."""

    outcome: Outcome
    reason: Reason
    detail: str = ""


def capture_response(
    due: DueUrl,
    response: Response,
    fetched_at: datetime,
    *,
    conditional: bool,
    agent: str = "nightdesk",
    requested_url: str = "",
) -> Capture:
    """Make the capture of an answer.

    Args:
        due: The page.
        response: The answer.
        fetched_at: When the request started.
        conditional: Whether the request had validators. Only then a 304 is accepted.
        agent: The name by which robots rules know us.
        requested_url: The spelling of the URL that was asked for.
    """
    headers = stored_headers(response.headers)
    classified = _classify(due, response, headers, conditional)
    outcome = classified.outcome
    has_body = outcome is Outcome.FETCHED
    if not has_body and outcome is not Outcome.UNCHANGED:
        headers = _without_validators(headers)
    detail, size, elapsed_ms = classified.detail, len(response.body), _elapsed_ms(response)
    render_info = _render_info(response)
    if render_info is not None:
        headers[RENDERED_HEADER] = str(render_info)
        detail = detail or render_info.sentence
        size = render_info.received
        elapsed_ms += render_info.elapsed_ms
    media_type, charset = parse_content_type(headers.get("content-type", ""))
    head: tuple[HeadElement, ...] = ()
    if has_body and due.kind in HTML_KINDS:
        head = parse_head(response.body)
    return Capture(
        page_id=due.page_id,
        fetched_at=fetched_at,
        outcome=outcome,
        reason=classified.reason,
        status=response.status,
        headers=headers,
        media_type=media_type,
        charset=charset,
        body=response.body if has_body else None,
        size=size,
        elapsed_ms=elapsed_ms,
        location=hop_target(response) if outcome is Outcome.REDIRECTED else "",
        detail=detail,
        canonical_url=resolve_href(response.url, declared_canonical_url(head)) or "",
        opt_outs=_opt_outs(response.headers, head, agent) if has_body else (),
        requested_url=requested_url if outcome in ANSWERED_OUTCOMES else "",
        picture_url=resolve_href(response.url, declared_picture_url(head)) or "",
    )


def apply_opt_outs(capture: Capture, politeness: Politeness) -> Capture:
    """Refuse a page that opted out of archiving, where the site file says to obey that.

    Args:
        capture: The capture of a story.
        politeness: The rules of the site file.

    Returns:
        The same capture, or one without the bytes whose outcome is REFUSED.
    """
    opt_outs_to_obey = _opt_outs_to_obey(capture, politeness)
    if capture.outcome is not Outcome.FETCHED or not opt_outs_to_obey:
        return capture
    return replace(
        capture,
        outcome=Outcome.REFUSED,
        reason=Reason.OPTED_OUT,
        body=None,
        headers=_without_validators(capture.headers),
        detail=f"the page says {' and '.join(opt_outs_to_obey)}, so its bytes were not kept",
    )


def without_opted_out_body(capture: Capture, politeness: Politeness) -> Capture:
    """Drop the bytes of a source that opted out, where the site file says to obey that.

    Its links are followed: they are no part of what is kept.
    """
    return replace(capture, body=None) if _opt_outs_to_obey(capture, politeness) else capture


def _opt_outs_to_obey(capture: Capture, politeness: Politeness) -> list[str]:
    obeyed = {
        "noarchive": politeness.obey_noarchive,
        "noai": politeness.obey_noai,
        "tdm": politeness.obey_noai,
    }
    return [name for name in capture.opt_outs if obeyed[name]]


def follow_canonical(due: DueUrl, capture: Capture, canonical_url: str) -> Capture:
    """Turn the capture of a page without text into a redirect to the page that it names.

    Args:
        due: The story.
        capture: Its capture.
        canonical_url: The canonical URL that it declares, if that is a story of the site.

    Returns:
        The redirect; otherwise the same capture with the trusted canonical URL.
    """
    body = capture.body
    if body is None or not names_other_page(body, due.url, canonical_url):
        return replace(capture, canonical_url=canonical_url)
    return replace(
        capture,
        outcome=Outcome.REDIRECTED,
        reason=Reason.HTTP_REDIRECT,
        detail="the page has no text and names its canonical URL",
        headers=_without_validators(capture.headers),
        body=None,
        location=canonical_url,
        canonical_url="",
    )


def part_capture(site: Site, due: DueUrl, capture: Capture, final_url: str) -> Capture:
    """Return the capture of a further part of a story after its redirects.

    Args:
        site: The site.
        due: The part.
        capture: The capture of what the redirects led to.
        final_url: Its URL.

    Returns:
        The same capture, or one without bytes where there is no such part (any more).
    """
    capture = apply_opt_outs(replace(capture, canonical_url=""), site.politeness)
    is_first_page = url_key(final_url) == url_key(due.story_url or due.url)
    if not is_first_page and site.owns(final_url):
        return capture
    detail = f"the part redirects to {'the story itself' if is_first_page else 'another site'}"
    return replace(
        capture,
        outcome=Outcome.GONE,
        reason=Reason.SOFT_404,
        body=None,
        headers=_without_validators(capture.headers),
        detail=detail,
    )


def capture_error(due: DueUrl, error: FetchError, fetched_at: datetime) -> Capture:
    """Make the capture of a fetch that brought no answer."""
    return Capture(due.page_id, fetched_at, error.outcome, error.reason, detail=error.detail)


def _classify(
    due: DueUrl, response: Response, headers: dict[str, str], conditional: bool
) -> _Classification:
    status = response.status
    if status == 304 and conditional:
        return _Classification(Outcome.UNCHANGED, Reason.NOT_MODIFIED)
    if status in REDIRECT_STATUSES and "location" in headers:
        return _classify_redirect(due, response)
    if status in (404, 410):
        detail = f"the server answered {status}"
        return _Classification(Outcome.GONE, Reason.NOT_FOUND, detail)
    if status in OVERLOAD_STATUSES:
        detail = f"the server answered {status}: it is down, or gets too many requests"
        return _Classification(Outcome.DEFERRED, Reason.TRY_AGAIN, detail)
    if status not in (200, 203):
        detail = f"the server answered {status}"
        return _Classification(Outcome.FAILED, Reason.HTTP_STATUS, detail)
    if due.kind in SITE_RULE_KINDS:  # an empty one allows everything
        return _Classification(Outcome.FETCHED, Reason.NONE)
    if not response.body.strip(b"\x00\t\n\r "):
        detail = "the server answered without a body"
        return _Classification(Outcome.FAILED, Reason.EMPTY_BODY, detail)
    if due.kind in HTML_KINDS:
        problem = _html_problem(response, headers)
        if problem is not None:
            return problem
    if due.kind is UrlKind.STORY and hop_target(response):
        return _classify_redirect(due, response)
    reason = Reason.NEW if due.kind in STORY_KINDS else Reason.NONE
    return _Classification(Outcome.FETCHED, reason)


def _html_problem(response: Response, headers: dict[str, str]) -> _Classification | None:
    """Why a body is no HTML page."""
    coding = (response.headers.get("Content-Encoding") or b"").decode("ascii", "replace")
    if coding and not has_html_sign(response.body):
        detail = f"compressed as {coding[:40]!r}, which was not requested"
        return _Classification(Outcome.FAILED, Reason.UNKNOWN_ENCODING, detail)
    content_type = headers.get("content-type", "")
    if not is_html(content_type, response.body):
        detail = f"no HTML but {content_type or 'an unnamed type'}"[:200]
        return _Classification(Outcome.FAILED, Reason.NOT_HTML, detail)
    return None


def _classify_redirect(due: DueUrl, response: Response) -> _Classification:
    target = hop_target(response)
    if not target:
        detail = "redirects to something that is no http or https URL"
        return _Classification(Outcome.FAILED, Reason.BAD_URL, detail)
    if due.kind is not UrlKind.STORY:  # Scrapy follows redirects of sources, but not this one
        detail = "redirects to a target that we do not follow"
        return _Classification(Outcome.FAILED, Reason.HTTP_REDIRECT, detail)
    if url_key(target) == url_key(response.url):
        return _Classification(Outcome.FAILED, Reason.HTTP_REDIRECT, "redirects to itself")
    if _is_dead_end(target, response.url):
        detail = "redirects to the front page or to an error page"
        return _Classification(Outcome.GONE, Reason.SOFT_404, detail)
    return _Classification(Outcome.REDIRECTED, Reason.HTTP_REDIRECT)


def _is_dead_end(target: str, url: str) -> bool:
    """Whether a redirect leads to its host's front page or error page, as for deleted stories."""
    if host_of(target).removeprefix("www.") != host_of(url).removeprefix("www."):
        return False
    parts = urlsplit(target)
    return not parts.query and FRONT_OR_ERROR_PATH.search(parts.path) is not None


def _render_info(response: Response) -> RenderInfo | None:
    if response.request is None:
        return None
    info: RenderInfo | None = response.meta.get(RENDER_INFO_META)
    return info


def _elapsed_ms(response: Response) -> int:
    if response.request is None:
        return 0
    return int(float(response.meta.get("download_latency", 0.0)) * 1000)


def _without_validators(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in VALIDATOR_HEADERS}


def stored_headers(headers: Headers) -> dict[str, str]:
    """Return the headers that are kept, in lower case, with values that any database accepts."""
    values = {name: header_values(headers, name, "utf8") for name in STORED_HEADERS}
    return select_headers(values)


def header_values(headers: Headers, name: str, encoding: str) -> list[str]:
    """Return all values of a header as text."""
    values = [value for value in headers.getlist(name) if value is not None]
    return [value.decode(encoding, "replace") for value in values]


def _opt_outs(headers: Headers, head: tuple[HeadElement, ...], agent: str) -> tuple[str, ...]:
    robots_tags = header_values(headers, "X-Robots-Tag", "latin-1")
    tdm_values = header_values(headers, "TDM-Reservation", "latin-1")
    return opt_outs(robots_tags, tdm_values, head, agent)
