"""What a first look at a page says about the lines around each line.

The first look gives each line a probability by the page alone. A line is judged again with these
probabilities of its neighbours: of its element and those around it, of the lines that look like it,
of the section under its heading, and of the lines that use the same words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log1p
from typing import TYPE_CHECKING, Final

from pipeline.extract.page_lines import Region

if TYPE_CHECKING:
    from pipeline.extract.features.line_features import LineFeatures

NEIGHBOURS: Final = 4  # lines above and below
FAIR_PROBABILITY: Final = 0.3  # of a line whose words count as words of the story
MIN_WORD_WEIGHT: Final = 0.4  # the sum of probabilities that makes a word one of the story
MIN_WORD_LENGTH: Final = 4  # letters; shorter words stand in all lines
MAX_WORDS: Final = 80  # of a line that are looked up
# These names are stored in trees.json: they stay.
FIRST_LOOK_FEATURES: Final = (
    "likely",
    "likely_before",
    "likely_after",
    "likely_near",
    "place_likely",
    "up_likely",
    "up2_likely",
    "branch_likely",
    "like_likely",
    "section_likely",
    "likely_above",
    "gap_above",
    "gap_below",
    "heading_likely",
    "vocabulary",
    "likely_share",
)


class FirstLook:
    """The probabilities of the lines of one page, summed up around each line."""

    def __init__(self, lines: LineFeatures, probabilities: Mapping[int, float]) -> None:
        """Sum up the probabilities.

        Args:
            lines: The lines of the page. The sums in their elements are set here.
            probabilities: The probability of each line by its index; the others have 0.
        """
        self._lines = lines
        self.likely = [probabilities.get(i, 0.0) for i in range(len(lines.lines))]
        self._likely_words = 0.0
        self._sections = _number_sections(lines)
        self._section_words = [0.0] * (self._sections[-1] + 1 if self._sections else 0)
        self._likely_section_words = list(self._section_words)
        self._likely_signature_words: dict[tuple[str, ...], float] = {}
        self._sum_words()
        self._measure_gaps()
        self._word_weights = self._weigh_words()

    def features(self, i: int) -> tuple[float, ...]:
        """Return what the first look says about a line, in the order of FIRST_LOOK_FEATURES.

        Args:
            i: The index of the line on the page.

        Returns:
            The numbers that the second and third row of trees get beside their own features.
        """
        lines, likely = self._lines, self.likely
        element = lines.lines[i].element
        up = element.parent or element
        up2 = up.parent or up
        branch = element.branch or element
        key, section, after = lines.signatures[i], self._sections[i], i + 1
        return (
            likely[i],
            likely[i - 1] if i else 0.0,
            likely[after] if after < len(likely) else 0.0,
            sum(likely[max(0, i - NEIGHBOURS) : i]) + sum(likely[after : after + NEIGHBOURS]),
            element.likely_words / (element.words + 1),
            up.likely_words / (up.words + 1),
            up2.likely_words / (up2.words + 1),
            branch.likely_words / (branch.words + 1),
            self._likely_signature_words.get(key, 0.0) / (lines.signature_sums[key][1] + 1),
            self._likely_section_words[section] / (self._section_words[section] + 1),
            self._likely_above[i],
            self._gap_above[i],
            self._gap_below[i],
            self._heading_likely[i],
            self._share_of_story_words(i),
            self._likely_words / lines.total_words,
        )

    def _sum_words(self) -> None:
        """Sum the words of all lines, each weighed by its probability."""
        lines = self._lines
        for element in lines.elements:
            element.likely_words = 0.0
        for i, probability in enumerate(self.likely):
            self._section_words[self._sections[i]] += lines.words[i]
            if not probability:
                continue
            words = lines.words[i] * probability
            self._likely_words += words
            lines.lines[i].element.likely_words += words
            self._likely_section_words[self._sections[i]] += words
            key = lines.signatures[i]
            self._likely_signature_words[key] = self._likely_signature_words.get(key, 0.0) + words
        for element in reversed(lines.elements):  # children before parents
            if element.parent and element.likely_words:
                element.parent.likely_words += element.likely_words

    def _measure_gaps(self) -> None:
        """Measure for each line how much stands between it and the likely story on each side."""
        words = self._lines.words
        self._likely_above: list[float] = []
        self._gap_above: list[float] = []
        self._heading_likely: list[float] = []
        above = gap = heading = 0.0
        for i, probability in enumerate(self.likely):
            if _is_heading(self._lines, i):
                heading = probability
            self._heading_likely.append(heading)
            self._likely_above.append(above / (self._likely_words + 1))
            self._gap_above.append(log1p(gap))
            above += words[i] * probability
            gap = (gap + words[i]) * (1 - probability)
        self._gap_below = [0.0] * len(words)
        gap = 0.0
        for i in range(len(words) - 1, -1, -1):
            self._gap_below[i] = log1p(gap)
            gap = (gap + words[i]) * (1 - self.likely[i])

    def _weigh_words(self) -> dict[str, float]:
        """Return for each word the sum of the probabilities of the lines that have it."""
        weights: dict[str, float] = {}
        for i, probability in enumerate(self.likely):
            if probability >= FAIR_PROBABILITY:
                for word in set(self._lines.tokens[i][:MAX_WORDS]):
                    weights[word] = weights.get(word, 0.0) + probability
        return weights

    def _share_of_story_words(self, i: int) -> float:
        """Return the share of a line's words that other likely lines have; -1.0 without words."""
        words = {word for word in self._lines.tokens[i][:MAX_WORDS] if len(word) >= MIN_WORD_LENGTH}
        if not words:
            return -1.0
        own = self.likely[i] if self.likely[i] >= FAIR_PROBABILITY else 0.0
        weights = self._word_weights
        shared = sum(weights.get(word, 0.0) - own > MIN_WORD_WEIGHT for word in words)
        return shared / len(words)


def _is_heading(lines: LineFeatures, i: int) -> bool:
    return lines.lines[i].element.regions & Region.HEADING != 0


def _number_sections(lines: LineFeatures) -> Sequence[int]:
    """Number the stretches of lines from one heading to the next; headings in a row are one."""
    numbers: list[int] = []
    number, was_heading = 0, True
    for i in range(len(lines.lines)):
        is_heading = _is_heading(lines, i)
        if is_heading and not was_heading:
            number += 1
        was_heading = is_heading
        numbers.append(number)
    return numbers
