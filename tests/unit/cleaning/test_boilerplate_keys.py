"""Keys are stored, so they must not change; a digest changes only if a rule may."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cleaning.boilerplate_keys import (
    MAX_CONTAINERS,
    MIN_STORY_WORDS,
    container_signals,
    headline_keys,
    is_retired_layout,
    line_key,
    line_keys,
    line_stats_digest,
)
from pipeline.core.models import (
    AnnouncedMetadata,
    Block,
    BlockKind,
    ExtractedPage,
    LineStats,
    Metadata,
)


def test_the_key_of_a_line_never_changes() -> None:
    assert line_key("All news") == 7497166573442995825


@pytest.mark.parametrize(
    "other", ["all  NEWS", " All news »", "Ａｌｌ news", "“All news!”", "All\u00a0news"]
)
def test_spellings_of_one_line_have_one_key(other: str) -> None:
    assert line_key(other) == line_key("All news")


@given(st.text())
def test_a_key_fits_a_signed_64_bit_column(text: str) -> None:
    assert 0 <= line_key(text) < 2**63


def test_long_lines_and_the_own_title_have_no_key() -> None:
    lines = ["A seal", "word " * 61, "All news", "all news", "…"]
    extracted = ExtractedPage("x", tuple(Block(BlockKind.PARAGRAPH, line) for line in lines))
    assert line_keys(extracted, "A seal") == (line_key("All news"),)


def test_the_number_of_line_keys_is_limited() -> None:
    extracted = ExtractedPage("x", tuple(Block(BlockKind.ITEM, f"line {n}") for n in range(5000)))
    keys = line_keys(extracted, "")
    assert len(keys) == 400
    assert {line_key("line 0"), line_key("line 4999")} <= set(keys)


def test_a_headline_has_keys_with_and_without_the_name_of_its_site() -> None:
    key = line_key("A seal delays the ferry")
    for title in (
        "A seal delays the ferry - The Specimen",
        "A seal delays the ferry | The Specimen",
        "A seal delays the ferry",
    ):
        assert key in headline_keys(Metadata(title=title), AnnouncedMetadata())
    assert key in headline_keys(
        Metadata(title="The Specimen: x"), AnnouncedMetadata(title="A seal delays the ferry")
    )
    assert headline_keys(Metadata(title="News"), AnnouncedMetadata()) == ()


def test_one_more_page_changes_the_digest_only_in_another_frequency_bucket() -> None:
    assert line_stats_digest({1: LineStats(6)}) == line_stats_digest({1: LineStats(7)})
    assert line_stats_digest({1: LineStats(1)}) != line_stats_digest({1: LineStats(2)})
    assert line_stats_digest({1: LineStats(0, True)}) != line_stats_digest({})
    assert line_stats_digest({1: LineStats(0)}) == line_stats_digest({}) == ""


# Containers

STORY, BOX = "div.story-text > p", "div.box > p"
FIRST, DAY = datetime(2025, 3, 1, tzinfo=UTC), timedelta(days=1)


def line(words: int, probability: float, path: str = STORY) -> Block:
    return Block(
        BlockKind.PARAGRAPH,
        " ".join(["word"] * words),
        story_probability=probability,
        element_path=path,
    )


def signals(*blocks: Block) -> set[tuple[str, bool, bool]]:
    """Return for each container its name, whether it is story, and whether it is the main one."""
    return set(container_signals(ExtractedPage("x", blocks)))


def test_a_container_is_story_if_most_of_its_words_are_probable() -> None:
    assert signals(
        line(40, 0.9), line(30, 0.1), line(9, 0.9, BOX), line(9, 0.4, BOX), line(5, 0.9, "")
    ) == {
        (STORY, True, True),
        (BOX, False, False),
    }


def test_a_page_with_a_very_short_story_has_no_main_container() -> None:
    assert signals(line(MIN_STORY_WORDS - 1, 0.9)) == {(STORY, True, False)}
    assert signals(line(MIN_STORY_WORDS, 0.1)) == {(STORY, False, False)}
    assert signals() == set()


def test_the_name_of_a_container_has_no_numbers_of_single_pages() -> None:
    assert signals(
        line(40, 0.9, "div.post-71832 > p"),
        line(40, 0.9, "div.post-5520 > p"),
        line(9, 0.1, "div.col-12 > p"),
    ) == {
        ("div.post-# > p", True, True),
        ("div.col-12 > p", False, False),
    }


def test_the_number_of_containers_of_one_page_is_limited() -> None:
    blocks = [line(1, 0.1, f"div.c{number} > p") for number in range(99)]
    containers = signals(*blocks, line(40, 0.9))
    assert len(containers) == MAX_CONTAINERS
    assert (STORY, True, True) in containers


@pytest.mark.parametrize(
    ("pages", "duration", "silence", "retired"),
    [
        (300, 300 * DAY, 6 * DAY, False),  # a story a day, and not yet silent for long
        (300, 300 * DAY, 8 * DAY, True),
        (11, 100 * DAY, 40 * DAY, False),  # one in ten days
        (11, 100 * DAY, 51 * DAY, True),
        (1, 0 * DAY, 6 * DAY, False),
        (1, 0 * DAY, 8 * DAY, True),
        (5, 30 * DAY, 0 * DAY, False),  # holds the newest story
    ],
)
def test_a_layout_is_retired_after_an_unusually_long_silence(
    pages: int, duration: timedelta, silence: timedelta, retired: bool
) -> None:
    last = FIRST + duration
    assert is_retired_layout(pages, FIRST, last, last + silence) is retired
