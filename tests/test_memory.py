"""Keys are stored, so they must not change; facts change a digest only where a rule could decide otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.memory import facts_digest, headline_keys, line_key, line_keys
from pipeline.model import Block, BlockKind, Draft, Fact, Metadata, Told


def test_the_key_of_a_line_never_changes() -> None:
    assert line_key("All news") == 7497166573442995825


@pytest.mark.parametrize("other", ["all  NEWS", " All news »", "Ａｌｌ news", "“All news!”", "All\u00a0news"])
def test_spellings_of_one_line_share_a_key(other: str) -> None:
    assert line_key(other) == line_key("All news")


@given(st.text())
def test_a_key_fits_a_signed_column(text: str) -> None:
    assert 0 <= line_key(text) < 2**63


def test_long_lines_and_the_own_title_are_no_boilerplate() -> None:
    lines = ["A seal", "word " * 61, "All news", "all news", "…"]
    draft = Draft("x", tuple(Block(BlockKind.PARAGRAPH, line) for line in lines))
    assert line_keys(draft, "A seal") == (line_key("All news"),)


def test_the_lines_of_a_huge_page_are_bounded() -> None:
    draft = Draft("x", tuple(Block(BlockKind.ITEM, f"line {n}") for n in range(5000)))
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
        assert bare in headline_keys(Metadata(title=title), Told())
    assert bare in headline_keys(Metadata(title="The Specimen: x"), Told(title="A seal delays the ferry"))
    assert headline_keys(Metadata(title="News"), Told()) == ()


def test_one_page_more_is_news_only_across_a_grade() -> None:
    assert facts_digest({1: Fact(6)}) == facts_digest({1: Fact(7)})
    assert facts_digest({1: Fact(1)}) != facts_digest({1: Fact(2)})
    assert facts_digest({1: Fact(0, True)}) != facts_digest({})
    assert facts_digest({1: Fact(0)}) == facts_digest({}) == ""
