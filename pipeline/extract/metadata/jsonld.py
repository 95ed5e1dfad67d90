"""Read the JSON-LD of a page: what it says about the page's story.

Only nodes whose type is an article's count: pages also describe their organisation, their
breadcrumbs and the stories that they link to. Broken JSON-LD raises nothing: what can be repaired
is read, and the rest is left out.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from html import unescape
from typing import Any
from urllib.parse import urlsplit

from lxml.html import HtmlElement

from pipeline.extract.metadata.authors import name_key
from pipeline.extract.sanitize import single_line

# The types of a story, the surest first.
STORY_TYPES = (
    re.compile(r"(?:[a-z]*article|[a-z]*posting|report|critic\w*|[a-z]*newsarticle)", re.I),
    re.compile(r"review|[a-z]*review", re.I),
    re.compile(
        r"(?:webpage|itempage|videoobject|podcastepisode|creativework|recipe|howto)", re.I
    ),
)  # fmt: skip
PAGE_TYPE = re.compile(r"(?:webpage|itempage)", re.I)
MAX_SCRIPTS, MAX_SCRIPT_LENGTH, MAX_NODES = 30, 2_000_000, 3000
MAX_REPAIRED_LENGTH = 200_000  # of a broken script
MAX_OBJECTS = 20  # in one script
MAX_LIST_ITEMS, MAX_VALUES, MAX_VALUE_DEPTH = 200, 50, 4
MAX_INDEXED = 5000  # values that are searched for nodes to which others refer
MIN_TITLE_LENGTH = 8  # of a headline that tells whose node it is
TRAILING_COMMA = re.compile(r",\s*([}\]])")
WRAPPERS = ("\ufeff", "//", "/*", "*/", "<![CDATA[", "]]>", "<!--", "-->", ";")
COMMENT_LINE = re.compile(r"^[ \t]*//.*$", re.M)
COMMENTED_AFTER = ("", "{", "}", "[", "]", ",")  # before a comment that stands in no string
FIRST_BRACKET = re.compile(r"[{\[]")
DOUBLE_COMMA = re.compile(r",\s*,")
MISSING_COMMA = re.compile(r'(["}\]])\s+(?="[@\w]{1,40}"\s*:)')
MAX_OPEN = 50  # brackets
STRAY_QUOTE = re.compile(r'(?<=[^\s:,\[{\\])""(?=\s*[,}\]])')
BAD_ESCAPE = re.compile(r'\\(?!["\\/bfnrt]|u[0-9a-fA-F]{4})')
BETWEEN_OBJECTS = re.compile(r"[\s,;]*")
AFTER_STRING = re.compile(r'\s*(?:[:}\]]|,\s*(?:["{\[}\]]|-?\d|true|false|null)|$)')
QUOTE_ENTITY = re.compile(r"&(?:quot|#34|#x22);", re.I)
STORY_KEYS = ("headline", "datePublished", "author")
CHILD_KEYS = ("@graph", "mainEntity", "mainEntityOfPage", "hasPart")
REFERRING_KEYS = ("author", "creator", "publisher", "articleSection", "image")
TITLE_KEYS = ("headline", "name", "alternativeHeadline")
URL_KEYS = ("url", "mainEntityOfPage", "@id")
Node = dict[str, Any]


def find_story(tree: HtmlElement, titles: Sequence[str] = (), url: str = "") -> Node:
    """Return the node that describes the story; {} for none.

    That is the one with the page's title or address, else the one with most of STORY_KEYS. The
    nodes to which it refers are put in their places.

    Args:
        tree: The parsed page.
        titles: Titles of the page, which tell its own node from those of other stories.
        url: The page's own address, for the same.
    """
    documents = list(_documents(tree))
    nodes: list[Node] = []
    for document in documents:
        nodes.extend(_walk(document))
    title_keys = {key for key in map(name_key, titles) if len(key) >= MIN_TITLE_LENGTH}
    for pattern in STORY_TYPES:
        stories = [node for node in nodes if any(map(pattern.fullmatch, type_names(node)))]
        ranked = [(_rank(node, title_keys, url), node) for node in stories]
        own = [(rank, node) for rank, node in ranked if not _is_of_other(node, rank, titles, url)]
        if own:
            story = max(own, key=lambda each: each[0])[1]
            return _completed(story, nodes, documents)
    return {}


Rank = tuple[int, int]


def _rank(node: Node, title_keys: Collection[str], url: str) -> Rank:
    """Return how surely a node is the page's own, and how much it says."""
    agreement = 0
    for key in TITLE_KEYS:
        title = name_key(text_value(node.get(key)))
        if title and any(_is_same_title(title, known) for known in title_keys):
            agreement = 2
    if url and any(_is_same_page(address, url) for address in _urls(node)):
        agreement += 1
    return agreement, sum(key in node for key in STORY_KEYS)


