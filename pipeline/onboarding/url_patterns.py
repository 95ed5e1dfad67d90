r"""Makes readable regular expressions of story URLs: `/\d{4}/\d{2}/\d{2}/[^/]+\.html$`.

A pattern matches the URLs of its group and none of the pages that are known to be lists. It needs
time linear in the length of a URL. Where the URLs differ too much there is no pattern at all.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from pipeline.core.urls import canonicalize

MAX_PATTERNS: Final = 6  # of one site; more of them say nothing
MIN_GROUP_COVERAGE: Final = 0.8  # share of a group that its pattern has to match
MAX_SLUG_WORDS: Final = 4  # that a pattern may require
MIN_NUMBER_DIGITS: Final = 4  # of all numbers of a group, from which its pattern requires as many
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
OTHER_KIND: Final = "word"


@dataclass(frozen=True, slots=True)
class PathSegment:
    """One segment of a path: its kind and its text, without a file extension."""

    kind: str
    text: str
    extension: str = ""


@dataclass(frozen=True, slots=True)
class UrlShape:
    """The parts of a URL that decide which pattern it belongs to."""

    segments: tuple[PathSegment, ...]
    ends_with_slash: bool
    query: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for URLs of the same shape."""
        last = len(self.segments) - 1
        kinds = []
        for number, segment in enumerate(self.segments):
            kind = segment.kind
            if number == last:
                kind = _leaf_kind(segment.kind, is_strong=self.is_strong)
            kinds.append((kind, segment.extension))
        query_names: tuple[str, ...] = ()
        if self.has_id_in_query:
            query_names = tuple(name for name, _ in self.query)
        return (tuple(kinds), query_names)

    @property
    def is_strong(self) -> bool:
        """Whether a date or a number distinguishes the URL from lists."""
        return not STRONG_KINDS.isdisjoint(self._kinds)

    @property
    def has_id_in_query(self) -> bool:
        """Whether only the query distinguishes pages, as in `/news.php?id=4711`."""
        if not self.query or self.is_strong:
            return False
        return not {"slug", "code"} & set(self._kinds)

    @property
    def _kinds(self) -> list[str]:
        return [segment.kind for segment in self.segments]


@dataclass(frozen=True, slots=True)
class _Column:
    """One path segment of all URLs of a group: its kinds and its texts, sorted."""

    kinds: set[str]
    texts: list[str]
    extension: str


@dataclass(frozen=True, slots=True)
class UrlPattern:
    """A regular expression, and the URLs that it was made of."""

    pattern: str
    urls: tuple[str, ...]

    def matches(self, url: str) -> bool:
        """Return whether the pattern matches a URL."""
        return re.search(self.pattern, canonicalize(url)) is not None


def url_shape(url: str) -> UrlShape:
    """Return the shape of a URL.

    Raises:
        ValueError: It is no URL.
    """
    parts = urlsplit(canonicalize(url))
    ends_with_slash = parts.path.endswith("/")
    texts = list(filter(None, parts.path.split("/")))
    segments = []
    for number, text in enumerate(texts, 1):
        is_file = number == len(texts) and not ends_with_slash
        segments.append(_segment(text, may_have_extension=is_file))
    query = tuple(parse_qsl(parts.query))
    return UrlShape(tuple(_resolve_two_digits(segments)), ends_with_slash, query)


def _resolve_two_digits(segments: Iterable[PathSegment]) -> Iterator[PathSegment]:
    """Two digits after a year are a month or a day; elsewhere they are a number like any other."""
    parts_left = 0  # of the date that has begun
    for segment in segments:
        if segment.kind == "year":
            parts_left = 2
        elif segment.kind == "two":
            parts_left -= 1
        else:
            parts_left = 0
        is_number = segment.kind == "two" and parts_left < 0
        yield replace(segment, kind="number") if is_number else segment


def _segment(text: str, *, may_have_extension: bool) -> PathSegment:
    stem, extension = text, ""
    if may_have_extension and (match := EXTENSION.search(text)):
        stem, extension = text[: match.start()], match.group()
    return PathSegment(_segment_kind(unquote(stem)), stem, extension)


