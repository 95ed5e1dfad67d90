"""The pictures of a page as its walk meets them, and the address of each.

Pages write the address of a picture in many attributes, because scripts load most pictures late.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from lxml.html import HtmlElement

if TYPE_CHECKING:
    from pipeline.extract.page_lines import PageElement

MAX_PICTURES: Final = 300  # of one page
MAX_SOURCES: Final = 10  # of one picture
WRAPPERS: Final = ("picture", "source")  # the parser nests what follows a `<source>` in it
MAX_ADDRESS_LENGTH: Final = 2000  # characters
MAX_SET_LENGTH: Final = 20_000  # characters of one set of addresses
MIN_SIZE: Final = 64  # pixels; what is smaller both ways is an icon
PICTURE_TAGS: Final = frozenset(("img", "amp-img", "noscript"))
LATE_ADDRESSES: Final = (
    "data-src",
    "data-original",
    "data-lazy-src",
    "data-lazy",
    "data-url",
    "data-full-src",
    "data-hi-res-src",
    "data-image-src",
    "data-orig-file",
    "data-large-file",
)
ADDRESS_SETS: Final = ("srcset", "data-srcset", "data-lazy-srcset")
CANDIDATE = re.compile(r"(\S*[^\s,])(?:\s+([0-9.]{1,8})[wxh])?\s*(?:,|$)")
PLACEHOLDER = re.compile(
    r"(?:^|[/_.-])(?:blank|spacer|placeholder|pixel|transparent|lazy|lazyload|loading|loader|1x1|"
    r"dummy|empty|grey|gray)[^/]{0,20}\.(?:gif|png|svg|jpe?g|webp)(?:\?|$)",
    re.I,
)
ADDRESS = re.compile(r"[^\s{}<>\"]+[./][^\s{}<>\"]*")
DECORATION: Final = frozenset(
    [
        "avatar",
        "logo",
        "icon",
        "icons",
        "emoji",
        "smiley",
        "smilies",
        "pixel",
        "tracking",
        "spacer",
        "flag",
        "badge",
        "sprite",
    ]
)
WORD = re.compile(r"[A-Za-z][a-z]+")


@dataclass(slots=True, eq=False)
class Picture:
    """A picture of the page.

    Attributes:
        source: Its element.
        element: The block-level element in which it stands.
        line_index: The index of the line before which or in which it stands.
        fallback: The same picture for readers without scripts.
    """

    source: HtmlElement
    element: PageElement
    line_index: int
    fallback: HtmlElement | None = None


def add_picture(
    pictures: list[Picture], source: HtmlElement, element: PageElement, line_index: int
) -> None:
    """Add a picture that a walk meets, or the one in a `<noscript>`.

    Args:
        pictures: The pictures of the page so far, to which one is added.
        source: The `<img>`, `<picture>`, `<amp-img>` or `<noscript>`.
        element: The element of the walk in which it stands.
        line_index: The index of the next line of the page.
    """
    if len(pictures) >= MAX_PICTURES:
        return
    if source.tag != "noscript":
        pictures.append(Picture(source, element, line_index))
        return
    image = source.find(".//img")
    if image is None:
        return
    last = pictures[-1] if pictures else None
    if last is not None and last.line_index == line_index and last.fallback is None:
        last.fallback = image
    else:
        pictures.append(Picture(image, element, line_index))


def is_decoration(source: HtmlElement) -> bool:
    """Tell whether a picture is an icon, a logo or a counter of visits, and no part of a story.

    Args:
        source: The element of the picture.

    Returns:
        True by its size, its address, or the names of its classes.
    """
    get = source.get
    width, height = _pixels(get("width")), _pixels(get("height"))
    if 0 < min(width, height) <= 2 or 0 < max(width, height) <= MIN_SIZE:
        return True
    words = {word.lower() for word in WORD.findall(f"{get('class') or ''} {get('id') or ''}")}
    return not DECORATION.isdisjoint(words)


def address_of(picture: Picture) -> str:
    """Return the address of a picture as the page has it; "" where no attribute holds one."""
    for source in (picture.source, picture.fallback):
        for address in _addresses(source) if source is not None else ():
            if _is_address(address):
                return address
    return ""


def _addresses(source: HtmlElement) -> Iterator[str]:
    """Yield the addresses of a picture, the best first."""
    get = source.get
    for name in LATE_ADDRESSES:
        yield (get(name) or "").strip()
    yield (get("src") or "").strip()
    yield _best_of_sets([source, *_sources(source)])


def _sources(image: HtmlElement) -> Iterator[HtmlElement]:
    """Yield the `<source>` elements of a picture."""
    parent = image.getparent()
    for _ in range(MAX_SOURCES):
        if parent is None or parent.tag not in WRAPPERS:
            return
        yield parent
        yield from islice(parent.iterchildren("source"), MAX_SOURCES)
        parent = parent.getparent()


def _is_address(address: str) -> bool:
    if not address or len(address) > MAX_ADDRESS_LENGTH or not ADDRESS.fullmatch(address):
        return False
    scheme = address[:11].lower()
    if scheme.startswith(("data:", "about:", "blob:", "javascript:")):
        return False
    return not PLACEHOLDER.search(address)


def _best_of_sets(sources: Iterable[HtmlElement]) -> str:
    """Return the largest of the pictures that the sets of some elements name."""
    best, best_size = "", -1.0
    for source in sources:
        for name in ADDRESS_SETS:
            candidates = (source.get(name) or "")[:MAX_SET_LENGTH]
            for address, size in CANDIDATE.findall(candidates):
                number = _number(size)
                if number > best_size and _is_address(address):
                    best, best_size = address, number
    return best


def _number(text: str) -> float:
    try:
        return float(text or "0")
    except ValueError:
        return 0.0


def _pixels(text: str | None) -> int:
    digits = (text or "").strip().removesuffix("px")
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 6 else 0
