r"""Story URLs → readable regular expressions: `/\d{4}/\d{2}/\d{2}/[^/]+\.html$`.

Promises patterns that match every URL of their group and none of the pages that are known to be lists, in time linear in a
URL's length; and none at all where the URLs are too unlike each other to say.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from pipeline.core.urls import canonicalize

MAX_PATTERNS: Final = 6  # patterns of one site; more say nothing
EXTENSION = re.compile(r"\.(?:html?|shtml|xhtml|php|aspx?|jsp|cfm)$", re.I)
SPECIAL = re.compile(r"([.^$*+?{}\[\]\\|()])")
STRONG_KINDS: Final = frozenset(
    {"year", "number", "ymd", "date", "date-slug", "number-slug", "slug-number", "prefixed"}
)
LEAF_KINDS: Final = frozenset({"slug", "slug-number", "number-slug", "date-slug", "code", "word"})
SEGMENT_KINDS: Final = (
    ("year", re.compile(r"(?:19|20)\d\d")),
    ("two", re.compile(r"\d{1,2}")),
    ("ymd", re.compile(r"20\d{6}")),
    ("number", re.compile(r"\d+")),
    ("date", re.compile(r"\d{4}-\d{1,2}-\d{1,2}")),
    ("date-slug", re.compile(r"\d{4}-\d{1,2}-\d{1,2}-.+")),
    ("number-slug", re.compile(r"\d{3,}[-_].+")),
    ("slug-number", re.compile(r".+[-_]\d{5,}")),
    ("prefixed", re.compile(r"[a-z]{1,4}[-_]?\d{4,}", re.I)),
    (
        "code",
        re.compile(
            r"(?=[^\W_]*\d)(?=\d*[^\W\d_])[^\W_]{9,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
            re.I,
        ),
    ),
    ("slug", re.compile(r".*[^-_ ][-_ ][^-_ ].*|.{25,}")),
)


@dataclass(frozen=True, slots=True)
class PathSegment:
    """One segment of a path: what kind of thing it is, and its own letters."""

    kind: str
    text: str
    extension: str = ""


@dataclass(frozen=True, slots=True)
class UrlShape:
    """A URL taken apart."""

    segments: tuple[PathSegment, ...]
    ends_with_slash: bool
    query: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for URLs that are built alike."""
        kinds = tuple(
            _alike(part, is_leaf=n == len(self.segments) - 1, strong=self.is_strong)
            for n, part in enumerate(self.segments)
        )
        return (kinds, tuple(name for name, _ in self.query) if self.has_id_in_query else ())

    @property
    def is_strong(self) -> bool:
        """Whether a date or a number tells it from a list."""
        return any(part.kind in STRONG_KINDS for part in self.segments)

    @property
    def has_id_in_query(self) -> bool:
        """Whether only the query tells one page from another, as in `/news.php?id=4711`."""
        return (
            bool(self.query)
            and not self.is_strong
            and not any(part.kind in ("slug", "code") for part in self.segments)
        )


@dataclass(frozen=True, slots=True)
class UrlPattern:
    """A pattern, and the URLs that it was made of."""

    pattern: str
    urls: tuple[str, ...]

    def matches(self, url: str) -> bool:
        return re.search(self.pattern, canonicalize(url)) is not None


def url_shape(url: str) -> UrlShape:
    """A URL taken apart. Raises ValueError where it is none."""
    split = urlsplit(canonicalize(url))
    segments = [each for each in split.path.split("/") if each]
    last = len(segments) - 1
    parts = [
        _part(each, is_leaf=n == last and not split.path.endswith("/"))
        for n, each in enumerate(segments)
    ]
    return UrlShape(tuple(_dated(parts)), split.path.endswith("/"), tuple(parse_qsl(split.query)))


def _dated(parts: Iterable[PathSegment]) -> Iterator[PathSegment]:
    """Two digits are a month or a day behind a year; elsewhere they are a number like any other."""
    room = 0
    for part in parts:
        room = 2 if part.kind == "year" else room - 1 if part.kind == "two" else 0
        yield replace(part, kind="number") if part.kind == "two" and room < 0 else part


def _part(segment: str, *, is_leaf: bool) -> PathSegment:
    found = EXTENSION.search(segment) if is_leaf else None
    stem = segment[: found.start()] if found else segment
    plain = unquote(stem)
    kind = next((name for name, pattern in SEGMENT_KINDS if pattern.fullmatch(plain)), "word")
    return PathSegment(kind, stem, found.group() if found else "")


def _alike(part: PathSegment, *, is_leaf: bool, strong: bool) -> tuple[str, str]:
    """Beside a date or a number any leaf will do; elsewhere a lone word is more likely a list."""
    kind = part.kind
    if is_leaf and kind in LEAF_KINDS and kind not in STRONG_KINDS:
        kind = "leaf" if strong else kind
    return kind, part.extension


