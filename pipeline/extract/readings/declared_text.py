"""Find the story's text in what the page holds for machines: JSON-LD and the state of its scripts.

Many pages repeat their story there. It is evidence for the lines that readers see, and where they
see none of it, it is the story.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator
from html import unescape
from itertools import islice
from typing import Any, Final

from lxml.html import HtmlElement

BODY = re.compile(r'"articleBody"\s*:\s*("(?:[^"\\]|\\.)*")', re.S)
TAG = re.compile(r"<(?:/?(?:p|div|li|ul|ol|h\d|blockquote|br|tr|table|section)\b[^<>]*)>", re.I)
INLINE_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
MAX_SCRIPTS: Final = 30
MAX_BODIES: Final = 3  # from so many on, a page has no story of its own
MAX_LENGTH: Final = 200_000  # characters of a story
MAX_STATE_SCRIPTS: Final = 60
MIN_STATE_LENGTH, MAX_STATE_LENGTH = 300, 3_000_000
MAX_STATE_NODES: Final = 50_000
MAX_TITLED_NODES: Final = 20  # nodes with the page's title, one in the other
MIN_TITLE_LETTERS, MAX_TITLE_LENGTH = 12, 300
MIN_PROSE_LETTERS: Final = 30
GAIN: Final = 1.2  # an outer node must have so much more text
ASSIGNMENT = re.compile(
    r"\s*(?:(?:window|self|globalThis|var|let|const)\b[\w$.\[\]'\" ]*)=\s*[{\[]"
)
SENTENCE = re.compile(r"[.!?…。！？؟।۔][\"'”’»›」)\]]*(?:\s|$)")
BESIDE_STORY = re.compile(
    r"desc|summary|excerpt|teaser|^seo|meta|caption|credit|^alt|^bio|author|related|recommend|more"
    r"|comment|latest|popular|trending|copyright|disclaimer|newsletter|footer|header|^nav|menu"
    r"|social|og_?|twitter|schema|json_?ld|advert|promo|config|translations|i18n|messages",
    re.I,
)


def find_article_body(tree: HtmlElement) -> str:
    """Return the story as the page's JSON-LD has it, one line for each paragraph; "" for none.

    A page that holds the text of several stories has no story of its own.

    Args:
        tree: The parsed page.

    Returns:
        The lines of `articleBody`, without markup.
    """
    bodies: set[str] = set()
    for script in _scripts(tree):
        for match in BODY.finditer(script):
            try:
                bodies.add(json.loads(match[1], strict=False))
            except ValueError:
                continue
            if len(bodies) >= MAX_BODIES:
                return ""
    if not bodies:
        return ""
    return plain_text(max(bodies, key=len)[:MAX_LENGTH])


def find_state_story(tree: HtmlElement, title: str) -> str:
    """Return the story that the state of the page's scripts holds, one line for each paragraph.

    It is the text below the innermost node with the page's title that has most of the text.

    Args:
        tree: The parsed page.
        title: The title of the page.

    Returns:
        The text; "" where no state has a story with that title.
    """
    key = _letters(title)
    if len(key) < MIN_TITLE_LETTERS:
        return ""
    best: list[str] = []
    for state in _states(tree):
        for node in _nodes_with_title(state, key):
            lines = _prose_below(node)
            if sum(map(len, lines)) > GAIN * sum(map(len, best)):
                best = lines
    return "\n".join(dict.fromkeys(best))[:MAX_LENGTH]


def _states(tree: HtmlElement) -> Iterator[Any]:
    """Yield the values of scripts that hold data: JSON, or one object assigned to a name."""
    for script in islice(tree.iter("script"), MAX_STATE_SCRIPTS):
        text = script.text or ""
        if not MIN_STATE_LENGTH <= len(text) <= MAX_STATE_LENGTH:
            continue
        start = 0
        if "json" not in (script.get("type") or ""):
            match = ASSIGNMENT.match(text)
            if match is None:
                continue
            start = match.end() - 1
        try:
            yield json.JSONDecoder(strict=False).raw_decode(text.strip(), start)[0]
        except (ValueError, RecursionError):
            continue


def _nodes_with_title(state: Any, key: str) -> list[dict[str, Any]]:
    """Return the nodes with the title, outer ones after those in them."""
    nodes: list[dict[str, Any]] = []
    queue: deque[Any] = deque([state])
    for _ in range(MAX_STATE_NODES):
        if not queue:
            break
        value = queue.popleft()
        if isinstance(value, dict):
            texts = [item for item in value.values() if isinstance(item, str)]
            if any(key == _letters(text) for text in texts if len(text) <= MAX_TITLE_LENGTH):
                nodes.append(value)
        if isinstance(value, dict | list):
            items = value.values() if isinstance(value, dict) else value
            queue.extend(item for item in items if isinstance(item, dict | list))
    return nodes[: -MAX_TITLED_NODES - 1 : -1]


def _prose_below(node: dict[str, Any]) -> list[str]:
    """Return the sentences of a node in their order, without those beside the story."""
    lines: list[str] = []
    stack: list[Any] = [node]
    for _ in range(MAX_STATE_NODES):
        if not stack:
            break
        value = stack.pop()
        if isinstance(value, dict):
            items = [item for key, item in value.items() if not BESIDE_STORY.search(key)]
            stack.extend(reversed(items))
        elif isinstance(value, list):
            stack.extend(reversed(value))
        elif isinstance(value, str) and len(value) >= MIN_PROSE_LETTERS and " " in value:
            lines += [line for line in plain_text(value).splitlines() if _is_prose(line)]
    return lines


def _is_prose(line: str) -> bool:
    return len(line) >= MIN_PROSE_LETTERS and SENTENCE.search(line) is not None


def _letters(text: str) -> str:
    return "".join(re.findall(r"\w+", text)).casefold()


def plain_text(markup: str) -> str:
    """Return the lines of a text that may hold elements and references.

    Args:
        markup: A text of JSON-LD or of a script, with or without HTML in it.

    Returns:
        One line for each paragraph, without empty lines.
    """
    text = markup
    if "&" in text:
        text = unescape(text)
        if "&" in text:
            text = unescape(text)
    if "<" in text:
        text = INLINE_TAG.sub("", TAG.sub("\n", text))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return "\n".join(filter(None, lines))


def _scripts(tree: HtmlElement) -> list[str]:
    scripts = []
    for script in tree.iter("script"):
        text = script.text
        if text and "articleBody" in text and "ld+json" in (script.get("type") or "").lower():
            scripts.append(text)
            if len(scripts) >= MAX_SCRIPTS:
                break
    return scripts
