"""The cut between a story and the rest of its page fits how sure the trees are of the page."""

from __future__ import annotations

import pytest

from pipeline.core.models import STORY_THRESHOLD
from pipeline.extract.story_cut import LOWEST_CUT, raise_to_story

SURE_STORY = [0.97, 0.95, 0.96]


def raised(probabilities: list[float], words: list[float] | None = None) -> list[float]:
    by_index = dict(enumerate(probabilities))
    raise_to_story(by_index, words or [20.0] * len(probabilities))
    return [by_index[i] for i in range(len(probabilities))]


def test_a_line_just_below_one_half_is_story_on_a_page_in_doubt() -> None:
    assert raised([0.6, 0.55, 0.42, 0.1]) == [0.6, 0.55, STORY_THRESHOLD, 0.1]


def test_such_a_line_stays_out_of_a_story_that_is_sure() -> None:
    probabilities = [*SURE_STORY, 0.42, 0.02]
    assert raised(probabilities) == probabilities


@pytest.mark.parametrize("probability", [0.0, 0.1, LOWEST_CUT - 0.01])
def test_an_improbable_line_is_never_story(probability: float) -> None:
    assert raised([0.5, probability]) == [0.5, probability]


def test_a_page_without_a_probable_line_gets_no_story_from_improbable_ones() -> None:
    assert raised([0.2, 0.1, 0.0]) == [0.2, 0.1, 0.0]


def test_a_block_of_many_words_near_one_half_comes_back() -> None:
    assert raised([0.9, 0.49], [250.0, 390.0])[1] == STORY_THRESHOLD


def test_a_page_without_words_is_no_error() -> None:
    assert raised([], []) == []
    assert raised([0.4], [0.0]) == [0.4]
