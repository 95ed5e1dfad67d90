"""What a server answered, or why nothing came, as a Capture.

Promises pure functions with a reason code for every answer, headers from an allow-list with bounded and storable values, and
no credentials in any field. What is inside a Feed or a Sitemap is read in `discovery`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from scrapy.http import Headers, Response
from w3lib.url import safe_url_string

from crawler.http.fetch_errors import FetchError
from crawler.http.page_head import declared_canonical_url, opt_outs, parse_head
from pipeline.config.site import Politeness
from pipeline.core.models import Capture, DueUrl, Outcome, Reason, UrlKind
from pipeline.core.urls import host_of, resolve_href, url_key

STORED_HEADERS = (
    "content-type", "etag", "last-modified", "date", "age", "expires", "cache-control", "vary", "content-language",
    "content-disposition", "link", "x-robots-tag", "tdm-reservation", "tdm-policy", "retry-after", "location", "server", "via",
)  # fmt: skip
VALIDATOR_HEADERS = ("etag", "last-modified")
MAX_HEADER_VALUE = 1000  # characters of one value
HTML_TYPES = frozenset({"text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"})
AMBIGUOUS_TYPES = frozenset(
    {"", "text/plain", "application/octet-stream", "application/xml", "text/xml"}
)
HTML_SIGN = re.compile(rb"<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>]", re.IGNORECASE)
BINARY_SIGN = re.compile(
    rb"%PDF-|\x89PNG|\xff\xd8\xff|GIF8[79]a|PK\x03\x04|RIFF|\x1f\x8b\x08|OggS|ID3|....ftyp",
    re.DOTALL,
)
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
USERINFO = re.compile(r"^(\w+://)[^/?#@]*@")
FRONT_OR_ERROR_PATH = re.compile(  # the front page, that of a language, an error page
    r"^/?$|^/[a-z]{2}/?$|^/(?:[a-z]{2}/)?(?:404|(?:page-?)?not-?found|error(?:-?404)?)(?:\.\w+)?/?$",
    re.IGNORECASE,
)
REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
OVERLOAD_STATUSES = frozenset({429, 503})
RENDER_META, RENDER_INFO_META = (
    "nightdesk_render",
    "nightdesk_rendered",
)  # in a request's meta: that it is wanted, what came of it


@dataclass(frozen=True, slots=True)
class RenderInfo:
    """That a body is what scripts made of a page, and what that took."""

    browser: str  # with its version
    requests: int  # of the page, beside the one for itself
    refused: int
    received: int  # bytes, those of the page itself included
    elapsed_ms: int

    def __str__(self) -> str:
        return f"{self.browser}; requests={self.requests}; refused={self.refused}; bytes={self.received}; ms={self.elapsed_ms}"

    @property
    def sentence(self) -> str:
        size = f"{self.received / 1000:.0f} kB"
        more = f"{self.requests} further request" + ("" if self.requests == 1 else "s")
        return f"rendered by {self.browser} in {self.elapsed_ms / 1000:.1f} s with {more}, {size}"


def capture_response(
    due: DueUrl, response: Response, at: datetime, *, conditional: bool, agent: str = "nightdesk"
) -> Capture:
    """The Capture of an answer. `conditional`: the request carried validators, so that a 304 may be believed. `agent` is the
    name that robots rules know us by."""
    headers = stored_headers(response.headers)
    outcome, reason, detail = _judge(due, response, headers, conditional)
    got_bytes = outcome is Outcome.FETCHED
    rendered: RenderInfo | None = response.meta.get(RENDER_INFO_META) if response.request else None
    if rendered is not None:
        headers["x-nightdesk-rendered"] = str(
            rendered
        )  # no header of a server's is kept under this name
    if not got_bytes and outcome is not Outcome.UNCHANGED:
        headers = {name: value for name, value in headers.items() if name not in VALIDATOR_HEADERS}
    media_type, charset = parse_content_type(headers.get("content-type", ""))
    head = parse_head(response.body) if got_bytes and due.kind is UrlKind.STORY else ()
    return Capture(
        page_id=due.page_id,
        fetched_at=at,
        outcome=outcome,
        reason=reason,
        status=response.status,
        headers=headers,
        media_type=media_type,
        charset=charset,
        body=response.body if got_bytes else None,
        size=len(response.body) if rendered is None else rendered.received,
        elapsed_ms=_elapsed(response) + (rendered.elapsed_ms if rendered else 0),
        location=_location(response) if outcome is Outcome.REDIRECTED else "",
        detail=detail or (rendered.sentence if rendered else ""),
        canonical_url=resolve_href(response.url, declared_canonical_url(head)) or "",
        opt_outs=opt_outs(response.headers, head, agent) if got_bytes else (),
    )


def apply_opt_outs(capture: Capture, politeness: Politeness) -> Capture:
    """The same, or a refusal where the page opted out of what we do and the Site's file says to obey that."""
    heeded = {
        "noarchive": politeness.obey_noarchive,
        "noai": politeness.obey_noai,
        "tdm": politeness.obey_noai,
    }
    against = [word for word in capture.opt_outs if heeded[word]]
    if capture.outcome is not Outcome.FETCHED or not against:
        return capture
    headers = {
        name: value for name, value in capture.headers.items() if name not in VALIDATOR_HEADERS
    }
    detail = f"the page says {' and '.join(against)}, and its bytes were not kept"
    return replace(
        capture,
        outcome=Outcome.REFUSED,
        reason=Reason.OPTED_OUT,
        body=None,
        headers=headers,
        detail=detail,
    )


