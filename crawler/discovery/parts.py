"""Finds the further pages of a story that is published in several pages.

A part has a number, and an address that is made of the story's own address and that number: below
its path, at its end, or in a parameter. The link must also say what it is: by `rel=next`, by the
number as its text, or by words such as "next page" and "read on". So galleries, the next story,
pages of comments and lists of stories are no parts. Pure functions that search the tags in the
bytes of a page, in time linear in its size.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from pipeline.core.models import PartLink
from pipeline.core.part_words import CONTINUE_TEXT, NUMBER_TEXT, PAGE_WORD
from pipeline.core.urls import host_of, resolve_href, url_key, without_www

VERSION = 1  # raise it where more parts are found: stored pages are then searched once more
MAX_PARTS = 20  # of one story, the first page included
MAX_LINKS = 5_000  # of one page that are looked at
MAX_TEXT_BYTES = 600  # of one link, with its markup

START = re.compile(rb"<(?:(a|link)\s|!--|(script|style|noscript|template)\b)", re.IGNORECASE)
LINK_ATTRIBUTES = re.compile(rb"([^<>]{1,2000})>")
END_OF_LINK = re.compile(rb"</a\s*>", re.IGNORECASE)
END_TAGS = {
    name: re.compile(rb"</" + name + rb"\s*>", re.IGNORECASE)
    for name in (b"script", b"style", b"noscript", b"template")
}
HREF = re.compile(rb"href\s*=\s*[\"']?\s*([^\"'\s]+)", re.IGNORECASE)
DIGIT = re.compile(rb"\d")
MAX_TAIL = 60  # characters after the last part of the story's own path
MAX_SHORT_HREF = 10  # characters of a relative reference such as "2/" or "page/2"
ATTRIBUTE = re.compile(r"([\w:-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
TAG = re.compile(r"<[^>]*>")
SPACE = re.compile(r"\s+")

# How an address names a page by a number.
PAGE_PARAMETER = re.compile(
    rf"(?:{PAGE_WORD}(?:_?(?:no|num|nr|number|id))?|pn|paged|pagen_\d|articlepage|currentpage"
    r"|start_?page)",
    re.IGNORECASE,
)
# what is left of an address after the story's own: clear, or clear only with a pager's link
CLEAR_TAIL = re.compile(
    rf"/(?P<a>\d{{1,2}})|[/,_.-]{PAGE_WORD}[/,_=.-]?(?P<b>\d{{1,2}})|[,_](?P<c>\d{{1,2}})",
    re.IGNORECASE,
)
WEAK_TAIL = re.compile(r"[-.]?(?P<a>\d{1,2})")
EXTENSION = re.compile(r"\.(?:s?html?|php|aspx?|jsp|cfm|do)$", re.IGNORECASE)
FIRST_PAGE = re.compile(rf"[/,_.-]{PAGE_WORD}[/,_=.-]?1$|/1$", re.IGNORECASE)
# addresses and words of what is numbered, too, and is no part of a story
OTHER_SERIES = re.compile(
    r"galler|galer|slide|diapo|photo|foto|image|img|bild(?:er|strecke)?\b|picture|video|lightbox"
    r"|carousel|comment|komment|kommentar|coment|commenti|yorum|reply|replies|disqus|forum|review"
    r"|фото|галере|картин|коммент|суратҳо",
    re.IGNORECASE,
)
LIST_PATH = re.compile(
    r"/(?:tag|tags|category|categories|kategorie|rubri[ck]\w*|author|autor|archive?s?|archiv|topic"
    r"|topics|search|suche|section)(?:/|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _PageLink:
    """A link of a page with what it says of itself."""

    url: str
    rel: frozenset[str]
    text: str
    words: str  # its attributes and its text


def find_parts(
    body: bytes, page_url: str, story_url: str, number: int = 1, charset: str = ""
) -> tuple[PartLink, ...]:
    """Return the parts of a story to which one of its pages links.

    Args:
        body: The page.
        page_url: The URL of the page, against which its links are resolved.
        story_url: The URL of the first page of the story.
        number: The number of the page among those of the story.
        charset: The charset that the server declared, for the texts of links.

    Returns:
        The parts by their numbers, which start at 2.
    """
    stem = _stem(story_url)
    if not stem or _is_other_series(story_url):
        return ()
    own_keys = {url_key(story_url), url_key(page_url)}
    parts: dict[int, str] = {}
    for link in _links(body, page_url, stem, charset):
        if url_key(link.url) in own_keys:
            continue
        part = _part_number(link, story_url, number)
        if part is not None and part != number:
            parts.setdefault(part, link.url)
    return tuple(PartLink(part, parts[part]) for part in sorted(parts))


def _stem(story_url: str) -> str:
    """Return the last part of a path without ending and page 1; "" for the root of a host."""
    path = EXTENSION.sub("", unquote(urlsplit(story_url).path).rstrip("/"))
    return FIRST_PAGE.sub("", path).rpartition("/")[2]


def _is_other_series(story_url: str) -> bool:
    # only what names the kind of page: a slug of a story may hold any word
    leading = unquote(urlsplit(story_url).path).rstrip("/").rpartition("/")[0] + "/"
    return OTHER_SERIES.search(leading) is not None or LIST_PATH.search(leading) is not None


def _links(body: bytes, page_url: str, stem: str, charset: str) -> Iterator[_PageLink]:
    encoding = _encoding(charset)
    stems = [text.encode() for text in (stem, quote(stem))]
    may_be_any = stem == "index"
    for name, attributes, end in _link_tags(body):
        href = HREF.search(attributes)
        if href is None or not (may_be_any or _may_be_part(href.group(1), stems)):
            continue
        values = _attributes(attributes.decode(encoding, "replace"))
        url = resolve_href(page_url, values.get("href", ""))
        if url is None:
            continue
        text = _link_text(body, end, encoding) if name == b"a" else ""
        rel = frozenset(values.get("rel", "").lower().split())
        yield _PageLink(url, rel, text, " ".join((*values.values(), text)))


def _link_tags(body: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """Yield the name, the attributes and the end of each link that is no comment or script."""
    count = 0
    start = START.search(body)
    while start is not None and count < MAX_LINKS:
        name, invisible_name = start.groups()
        end = start.end()
        if name is not None:
            attributes = LINK_ATTRIBUTES.match(body, end)
            if attributes is not None:
                count += 1
                end = attributes.end()
                yield name.lower(), attributes.group(1), end
        elif invisible_name is not None:
            end_tag = END_TAGS[invisible_name.lower()].search(body, end)
            end = len(body) if end_tag is None else end_tag.end()
        else:
            comment_end = body.find(b"-->", end)
            end = len(body) if comment_end < 0 else comment_end + 3
        start = START.search(body, end)


def _may_be_part(href: bytes, stems: Sequence[bytes]) -> bool:
    """Tell whether a reference may be that of a part. Most links are not, and cost no more."""
    if DIGIT.search(href) is None:
        return False
    if href.startswith(b"?") or (len(href) <= MAX_SHORT_HREF and href[:1] not in (b"/", b"#")):
        return True
    for stem in stems:
        tail = href.rpartition(stem)[2]
        if len(tail) < len(href) and len(tail) <= MAX_TAIL and DIGIT.search(tail) is not None:
            return True
    return False


def _link_text(body: bytes, start: int, encoding: str) -> str:
    end = END_OF_LINK.search(body, start, start + MAX_TEXT_BYTES)
    if end is None:
        return ""
    text = TAG.sub(" ", body[start : end.start()].decode(encoding, "replace"))
    return SPACE.sub(" ", unescape(text)).strip()


def _attributes(text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, double, single, bare in ATTRIBUTE.findall(text):
        values.setdefault(name.lower(), unescape(double or single or bare).strip())
    return values


def _encoding(charset: str) -> str:
    try:
        b"".decode(charset or "utf8")
    except LookupError:
        return "utf8"
    return charset or "utf8"


def _part_number(link: _PageLink, story_url: str, number: int) -> int | None:
    """Return which part of a story a link leads to; None if it leads to something else."""
    if OTHER_SERIES.search(_own_words(link, story_url)):
        return None
    address = _address_number(link.url, story_url)
    if address is None:
        return None
    shown = _shown_number(link)
    is_next = "next" in link.rel or CONTINUE_TEXT.match(link.text) is not None
    if shown is not None:
        # some systems count from 0, and others give numbers of lines
        part = shown if shown in (address.number, address.number + 1) else None
    elif is_next and address.is_clear:
        part = number + 1 if address.number in (number, number + 1) else None
    else:
        part = None
    return part if part is not None and 2 <= part <= MAX_PARTS else None


def _own_words(link: _PageLink, story_url: str) -> str:
    """Return what a link says beyond the address of the story, which may hold any word."""
    words = unquote(link.words)
    for known in (story_url, unquote(urlsplit(story_url).path).rstrip("/")):
        if len(known) > 1:
            words = words.replace(known, " ")
    return words.replace(_stem(story_url), " ")


def _shown_number(link: _PageLink) -> int | None:
    match = NUMBER_TEXT.match(link.text)
    return int(match.group(1)) if match is not None else None


@dataclass(frozen=True, slots=True)
class _AddressNumber:
    """The number that an address adds to that of the story, and whether it must be a page."""

    number: int
    is_clear: bool


def _address_number(url: str, story_url: str) -> _AddressNumber | None:
    """Return the number of a page in an address that is otherwise the story's own."""
    page, story = urlsplit(url), urlsplit(story_url)
    if without_www(host_of(url)) != without_www(host_of(story_url)):
        return None
    page_path, story_path = unquote(page.path), unquote(story.path)
    page_query, story_query = parse_qsl(page.query), parse_qsl(story.query)
    if page_path.rstrip("/") == story_path.rstrip("/"):
        return _query_number(page_query, story_query)
    if page_query != story_query:
        return None
    return _path_number(page_path, story_path)


