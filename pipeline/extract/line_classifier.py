"""Decide which lines of a page may be its story, and give each its probability.

A line becomes a block if trafilatura took it or if the decision trees give it a fair probability.
Nothing is removed here. The trees first look at each line alone. Where that leaves them in doubt,
they look again at each line among the others. Where that does, too, trafilatura is called, and its
lines become features for the trees: it knows the usual forms of pages, and the trees know how far
to trust it. It costs as much as all the rest of the extraction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from copy import copy
from itertools import islice
from math import inf
from typing import NamedTuple

from lxml.etree import strip_tags
from lxml.html import HtmlElement
from trafilatura import bare_extraction

from pipeline.core.models import (
    STORY_THRESHOLD,
    Block,
    BlockKind,
    Figure,
    ListEvidence,
    Metadata,
)
from pipeline.extract.decision_trees import DecisionTrees, bundled_trees
from pipeline.extract.features.line_features import ExtractorLines, LineFeatures
from pipeline.extract.lists.list_classifier import judge_list
from pipeline.extract.page_lines import LISTS, PageElement, PageLine, Region
from pipeline.extract.readings.second_reading import compare_readings
from pipeline.extract.story_cut import raise_to_story
from pipeline.extract.structure.figures import story_figures
from pipeline.extract.structure.nesting import StructureReader
from pipeline.extract.tables import with_whole_tables
from pipeline.extract.text_lines import INLINE, read_lines
from pipeline.extract.version import (
    FAIR_STORY,
    LONG_STORY,
    MAX_DOUBT,
    MAX_FIRST_DOUBT,
    MAX_UNSURE,
    MIN_CORE_PROSE,
    MIN_PROBABILITY,
    TRAFILATURA_OPTIONS,
    UNSURE,
)

MIN_STRUCTURED = 0.1  # the probability from which structure and links of a line are kept
MAX_PATH_LENGTH = 60
MAX_HEADLINES = 2  # of a page with one story: its own, and the name of the site
ITEM_TAGS = frozenset(("li", "dd", "dt"))
SURE_PROBABILITY = 0.8  # of prose below which no summary stands
MAX_SPANS = 2_000  # side by side
# The time of trafilatura grows with the square of a page's lines, and of the elements in one line.
MAX_ASKED_LINES = 6_000
MAX_ASKED_INLINE = 3_000  # inline elements without another element between them
# The first that matches says most about a line: a paragraph in an item in a quote is an item.
KIND_OF_REGION = (
    (Region.CODE, BlockKind.CODE),
    (Region.FIGURE, BlockKind.CAPTION),
    (Region.ITEM, BlockKind.ITEM),
    (Region.HEADING, BlockKind.HEADING),
    (Region.QUOTE, BlockKind.QUOTE),
)


class PageReading(NamedTuple):
    """What a page was found to tell.

    Attributes:
        blocks: The blocks in reading order; () where neither the trees nor trafilatura find a line.
        figures: The pictures of the story.
        sentence: What independent readings found, and why one was or was not followed.
        is_recovered: Whether one was followed.
        list_evidence: Whether the page is a list and no story.
    """

    blocks: tuple[Block, ...]
    figures: tuple[Figure, ...] = ()
    sentence: str = ""
    is_recovered: bool = False
    list_evidence: ListEvidence | None = None


def read_blocks(
    tree: HtmlElement,
    metadata: Metadata,
    declared_text: str = "",
    trees: DecisionTrees | None = None,
    max_doubt: float = MAX_DOUBT,
) -> PageReading:
    """Return the blocks and the figures of a page in reading order.

    Args:
        tree: The parsed page.
        metadata: What the page declares.
        declared_text: The story as the page's own data for machines has it, or "".
        trees: Other decision trees than the bundled ones, for measurements.
        max_doubt: The share in doubt above which trafilatura is called.
    """
    trees = trees or bundled_trees()
    page = read_lines(tree)
    lines = LineFeatures(page, metadata, declared_text)
    probabilities, needs_votes = _judge(lines, tree, trees, max_doubt)
    level_lists(lines, probabilities)
    raise_to_story(probabilities, lines.words)
    second = compare_readings(lines, probabilities, lambda fast: _ask(tree, lines, fast))
    probabilities = with_whole_tables(lines, second.probabilities)
    has_votes = needs_votes or any(lines.votes)
    blocks, block_lines, structures = [], [], StructureReader()
    is_story_begun = False
    for i, probability in sorted(probabilities.items()):
        is_summary = not is_story_begun and lines.is_summary(i)
        is_sure = probability >= SURE_PROBABILITY and lines.prose[i] > 0
        is_story_begun = is_story_begun or (is_sure and not is_summary)
        if probability >= MIN_PROBABILITY or lines.votes[i] or is_summary:
            vote = lines.votes[i] > 0 if has_votes else None
            blocks.append(_block(lines.lines[i], probability, vote, is_summary, structures))
            block_lines.append(i)
    figures = story_figures(page.pictures, page.lines, probabilities, block_lines, structures)
    return PageReading(
        blocks=tuple(blocks),
        figures=figures,
        sentence=second.sentence,
        is_recovered=second.is_recovered,
        list_evidence=judge_list(tree, lines, metadata),
    )


def _judge(
    lines: LineFeatures, tree: HtmlElement, trees: DecisionTrees, max_doubt: float
) -> tuple[dict[int, float], bool]:
    """Return the probabilities of the lines, and whether trafilatura was asked for them."""
    near = [i for i in range(len(lines.lines)) if not lines.is_far(i)]
    features = {i: lines.features(i) for i in near}
    probabilities = {i: trees.first(row) for i, row in features.items()}
    if share_in_doubt(lines, probabilities) <= MAX_FIRST_DOUBT:
        return probabilities, False
    lines.add_probabilities(probabilities)
    for i, row in features.items():
        if probabilities[i]:  # the others are hopeless
            probabilities[i] = trees.second(lines.with_context(i, row))
    if share_in_doubt(lines, probabilities) <= max_doubt or is_settled(lines, probabilities):
        return probabilities, False
    if is_too_costly(tree, lines):
        return probabilities, False
    lines.add_votes(_ask(tree, lines))
    for i in range(len(lines.lines)):
        if not lines.is_far(i):  # a line that trafilatura took is not far
            row = lines.with_context(i, features.get(i) or lines.features(i))
            probabilities[i] = trees.third(lines.with_votes(i, row))
    return probabilities, True


def _ask(tree: HtmlElement, lines: LineFeatures, fast: bool = True) -> ExtractorLines:
    """Return the lines of trafilatura; none of a page for which it takes too long."""
    if is_too_costly(tree, lines):
        return ExtractorLines(())
    return ExtractorLines(trafilatura_lines(tree, fast))


def is_too_costly(tree: HtmlElement, lines: LineFeatures) -> bool:
    """Say whether trafilatura would take seconds for a page."""
    if len(lines.lines) > MAX_ASKED_LINES:
        return True
    together = 0
    for element in tree.iter():
        together = together + 1 if element.tag in INLINE else 0
        if together > MAX_ASKED_INLINE:
            return True
    return False


def level_lists(lines: LineFeatures, probabilities: dict[int, float]) -> None:
    """Give the items of each list one probability, in place.

    A reader misses an item in mid-list more than a line elsewhere. Measured on labelled pages, this
    changes no score. Items that hold other elements are parts of a page, and are judged alone.
    """
    members: dict[PageElement, list[int]] = {}
    for i in probabilities:
        element = lines.lines[i].element
        if element.parent and element.tag in ITEM_TAGS:
            members.setdefault(element.parent, []).append(i)
    for indices in members.values():
        words = sum(lines.words[i] + 1 for i in indices)
        sum_of_words = sum((lines.words[i] + 1) * probabilities[i] for i in indices)
        for i in indices:
            probabilities[i] = sum_of_words / words


def share_in_doubt(lines: LineFeatures, probabilities: Mapping[int, float]) -> float:
    """Return the words that may be on the wrong side, as a share of the words of the story.

    The result is infinite where no line is story, and where a page has several stories below each
    other: by place and shape, each of their lines belongs to a story.

    Args:
        lines: The features of all lines of the page.
        probabilities: The probability of being story, by the index of the line.

    Returns:
        The share, from 0.0 on.
    """
    if sum(line.element.tag == "h1" for line in lines.lines) > MAX_HEADLINES:
        return inf
    doubtful_words = story_words = 0.0
    for i, probability in probabilities.items():
        doubtful_words += lines.words[i] * min(probability, 1 - probability)
        if probability >= STORY_THRESHOLD:
            story_words += lines.words[i]
    if not story_words:
        return inf
    return doubtful_words / story_words


def is_settled(lines: LineFeatures, probabilities: Mapping[int, float]) -> bool:
    """Tell whether trafilatura would change next to nothing, whatever share is in doubt.

    Args:
        lines: The features of all lines of the page.
        probabilities: The probability of being story, by the index of the line.

    Returns:
        True where trafilatura need not be asked.
    """
    unsure_words = story_words = 0.0
    low, high = UNSURE
    for i, probability in probabilities.items():
        if low < probability < high:
            unsure_words += lines.words[i]
        if probability >= STORY_THRESHOLD:
            story_words += lines.words[i]
    if story_words >= FAIR_STORY and unsure_words <= MAX_UNSURE * story_words:
        return True
    return story_words >= LONG_STORY and lines.core_prose >= MIN_CORE_PROSE


def trafilatura_lines(tree: HtmlElement, fast: bool = True) -> list[str]:
    """Return the lines that trafilatura takes for the article; the tree stays as it is.

    Args:
        tree: The parsed page.
        fast: Whether to ask it alone, and not the extractors that it falls back to.
    """
    options = TRAFILATURA_OPTIONS | {"fast": fast}
    try:
        document = bare_extraction(_dissolve_spans(tree), **options)  # works on a copy
    except RecursionError:  # lists in lists in lists; the decision trees still work
        return []
    return (getattr(document, "text", None) or "").splitlines()


def _dissolve_spans(tree: HtmlElement) -> HtmlElement:
    """Dissolve spans into the text around them, where thousands stand side by side.

    trafilatura dissolves all spans but leaves their texts as pieces. It then takes minutes for a
    line of ten thousand pieces.

    Returns:
        A copy without such spans, or the same tree where it has none.
    """
    if not any(count > MAX_SPANS for count in _count_spans(tree).values()):
        return tree
    tree = copy(tree)
    for parent, count in _count_spans(tree).items():
        if parent is not None and count > MAX_SPANS:
            strip_tags(parent, "span")
            # libxml2 keeps one text for each piece until the text is set again.
            parent.text = parent.text
            for child in parent:
                child.tail = child.tail
    return tree


def _count_spans(tree: HtmlElement) -> Counter[HtmlElement | None]:
    if sum(1 for _ in islice(tree.iter("span"), MAX_SPANS + 1)) <= MAX_SPANS:
        return Counter()
    return Counter(span.getparent() for span in tree.iter("span"))


def _block(
    line: PageLine,
    probability: float,
    kept_by_trafilatura: bool | None,
    is_summary: bool,
    structures: StructureReader,
) -> Block:
    element = line.element
    kind = _kind(element)
    is_hopeless = probability < MIN_STRUCTURED and not kept_by_trafilatura and not is_summary
    fields = {} if is_hopeless else structures.block_fields(line)
    return Block(
        kind=kind,
        text=line.text,
        linked=line.linked,
        list_size=_list_size(element) if kind is BlockKind.ITEM else 0,
        story_probability=round(probability, 3),
        kept_by_trafilatura=kept_by_trafilatura,
        is_summary=is_summary,
        element_path=_element_path(element),
        **fields,
    )


def _kind(element: PageElement) -> BlockKind:
    if element.is_row:
        return BlockKind.TABLE
    for region, kind in KIND_OF_REGION:
        if element.regions & region:
            return kind
    return BlockKind.PARAGRAPH


def _list_size(element: PageElement | None) -> int:
    while element is not None:
        if element.tag in LISTS:
            return element.children
        element = element.parent
    return 0


def _element_path(element: PageElement) -> str:
    """Return the element and the one around it, with their first class: `div.story > p`."""
    path = _element_name(element)
    if element.parent is not None:
        path = f"{_element_name(element.parent)} > {path}"
    return path[:MAX_PATH_LENGTH]


def _element_name(element: PageElement) -> str:
    marks = element.marks.split()
    if not marks:
        return element.tag
    return f"{element.tag}.{marks[0]}"
