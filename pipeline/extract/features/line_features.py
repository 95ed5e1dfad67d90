"""Turn each line of a page into numbers: features for the decision trees.

The features say what a line consists of, where it stands, what stands around it, and what the page
declares. They know no language and no site. Their order is FEATURE_NAMES, and their cost is linear
in the page. Training and classification use the same features. The *evidence* among them, which is
what a first look says about the lines around and the votes of an extractor, comes later than the
others. After a change of a feature, train the trees again (`tests/bench/train.py`) and raise
the version of the extractors.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from math import log1p
from typing import Final

from pipeline.core.models import Metadata
from pipeline.extract.features.class_words import NOT_SUMMARY_WORDS, SUMMARY_WORDS, WORD_GROUPS
from pipeline.extract.features.first_look import FIRST_LOOK_FEATURES, FirstLook
from pipeline.extract.features.story_core import UNRELATED, StoryCore, without_digits
from pipeline.extract.features.text_measures import character_shares, count_words, has_credit
from pipeline.extract.page_lines import PageElement, PageLine, PageLines, Region, words_in_marks

SENTENCE_END = re.compile(r"[.!?…。！？‽؟।۔](?:[\"'”’»」』)\]*]|\s|\[\d+\])*$")
WORD = re.compile(r"\w+")
QUOTE = re.compile('["“”«»„「」]')
READ_LENGTH: Final = 600  # characters of a line that are read one by one
MAX_DISTANCE: Final = 30.0  # lines; a greater distance counts as this one
MAX_SEARCHED: Final = 200_000  # letters of an extractor's text that are searched for parts of lines
MIN_TITLE_LETTERS: Final = 8  # of a line that can be the headline
MIN_H1_WORDS: Final = 3  # of an h1 that is taken for the headline without a title
MIN_AUTHOR_LETTERS: Final = 4  # a shorter name is not searched for
MAX_OVERLAP_WORDS: Final = 60  # of a line that may repeat the title
MIN_DESCRIPTION_LETTERS: Final = 20  # of a line that may be the description
MAX_BYLINE_WORDS: Final = 15
MIN_PART_LETTERS: Final = 20  # of a line that may be part of a line of the extractor
PART_VOTE: Final = 0.9
MAX_LINES_AFTER_HEADLINE: Final = 12  # where a summary may stand
MIN_SUMMARY_WORDS: Final = 4
MAX_BOX_LINES: Final = 3  # of an element that holds only the summary
MARKED_LEVELS: Final = 4  # elements above a line whose marks are read
SIGNATURE_LENGTH: Final = 60  # characters of marks that tell lines of one look
MAX_TITLES: Final = 5.0
HEADING_LEVELS: Final = {f"h{level}": float(level) for level in range(1, 7)}
REGION_FEATURES = {
    "heading": Region.HEADING,
    "aside": Region.ASIDE,
    "nav": Region.NAV,
    "footer": Region.FOOTER,
    "item": Region.ITEM,
    "quote": Region.QUOTE,
    "figure": Region.FIGURE,
    "article": Region.ARTICLE,
    "main": Region.MAIN,
    "body_property": Region.BODY_PROPERTY,
    "hidden": Region.HIDDEN,
    "table": Region.TABLE,
    "code": Region.CODE,
    "header": Region.HEADER,
    "reserve": Region.RESERVE,
}


def _prefixed(prefix: str, names: Iterable[str]) -> list[str]:
    return [prefix + name for name in names]


# These names are stored in trees.json: they stay.
FEATURE_NAMES: Final = (
    "log_words", "link_share", "full", "lower", "upper", "digits", "letters", "credit", "quote",
    "emphasis", "broken", "twice",
    *_prefixed("in_", REGION_FEATURES),
    "depth", "place_prose", "up_prose", "up2_prose", "place_words", "up_words", "up_log_words",
    "place_link", "up_link", "up2_link", "steps", "below", "from_first", "from_last", "between",
    "from_title", "done", "like_prose", "like_ratio", "like_lines", "like_mean", "heading_level",
    "paragraph", "narrow_steps", "in_wide", "core_prose", "branch_prose", "branch_words",
    "branch_log_words", "branch_link", "declared", "declared_share", "other_titles", "colon",
    "colon_before", "commas", "page_prose", "chosen",
    "chosen_share", "chosen_near", "place_chosen", "up_chosen", "up2_chosen", "chosen_prose",
    "core_chosen", "branch_chosen", *FIRST_LOOK_FEATURES,
    "title_overlap",
    "description", "author", "link_before", "link_after", "words_before", "words_after",
    "same_before", "same_after", "same_after2", "prose_before", "prose_after",
    *_prefixed("near_", WORD_GROUPS),
    *_prefixed("above_", WORD_GROUPS),
    *_prefixed("branch_", WORD_GROUPS),
)  # fmt: skip
CONTEXT_START = FEATURE_NAMES.index(FIRST_LOOK_FEATURES[0])
CONTEXT_FEATURES = slice(CONTEXT_START, CONTEXT_START + len(FIRST_LOOK_FEATURES))
VOTE_FEATURES = slice(FEATURE_NAMES.index("chosen"), CONTEXT_START)
NO_EVIDENCE = (0.0,) * (CONTEXT_FEATURES.stop - VOTE_FEATURES.start)
REGION_BITS = tuple(REGION_FEATURES.values())


def letters_only(text: str) -> str:
    """Return the letters and digits of a text in lower case, to compare wordings."""
    return "".join(WORD.findall(text)).casefold()


class ExtractorLines:
    """The lines that an extractor took for the story."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Prepare the lines of an extractor for `vote`."""
        lines = list(map(letters_only, texts))
        self._lines = frozenset(lines)
        self._all_letters = "\n".join(lines)[:MAX_SEARCHED]

    def vote(self, letters: str) -> float:
        """Return 1.0 for a line of the extractor, 0.9 for a part of one, else 0.0.

        Args:
            letters: A line as `letters_only` returns it.
        """
        if not letters:
            return 0.0
        if letters in self._lines:
            return 1.0
        if len(letters) >= MIN_PART_LETTERS and letters in self._all_letters:
            return PART_VOTE
        return 0.0


