"""Where an answer sends its reader: by a redirect, a refresh, a script or a canonical URL.

Pure functions. A script counts only if it does nothing but send the reader on, and if the page has
no text besides. So a script that decides first, and a script on a page with a story, lead nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape

from scrapy.http import Response
from w3lib.url import safe_url_string

from pipeline.core.page_head import MAX_REFRESH_DELAY, parse_head, refresh_target
from pipeline.core.urls import host_of, resolve_href, url_key, without_credentials, without_www

REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
REFRESH = re.compile(rb"http-equiv\s*=\s*[\"']?refresh", re.IGNORECASE)
MAX_REFRESH_OFFSET = 32 * 1024  # bytes from the beginning of a page
MAX_SCRIPT_PAGE = 16 * 1024  # bytes of a page that only sends its reader on
MAX_THIN_PAGE = 64 * 1024  # bytes of a page that may only name another one
MAX_THIN_SCRIPTS = 4 * 1024  # bytes; longer scripts may hold or build the story
MAX_THIN_TEXT = 200  # characters, such as "You are being redirected. If nothing happens, click …"

UNSEEN = re.compile(rb"<(?:(script|style|title|template|textarea)\b[^>]*>|!--)", re.IGNORECASE)
END_TAGS = {
    name: re.compile(rb"</" + name + rb"\s*>", re.IGNORECASE)
    for name in (b"script", b"style", b"title", b"template", b"textarea")
}
TAG = re.compile(r"<[^<>]*>")
SPACE = re.compile(r"\s+")
ONLOAD = re.compile(
    rb"<body\b[^>]{0,500}?\sonload\s*=\s*(?:\"([^\"]{1,2000})\"|'([^']{1,2000})')", re.IGNORECASE
)

# One statement of JavaScript that sends the reader to a fixed address, and what may surround it.
STRING = r"""("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\$]|\\.)*`)"""
PLACE = r"(?:(?:window|document|self|top|parent)\s*\.\s*){0,2}location"
STATEMENT = re.compile(
    rf"(?:(?:var|let|const)\s+(\w+)\s*=\s*{STRING}\s*;?\s*)?{PLACE}"
    rf"(?:(?:\s*\.\s*href)?\s*=\s*(?:{STRING}|(\w+))"
    rf"|\s*\.\s*(?:replace|assign)\s*\(\s*(?:{STRING}|(\w+))\s*\))"
)
FUNCTION = r"(?:function\s*\w*\s*\(\s*\)\s*|\(\s*\)\s*=>\s*)"
WRAPPERS = (  # each with the statement, and perhaps with a delay in milliseconds
    re.compile(rf"\(\s*{FUNCTION}\{{(.*)\}}\s*\)\s*\(\s*\)", re.DOTALL),
    re.compile(rf"window\s*\.\s*onload\s*=\s*{FUNCTION}\{{(.*)\}}", re.DOTALL),
    re.compile(
        rf"(?:window\s*\.\s*)?setTimeout\s*\(\s*{FUNCTION}\{{(.*)\}}\s*,\s*(\d{{1,6}})\s*\)",
        re.DOTALL,
    ),
    re.compile(r"(?:window\s*\.\s*)?setTimeout\s*\(\s*\"([^\"]*)\"\s*,\s*(\d{1,6})\s*\)"),
    re.compile(r"(?:window\s*\.\s*)?setTimeout\s*\(\s*'([^']*)'\s*,\s*(\d{1,6})\s*\)"),
)
MAX_WRAPPERS = 3
JS_LINE_COMMENT = re.compile(r"^\s*(?://|<!--|-->)[^\n]*$", re.MULTILINE)
JS_BLOCK_COMMENT = re.compile(r"/\*[^*]*\*+(?:[^/*][^*]*\*+)*/")
JS_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))", re.DOTALL)


def hop_target(response: Response) -> str:
    """Return where an answer sends its reader: by a redirect, or by a page that does only that.

    A page that reloads itself sends nobody anywhere, unless it sets a cookie first.

    Args:
        response: An answer of any status.

    Returns:
        The absolute URL; "" where the answer sends nobody anywhere.
    """
    if response.status in REDIRECT_STATUSES:
        return _location(response)
    if response.status != 200:
        return ""
    reference = ""
    if REFRESH.search(response.body, 0, MAX_REFRESH_OFFSET):
        reference = refresh_target(parse_head(response.body))
    reference = safe_url_string(reference or script_target(response.body))
    target = resolve_href(response.url, reference) or ""
    if not target or response.headers.get("Set-Cookie"):
        return target
    return "" if url_key(target) == url_key(response.url) else target


