"""Choose from which probability on the lines of a page are its story.

A fixed cut at one half loses much of a story on pages where the trees are in doubt. The cut of each
page is the one from which the harmonic mean of precision and recall, as the probabilities let
expect it, is best (Lipton, Elkan and Naryanaswamy, 2014): the surer the page, the nearer to one
half.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pipeline.core.models import STORY_THRESHOLD

LOWEST_CUT: Final = 0.35


def raise_to_story(probabilities: dict[int, float], words: Sequence[float]) -> None:
    """Raise the lines from the best cut on to the probability of a story, in place.

    Args:
        probabilities: The probability of each line by its index.
        words: The words of each line.
    """
    cut = _best_cut(probabilities, words)
    for i, probability in probabilities.items():
        if cut <= probability < STORY_THRESHOLD:
            probabilities[i] = STORY_THRESHOLD


def _best_cut(probabilities: Mapping[int, float], words: Sequence[float]) -> float:
    """Return a cut from LOWEST_CUT to STORY_THRESHOLD."""
    story_words = kept_words = kept_story = 0.0
    doubtful: list[tuple[float, float]] = []
    for i, probability in probabilities.items():
        story_words += words[i] * probability
        if probability >= STORY_THRESHOLD:
            kept_words += words[i]
            kept_story += words[i] * probability
        elif probability >= LOWEST_CUT:
            doubtful.append((probability, words[i]))
    best, cut = kept_story / (kept_words + story_words or 1.0), STORY_THRESHOLD
    for probability, count in sorted(doubtful, reverse=True):
        kept_words += count
        kept_story += count * probability
        quality = kept_story / (kept_words + story_words or 1.0)
        if quality > best:
            best, cut = quality, probability
    return cut