def _segment_kind(text: str) -> str:
    for kind, pattern in SEGMENT_KINDS:
        if pattern.fullmatch(text):
            return kind
    return OTHER_KIND


def _leaf_kind(kind: str, *, is_strong: bool) -> str:
    """With a date or a number before it any leaf fits; without, a lone word may be a list."""
    if is_strong and kind in LEAF_KINDS and kind not in STRONG_KINDS:
        return "leaf"
    return kind


def find_patterns(stories: Mapping[str, int], lists: Iterable[str]) -> tuple[UrlPattern, ...]:
    """Find patterns that match story URLs and no list.

    Args:
        stories: The weight of each story URL. Patterns of more weight come first.
        lists: URLs that no pattern may match.

    Returns:
        The patterns; () where there would be too many.
    """
    groups: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for url in stories:
        groups[url_shape(url).key].append(url)
    excluded = _excluded_urls(stories, lists, groups.keys())
    patterns = []
    for urls in groups.values():
        pattern = _group_pattern(urls, excluded)
        if pattern is not None:
            patterns.append(pattern)
    patterns.sort(key=lambda pattern: -sum(stories[url] for url in pattern.urls))
    kept = _without_redundant(patterns)
    if len(kept) > MAX_PATTERNS:
        return ()
    return tuple(kept)


def _excluded_urls(
    stories: Iterable[str], lists: Iterable[str], story_shapes: Collection[tuple[object, ...]]
) -> tuple[str, ...]:
    """The lists, without those that are stories or have the same strong shape as stories."""
    story_urls = set(map(canonicalize, stories))
    excluded = []
    for url in lists:
        shape = url_shape(url)
        if shape.is_strong and shape.key in story_shapes:
            continue
        if canonicalize(url) not in story_urls:
            excluded.append(canonicalize(url))
    return tuple(excluded)


def _without_redundant(patterns: Iterable[UrlPattern]) -> list[UrlPattern]:
    """The patterns without those whose URLs others match."""
    kept: list[UrlPattern] = []
    for pattern in patterns:
        if not all(matches_any(url, kept) for url in pattern.urls):
            kept = [other for other in kept if not all(map(pattern.matches, other.urls))]
            kept.append(pattern)
    return kept


def matches_any(url: str, patterns: Iterable[UrlPattern]) -> bool:
    """Return whether one of the patterns matches a URL."""
    return any(pattern.matches(url) for pattern in patterns)


def _group_pattern(urls: Sequence[str], excluded: Sequence[str]) -> UrlPattern | None:
    """The loosest pattern of a group that matches no list."""
    shapes = [url_shape(url) for url in urls]
    if not shapes[0].segments and not shapes[0].has_id_in_query:
        return None
    for min_words in range(1, MAX_SLUG_WORDS + 1):
        for lists_words in (False, True):
            text = _pattern_text(shapes, min_words, lists_words=lists_words)
            pattern = re.compile(text)
            matched = [url for url in urls if pattern.search(canonicalize(url))]
            is_covering = len(matched) >= MIN_GROUP_COVERAGE * len(urls)
            if is_covering and not any(pattern.search(url) for url in excluded):
                return UrlPattern(text, tuple(matched))
    return None


def _pattern_text(shapes: Sequence[UrlShape], min_words: int, *, lists_words: bool) -> str:
    """A pattern for URLs of one shape.

    Args:
        shapes: Their shapes.
        min_words: Words that a slug needs, at least.
        lists_words: Whether the words of the path are listed one by one.
    """
    first = shapes[0]
    columns = _columns(shapes)
    if first.is_strong:
        min_words = 0  # the date or number says enough
    path = ""
    for number, column in enumerate(columns, 1):
        is_leaf = number == len(columns) and not first.has_id_in_query
        if _is_fixed(column, is_leaf=is_leaf, lists_words=lists_words):
            stem = _fixed_text(column)
        else:
            stem = _loose_text(column, min_words)
        path += f"/{stem}{_escape(column.extension)}"
    # A loose first segment could match inside the host, so the host is part of the pattern.
    is_loose = path.startswith(("/[^/]", "/(?:[^/"))
    host = ""
    if is_loose or not columns or first.segments[0].kind == "slug":
        host = "://[^/]+"
    return host + (path or "/") + _pattern_end(shapes)


