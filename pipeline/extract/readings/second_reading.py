"""Compare what is kept of a page with independent readings, so that no story is lost.

The readings that cost nothing come first: the story in the page's JSON-LD, the prose at the core of
the page, and the words of its description. Where one of them misses much of the story, trafilatura
reads the page once more, with the extractors that it falls back to. A reading of which less than
half is kept is followed: all its lines become part of the story.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.core.formatting import pluralize
from pipeline.core.models import STORY_THRESHOLD
from pipeline.extract.features.line_features import ExtractorLines, LineFeatures

MIN_STORY_WORDS: Final = 100  # that a reading must find
MIN_KEPT: Final = 0.5  # of the words of a reading; below that, the reading is followed
RECOVERED: Final = 0.6  # the probability of a line that only a reading takes
MIN_DESCRIPTION_WORDS: Final = 6  # of four letters or more
MIN_DESCRIBED: Final = 0.25  # of these words that the story has
MIN_DESCRIBED_ELSEWHERE: Final = 0.5  # of them that the prose of the page has
MIN_WORD_LENGTH: Final = 4

LITTLE: Final = 0.3  # of the prose at the core; a fast reading that finds less is repeated in full
MAX_LINES: Final = 3_000  # of a page that is read in full: that takes up to a second

ReadAgain = Callable[[bool], ExtractorLines]


@dataclass(frozen=True, slots=True)
class SecondReading:
    """What is left after the comparison.

    Attributes:
        probabilities: The probability of each line by its index.
        sentence: What the readings found, and why one was or was not followed; "" without one.
        is_recovered: Whether a reading was followed.
    """

    probabilities: Mapping[int, float]
    sentence: str = ""
    is_recovered: bool = False


@dataclass(frozen=True, slots=True)
class _Reading:
    name: str
    lines: frozenset[int]
    words: float
    kept_words: float

    @property
    def is_missed(self) -> bool:
        """Tell whether it found a story of which little is kept."""
        return self.words >= MIN_STORY_WORDS and self.kept_words < MIN_KEPT * self.words

    def __str__(self) -> str:
        count = pluralize(round(self.words), "word")
        return f"{self.name} has {count} of the story, of which {self.kept_words:.0f} are kept"


def compare_readings(
    lines: LineFeatures, probabilities: Mapping[int, float], read_again: ReadAgain
) -> SecondReading:
    """Compare what is kept with independent readings, and follow one that has twice as much.

    Args:
        lines: The lines of the page.
        probabilities: The probability of each line by its index.
        read_again: Reads the page with trafilatura, in its fast mode or in full; it is called only
            where a reading is missed.
    """
    kept = {i for i, probability in probabilities.items() if probability >= STORY_THRESHOLD}
    declared_lines = [i for i, vote in enumerate(lines.declared) if vote > 0]
    declared = _reading("the page's JSON-LD", lines, declared_lines, kept)
    if declared.is_missed:
        return _follow(lines, probabilities, [declared])
    readings = [declared] if declared.words >= MIN_STORY_WORDS else []
    prose = _prose_at_core(lines, kept)
    misses_description = not readings and _misses_description(lines, kept)
    if not prose.is_missed and not misses_description:
        return SecondReading(probabilities, _sentence(readings))
    if prose.is_missed:
        readings.append(prose)
    second = _read_again(lines, kept, prose.words, read_again)
    readings.append(second)
    if second.is_missed:
        return _follow(lines, probabilities, readings)
    reason = "agrees with what is kept" if second.words >= MIN_STORY_WORDS else "found little"
    sentence = f"{_sentence(readings)}; it was not followed, because it {reason}"
    return SecondReading(probabilities, sentence)


def _read_again(
    lines: LineFeatures, kept: set[int], prose_words: float, read_again: ReadAgain
) -> _Reading:
    """Read the page with trafilatura: first as fast as it can, in full where that finds little."""
    name = "a second reading by trafilatura"
    if not any(lines.votes):
        lines.add_votes(read_again(True))
    taken = [i for i, vote in enumerate(lines.votes) if vote]
    reading = _reading(name, lines, taken, kept)
    if reading.words >= max(MIN_STORY_WORDS, LITTLE * prose_words) or len(lines.lines) > MAX_LINES:
        return reading
    lines.add_votes(read_again(False))
    taken = [i for i, vote in enumerate(lines.votes) if vote]
    return _reading(name, lines, taken, kept)


def _reading(name: str, lines: LineFeatures, taken: list[int], kept: set[int]) -> _Reading:
    words = sum(lines.words[i] for i in taken)
    kept_words = sum(lines.words[i] for i in taken if i in kept)
    return _Reading(name, frozenset(taken), words, kept_words)


def _prose_at_core(lines: LineFeatures, kept: set[int]) -> _Reading:
    core = lines.core.element
    words = core.prose if core is not None else 0.0
    kept_words = sum(lines.prose[i] for i in kept)
    return _Reading("the prose of the page", frozenset(), words, min(words, kept_words))


def _misses_description(lines: LineFeatures, kept: set[int]) -> bool:
    """Tell whether the words of the page's description are in its prose, but not in what is kept.

    Many descriptions speak of the site: their words are in neither.
    """
    words = {word for word in lines.description_words if len(word) >= MIN_WORD_LENGTH}
    if len(words) < MIN_DESCRIPTION_WORDS:
        return False
    in_story: set[str] = set()
    elsewhere: set[str] = set()
    for i, tokens in enumerate(lines.tokens):
        if i in kept:
            in_story.update(words.intersection(tokens))
        elif lines.prose[i]:
            elsewhere.update(words.intersection(tokens))
    if len(in_story) >= MIN_DESCRIBED * len(words):
        return False
    return len(elsewhere) >= MIN_DESCRIBED_ELSEWHERE * len(words)


def _follow(
    lines: LineFeatures, probabilities: Mapping[int, float], readings: list[_Reading]
) -> SecondReading:
    """Make all lines of the last reading part of the story."""
    decided = dict(probabilities)
    for i in readings[-1].lines:
        decided[i] = max(decided.get(i, 0.0), RECOVERED)
    return SecondReading(decided, f"{_sentence(readings)}; it was followed", is_recovered=True)


def _sentence(readings: list[_Reading]) -> str:
    return "; ".join(map(str, readings))