def _location(response: Response) -> str:
    """The target of a redirect, absolute and without credentials; "" where it is no http(s) URL."""
    location = (response.headers.get("Location") or b"").decode("utf8", "replace")
    try:
        target = resolve_href(response.url, safe_url_string(location))
    except ValueError:
        return ""
    return without_credentials(target) if target else ""


def script_target(body: bytes) -> str:
    """Return the reference to which a script sends the reader of a page without text; "" if none.

    Args:
        body: The page.
    """
    if len(body) > MAX_SCRIPT_PAGE or b"location" not in body:
        return ""
    page = _split(body)
    if len(page.text) > MAX_THIN_TEXT:
        return ""
    for script in (*page.scripts, *_onload(body)):
        target = statement_target(script)
        if target:
            return target
    return ""


def names_other_page(body: bytes, url: str, canonical_url: str) -> bool:
    """Return whether a page has no text and declares another page of its host as its own.

    Args:
        body: The page.
        url: Its URL.
        canonical_url: The URL that it declares, if it is that of a story of the site.
    """
    if not canonical_url or len(body) > MAX_THIN_PAGE or url_key(canonical_url) == url_key(url):
        return False
    if without_www(host_of(canonical_url)) != without_www(host_of(url)):
        return False
    page = _split(body)
    scripts = sum(map(len, page.scripts))
    return scripts <= MAX_THIN_SCRIPTS and len(page.text) <= MAX_THIN_TEXT


def statement_target(script: str) -> str:
    """Return the reference to which a script sends its reader; "" if it does anything else.

    Args:
        script: The whole text of a script element or of an event handler.
    """
    text = JS_BLOCK_COMMENT.sub("", JS_LINE_COMMENT.sub("", script))
    for _ in range(MAX_WRAPPERS):
        text = text.strip("; \t\r\n").removeprefix("'use strict'").removeprefix('"use strict"')
        text = text.strip("; \t\r\n")
        inner = _unwrapped(text)
        if inner is None:
            break
        text = inner
    statement = STATEMENT.fullmatch(text)
    if statement is None:
        return ""
    name, value, assigned, assigned_name, passed, passed_name = statement.groups()
    used_name = assigned_name or passed_name
    if used_name:
        return _unescape(value) if used_name == name else ""
    return _unescape(assigned or passed)


def _unwrapped(script: str) -> str | None:
    """The body of a function that runs at once or within seconds; None if there is none."""
    for wrapper in WRAPPERS:
        match = wrapper.fullmatch(script)
        if match is None:
            continue
        body, *delay = match.groups()
        is_late = bool(delay) and int(delay[0]) > 1000 * MAX_REFRESH_DELAY
        return "" if is_late else str(body)
    return None


def _unescape(literal: str) -> str:
    """The text of a string literal of JavaScript."""

    def character(match: re.Match[str]) -> str:
        code = match.group(1) or match.group(2)
        return chr(int(code, 16)) if code else match.group(3)

    return JS_ESCAPE.sub(character, literal[1:-1]).strip()


@dataclass(frozen=True, slots=True)
class _Page:
    """The text of a page as its reader sees it, and its inline scripts."""

    text: str
    scripts: tuple[str, ...]


def _split(body: bytes) -> _Page:
    """Split a page in one pass, in time linear in its size."""
    seen: list[bytes] = []
    scripts: list[str] = []
    position = 0
    element = UNSEEN.search(body)
    while element is not None:
        seen.append(body[position : element.start()])
        name = element.group(1)
        if name is None:
            end = body.find(b"-->", element.end())
            position = len(body) if end < 0 else end + 3
        else:
            end_tag = END_TAGS[name.lower()].search(body, element.end())
            end = len(body) if end_tag is None else end_tag.start()
            position = len(body) if end_tag is None else end_tag.end()
            if name.lower() == b"script":
                scripts.append(body[element.end() : end].decode("utf8", "replace"))
        element = UNSEEN.search(body, position)
    seen.append(body[position:])
    text = TAG.sub(" ", b" ".join(seen).decode("utf8", "replace"))
    return _Page(SPACE.sub(" ", unescape(text)).strip(), tuple(scripts))


def _onload(body: bytes) -> Iterator[str]:
    """The handler of the event that a page is loaded."""
    handler = ONLOAD.search(body)
    if handler is not None:
        yield unescape((handler.group(1) or handler.group(2)).decode("utf8", "replace"))
