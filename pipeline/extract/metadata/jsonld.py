"""Read the JSON-LD of a page: what it says about the page's story.

Only nodes whose type is an article's count: pages also describe their organisation, their
breadcrumbs and the stories that they link to. Broken JSON-LD raises nothing.
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

ARTICLE_TYPE = re.compile(
    r"(?:[a-z]*article|[a-z]*posting|review|report|critic\w*|[a-z]*newsarticle)", re.I
)
LOOSE_TYPE = re.compile(r"(?:webpage|itempage|videoobject|podcastepisode|creativework)", re.I)
MAX_SCRIPTS, MAX_SCRIPT_LENGTH, MAX_NODES = 30, 2_000_000, 3000
MAX_LIST_ITEMS, MAX_VALUES, MAX_VALUE_DEPTH = 200, 50, 4
TRAILING_COMMA = re.compile(r",\s*([}\]])")
STORY_KEYS = ("headline", "datePublished", "author")
CHILD_KEYS = ("@graph", "mainEntity", "mainEntityOfPage", "hasPart")
Node = dict[str, Any]


def find_story(tree: HtmlElement) -> Node:
    """Return the node that describes the story: the one with most of STORY_KEYS; {} for none."""
    nodes: list[Node] = []
    for document in _documents(tree):
        nodes.extend(_walk(document))
    for pattern in (ARTICLE_TYPE, LOOSE_TYPE):
        stories = [node for node in nodes if any(map(pattern.fullmatch, _type_names(node)))]
        if stories:
            return max(stories, key=_count_story_keys)
    return {}


def _count_story_keys(node: Node) -> int:
    return sum(key in node for key in STORY_KEYS)


def _documents(tree: HtmlElement) -> Iterator[Any]:
    """Parse the JSON-LD scripts of a page."""
    scripts = [e for e in tree.iter("script") if "ld+json" in (e.get("type") or "").lower()]
    for script in scripts[:MAX_SCRIPTS]:
        text = (script.text or "").strip()
        text = text.removeprefix("<![CDATA[").removesuffix("]]>").strip().rstrip(";")
        if not 2 < len(text) <= MAX_SCRIPT_LENGTH:
            continue
        for attempt in (text, TRAILING_COMMA.sub(r"\1", text)):
            try:
                yield json.loads(attempt, strict=False)
                break
            except (ValueError, RecursionError):
                continue


def _walk(document: Any) -> Iterator[Node]:
    """Yield nodes breadth first: those near the top describe the page."""
    queue = deque([document])
    for _ in range(MAX_NODES):
        if not queue:
            return
        value = queue.popleft()
        if isinstance(value, dict):
            yield value
            queue.extend(value[key] for key in CHILD_KEYS if key in value)
        elif isinstance(value, list):
            queue.extend(value[:MAX_LIST_ITEMS])


def _type_names(node: Node) -> list[str]:
    """Return the types of a node without their namespace."""
    names = []
    for name in as_list(node.get("@type")):
        if isinstance(name, str):
            names.append(name.rpartition("/")[2].rpartition(":")[2])
    return names


def as_list(value: Any) -> list[Any]:
    """Return a value that may be one or a list as a list."""
    return value if isinstance(value, list) else [value]


def text_value(value: Any) -> str:
    """Return the text of a value on one line: of a node its name, of a list its first item."""
    for _ in range(MAX_VALUE_DEPTH):
        if isinstance(value, list):
            value = value[0] if value else ""
        elif isinstance(value, dict):
            value = value.get("name") or value.get("@value") or value.get("url") or ""
    if not isinstance(value, str):
        return ""
    return single_line(unescape(unescape(value)))


def text_values(value: Any) -> tuple[str, ...]:
    """Return all texts of a value that may be one or a list."""
    return tuple(filter(None, map(text_value, as_list(value)[:MAX_VALUES])))