def _is_same_title(title: str, known: str) -> bool:
    if len(title) < MIN_TITLE_LENGTH:
        return title == known
    return title in known or known in title


def _is_of_other(node: Node, rank: Rank, titles: Sequence[str], url: str) -> bool:
    """Tell whether a node has the title and the address of another page."""
    if rank[0] or not titles or not url:
        return False
    headline = text_value(node.get("headline"))
    addresses = [address for address in _urls(node) if "://" in address]
    if len(name_key(headline)) < MIN_TITLE_LENGTH or not addresses:
        return False
    own_path = _path(url)
    return len(own_path) > 1 and all(len(_path(address)) > 1 for address in addresses)


def _urls(node: Node) -> list[str]:
    urls = []
    for key in URL_KEYS:
        value = node.get(key)
        if isinstance(value, dict):
            value = value.get("@id") or value.get("url")
        if isinstance(value, str):
            urls.append(value.partition("#")[0])
    return urls


def _is_same_page(address: str, url: str) -> bool:
    return len(_path(address)) > 1 and _path(address) == _path(url)


def _path(url: str) -> str:
    """Return the path of a URL without a slash at its end."""
    try:
        return urlsplit(url).path.rstrip("/")
    except ValueError:
        return ""


def _completed(story: Node, nodes: Sequence[Node], documents: Sequence[Any]) -> Node:
    """Return a story whose references to other nodes are followed.

    A story without an author takes the author of the page that it is the content of.
    """
    index: dict[str, Node] | None = None
    completed = dict(story)
    if "author" not in story and "creator" not in story:
        for page in nodes:
            if "author" in page and any(map(PAGE_TYPE.fullmatch, type_names(page))):
                completed["author"] = page["author"]
                break
    for key in REFERRING_KEYS:
        if _refers(completed.get(key)):
            if index is None:
                index = _index(documents)
            completed[key] = _resolved(completed[key], index)
    return completed


def _refers(value: Any) -> bool:
    return any(_reference(item) for item in as_list(value)[:MAX_VALUES])


def _reference(value: Any) -> str:
    """Return the identifier to which a value refers; "" for a value that says more."""
    if isinstance(value, dict) and "name" not in value:
        identifier = value.get("@id")
        return identifier if isinstance(identifier, str) else ""
    if isinstance(value, str) and ("#" in value or "://" in value):
        return value
    return ""


def _resolved(value: Any, index: dict[str, Node]) -> Any:
    if isinstance(value, list):
        return [index.get(_reference(item), item) for item in value[:MAX_VALUES]]
    return index.get(_reference(value), value)


def _index(documents: Sequence[Any]) -> dict[str, Node]:
    """Return the nodes that have a name and an identifier, by it."""
    index: dict[str, Node] = {}
    queue: deque[Any] = deque(documents)
    for _ in range(MAX_INDEXED):
        if not queue:
            break
        value = queue.popleft()
        if isinstance(value, dict):
            identifier = value.get("@id")
            if isinstance(identifier, str) and "name" in value:
                index.setdefault(identifier, value)
            queue.extend(item for item in value.values() if isinstance(item, dict | list))
        elif isinstance(value, list):
            queue.extend(item for item in value[:MAX_LIST_ITEMS] if isinstance(item, dict | list))
    return index