def capture_error(due: DueUrl, trouble: FetchError, at: datetime) -> Capture:
    """The Capture of a fetch that brought no answer."""
    return Capture(due.page_id, at, trouble.outcome, trouble.reason, detail=trouble.detail)


def _judge(
    due: DueUrl, response: Response, headers: dict[str, str], conditional: bool
) -> tuple[Outcome, Reason, str]:
    status = response.status
    if status == 304 and conditional:
        return Outcome.UNCHANGED, Reason.NOT_MODIFIED, ""
    if status in REDIRECT_STATUSES and "location" in headers:
        return _judge_redirect(due, response)
    if status in (404, 410):
        return Outcome.GONE, Reason.NOT_FOUND, f"the server answered {status}"
    if status in OVERLOAD_STATUSES:
        return (
            Outcome.DEFERRED,
            Reason.TRY_AGAIN,
            f"the server answered {status}: asked too much of it, or it is down",
        )
    if status not in (200, 203):
        return Outcome.FAILED, Reason.HTTP_STATUS, f"the server answered {status}"
    if not response.body.strip(b"\x00\t\n\r "):
        return Outcome.FAILED, Reason.EMPTY_BODY, "the server answered without a body"
    coding = (response.headers.get("Content-Encoding") or b"").decode("ascii", "replace")
    if (
        coding
        and due.kind in (UrlKind.STORY, UrlKind.SECTION)
        and not HTML_SIGN.search(response.body, 0, 2048)
    ):
        return (
            Outcome.FAILED,
            Reason.UNKNOWN_ENCODING,
            f"packed as {coding[:40]!r}, which was not asked for",
        )
    if due.kind in (UrlKind.STORY, UrlKind.SECTION) and not is_html(
        headers.get("content-type", ""), response.body
    ):
        return (
            Outcome.FAILED,
            Reason.NOT_HTML,
            f"no HTML but {headers.get('content-type') or 'something unnamed'}"[:200],
        )
    return Outcome.FETCHED, Reason.NEW if due.kind is UrlKind.STORY else Reason.NONE, ""


def _judge_redirect(due: DueUrl, response: Response) -> tuple[Outcome, Reason, str]:
    target = _location(response)
    if not target:
        return Outcome.FAILED, Reason.BAD_URL, "redirects to what is no http or https URL"
    if due.kind is not UrlKind.STORY:  # Scrapy follows those of Places, so this one it would not
        return Outcome.FAILED, Reason.HTTP_REDIRECT, "redirects to where we do not follow"
    if url_key(target) == url_key(response.url):
        return Outcome.FAILED, Reason.HTTP_REDIRECT, "redirects to itself"
    if _leads_nowhere(target, response.url):
        return Outcome.GONE, Reason.SOFT_404, "leads to the front page or to an error page"
    return Outcome.REDIRECTED, Reason.HTTP_REDIRECT, ""


def _leads_nowhere(target: str, url: str) -> bool:
    """Whether a story's address leads to the front page of its host, or to its error page: so do those of deleted stories."""
    same_host = host_of(target).removeprefix("www.") == host_of(url).removeprefix("www.")
    parts = urlsplit(target)
    return same_host and not parts.query and FRONT_OR_ERROR_PATH.search(parts.path) is not None


def _location(response: Response) -> str:
    """Where a redirect points, absolute and without credentials; "" where that is no http or https URL."""
    try:
        target = resolve_href(
            response.url,
            safe_url_string((response.headers.get("Location") or b"").decode("utf8", "replace")),
        )
    except ValueError:
        return ""
    return without_credentials(target) if target else ""


def _elapsed(response: Response) -> int:
    latency = response.meta.get("download_latency", 0.0) if response.request else 0.0
    return int(float(latency) * 1000)


def is_html(content_type: str, body: bytes) -> bool:
    """Whether an answer is a page to read: by its declared type, unless the bytes say otherwise."""
    media_type, _ = parse_content_type(content_type)
    if BINARY_SIGN.match(body):
        return False
    if media_type in HTML_TYPES:
        return True
    return media_type in AMBIGUOUS_TYPES and HTML_SIGN.search(body, 0, 2048) is not None


def parse_content_type(value: str) -> tuple[str, str]:
    """(media type in lower case, charset as declared); "" for what is not said."""
    media_type, _, rest = value.partition(";")
    charset = re.search(r"charset\s*=\s*[\"']?([^\s\"';,]{1,40})", rest, re.IGNORECASE)
    return media_type.strip().lower()[:100], charset.group(1) if charset else ""


def stored_headers(headers: Headers) -> dict[str, str]:
    """The headers that we keep, lower-case, with values that any database takes."""
    kept = {}
    for name in STORED_HEADERS:
        value = ", ".join(
            part.decode("utf8", "replace") for part in headers.getlist(name) if part is not None
        )
        value = CONTROLS.sub(" ", value).strip()
        if name in VALIDATOR_HEADERS and not (value.isascii() and len(value) <= MAX_HEADER_VALUE):
            continue  # it could not be sent back as it came
        if name == "location":
            value = without_credentials(value)
        if value:
            kept[name] = value[:MAX_HEADER_VALUE]
    return kept


def without_credentials(url: str) -> str:
    """The URL without a name and password before its host."""
    return USERINFO.sub(r"\1", url)