def find_patterns(stories: Mapping[str, int], lists: Iterable[str]) -> tuple[UrlPattern, ...]:
    """Patterns for story URLs, given with their weight, that match no list; () where there would be too many."""
    groups: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for url in stories:
        groups[url_shape(url).key].append(url)
    known = {url_shape(url).key for url in stories}
    avoid = tuple(
        canonicalize(url)
        for url in lists
        if url_shape(url).key not in known or not url_shape(url).is_strong
    )
    avoid = tuple(url for url in avoid if url not in {canonicalize(each) for each in stories})
    made = [found for urls in groups.values() if (found := _pattern(urls, avoid)) is not None]
    made.sort(key=lambda each: -sum(stories[url] for url in each.urls))
    kept: list[UrlPattern] = []
    for each in made:
        if not all(any(other.matches(url) for other in kept) for url in each.urls):
            kept = [other for other in kept if not all(map(each.matches, other.urls))]
            kept.append(each)
    return tuple(kept) if len(kept) <= MAX_PATTERNS else ()


def _pattern(urls: Sequence[str], avoid: Sequence[str]) -> UrlPattern | None:
    """The loosest pattern of a group that leaves all lists out."""
    shapes = [url_shape(url) for url in urls]
    if not shapes[0].segments and not shapes[0].has_id_in_query:
        return None
    for words in (1, 2, 3, 4):
        for exact in (False, True):
            text = _text(shapes, words, exact=exact)
            wanted = re.compile(text)
            found = [url for url in urls if wanted.search(canonicalize(url))]
            if len(found) >= 0.8 * len(urls) and not any(wanted.search(url) for url in avoid):
                return UrlPattern(text, tuple(found))
    return None


def _text(shapes: Sequence[UrlShape], words: int, *, exact: bool) -> str:
    columns = list(zip(*(shape.segments for shape in shapes), strict=True))
    strong, last = shapes[0].is_strong, len(columns) - 1
    text = "".join(
        "/"
        + _segment(
            column,
            words,
            exact=exact,
            strong=strong,
            is_leaf=n == last and not shapes[0].has_id_in_query,
        )
        for n, column in enumerate(columns)
    )
    first = columns[0][0].kind if columns else "word"
    is_open = text.startswith(("/[^/]", "/(?:[^/", "/(?:[^/_")) or first == "slug" or not columns
    return ("://[^/]+" if is_open else "") + (text or "/") + _end(shapes)


def _end(shapes: Sequence[UrlShape]) -> str:
    slashes = {shape.ends_with_slash for shape in shapes} if shapes[0].segments else {False}
    slash = "/?" if len(slashes) == 2 else "/" if True in slashes else ""
    if shapes[0].has_id_in_query:
        name, _ = max(
            shapes[0].query,
            key=lambda pair: len({dict(each.query).get(pair[0]) for each in shapes}),
        )
        digits = all(dict(each.query).get(name, "").isdigit() for each in shapes)
        return slash + rf"\?(?:.*&)?{_escape(name)}=" + (r"\d+" if digits else r"[^&]+")
    return slash + (r"(?:\?|$)" if any(shape.query for shape in shapes) else "$")


def _segment(
    column: Sequence[PathSegment], words: int, *, exact: bool, strong: bool, is_leaf: bool
) -> str:
    texts = sorted({part.text for part in column})
    kinds = {part.kind for part in column}
    if kinds == {"word"} and not is_leaf and (len(texts) == 1 or exact):
        stem = _escape(texts[0]) if len(texts) == 1 else f"(?:{'|'.join(map(_escape, texts))})"
    else:
        stem = _stem(kinds, texts, 0 if strong else words)
    return stem + _escape(column[0].extension)


def _stem(kinds: set[str], texts: Sequence[str], words: int) -> str:
    """`words` that a slug has at the least; 0 where a date or a number beside it says enough."""
    (kind, *more) = sorted(kinds)
    if more:
        return "[^/]+"
    match kind:
        case "year":
            return r"\d{4}"
        case "ymd":
            return r"\d{8}"
        case "two":
            return r"\d{2}" if all(len(text) == 2 for text in texts) else r"\d{1,2}"
        case "number":
            return r"\d{4,}" if min(map(len, texts)) >= 4 else r"\d+"
        case "date" | "date-slug":
            return r"\d{4}-\d{1,2}-\d{1,2}" + ("" if kind == "date" else "-[^/]+")
        case "number-slug":
            return rf"\d+{_separator(texts, first=True)}[^/]+"
        case "slug-number":
            return rf"[^/]+{_separator(texts, first=False)}\d+"
        case "prefixed":
            prefixes = {re.split(r"\d", text, maxsplit=1)[0] for text in texts}
            return (_escape(prefixes.pop()) if len(prefixes) == 1 else "[a-z]+[-_]?") + r"\d+"
        case "slug" if words and all(re.search("[-_]", text) for text in texts):
            return rf"(?:[^/_-]*[_-]){{{words},}}[^/]+" if words > 1 else "[^/]*[_-][^/]+"
    return "[^/]+"


def _separator(texts: Sequence[str], *, first: bool) -> str:
    found = {re.findall("[-_]", text)[0 if first else -1] for text in texts}
    return found.pop() if len(found) == 1 else "[-_]"


def _escape(text: str) -> str:
    """Only what has to be: a hyphen may stand as it is."""
    return SPECIAL.sub(r"\\\1", text)