def _documents(tree: HtmlElement) -> Iterator[Any]:
    """Parse the JSON-LD scripts of a page."""
    scripts = [e for e in tree.iter("script") if "ld+json" in (e.get("type") or "").lower()]
    for script in scripts[:MAX_SCRIPTS]:
        text = script.text or ""
        if 2 < len(text) <= MAX_SCRIPT_LENGTH:
            yield from _parse(_unwrapped(text))


def _unwrapped(text: str) -> str:
    """Return a script without the signs of comments and CDATA before and after it."""
    has_wrapper = True
    while has_wrapper:
        text = text.strip()
        has_wrapper = text.startswith(WRAPPERS) or text.endswith(WRAPPERS)
        for wrapper in WRAPPERS:
            text = text.removeprefix(wrapper).removesuffix(wrapper)
    return text


def _without_comments(text: str) -> str:
    """Return a script without comments of its own lines."""
    text = COMMENT_LINE.sub("", text).replace("<!--", "").replace("-->", "")
    pieces: list[str] = []
    position = 0
    while (start := text.find("/*", position)) >= 0:
        end = text.find("*/", start)
        if end < 0:
            break
        before = text[position:start]
        pieces += [before, "" if before.rstrip()[-1:] in COMMENTED_AFTER else text[start : end + 2]]
        position = end + 2
    return "".join((*pieces, text[position:]))


def _parse(text: str) -> list[Any]:
    """Return the values of a script, as broken as it may be."""
    for repaired in _attempts(text):
        try:
            return [json.loads(repaired, strict=False)]
        except (ValueError, RecursionError):
            if values := _several_values(repaired):
                return values
    return []


def _attempts(text: str) -> Iterator[str]:
    """Yield a script, and the script with more and more of its faults repaired."""
    yield text
    start, end = (FIRST_BRACKET.search(text), max(text.rfind("}"), text.rfind("]")))
    if start and end > start.start():
        text = text[start.start() : end + 1]
    yield TRAILING_COMMA.sub(r"\1", text)
    if len(text) > MAX_REPAIRED_LENGTH:
        return
    if QUOTE_ENTITY.search(text) and text.count('"') < len(QUOTE_ENTITY.findall(text)):
        text = unescape(text)
        yield text
    text = BAD_ESCAPE.sub(r"\\\\", _without_comments(text))
    text = MISSING_COMMA.sub(r"\1,", DOUBLE_COMMA.sub(",", STRAY_QUOTE.sub('"', text)))
    text = TRAILING_COMMA.sub(r"\1", text)
    yield text
    text = _with_escaped_quotes(text)
    yield text
    yield _closed(text)


def _several_values(text: str) -> list[Any]:
    """Return the objects of a script that holds one after the other."""
    values: list[Any] = []
    decoder = json.JSONDecoder(strict=False)
    position = 0
    while position < len(text) and len(values) < MAX_OBJECTS:
        try:
            value, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            return []
        values.append(value)
        if match := BETWEEN_OBJECTS.match(text, position):
            position = match.end()
    return values


def _with_escaped_quotes(text: str) -> str:
    """Escape the quotation marks within strings: those that no comma, colon or bracket follows."""
    pieces: list[str] = []
    is_inside = False
    position = 0
    for match in re.finditer(r'\\.|"', text, re.S):
        if match[0] != '"':
            continue
        pieces.append(text[position : match.start()])
        position = match.end()
        if is_inside and not AFTER_STRING.match(text, position):
            pieces.append('\\"')
            continue
        is_inside = not is_inside
        pieces.append('"')
    pieces.append(text[position:])
    return "".join(pieces)


def _closed(text: str) -> str:
    """Return a script with the brackets that it does not close."""
    open_brackets: list[str] = []
    is_inside = False
    for match in re.finditer(r'\\.|["{}\[\]]', text, re.S):
        sign = match[0]
        if sign == '"':
            is_inside = not is_inside
        elif is_inside or len(sign) > 1:
            continue
        elif sign in "{[":
            open_brackets.append("}" if sign == "{" else "]")
        elif open_brackets:
            open_brackets.pop()
    return text + "".join(reversed(open_brackets[-MAX_OPEN:]))


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


def type_names(node: Node) -> list[str]:
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