def _columns(shapes: Sequence[UrlShape]) -> list[_Column]:
    columns = []
    for segments in zip(*(shape.segments for shape in shapes), strict=True):
        kinds = {segment.kind for segment in segments}
        texts = sorted({segment.text for segment in segments})
        columns.append(_Column(kinds, texts, segments[0].extension))
    return columns


def _is_fixed(column: _Column, *, is_leaf: bool, lists_words: bool) -> bool:
    """Whether a segment is written as its own words."""
    if is_leaf or column.kinds != {OTHER_KIND}:
        return False
    return lists_words or len(column.texts) == 1


def _fixed_text(column: _Column) -> str:
    if len(column.texts) == 1:
        return _escape(column.texts[0])
    return f"(?:{'|'.join(map(_escape, column.texts))})"


def _pattern_end(shapes: Sequence[UrlShape]) -> str:
    with_slash = sum(shape.ends_with_slash for shape in shapes)
    slash = ""
    if shapes[0].segments and with_slash:
        slash = "/" if with_slash == len(shapes) else "/?"
    if shapes[0].has_id_in_query:
        return slash + _query_text(shapes)
    if any(shape.query for shape in shapes):
        return slash + r"(?:\?|$)"
    return slash + "$"


def _query_text(shapes: Sequence[UrlShape]) -> str:
    """The parameter with the most different values, which tells one page from another."""
    queries = [dict(shape.query) for shape in shapes]
    names = [name for name, _ in shapes[0].query]
    name = max(names, key=lambda name: len({query.get(name) for query in queries}))
    is_number = all(query.get(name, "").isdigit() for query in queries)
    parameter = rf"\?(?:.*&)?{_escape(name)}="
    return parameter + (r"\d+" if is_number else "[^&]+")


def _loose_text(column: _Column, min_words: int) -> str:
    """A pattern for one segment of all URLs of a group."""
    texts = column.texts
    if len(column.kinds) > 1:
        return "[^/]+"
    match next(iter(column.kinds)):
        case "year":
            return r"\d{4}"
        case "ymd":
            return r"\d{8}"
        case "two":
            return r"\d{2}" if min(map(len, texts)) == 2 else r"\d{1,2}"
        case "number":
            return r"\d{4,}" if min(map(len, texts)) >= MIN_NUMBER_DIGITS else r"\d+"
        case "date":
            return r"\d{4}-\d{1,2}-\d{1,2}"
        case "date-slug":
            return r"\d{4}-\d{1,2}-\d{1,2}-[^/]+"
        case "number-slug":
            return rf"\d+{_separator(texts, 0)}[^/]+"
        case "slug-number":
            return rf"[^/]+{_separator(texts, -1)}\d+"
        case "prefixed":
            prefixes = {re.split(r"\d", text, maxsplit=1)[0] for text in texts}
            prefix = _escape(prefixes.pop()) if len(prefixes) == 1 else "[a-z]+[-_]?"
            return rf"{prefix}\d+"
        case "slug" if min_words and all(re.search("[-_]", text) for text in texts):
            if min_words == 1:
                return "[^/]*[_-][^/]+"
            return rf"(?:[^/_-]*[_-]){{{min_words},}}[^/]+"
    return "[^/]+"


def _separator(texts: Sequence[str], position: int) -> str:
    """The separator at a position of all texts, or both where they differ."""
    separators = {re.findall("[-_]", text)[position] for text in texts}
    return separators.pop() if len(separators) == 1 else "[-_]"


def _escape(text: str) -> str:
    """Escape special characters only: a hyphen needs no escape."""
    return SPECIAL.sub(r"\\\1", text)