class LineFeatures:
    """The lines of one page, with all that needs more than one of them.

    Until `add_votes`, no extractor has a vote.

    Attributes:
        lines: The lines, in reading order.
        words: Words of each line.
        letters: Letters of each line, as `letters_only` returns them.
        votes: The extractor's vote for each line.
        first_prose: Index of the first line of prose at the story's core.
        last_prose: Index of the last one.
        headline: Index of the headline, or -1.
        title: Letters of the title.
        core: The element at the core of the story, and others that stand for it.
        declared: The vote of the declared text for each line; -1.0 where there is none.
    """

    def __init__(self, page_lines: PageLines, metadata: Metadata, declared_text: str = "") -> None:
        """Measure the lines of a page.

        Args:
            page_lines: The lines and elements; the sums in the elements are filled in here.
            metadata: What the page declares.
            declared_text: The story as the page's own data for machines has it, or "".
        """
        lines = page_lines.lines
        self.lines = lines
        self.elements = page_lines.elements
        self.words = words = [count_words(line.text) for line in lines]
        self.link_shares = [line.linked / len(line.text) for line in lines]
        self.ends_sentence = [SENTENCE_END.search(line.text[-14:]) is not None for line in lines]
        measures = zip(lines, words, self.link_shares, self.ends_sentence, strict=True)
        self.prose = prose = [_prose_words(*measure) for measure in measures]
        self.tokens = [WORD.findall(line.text) for line in lines]
        self.letters = ["".join(tokens).casefold() for tokens in self.tokens]
        self.letter_counts = Counter(self.letters)
        self.votes = [0.0] * len(lines)
        self.chosen_share = self.chosen_prose = 0.0
        self._sum_elements()
        self.total_prose, self.total_words = sum(prose) or 1.0, sum(words) or 1.0
        self.core = StoryCore(lines, self.elements, prose)
        self._measure_declared(declared_text)
        core = self.core.element
        self.core_prose = core.prose / self.total_prose if core else 0.0
        self._sum_signatures()
        self.first_prose, self.last_prose = self._prose_range()
        self.title = letters_only(metadata.title)
        self.description = letters_only(metadata.description)
        self.description_words = frozenset(WORD.findall(metadata.description))
        self.title_words = frozenset(WORD.findall(metadata.title.casefold()))
        names = [name for name in metadata.authors if len(name) > MIN_AUTHOR_LETTERS]
        self.authors = set(map(letters_only, names))
        self.headline = self._find_headline()
        self.log_prose = log1p(self.total_prose)
        self.other_titles = self._count_other_titles()
        self.words_before = [0.0]  # each line
        for count in words:
            self.words_before.append(self.words_before[-1] + count)
        self._groups_by_marks: dict[str, int] = {}
        self._groups_above: dict[int, int] = {}
        self._groups_of_branch: dict[int, int] = {}

    def add_votes(self, extractor_lines: ExtractorLines) -> None:
        """Count the votes of an extractor.

        Args:
            extractor_lines: What trafilatura took from the page. A line that it took whole or in
                part has a vote.
        """
        self.votes = list(map(extractor_lines.vote, self.letters))
        chosen_words = 0.0
        for element in self.elements:
            element.chosen_words = 0.0
        for line, words, vote in zip(self.lines, self.words, self.votes, strict=True):
            if vote:
                line.element.chosen_words += words
                chosen_words += words
        for element in reversed(self.elements):  # children before parents
            if element.parent and element.chosen_words:
                element.parent.chosen_words += element.chosen_words
        self.chosen_share = chosen_words / self.total_words
        self.chosen_prose = self._prose_of(self.votes) / self.total_prose

    def add_probabilities(self, probabilities: Mapping[int, float]) -> None:
        """Take the probabilities of a first look as evidence for the lines around each line."""
        self.first_look = FirstLook(self, probabilities)

    def _measure_declared(self, text: str) -> None:
        """Note which lines stand in the story as the page's own data has it."""
        self.declared = [-1.0] * len(self.lines)
        self.declared_share = 0.0
        if not text:
            return
        declared_lines = ExtractorLines([text])
        self.declared = list(map(declared_lines.vote, self.letters))
        self.declared_share = self._prose_of(self.declared) / self.total_prose

    def _prose_of(self, votes: Sequence[float]) -> float:
        return sum(prose for prose, vote in zip(self.prose, votes, strict=True) if vote)

    def _sum_elements(self) -> None:
        for line, words, prose in zip(self.lines, self.words, self.prose, strict=True):
            element = line.element
            element.words += words
            element.prose += prose
            element.chars += len(line.text)
            element.linked += line.linked
            element.lines += 1
        for element in reversed(self.elements):  # children before parents
            if up := element.parent:
                up.words += element.words
                up.prose += element.prose
                up.chars += element.chars
                up.linked += element.linked
                up.lines += element.lines

    def _sum_signatures(self) -> None:
        """Sum lines, words and prose over lines that the page's style sheet shows alike."""
        self.signatures = [_signature(line.element) for line in self.lines]
        self.signature_sums: dict[tuple[str, ...], list[float]] = {}
        for key, words, prose in zip(self.signatures, self.words, self.prose, strict=True):
            sums = self.signature_sums.setdefault(key, [0.0, 0.0, 0.0])
            sums[0] += 1
            sums[1] += words
            sums[2] += prose

    def _prose_range(self) -> tuple[int, int]:
        inside = []
        for i, line in enumerate(self.lines):
            if self.prose[i] and line.element.steps_up <= 1:
                inside.append(i)
        if not inside:
            return 0, len(self.lines) - 1
        return inside[0], inside[-1]

    def _find_headline(self) -> int:
        """Return the index of the line that is the title, else of an h1; -1 where there is none."""
        title, headline = self.title, -1
        for i, line in enumerate(self.lines):
            letters, is_h1 = self.letters[i], line.element.tag == "h1"
            if not title or len(letters) <= MIN_TITLE_LETTERS:
                continue
            is_part = title.startswith(letters) or letters.startswith(title)
            if letters == title or (is_h1 and is_part):
                headline = i
                if is_h1:
                    break
        if headline >= 0:
            return headline
        for i, line in enumerate(self.lines):
            if line.element.tag == "h1" and self.words[i] >= MIN_H1_WORDS:
                return i
        return -1

    def _count_other_titles(self) -> list[float]:
        """Count for each line the h1 between the headline and it: they begin other stories."""
        counts, count = [], 0.0
        for i, line in enumerate(self.lines):
            if line.element.tag == "h1" and i > self.headline >= 0:
                count += 1
            counts.append(min(count, MAX_TITLES))
        return counts

    def is_far(self, i: int) -> bool:
        """Tell whether a line is too far from the story to be classified.

        Half of all lines are, and hardly a line of a story.
        """
        if self.votes[i] or self.declared[i] > 0:
            return False
        if i - self.first_prose <= -MAX_DISTANCE or i - self.last_prose >= MAX_DISTANCE:
            return not self.prose[i]
        return self.lines[i].element.steps_up >= UNRELATED

    def is_summary(self, i: int) -> bool:
        """Tell whether a line between headline and story is marked or declared as its summary.

        Args:
            i: The index of the line on the page.

        Returns:
            True for a line in an element that is named as a lead or summary, or that repeats the
            description in the head of the page.
        """
        if self.headline < 0 or self.words[i] < MIN_SUMMARY_WORDS:
            return False
        if not 0 < i - self.headline <= MAX_LINES_AFTER_HEADLINE or i > self.first_prose:
            return False
        if self._in_description(i):
            return True
        line = self.lines[i]
        marks = words_in_marks(line.inline_marks) | words_in_marks(line.element.marks)
        up = line.element.parent
        if up is not None and up.lines <= MAX_BOX_LINES:  # a box around the summary has the mark
            marks |= words_in_marks(up.marks)
        return not SUMMARY_WORDS.isdisjoint(marks) and NOT_SUMMARY_WORDS.isdisjoint(marks)

    def features(self, i: int) -> list[float]:
        """Return the features of a line without evidence, in the order of FEATURE_NAMES.

        Args:
            i: Index of the line.
        """
        # One list literal: it runs for half of all lines, and stands in the order of FEATURE_NAMES.
        line, words, share, n = self.lines[i], self.words, self.link_shares, len(self.lines)
        text, element = line.text[:READ_LENGTH], line.element
        up = element.parent or element
        up2 = up.parent or up
        branch = element.branch or element
        like = self.signature_sums[self.signatures[i]]
        before, after = i - 1, i + 1
        return [
            log1p(words[i]), share[i], self.ends_sentence[i], text[0].islower(),
            *character_shares(text), has_credit(text),
            QUOTE.search(text) is not None, line.emphasis / len(line.text), line.is_after_break,
            self.letter_counts[self.letters[i]] > 1,
            *_region_features(element.regions),
            element.depth, element.prose / self.total_prose, up.prose / self.total_prose,
            up2.prose / self.total_prose, element.words / self.total_words,
            up.words / self.total_words, log1p(up.words), element.linked / (element.chars + 1),
            up.linked / (up.chars + 1), up2.linked / (up2.chars + 1), element.steps_up,
            element.steps_down, _limited(i - self.first_prose), _limited(i - self.last_prose),
            self.first_prose <= i <= self.last_prose,
            _limited(i - self.headline) if self.headline >= 0 else MAX_DISTANCE + 1,
            self.words_before[i] / self.total_words, like[2] / self.total_prose,
            like[2] / (like[1] + 1), log1p(like[0]), like[1] / like[0],
            HEADING_LEVELS.get(element.tag, 0.0), element.tag == "p",
            self.core.steps_from_richest(element), element in self.core.wide,
            self.core_prose, branch.prose / self.total_prose,
            branch.words / self.total_words, log1p(branch.words),
            branch.linked / (branch.chars + 1), self.declared[i], self.declared_share,
            self.other_titles[i], text.endswith(":"),
            i > 0 and self.lines[before].text.endswith(":"), text.count(",") / len(text),
            self.log_prose,
            *NO_EVIDENCE,
            self.title_overlap(i), self._in_description(i),
            words[i] < MAX_BYLINE_WORDS and any(name in self.letters[i] for name in self.authors),
            share[before] if i else 0.0, share[after] if after < n else 0.0,
            log1p(words[before]) if i else 0.0, log1p(words[after]) if after < n else 0.0,
            i > 0 and self.lines[before].element.parent is element.parent,
            after < n and self.lines[after].element.parent is element.parent,
            i + 2 < n and self.lines[i + 2].element.parent is element.parent,
            sum(self.prose[max(0, i - 4) : i]), sum(self.prose[i + 1 : i + 5]),
            *_group_features(self._near_groups(line)),
            *_group_features(self._groups_around(element)),
            *_group_features(self._groups_in_branch(element)),
        ]  # fmt: skip

    def with_context(self, i: int, features: list[float]) -> list[float]:
        """Put what a first look says into the features of a line, in place, and return them.

        Args:
            i: Index of the line.
            features: What `features` returned for it.
        """
        features[CONTEXT_FEATURES] = self.first_look.features(i)
        return features

    def with_votes(self, i: int, features: list[float]) -> list[float]:
        """Put the votes into the features of a line, in place, and return them.

        Args:
            i: Index of the line.
            features: What `features` returned for it.
        """
        element, votes = self.lines[i].element, self.votes
        up = element.parent or element
        up2 = up.parent or up
        branch, core = element.branch or element, self.core.element or element
        features[VOTE_FEATURES] = (
            votes[i],
            self.chosen_share,
            sum(votes[max(0, i - 2) : i]) + sum(votes[i + 1 : i + 3]),
            element.chosen_words / (element.words + 1),
            up.chosen_words / (up.words + 1),
            up2.chosen_words / (up2.words + 1),
            self.chosen_prose,
            core.chosen_words / (core.words + 1),
            branch.chosen_words / (branch.words + 1),
        )
        return features

    def title_overlap(self, i: int) -> float:
        """Return the share of words that a short line has in common with the title, 0.0 to 1.0.

        Args:
            i: The index of the line on the page.

        Returns:
            The share of different words; 0.0 for a long line.
        """
        if self.words[i] > MAX_OVERLAP_WORDS or not self.title_words:
            return 0.0
        text = self.lines[i].text
        if text.isascii() and len(text) <= READ_LENGTH:
            words = {word.lower() for word in self.tokens[i]}
        else:
            words = set(WORD.findall(text[:READ_LENGTH].casefold()))
        if not words:
            return 0.0
        return len(words & self.title_words) / max(len(words), len(self.title_words))

    def _in_description(self, i: int) -> float:
        letters, description = self.letters[i], self.description
        if not description or len(letters) <= MIN_DESCRIPTION_LETTERS:
            return 0.0
        return float(letters in description or description in letters)

    def _near_groups(self, line: PageLine) -> int:
        """Return the groups of which the element or the inline element has a word."""
        groups = self._groups_of_marks(line.element.marks)
        if line.inline_marks:
            groups |= self._groups_of_marks(line.inline_marks)
        return groups

    def _groups_around(self, element: PageElement) -> int:
        """Return the groups of which an element around this one has a word."""
        known = self._groups_above.get(id(element.parent))
        if known is None:
            groups, above, level = 0, element.parent, 0
            while above is not None and level < MARKED_LEVELS:
                groups |= self._groups_of_marks(above.marks)
                above, level = above.parent, level + 1
            known = self._groups_above[id(element.parent)] = groups
        return known

    def _groups_in_branch(self, element: PageElement) -> int:
        """Return the groups of which this element or one around it beside the core has a word.

        Elements around the core count for nothing: they are around the story, too.
        """
        path = []
        above: PageElement | None = element
        while above is not None and above.steps_down and id(above) not in self._groups_of_branch:
            path.append(above)
            above = above.parent
        groups = 0
        if above is not None and above.steps_down:
            groups = self._groups_of_branch[id(above)]
        for inner in reversed(path):
            if inner.marks:
                groups |= self._groups_of_marks(inner.marks)
            self._groups_of_branch[id(inner)] = groups
        return groups

    def _groups_of_marks(self, marks: str) -> int:
        """Return one bit for each group of which a class or id has a word."""
        known = self._groups_by_marks.get(marks)
        if known is None:
            words = words_in_marks(marks)
            known = 0
            for number, group in enumerate(WORD_GROUPS.values()):
                if not words.isdisjoint(group):
                    known |= 1 << number
            self._groups_by_marks[marks] = known
        return known


