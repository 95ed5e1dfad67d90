"""JSON-LD → what it says of the page's story.

Promises plain strings and never an exception. Only nodes whose type is an article's are believed, the one
with the most to say first: pages also describe their organisation, their breadcrumbs and the stories they
link to.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator
from html import unescape
from typing import Any

from lxml.html import HtmlElement

from pipeline.extract.sanitize import single_line

ARTICLE = re.compile(
    r"(?:[a-z]*article|[a-z]*posting|review|report|critic\w*|[a-z]*newsarticle)", re.I
)
LOOSE = re.compile(r"(?:webpage|itempage|videoobject|podcastepisode|creativework)", re.I)
MAX_SCRIPTS, MAX_SIZE, MAX_NODES = 30, 2_000_000, 3000
TRAILING_COMMA = re.compile(r",\s*([}\]])")
Node = dict[str, Any]


def find_story(tree: HtmlElement) -> Node:
    """The node that describes the story; {} where none does."""
    nodes = [node for script in _scripts(tree) for node in _walk(script)]
    for kinds in (ARTICLE, LOOSE):
        if stories := [
            node for node in nodes if any(kinds.fullmatch(name) for name in _types(node))
        ]:
            return max(
                stories,
                key=lambda node: sum(
                    key in node for key in ("headline", "datePublished", "author")
                ),
            )
    return {}


def _scripts(tree: HtmlElement) -> Iterator[Any]:
    scripts = [e for e in tree.iter("script") if "ld+json" in (e.get("type") or "").lower()]
    for element in scripts[:MAX_SCRIPTS]:
        text = (
            (element.text or "")
            .strip()
            .removeprefix("<![CDATA[")
            .removesuffix("]]>")
            .strip()
            .rstrip(";")
        )
        if not 2 < len(text) <= MAX_SIZE:
            continue
        for attempt in (text, TRAILING_COMMA.sub(r"\1", text)):
            try:
                yield json.loads(attempt, strict=False)
                break
            except (ValueError, RecursionError):
                continue


def _walk(root: Any) -> Iterator[Node]:
    """Nodes from the top down, breadth first: those near the top describe the page."""
    queue = deque([root])
    for _ in range(MAX_NODES):
        if not queue:
            return
        value = queue.popleft()
        if isinstance(value, dict):
            yield value
            queue.extend(
                value[key]
                for key in ("@graph", "mainEntity", "mainEntityOfPage", "hasPart")
                if key in value
            )
        elif isinstance(value, list):
            queue.extend(value[:200])


def _types(node: Node) -> list[str]:
    kinds = node.get("@type")
    names = kinds if isinstance(kinds, list) else [kinds]
    return [name.rpartition("/")[2].rpartition(":")[2] for name in names if isinstance(name, str)]


def text_value(value: Any) -> str:
    """A value's text on one line; a node's name; the first of a list."""
    for _ in range(4):
        if isinstance(value, list):
            value = value[0] if value else ""
        elif isinstance(value, dict):
            value = value.get("name") or value.get("@value") or value.get("url") or ""
    return single_line(unescape(unescape(value))) if isinstance(value, str) else ""


def text_values(value: Any) -> tuple[str, ...]:
    """All texts of a value that may be one or many."""
    values = value if isinstance(value, list) else [value]
    return tuple(text for text in map(text_value, values[:50]) if text)
