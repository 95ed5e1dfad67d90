"""Choose the pictures of the story among those of the page, with their captions and credits.

A picture belongs to the story if the text nearest to it does. So the pictures of teasers, authors
and menus are left out. What the page says below a picture is kept here even where it is no part of
the text.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from pipeline.core.blocks import Figure
from pipeline.core.models import STORY_THRESHOLD
from pipeline.core.picture_credits import CREDIT as LABELLED_CREDIT
from pipeline.extract.page_lines import PageElement, PageLine, Region, words_in_marks
from pipeline.extract.sanitize import single_line
from pipeline.extract.structure.line_spans import CREDIT, places_in_line
from pipeline.extract.structure.nesting import StructureReader
from pipeline.extract.structure.pictures import WRAPPERS, Picture, address_of, is_decoration

MAX_NEAR_LINES: Final = 12  # before and after a picture that are looked at
MAX_LEVELS: Final = 8  # elements around a picture
MAX_CAPTION_LINES: Final = 8
MAX_LABEL_LENGTH: Final = 25  # characters of a label such as "Zoom", which says nothing
MAX_LINK_SHARE: Final = 0.6  # of the text nearest to a picture; above that it is a teaser
MAX_TEXT_LENGTH: Final = 2_000  # characters of a caption, a credit or an alternative text
OUTSIDE: Final = Region.HIDDEN | Region.NAV | Region.FOOTER
CAPTION_WORDS: Final = frozenset(
    [
        "caption",
        "captions",
        "figcaption",
        "legend",
        "legende",
        "cutline",
        "bildunterschrift",
        "didascalia",
        "podpis",
        "bildtext",
        "billedtekst",
        "bijschrift",
        "onderschrift",
    ]
)
CREDIT_WORDS: Final = frozenset(
    [
        "credit",
        "credits",
        "copyright",
        "photographer",
        "photocredit",
        "imagecredit",
        "attribution",
        "source",
        "author",
        "autor",
        "fotograf",
        "fotografo",
        "fotograaf",
        "credito",
        "quelle",
        "rights",
        "owner",
        "holder",
        "byline",
    ]
)
RIGHTS_OR_LABEL = re.compile(
    r"(?:^|[\s.,;–—-])"
    r"(\((?:[^()]{0,40}\b(?:photo|foto|фото|image|bild|zdj)\b[^()]{1,60}|©[^()]{1,60})\)"
    r"|©\s?[^.!?©]{1,60})$",
    re.I,
)
EDGES: Final = " \t,;|–—-"


class _Caption(NamedTuple):
    text: str
    credit: str
    lines: tuple[int, ...]  # indexes


def story_figures(
    pictures: Sequence[Picture],
    lines: Sequence[PageLine],
    probabilities: Mapping[int, float],
    block_lines: Sequence[int],
    structures: StructureReader,
) -> tuple[Figure, ...]:
    """Return the figures of a story.

    Args:
        pictures: The pictures of the page.
        lines: The lines of the page.
        probabilities: How probable it is that a line belongs to the story, by its index.
        block_lines: The indexes of the lines that are blocks, in rising order.
        structures: What the lines of the page lie in.
    """
    figures: list[Figure] = []
    known: set[tuple[str, str]] = set()
    captioned: set[PageElement] = set()  # whose caption another picture has
    chooser = _Chooser(lines, probabilities)
    story = [index for index, chance in probabilities.items() if chance >= STORY_THRESHOLD]
    if not story:
        return ()
    first, last = min(story) - MAX_NEAR_LINES, max(story) + MAX_NEAR_LINES
    for picture in pictures:
        if not first <= picture.line_index <= last:
            continue
        figure = chooser.figure(picture, captioned)
        if figure is None:
            continue
        shown, caption = figure
        if (shown.image, shown.caption) in known or not (shown.image or shown.caption):
            continue
        known.add((shown.image, shown.caption))
        blocks = tuple(_positions(block_lines, caption.lines))
        position = bisect_left(block_lines, picture.line_index)
        figures.append(
            Figure(
                shown.image,
                shown.alt,
                shown.caption,
                shown.credit,
                min((position, *blocks)),
                blocks,
                structures.structure(_outer_element(picture)),
            )
        )
    return tuple(figures)


def _positions(block_lines: Sequence[int], lines: Sequence[int]) -> Iterator[int]:
    for line in lines:
        position = bisect_left(block_lines, line)
        if position < len(block_lines) and block_lines[position] == line:
            yield position


class _Chooser:
    def __init__(self, lines: Sequence[PageLine], probabilities: Mapping[int, float]) -> None:
        self._lines = lines
        self._probabilities = probabilities

    def figure(
        self, picture: Picture, captioned: set[PageElement]
    ) -> tuple[Figure, _Caption] | None:
        """Return a picture of the story as a figure, or None."""
        if picture.element.regions & OUTSIDE:
            return None
        outer = _outer_element(picture)
        is_figure = outer.tag == "figure"
        if is_decoration(picture.source) and not is_figure:
            return None
        lines = tuple(self._caption_lines(picture, outer))
        if not self._is_in_story(picture, outer, frozenset(lines)):
            return None
        caption = self._caption(lines) if outer not in captioned else _Caption("", "", ())
        if is_figure and caption.lines:
            captioned.add(outer)
        alt = single_line(picture.source.get("alt") or "")[:MAX_TEXT_LENGTH]
        figure = Figure(address_of(picture), alt, caption.text, caption.credit)
        return figure, caption

    def _caption_lines(self, picture: Picture, outer: PageElement) -> Iterator[int]:
        if outer.tag == "figure":
            inside = list(self._lines_in(outer, picture.line_index))
            marked = [index for index in inside if self._has_tag(index, "figcaption", outer)]
            yield from (marked or [i for i in inside if self._is_plain(i)])[:MAX_CAPTION_LINES]
            return
        around = outer
        for _ in range(3):
            around = around.parent or around
        end = picture.line_index + MAX_CAPTION_LINES
        for index in range(picture.line_index, min(end, len(self._lines))):
            if not self._is_marked_caption(self._lines[index].element, around):
                return
            yield index

    def _lines_in(self, element: PageElement, start: int) -> Iterator[int]:
        """Yield the indexes of the lines in an element around the place `start`."""
        first = start
        while first > max(0, start - MAX_NEAR_LINES) and _contains(element, self._lines[first - 1]):
            first -= 1
        for index in range(first, min(len(self._lines), start + MAX_NEAR_LINES)):
            if not _contains(element, self._lines[index]):
                return
            yield index

    def _has_tag(self, index: int, tag: str, outer: PageElement) -> bool:
        return any(element.tag == tag for element in _chain(self._lines[index].element, outer))

    def _is_plain(self, index: int) -> bool:
        element = self._lines[index].element
        return not element.is_row and not element.regions & (Region.QUOTE | Region.CODE)

    def _is_marked_caption(self, element: PageElement, around: PageElement) -> bool:
        for inner in _chain(element, around):
            words = words_in_marks(inner.marks)
            if not (CAPTION_WORDS.isdisjoint(words) and CREDIT_WORDS.isdisjoint(words)):
                return _contains(around, element)
        return False

    def _is_in_story(self, picture: Picture, outer: PageElement, caption: frozenset[int]) -> bool:
        """Tell whether the text nearest to a picture belongs to the story."""
        around: PageElement | None = outer
        for _ in range(MAX_LEVELS):
            if around is None:
                return False
            story = other = linked = 0
            for index in self._lines_in(around, picture.line_index):
                line = self._lines[index]
                if index in caption or line.element.regions & Region.FIGURE:
                    continue
                if self._is_story(index):
                    story += len(line.text)
                else:
                    other += len(line.text)
                linked += line.linked
            if story or other > MAX_LABEL_LENGTH or linked:
                return story >= other and linked <= MAX_LINK_SHARE * (story + other)
            around = around.parent
        return False

    def _is_story(self, index: int) -> bool:
        if self._probabilities.get(index, 0.0) >= STORY_THRESHOLD:
            return True
        return self._lines[index].element.tag == "h1"

    def _caption(self, indexes: Sequence[int]) -> _Caption:
        texts: list[str] = []
        credits: list[str] = []
        for index in indexes:
            line = self._lines[index]
            if not CREDIT_WORDS.isdisjoint(words_in_marks(line.element.marks)):
                credits.append(line.text)
                continue
            text, credit = _split_credit(line)
            texts.append(text)
            credits.append(credit)
        # a caption and a credit may be there twice, for wide and narrow screens
        text = " ".join(dict.fromkeys(filter(None, texts)))
        credit = " ".join(dict.fromkeys(filter(None, credits)))
        return _Caption(text[:MAX_TEXT_LENGTH], credit[:MAX_TEXT_LENGTH], tuple(indexes))


def _outer_element(picture: Picture) -> PageElement:
    """Return the figure in which a picture stands, else the element around it."""
    for element in _chain(picture.element, None):
        if element.tag == "figure":
            return element
        if not element.regions & Region.FIGURE:
            break
    element = picture.element
    while element.tag in (*WRAPPERS, "amp-img") and element.parent is not None:
        element = element.parent
    return element


def _chain(element: PageElement, outer: PageElement | None) -> Iterator[PageElement]:
    """Yield an element and those around it, up to `outer`, which is left out."""
    current: PageElement | None = element
    while current is not None and current is not outer:
        yield current
        current = current.parent


def _contains(outer: PageElement, inner: PageLine | PageElement) -> bool:
    current = inner.element if isinstance(inner, PageLine) else inner
    while current.depth > outer.depth and current.parent is not None:
        current = current.parent
    return current is outer


def _split_credit(line: PageLine) -> tuple[str, str]:
    """Return a line of a caption without its credit, and the credit."""
    spans = [span for span in line.spans if span[2] == CREDIT]
    if spans:
        rest, before, credits = "", 0, []
        for start, end, _ in places_in_line(line.text, line.pieces, spans):
            rest += line.text[before:start] + " "
            before = max(before, end)
            credits.append(line.text[start:end])
        rest += line.text[before:]
        return single_line(rest).strip(EDGES), " ".join(credits)
    for pattern in (LABELLED_CREDIT, RIGHTS_OR_LABEL):
        match = pattern.search(line.text)
        if match:
            credit = match[1]
            start = match.start(1)
            if credit.endswith(")") and "(" not in credit:  # its other half is before the label
                credit = credit.removesuffix(")")
                start -= 1
            return line.text[:start].rstrip(EDGES), credit.strip(EDGES)
    return line.text, ""
