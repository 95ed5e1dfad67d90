"""A story that other readings of the page find is not lost."""

from __future__ import annotations

import pytest

from pipeline.core.models import STORY_THRESHOLD, Metadata
from pipeline.extract.features.line_features import ExtractorLines, LineFeatures
from pipeline.extract.html import parse_html
from pipeline.extract.readings.second_reading import SecondReading, compare_readings
from pipeline.extract.text_lines import read_lines

STORY = [
    f"On day {n} the harbour of Aland was closed, because the storm had thrown eleven large blocks"
    " of stone from the crown of its old wall into the fairway."
    for n in range(12)
]
PAGE = "".join(f"<p>{line}</p>" for line in STORY)


def read(
    kept: int, declared: str = "", again: list[str] | None = None, description: str = ""
) -> SecondReading:
    """Compare readings of a page of which the first lines are kept."""
    tree = parse_html(f"<html><body><div>{PAGE}</div></body></html>".encode())
    assert tree is not None
    lines = LineFeatures(read_lines(tree), Metadata(description=description), declared)
    probabilities = {i: 0.9 if i < kept else 0.1 for i in range(len(STORY))}

    def read_again(_fast: bool) -> ExtractorLines:
        if again is None:
            pytest.fail("the page was read again")
        return ExtractorLines(again)

    return compare_readings(lines, probabilities, read_again)


def kept_lines(reading: SecondReading) -> int:
    return sum(value >= STORY_THRESHOLD for value in reading.probabilities.values())


def test_a_page_that_is_kept_is_not_read_again() -> None:
    reading = read(kept=12)
    assert (kept_lines(reading), reading.is_recovered, reading.sentence) == (12, False, "")


def test_a_second_reading_that_finds_twice_as_much_is_followed() -> None:
    reading = read(kept=4, again=STORY)
    assert kept_lines(reading) == 12
    assert reading.is_recovered
    assert reading.sentence == (
        "the prose of the page has 348 words of the story, of which 116 are kept; a second reading"
        " by trafilatura has 348 words of the story, of which 116 are kept; it was followed"
    )


def test_a_second_reading_that_agrees_is_not_followed() -> None:
    reading = read(kept=4, again=STORY[:5])
    assert (kept_lines(reading), reading.is_recovered) == (4, False)
    assert reading.sentence.endswith("it was not followed, because it agrees with what is kept")


def test_a_second_reading_that_finds_little_is_not_followed() -> None:
    reading = read(kept=4, again=["Menu"])
    assert (kept_lines(reading), reading.is_recovered) == (4, False)
    assert reading.sentence.endswith("it was not followed, because it found little")


def test_the_story_of_the_json_ld_is_followed_without_another_reading() -> None:
    reading = read(kept=3, declared="\n".join(STORY))
    assert kept_lines(reading) == 12
    assert reading.sentence == (
        "the page's JSON-LD has 348 words of the story, of which 87 are kept; it was followed"
    )


def test_the_json_ld_of_a_story_that_is_kept_is_named() -> None:
    reading = read(kept=12, declared="\n".join(STORY))
    assert not reading.is_recovered
    assert reading.sentence == (
        "the page's JSON-LD has 348 words of the story, of which 348 are kept"
    )


def test_a_description_whose_words_are_left_out_makes_a_second_reading() -> None:
    tree = parse_html(
        f"<html><body><div class=a>{PAGE}</div><div class=b><p>A seal delays four hundred"
        " passengers, because nobody wants to wake it on the ramp of the morning ferry.</p>"
        "</div></body></html>".encode()
    )
    assert tree is not None
    description = "A seal delays four hundred passengers on the morning ferry"
    lines = LineFeatures(read_lines(tree), Metadata(description=description))
    probabilities = {i: 0.9 if i < 12 else 0.1 for i in range(13)}
    calls = []

    def read_again(fast: bool) -> ExtractorLines:
        calls.append(fast)
        return ExtractorLines(STORY)

    reading = compare_readings(lines, probabilities, read_again)
    assert calls == [True]
    assert not reading.is_recovered


def test_a_fast_reading_that_finds_little_is_repeated_in_full() -> None:
    tree = parse_html(f"<html><body><div>{PAGE}</div></body></html>".encode())
    assert tree is not None
    lines = LineFeatures(read_lines(tree), Metadata())
    probabilities = {i: 0.9 if i < 4 else 0.1 for i in range(len(STORY))}
    calls = []

    def read_again(fast: bool) -> ExtractorLines:
        calls.append(fast)
        return ExtractorLines(STORY[:1] if fast else STORY)

    reading = compare_readings(lines, probabilities, read_again)
    assert calls == [True, False]
    assert kept_lines(reading) == 12
