"""What the head and the headers of a page tell programs: opt-outs and the canonical URL.

Pure functions over bytes and header values, in time linear in the size of the head. Nothing is
decided here: the site file says which opt-outs are obeyed, the crawler which URL is trusted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import unescape

MAX_HEAD_BYTES = 512 * 1024  # in which the end of the head is looked for
TAG = re.compile(
    rb"<(?:(meta|link)\b|!--|(script|style|noscript)\b|/head\s*>|body[\s>])", re.IGNORECASE
)
END_TAGS = {
    name: re.compile(rb"</" + name + rb"\s*>", re.IGNORECASE)
    for name in (b"script", b"style", b"noscript")
}
ATTRIBUTES = re.compile(rb"((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>")
ATTRIBUTE = re.compile(r"([\w:-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
SCOPED_DIRECTIVE = re.compile(r"^\s*([\w.*-]+)\s*:\s*(.*)$", re.DOTALL)
DIRECTIVES_WITH_VALUE = frozenset(
    {"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"}
)
OPT_OUTS = {"noarchive": "noarchive", "noai": "noai", "noimageai": "noai"}
REFRESH_CONTENT = re.compile(
    r"\s*(\d{0,6}(?:\.\d{1,6})?)\s*[;,]\s*(?:url\s*=)?\s*(.*)", re.IGNORECASE
)
MAX_REFRESH_DELAY = 5.0  # seconds; lists reload themselves after minutes
TDM = "tdm-reservation"  # W3C TDM Reservation Protocol

# what names the lead picture of a story, the first that is there
PICTURE_META = (
    "og:image", "og:image:url", "og:image:secure_url", "twitter:image", "twitter:image:src",
)  # fmt: skip

HeadElement = tuple[str, dict[str, str]]  # name, attributes


def parse_head(body: bytes) -> tuple[HeadElement, ...]:
    """Return the meta and link elements of a page's head, with attributes as plain text."""
    elements: list[HeadElement] = []
    for name, attributes in _raw_elements(body[:MAX_HEAD_BYTES]):
        elements.append((name.decode().lower(), _parse_attributes(attributes)))
    return tuple(elements)


def _raw_elements(head: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and the attributes of each element.

    Searches from tag to tag, because most of a head is scripts, which need not be read.
    """
    tag = TAG.search(head)
    while tag is not None:
        name, invisible_name = tag.groups()
        end = tag.end()
        if name is not None:
            attributes = ATTRIBUTES.match(head, end)
            if attributes is not None:
                yield name, attributes.group(1)
                end = attributes.end()
        elif invisible_name is not None:
            end_tag = END_TAGS[invisible_name.lower()].search(head, end)
            end = len(head) if end_tag is None else end_tag.end()
        elif tag.group() == b"<!--":
            comment_end = head.find(b"-->", end)
            end = len(head) if comment_end < 0 else comment_end + 3
        else:
            return
        tag = TAG.search(head, end)


def _parse_attributes(attributes: bytes) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, double, single, bare in ATTRIBUTE.findall(attributes.decode("utf8", "replace")):
        values[name.lower()] = unescape(double or single or bare).strip()
    return values


def opt_outs(
    robots_tags: Iterable[str], tdm_values: Iterable[str], head: Iterable[HeadElement], agent: str
) -> tuple[str, ...]:
    """Return what a page opts out of.

    Args:
        robots_tags: The values of its `X-Robots-Tag` headers.
        tdm_values: The values of its `TDM-Reservation` headers (W3C TDM Reservation Protocol).
        head: The elements of its head.
        agent: The name by which robots rules know us. Rules for other agents do not count.

    Returns:
        Some of `noai`, `noarchive` and `tdm`, sorted.
    """
    agent = agent.lower()
    directives = set(_header_directives(robots_tags, agent))
    is_reserved = any(value.strip() == "1" for value in tdm_values)
    for element, attributes in head:
        if element != "meta":
            continue
        name, content = attributes.get("name", "").lower(), attributes.get("content", "")
        if name in ("robots", agent):
            directives.update(_split_directives(content))
        if name == TDM and content == "1":
            is_reserved = True
    names = {OPT_OUTS[directive] for directive in directives if directive in OPT_OUTS}
    if is_reserved:
        names.add("tdm")
    return tuple(sorted(names))


def _header_directives(values: Iterable[str], agent: str) -> Iterator[str]:
    for value in values:
        directives = value
        scoped = SCOPED_DIRECTIVE.match(value)
        if scoped is not None and scoped.group(1).lower() not in DIRECTIVES_WITH_VALUE:
            if scoped.group(1).lower() not in (agent, "*"):
                continue
            directives = scoped.group(2)
        yield from _split_directives(directives)


def _split_directives(content: str) -> list[str]:
    return [directive.strip().lower() for directive in content.split(",")]


def refresh_target(head: Iterable[HeadElement]) -> str:
    """Return the reference to which a page sends its reader within a few seconds; "" for none."""
    for element, attributes in head:
        if element == "meta" and attributes.get("http-equiv", "").lower() == "refresh":
            match = REFRESH_CONTENT.match(attributes.get("content", ""))
            if match is not None and float(match.group(1) or 0) <= MAX_REFRESH_DELAY:
                return match.group(2).strip().strip("'\"")
    return ""


def declared_canonical_url(head: Iterable[HeadElement]) -> str:
    """Return the URL that a page declares as its own.

    Args:
        head: The elements of its head.

    Returns:
        `rel=canonical`, else `og:url`; "" where the page declares neither.
    """
    og_url = ""
    for element, attributes in head:
        if element == "link":
            is_canonical = "canonical" in attributes.get("rel", "").lower().split()
            if is_canonical and attributes.get("href"):
                return attributes["href"]
        elif element == "meta" and not og_url:
            name = attributes.get("property", attributes.get("name", ""))
            if name.lower() == "og:url":
                og_url = attributes.get("content", "")
    return og_url


def declared_picture_url(head: Iterable[HeadElement]) -> str:
    """Return the URL of the lead picture that a page declares, as it is written; "" for none.

    Args:
        head: The elements of its head.
    """
    urls: dict[str, str] = {}
    for element, attributes in head:
        if element == "meta" and attributes.get("content"):
            name = attributes.get("property", attributes.get("name", "")).lower()
            urls.setdefault(name, attributes["content"])
    return next((urls[name] for name in PICTURE_META if name in urls), "")
