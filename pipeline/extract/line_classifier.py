"""Parsed tree → Blocks: all lines of a page that may be its story, each with its chance.

Promises that every line which the extractor chose, or which has a fair chance by the trees, becomes a Block, in reading order;
nothing is cut here. The trees look at the page alone first. Where that leaves them in doubt, trafilatura is asked, and is one
voice among the numbers that they weigh: it knows the usual forms of pages, they know how much it is to be believed where. It
costs as much as all else together. A trafilatura `Document` does not leave this module.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from copy import copy
from math import inf

from lxml.etree import strip_tags
from lxml.html import HtmlElement
from trafilatura import bare_extraction

from pipeline.core.models import STORY_THRESHOLD, Block, BlockKind, Metadata
from pipeline.extract.decision_trees import DecisionTrees, bundled_trees
from pipeline.extract.line_features import ExtractorLines, LineFeatures
from pipeline.extract.text_lines import PageLine, PageElement, Region, read_lines
from pipeline.extract.version import MAX_DOUBT, MIN_PROBABILITY, TRAFILATURA_OPTIONS

LISTS = ("ul", "ol", "dl")
LONGEST_WHERE = 60
HEADLINES = 2  # of a page with one story: its own, and the name of the site
CROWD = 2_000  # spans side by side


def extract_blocks(
    tree: HtmlElement, metadata: Metadata, trees: DecisionTrees | None = None
) -> tuple[Block, ...]:
    """The Blocks of a page; () where neither voice finds one. `trees` are other ones than shipped, for measuring."""
    trees = trees or bundled_trees()
    view = LineFeatures(read_lines(tree), metadata)
    rows = {i: view.features(i) for i in range(len(view.lines)) if not view.is_far(i)}
    chances = {i: trees.probability_without_votes(row) for i, row in rows.items()}
    is_heard = share_in_doubt(view, chances) > MAX_DOUBT
    if is_heard:
        view.add_votes(ExtractorLines(trafilatura_lines(tree)))
        near = (i for i in range(len(view.lines)) if not view.is_far(i))
        chances = {i: trees.probability_with_votes(view.with_votes(i, rows.get(i) or view.features(i))) for i in near}
    blocks = []
    for i, chance in chances.items():
        is_lede = view.is_summary(i)
        if chance >= MIN_PROBABILITY or view.votes[i] or is_lede:
            blocks.append(
                _block(view.lines[i], chance, view.votes[i] > 0 if is_heard else None, is_lede)
            )
    return tuple(blocks)


def share_in_doubt(view: LineFeatures, chances: Mapping[int, float]) -> float:
    """Words that may be on the wrong side, as a share of those that are taken for the story; infinite where none are, and where
    a page has several stories, one below the other: by its place and shape each line belongs to one of them."""
    if sum(piece.element.tag == "h1" for piece in view.lines) > HEADLINES:
        return inf
    wrong = sum(view.words[i] * min(chance, 1 - chance) for i, chance in chances.items())
    story = sum(view.words[i] for i, chance in chances.items() if chance >= STORY_THRESHOLD)
    return wrong / story if story else inf


def trafilatura_lines(tree: HtmlElement) -> list[str]:
    """The lines that trafilatura takes for the article."""
    try:
        document = bare_extraction(
            _joined(copy(tree)), **TRAFILATURA_OPTIONS
        )  # a copy: extraction eats its tree
    except RecursionError:  # lists in lists in lists; the trees are asked all the same
        return []
    return (getattr(document, "text", None) or "").splitlines()


def _joined(tree: HtmlElement) -> HtmlElement:
    """The same tree with its crowds of spans dissolved into the text around them. trafilatura dissolves all spans, but leaves
    their texts as pieces, and then takes minutes for a line of some ten thousand."""
    crowds = Counter(span.getparent() for span in tree.iter("span"))
    for parent, number in crowds.items():
        if parent is not None and number > CROWD:
            strip_tags(parent, "span")
            parent.text = parent.text  # libxml2 has one text for each piece until it is set anew
            for child in parent:
                child.tail = child.tail
    return tree


def _block(piece: PageLine, chance: float, is_chosen: bool | None, is_lede: bool) -> Block:
    place = piece.element
    kind = _kind(place)
    return Block(
        kind=kind,
        text=piece.text,
        linked=piece.linked,
        list_size=_list_size(place) if kind is BlockKind.ITEM else 0,
        story_probability=round(chance, 3),
        kept_by_trafilatura=is_chosen,
        is_summary=is_lede,
        element_path=_where(place),
    )


def _kind(place: PageElement) -> BlockKind:
    """The kind that says most of a line: a paragraph within an item within a quote is an item."""
    within = place.regions
    if place.is_row:
        return BlockKind.TABLE
    if within & Region.CODE:
        return BlockKind.CODE
    if within & Region.FIGURE:
        return BlockKind.CAPTION
    if within & Region.ITEM:
        return BlockKind.ITEM
    if within & Region.HEADING:
        return BlockKind.HEADING
    return BlockKind.QUOTE if within & Region.QUOTE else BlockKind.PARAGRAPH


def _list_size(place: PageElement | None) -> int:
    while place is not None:
        if place.tag in LISTS:
            return place.children
        place = place.parent
    return 0


def _where(place: PageElement) -> str:
    """The element and the one around it, with their first class: `div.story > p`."""
    names = [_name(each) for each in (place.parent, place) if each is not None]
    return " > ".join(names)[:LONGEST_WHERE]


def _name(place: PageElement) -> str:
    marks = place.marks.split()
    return f"{place.tag}.{marks[0]}" if marks else place.tag