def _query_number(
    page: Sequence[tuple[str, str]], story: Sequence[tuple[str, str]]
) -> _AddressNumber | None:
    own = [pair for pair in story if not PAGE_PARAMETER.fullmatch(pair[0])]
    further = [pair for pair in page if pair not in own]
    if len(further) != 1 or len(page) != len(own) + 1:
        return None
    name, value = further[0]
    if not PAGE_PARAMETER.fullmatch(name) or not value.isdecimal() or len(value) > 2:
        return None
    return _AddressNumber(int(value), True)


def _path_number(page: str, story: str) -> _AddressNumber | None:
    page, page_extension = _without_extension(page)
    story, story_extension = _without_extension(story)
    if page_extension not in (story_extension, ""):
        return None
    stems = [story]
    first = FIRST_PAGE.search(story)
    if first is not None:
        stems.append(story[: first.start()])
    if story.endswith("/index"):
        stems.append(story.removesuffix("/index"))
    for stem in stems:
        if len(stem) > 1 and page.startswith(stem):
            return _tail_number(page[len(stem) :], stem)
    return None


def _tail_number(tail: str, stem: str) -> _AddressNumber | None:
    tail = tail.removeprefix("/index") if tail.startswith("/index") else tail
    clear = CLEAR_TAIL.fullmatch(tail)
    if clear is not None:
        return _AddressNumber(int(next(filter(None, clear.groups()))), True)
    weak = WEAK_TAIL.fullmatch(tail)
    if weak is not None and not (stem[-1:].isdigit() and tail[:1].isdigit()):
        return _AddressNumber(int(weak.group("a")), False)
    return None


def _without_extension(path: str) -> tuple[str, str]:
    path = path.rstrip("/")
    extension = EXTENSION.search(path)
    if extension is None:
        return path, ""
    return path[: extension.start()], extension.group()
