"""Keys are stored, so they must not change; facts change a digest only where a rule could decide otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cleaning.boilerplate_keys import (
    MAIN_WORDS,
    MAX_CONTAINERS,
    container_signals,
    line_stats_digest,
    is_retired_layout,
    headline_keys,
    line_key,
    line_keys,
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
def test_spellings_of_one_line_share_a_key(other: str) -> None:
    assert line_key(other) == line_key("All news")


@given(st.text())
def test_a_key_fits_a_signed_column(text: str) -> None:
    assert 0 <= line_key(text) < 2**63


def test_long_lines_and_the_own_title_are_no_boilerplate() -> None:
    lines = ["A seal", "word " * 61, "All news", "all news", "…"]
    draft = ExtractedPage("x", tuple(Block(BlockKind.PARAGRAPH, line) for line in lines))
    assert line_keys(draft, "A seal") == (line_key("All news"),)


def test_the_lines_of_a_huge_page_are_bounded() -> None:
    draft = ExtractedPage("x", tuple(Block(BlockKind.ITEM, f"line {n}") for n in range(5000)))
    keys = line_keys(draft, "")
    assert len(keys) == 400
    assert {line_key("line 0"), line_key("line 4999")} <= set(keys)


def test_a_headline_is_known_with_and_without_the_name_of_its_site() -> None:
    bare = line_key("A seal delays the ferry")
    for title in (
        "A seal delays the ferry - The Specimen",
        "A seal delays the ferry | The Specimen",
        "A seal delays the ferry",
    ):
        assert bare in headline_keys(Metadata(title=title), AnnouncedMetadata())
    assert bare in headline_keys(
        Metadata(title="The Specimen: x"), AnnouncedMetadata(title="A seal delays the ferry")
    )
    assert headline_keys(Metadata(title="News"), AnnouncedMetadata()) == ()


def test_one_page_more_is_news_only_across_a_grade() -> None:
    assert line_stats_digest({1: LineStats(6)}) == line_stats_digest({1: LineStats(7)})
    assert line_stats_digest({1: LineStats(1)}) != line_stats_digest({1: LineStats(2)})
    assert line_stats_digest({1: LineStats(0, True)}) != line_stats_digest({})
    assert line_stats_digest({1: LineStats(0)}) == line_stats_digest({}) == ""


# Containers

STORY, BOX = "div.story-text > p", "div.box > p"
FIRST, DAY = datetime(2025, 3, 1, tzinfo=UTC), timedelta(days=1)


def line(words: int, chance: float, where: str = STORY) -> Block:
    return Block(
        BlockKind.PARAGRAPH,
        " ".join(["word"] * words),
        story_probability=chance,
        element_path=where,
    )


def shown(*blocks: Block) -> set[tuple[str, bool, bool]]:
    """Name, whether it holds story, whether it holds most of it."""
    return set(container_signals(ExtractedPage("x", blocks)))


def test_a_container_holds_the_story_where_most_of_its_words_are_likely_to_be_of_it() -> None:
    assert shown(
        line(40, 0.9), line(30, 0.1), line(9, 0.9, BOX), line(9, 0.4, BOX), line(5, 0.9, "")
    ) == {
        (STORY, True, True),
        (BOX, False, False),
    }


def test_a_page_with_hardly_a_story_has_no_main_container() -> None:
    assert shown(line(MAIN_WORDS - 1, 0.9)) == {(STORY, True, False)}
    assert shown(line(MAIN_WORDS, 0.1)) == {(STORY, False, False)}
    assert shown() == set()


def test_numbers_of_single_pages_are_no_part_of_a_containers_name() -> None:
    assert shown(
        line(40, 0.9, "div.post-71832 > p"),
        line(40, 0.9, "div.post-5520 > p"),
        line(9, 0.1, "div.col-12 > p"),
    ) == {
        ("div.post-# > p", True, True),
        ("div.col-12 > p", False, False),
    }


def test_the_containers_of_one_page_are_bounded() -> None:
    blocks = [line(1, 0.1, f"div.c{number} > p") for number in range(99)]
    found = shown(*blocks, line(40, 0.9))
    assert len(found) == MAX_CONTAINERS
    assert (STORY, True, True) in found


@pytest.mark.parametrize(
    ("pages", "lasted", "silent", "ended"),
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
def test_a_layout_has_ended_when_it_is_silent_for_much_longer_than_it_used_to_be(
    pages: int, lasted: timedelta, silent: timedelta, ended: bool
) -> None:
    last = FIRST + lasted
    assert is_retired_layout(pages, FIRST, last, last + silent) is ended
