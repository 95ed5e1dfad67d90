"""Measure the shape of a page: features that tell a page with a story from a list of links.

A list is a section front, a tag page, a shop's category, search results, a directory. Its modules
look alike, and each has a link and a few words. A story is one long stretch of prose, whatever
stands around it. The features come from the lines that were read for the story, they know no
language, no site and no address, and they do not depend on the trees that judge the lines. Their
order is SHAPE_NAMES. After a change of a feature, train the trees again
(`tests/bench/train_lists.py`) and raise the version of the extractors.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import log1p
from typing import Final, NamedTuple

from pipeline.core.models import DateConfidence, ListEvidence, Metadata, count_words
from pipeline.extract.features.line_features import LineFeatures
from pipeline.extract.page_lines import PageElement, Region

OUTSIDE: Final = Region.NAV | Region.FOOTER | Region.HIDDEN
LINKED: Final = 0.7  # share of a line in links, above which the line is a link
MIN_LINK_WORDS: Final = 2  # of a link that separates one stretch of prose from the next
MIN_TEASER_WORDS: Final = 3  # of a link that can be the headline of a module
MIN_LIKE: Final = 4  # modules or links of one look that make a list
MIN_LINKED: Final = 8  # characters in links, of a module
MIN_LINKED_SHARE: Final = 0.12  # of the characters of a module
MAX_MODULE_WORDS: Final = 150
MAX_GAP: Final = 2  # lines without prose within a run of prose
MIN_STORY_WORDS: Final = 200  # of prose in one place that holds a page
MIN_STORY_SHARE: Final = 0.5  # of the page's words
MIN_CONTENT_PROSE: Final = 0.5  # of the page's prose, outside menus, footers and forms
NEAR_LINES: Final = 15  # after the headline, where a story begins
MIN_STORY_LINE: Final = 8  # words of a line with which a story begins
NO_HEADLINE: Final = 61.0  # lines from the headline to the story, where there is none
MAX_STEPS: Final = 60.0
MAX_DATE_WORDS, MAX_PRICE_WORDS = 10, 12  # of a line that holds little else
SHORT_TEXT: Final = 80  # characters of a line that are searched for a date or price
# A paragraph's text belongs to the element around it: that is where a story stands.
PARAGRAPH_TAGS = frozenset(("p", "li", "td", "blockquote", "dd"))
NOT_MODULES = frozenset(("p", "tr", "td"))
DATE = re.compile(
    r"(?<!\d)(?:19|20)\d\d(?!\d)|\d{1,2}[./-]\d{1,2}[./-]\d{2}|\d{1,2}:\d\d(?!\d)"
    r"|[年月日]\s?\d|\d[年月日]"
)
PRICE = re.compile(r"[$€£¥₽₴₹₩₺₸₫฿₱]\s?\d|\d\s?[$€£¥₽₴₹₩₺₸₫฿₱]")
DIGITS = re.compile(r"\d+")
CONFIDENCES = (DateConfidence.NONE, DateConfidence.LOW, DateConfidence.MEDIUM, DateConfidence.HIGH)

# These names are stored in list_trees.json: they stay.
SHAPE_NAMES: Final = (
    "log_lines",
    "content_share",
    "content_prose",
    "links_share",
    "repeated_lines",
    "stretch",
    "stretch_lines",
    "stretch_page",
    "stretch_content",
    "part",
    "part_prose",
    "part_content",
    "parts",
    "section",
    "run_prose",
    "run_content",
    "headline_words",
    "title_words",
    "to_story",
    "prose_after",
    "words_after",
    "links_after",
    "siblings",
    "siblings_content",
    "siblings_linked",
    "looks",
    "looks_content",
    "like_linked_headings",
    "like_headings",
    "linked_headings",
    "teasers_span",
    "before_teasers",
    "after_teasers",
    "dates",
    "like_dates",
    "prices",
    "price_share",
    "buttons",
    "author",
    "date",
    "confidence",
    "tags",
    "declared_article",
)


class PageSigns(NamedTuple):
    """What a page says of itself outside its lines.

    Attributes:
        og_type: The type that it declares for social networks, in lower case.
        buttons: How many buttons it has: lists have filters, and shops one for each product.
    """

    og_type: str = ""
    buttons: int = 0


class PageShape:
    """The shape of one page.

    Attributes:
        features: Its features, in the order of SHAPE_NAMES; [] where `is_story`.
        is_story: Whether prose in one element, and prose that no link interrupts, are each half
            of the page, as on no list.
        modules: Modules of the look that holds most words.
        linked_lines: Lines outside menus that are links of some words.
        longest_prose: Words of the longest stretch of prose that no link interrupts.
    """

    def __init__(self, lines: LineFeatures, metadata: Metadata, signs: PageSigns) -> None:
        """Measure a page.

        Args:
            lines: Its lines, whose elements have their sums.
            metadata: What it declares.
            signs: What it says of itself outside its lines.
        """
        self._lines = lines
        self._outside = _outside_content(lines)
        self._content = [
            i for i, line in enumerate(lines.lines) if not line.element.regions & self._outside
        ]
        self._words = float(sum(lines.words[i] for i in self._content)) or 1.0
        self._links = [i for i in self._content if lines.link_shares[i] > LINKED]
        self.modules = self.linked_lines = 0
        prose = [*self._stretches(), *self._parts()]
        self.features: list[float] = []
        if not self.is_story:
            self._measure(prose, metadata, signs)

    def _measure(self, prose: Sequence[float], metadata: Metadata, signs: PageSigns) -> None:
        self.features = [
            *self._totals(),
            *prose,
            *self._runs(),
            *self._beginning(metadata),
            *self._modules(),
            *self._headings(),
            *self._teasers(),
            *self._labels(),
            float(signs.buttons),
            *_declared(metadata, signs),
        ]

    def evidence(self, probability: float) -> ListEvidence:
        """Return the evidence for people and for the decision.

        Args:
            probability: That the page is a list.
        """
        return ListEvidence(
            round(probability, 3), self.modules, self.linked_lines, self.longest_prose
        )

    def _totals(self) -> Iterable[float]:
        lines = self._lines
        prose = sum(lines.prose[i] for i in self._content)
        teasers = [i for i in self._links if lines.words[i] >= MIN_TEASER_WORDS]
        self.linked_lines = len(teasers)
        total = len(lines.lines) or 1
        return (
            log1p(total),
            self._words / lines.total_words,
            prose / self._words,
            sum(lines.words[i] for i in teasers) / self._words,
            1 - len(lines.letter_counts) / total,
        )

    def _stretches(self) -> Iterable[float]:
        """Measure the most prose that stands directly under one element."""
        words: dict[PageElement, float] = {}
        counts = Counter[PageElement]()
        for i in self._content:
            if prose := self._lines.prose[i]:
                element = self._lines.lines[i].element
                if element.tag in PARAGRAPH_TAGS and element.parent is not None:
                    element = element.parent
                words[element] = words.get(element, 0.0) + prose
                counts[element] += 1
        longest = max(words, key=lambda element: words[element], default=None)
        stretch = words[longest] if longest is not None else 0.0
        count = counts[longest] if longest is not None else 0
        self.is_story = self._is_most(stretch)
        return (
            log1p(stretch),
            log1p(count),
            stretch / self._lines.total_words,
            stretch / self._words,
        )

    def _parts(self) -> Iterable[float]:
        """Measure the prose between one linked line and the next, and between headings."""
        lines = self._lines
        parts, sections = [0.0], [0.0]
        for i in self._content:
            is_link = lines.link_shares[i] > LINKED
            prose = 0.0 if is_link else lines.prose[i]
            if is_link and lines.words[i] >= MIN_LINK_WORDS:
                parts.append(0.0)
            if is_link or lines.lines[i].element.regions & Region.HEADING:
                sections.append(0.0)
            else:
                sections[-1] += prose
            parts[-1] += prose
        longest = max(parts)
        self.longest_prose = int(longest)
        self.is_story = self.is_story and self._is_most(longest)
        return (
            log1p(longest),
            longest / lines.total_prose,
            longest / self._words,
            log1p(sum(part > 0 for part in parts)),
            log1p(max(sections)),
        )

    def _is_most(self, prose: float) -> bool:
        return prose >= max(MIN_STORY_WORDS, MIN_STORY_SHARE * self._words)

    def _runs(self) -> Iterable[float]:
        """Measure the longest run of lines of prose, with short gaps."""
        longest = run = 0.0
        gap = 0
        for i in self._content:
            if prose := self._lines.prose[i]:
                run, gap = run + prose, 0
            elif gap >= MAX_GAP:
                run = 0.0
            else:
                gap += 1
            longest = max(longest, run)
        return longest / self._lines.total_prose, longest / self._words

    def _beginning(self, metadata: Metadata) -> Iterable[float]:
        """Measure the headline and what follows it."""
        lines, headline = self._lines, self._lines.headline
        title_words = float(count_words(metadata.title))
        if headline < 0:
            return 0.0, title_words, NO_HEADLINE, -1.0, -1.0, -1.0
        near = slice(headline + 1, headline + 1 + NEAR_LINES)
        steps = MAX_STEPS
        for i in range(headline + 1, min(len(lines.lines), headline + int(MAX_STEPS))):
            if lines.prose[i] >= MIN_STORY_LINE:
                steps = float(i - headline)
                break
        return (
            float(lines.words[headline]),
            title_words,
            steps,
            log1p(sum(lines.prose[near])),
            log1p(sum(lines.words[near])),
            float(sum(share > LINKED for share in lines.link_shares[near])),
        )

    def _modules(self) -> Iterable[float]:
        """Measure elements that look alike and hold a link: beside each other, and anywhere."""
        siblings: dict[tuple[object, ...], list[PageElement]] = {}
        looks: dict[tuple[object, ...], list[PageElement]] = {}
        for element in self._lines.elements:
            if element.linked < MIN_LINKED or element.linked < MIN_LINKED_SHARE * element.chars:
                continue
            parent = element.parent
            if parent is None or element.regions & self._outside:
                continue
            name = element.tag, _first_mark(element.marks)
            if element.tag not in NOT_MODULES:
                siblings.setdefault((parent, *name), []).append(element)
            if element.lines >= 2 and element.words < MAX_MODULE_WORDS:
                key = *name, parent.tag, _first_mark(parent.marks)
                looks.setdefault(key, []).append(element)
        group, look = _richest(siblings.values()), _richest(looks.values())
        self.modules = max(len(group), len(look))
        characters = sum(element.chars for element in group) or 1
        return (
            log1p(len(group)),
            sum(element.words for element in group) / self._words,
            sum(element.linked for element in group) / characters,
            log1p(len(look)),
            sum(element.words for element in look) / self._words,
        )

    def _headings(self) -> Iterable[float]:
        lines = self._lines
        headings = [i for i in self._content if lines.lines[i].element.regions & Region.HEADING]
        linked = [i for i in headings if lines.link_shares[i] > LINKED]
        share = len(linked) / (len(headings) or 1)
        return log1p(self._most_alike(linked)), log1p(self._most_alike(headings)), share

    def _teasers(self) -> Iterable[float]:
        """Measure what stands before, between and after links of some words that look alike."""
        lines = self._lines
        named = [i for i in self._links if lines.words[i] >= MIN_TEASER_WORDS]
        counts = Counter(lines.signatures[i] for i in named)
        teasers = [i for i in named if counts[lines.signatures[i]] >= MIN_LIKE]
        if not teasers:
            return -1.0, -1.0, -1.0
        before = between = after = 0.0
        for i in self._content:
            if i < teasers[0]:
                before += lines.prose[i]
            elif i > teasers[-1]:
                after += lines.prose[i]
            else:
                between += lines.words[i]
        return between / self._words, log1p(before), log1p(after)

    def _labels(self) -> Iterable[float]:
        """Count short lines with a date or a price."""
        lines = self._lines
        dates, prices = [], 0
        for i in self._content:
            if lines.words[i] <= MAX_PRICE_WORDS:
                text = lines.lines[i].text[:SHORT_TEXT]
                if lines.words[i] <= MAX_DATE_WORDS and DATE.search(text):
                    dates.append(i)
                prices += PRICE.search(text) is not None
        share = prices / (len(self._content) or 1)
        return log1p(len(dates)), log1p(self._most_alike(dates)), log1p(prices), share

    def _most_alike(self, indexes: Sequence[int]) -> int:
        """Return how many of some lines look alike."""
        return max(Counter(self._lines.signatures[i] for i in indexes).values(), default=0)


def _outside_content(lines: LineFeatures) -> int:
    """Return the regions that are not content: none where a form or the like holds the page."""
    inside = 0.0
    for line, prose in zip(lines.lines, lines.prose, strict=True):
        if prose and not line.element.regions & OUTSIDE:
            inside += prose
    return OUTSIDE if inside >= MIN_CONTENT_PROSE * sum(lines.prose) else Region.NONE


def _richest(groups: Iterable[list[PageElement]]) -> list[PageElement]:
    """Return the group of like elements that holds most words; [] where all are too small."""
    large = [group for group in groups if len(group) >= MIN_LIKE]
    return max(large, key=lambda group: sum(element.words for element in group), default=[])


@lru_cache(maxsize=20_000)
def _first_mark(marks: str) -> str:
    """Return the first class without its numbers, which may be those of one module."""
    return DIGITS.sub("", marks[:40].partition(" ")[0])


def _declared(metadata: Metadata, signs: PageSigns) -> Iterable[float]:
    return (
        float(bool(metadata.authors)),
        float(metadata.published_at is not None),
        float(CONFIDENCES.index(metadata.published_confidence)),
        float(len(metadata.tags)),
        float(signs.og_type.startswith(("article", "blogpost", "news", "video", "book"))),
    )