@lru_cache(maxsize=5_000)
def _region_features(regions: int) -> tuple[bool, ...]:
    return tuple([regions & bit != 0 for bit in REGION_BITS])


@lru_cache(maxsize=1 << len(WORD_GROUPS))
def _group_features(groups: int) -> tuple[float, ...]:
    """Return 1.0 for each group whose bit is set, and 0.0 for the others."""
    return tuple([float(groups >> number & 1) for number in range(len(WORD_GROUPS))])


def _prose_words(line: PageLine, words: float, link_share: float, ends_sentence: bool) -> float:
    """Return the words of a line that reads like prose: a sentence, or a long line; else 0."""
    if link_share >= 0.5 or line.element.regions & Region.HEADING:
        return 0.0
    if words >= 25 or (words >= 8 and ends_sentence):
        return words
    return 0.0


def _signature(element: PageElement) -> tuple[str, ...]:
    """Return what a style sheet sees of an element: tags and classes of itself and its parent."""
    marks = without_digits(element.marks[:SIGNATURE_LENGTH])
    up = element.parent
    if not up:
        return (element.tag, marks, "", "")
    return (element.tag, marks, up.tag, without_digits(up.marks[:SIGNATURE_LENGTH]))


def _limited(distance: int) -> float:
    return max(-MAX_DISTANCE, min(MAX_DISTANCE, float(distance)))
