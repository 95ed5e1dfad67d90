"""What a page's head and headers say to programs: what they may not do with it, and which address is its own.

Promises pure functions over bytes and headers, in time linear in the head. Nothing here decides: what is obeyed is the Site's
to say, and what address is believed is judged in `targets`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import unescape

from scrapy.http import Headers

MAX_HEAD = 512 * 1024  # bytes in which the end of a head is looked for
MARK = re.compile(
    rb"<(?:(meta|link)\b|!--|(script|style|noscript)\b|/head\s*>|body[\s>])", re.IGNORECASE
)
CLOSING = {
    name: re.compile(rb"</" + name + rb"\s*>", re.IGNORECASE)
    for name in (b"script", b"style", b"noscript")
}
ELEMENT = re.compile(rb"((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>")
ATTRIBUTE = re.compile(r"([\w:-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
SCOPED = re.compile(r"^\s*([\w.*-]+)\s*:\s*(.*)$", re.DOTALL)
WITH_VALUE = frozenset(
    {"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"}
)
OPT_OUTS = {"noarchive": "noarchive", "noai": "noai", "noimageai": "noai"}
TDM = "tdm-reservation"

HeadElement = tuple[str, dict[str, str]]


def parse_head(body: bytes) -> tuple[HeadElement, ...]:
    """The meta and link elements of a page's head, with their attributes in plain text."""
    return tuple(
        (name.decode().lower(), _attributes(rest)) for name, rest in _elements(body[:MAX_HEAD])
    )


def _elements(head: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(name, attributes) of each. From mark to mark, because most of a head is scripts, which are not to be read."""
    mark = MARK.search(head)
    while mark is not None:
        name, silent = mark.groups()
        end = mark.end()
        if name is not None:
            rest = ELEMENT.match(head, end)
            if rest is not None:
                yield name, rest.group(1)
                end = rest.end()
        elif silent is not None:
            closed = CLOSING[silent.lower()].search(head, end)
            end = closed.end() if closed is not None else len(head)
        elif mark.group() == b"<!--":
            closed_at = head.find(b"-->", end)
            end = closed_at + 3 if closed_at >= 0 else len(head)
        else:
            return
        mark = MARK.search(head, end)


def _attributes(rest: bytes) -> dict[str, str]:
    found = ATTRIBUTE.findall(rest.decode("utf8", "replace"))
    return {name.lower(): unescape(one or two or three).strip() for name, one, two, three in found}


def opt_outs(headers: Headers, head: Iterable[HeadElement], agent: str) -> tuple[str, ...]:
    """What the page does not want done: of `noarchive`, `noai` and `tdm`. What is said to others by name is not for us."""
    said = set(_directives(_values(headers, "X-Robots-Tag"), agent.lower()))
    reserved = "1" in _values(headers, TDM)
    for element, attributes in head:
        name, content = attributes.get("name", "").lower(), attributes.get("content", "")
        if element == "meta" and name in ("robots", agent.lower()):
            said.update(_words(content))
        reserved = reserved or (element == "meta" and name == TDM and content == "1")
    found = {OPT_OUTS[word] for word in said if word in OPT_OUTS} | ({"tdm"} if reserved else set())
    return tuple(sorted(found))


def _values(headers: Headers, name: str) -> list[str]:
    return [value.decode("latin-1").strip() for value in headers.getlist(name) if value is not None]


def _directives(values: Iterable[str], agent: str) -> Iterator[str]:
    for value in values:
        scope = SCOPED.match(value)
        if scope is not None and scope.group(1).lower() not in WITH_VALUE:
            if scope.group(1).lower() not in (agent, "*"):
                continue
            value = scope.group(2)
        yield from _words(value)


def _words(content: str) -> list[str]:
    return [word.strip().lower() for word in content.split(",")]


def declared_canonical_url(head: Iterable[HeadElement]) -> str:
    """The address that the page calls its own: `rel=canonical`, else `og:url`; "" where it declares none."""
    shared = ""
    for element, attributes in head:
        if (
            element == "link"
            and "canonical" in attributes.get("rel", "").lower().split()
            and attributes.get("href")
        ):
            return attributes["href"]
        if (
            element == "meta"
            and attributes.get("property", attributes.get("name", "")).lower() == "og:url"
        ):
            shared = shared or attributes.get("content", "")
    return shared
