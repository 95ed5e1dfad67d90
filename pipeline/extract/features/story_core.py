"""Find the element at the core of the story, and how far each other element is from it.

A story of like parts (the entries of a list, cards, questions and answers, steps) has its core at
the element around all of them, not at the richest part.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final

from pipeline.extract.page_lines import PageElement, PageLine, Region

DIGITS = re.compile(r"\d+")
OUTSIDE_STORY = Region.HIDDEN | Region.NAV | Region.FOOTER
UNRELATED: Final = 20.0  # steps to an element that shares no ancestor with the story's core
CORE_CHILDREN = ("p", "li", "td", "blockquote")  # their parent is the candidate for the core
PART_TAGS = frozenset(("section", "article", "li"))  # parts of one kind even without a class
MIN_PARTS: Final = 1.5  # prose of all parts of one kind, as a multiple of the richest one
MAX_PART_TITLES: Final = 1  # h1 in the other parts; more of them are titles of other stories
WIDE_SHARE: Final = 0.7  # of the prose of a page


class StoryCore:
    """The elements around which the story of a page stands.

    Attributes:
        richest: The element with most prose directly in it; None for a page without prose.
        element: The core: `richest`, or the element around it and all parts like it.
        wide: The elements in the smallest element around the core with most of the page's prose.
    """

    def __init__(
        self,
        lines: Sequence[PageLine],
        elements: Sequence[PageElement],
        prose: Sequence[float],
    ) -> None:
        """Find the core, and measure the distance of each element from it.

        Args:
            lines: The lines of the page.
            elements: All elements with their sums, parents before children. Their steps from the
                core and their branches are set here.
            prose: Words of each line that reads like prose.
        """
        self.richest = _richest_element(lines, prose)
        self.element = _common_parent(elements, self.richest)
        self._richest_steps = _steps_to_all(elements, self.richest)
        _measure_distances(elements, self.element)
        self.wide = _elements_in(elements, _wide_element(lines, prose, self.element))

    def steps_from_richest(self, element: PageElement) -> float:
        """Return the steps up from the richest element to the nearest one around an element."""
        return self._richest_steps[element]


@lru_cache(maxsize=20_000)
def without_digits(marks: str) -> str:
    """Return a class or id without digits: they may number the elements of one kind."""
    return DIGITS.sub("", marks)


def _upwards(element: PageElement | None) -> Iterator[PageElement]:
    while element is not None:
        yield element
        element = element.parent


def _richest_element(lines: Sequence[PageLine], prose: Sequence[float]) -> PageElement | None:
    """Return the element that has most prose directly in it, weighed by how little is linked."""
    scores: dict[PageElement, float] = {}
    for line, words in zip(lines, prose, strict=True):
        if not words or line.element.regions & OUTSIDE_STORY:
            continue
        element: PageElement | None = line.element
        if line.element.tag in CORE_CHILDREN:
            element = line.element.parent
        for factor in (1.0, 0.5, 0.25):
            if element is None:
                break
            scores[element] = scores.get(element, 0.0) + min(words, 100.0) * factor
            element = element.parent

    def score(element: PageElement) -> float:
        return scores[element] * (1 - element.linked / (element.chars + 1))

    return max(scores, key=score, default=None)


def _common_parent(
    elements: Sequence[PageElement], richest: PageElement | None
) -> PageElement | None:
    """Return the outermost element that is around the richest one and other parts like it.

    Parts with a title of their own are other stories, not parts of this one.
    """
    chain = list(_upwards(richest))
    titles = _titles_below(elements, chain)
    prose = _prose_by_kind(elements, chain)
    core = richest
    for part, parent in pairwise(chain):
        if titles[parent] - titles[part] > MAX_PART_TITLES:
            break
        if prose.get((parent, _kind_of_part(part)), 0.0) >= MIN_PARTS * part.prose:
            core = parent
    return core


def _titles_below(
    elements: Sequence[PageElement], chain: Sequence[PageElement]
) -> Counter[PageElement]:
    """Count the h1 in each element of a chain that leads to the root."""
    titles = Counter(dict.fromkeys(chain, 0))
    for element in elements:
        if element.tag == "h1" and element.lines:
            outer = next((above for above in _upwards(element) if above in titles), None)
            if outer is not None:
                titles[outer] += 1
    for inner, outer in pairwise(chain):
        titles[outer] += titles[inner]
    return titles


def _prose_by_kind(
    elements: Sequence[PageElement], chain: Sequence[PageElement]
) -> dict[tuple[PageElement | None, str], float]:
    """Sum the prose of the children of each element of a chain by the kind of the child."""
    parents = frozenset(chain)
    prose: dict[tuple[PageElement | None, str], float] = {}
    for element in elements:
        parent = element.parent
        if not element.prose or parent not in parents or element.regions & OUTSIDE_STORY:
            continue
        key = (parent, _kind_of_part(element))
        prose[key] = prose.get(key, 0.0) + element.prose
    return prose


def _kind_of_part(element: PageElement) -> str:
    if element.tag in PART_TAGS:
        return element.tag
    return f"{element.tag}.{without_digits(element.marks.partition(' ')[0])}"


def _wide_element(
    lines: Sequence[PageLine], prose: Sequence[float], core: PageElement | None
) -> PageElement | None:
    """Return the smallest element around the core that holds most of the page's prose."""
    chain = list(_upwards(core))
    sums = dict.fromkeys(chain, 0.0)
    total = 0.0
    for line, words in zip(lines, prose, strict=True):
        element = line.element
        if not words or element.regions & (OUTSIDE_STORY | Region.ASIDE):
            continue
        total += words
        outer = element.branch and element.branch.parent if element.steps_down else element
        if outer is not None and outer in sums:
            sums[outer] += words
    inside = 0.0
    for element in chain:
        inside += sums[element]
        if inside >= WIDE_SHARE * total:
            return element
    return chain[-1] if chain else None


def _elements_in(
    elements: Sequence[PageElement], outer: PageElement | None
) -> frozenset[PageElement]:
    inside: set[PageElement] = set()
    for element in elements:  # parents before children
        if element is outer or element.parent in inside:
            inside.add(element)
    return frozenset(inside)


def _steps_to_all(
    elements: Sequence[PageElement], start: PageElement | None
) -> dict[PageElement, float]:
    """Return for each element the steps up from one to the nearest element around both."""
    steps = {outer: float(number) for number, outer in enumerate(_upwards(start))}
    for element in elements:  # parents before children
        if element not in steps:
            steps[element] = steps[element.parent] if element.parent else UNRELATED
    return steps


def _measure_distances(elements: Sequence[PageElement], core: PageElement | None) -> None:
    """Set for each element the steps up from the core, the steps down from there, its branch."""
    steps_from_core = {outer: float(number) for number, outer in enumerate(_upwards(core))}
    for element in elements:  # parents before children
        up = element.parent
        if element in steps_from_core:
            element.steps_up, element.steps_down = steps_from_core[element], 0.0
            element.branch = element
        elif up is not None:
            element.steps_up, element.steps_down = up.steps_up, up.steps_down + 1
            element.branch = element if up in steps_from_core else up.branch
        else:
            element.steps_up, element.steps_down = UNRELATED, 1.0
