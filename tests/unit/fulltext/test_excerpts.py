"""Excerpts are plain text with the spans that a query asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.fulltext.excerpts import highlight, make_excerpt
from pipeline.fulltext.query_language import parse_query


def highlighted(text: str, query: str, field: str = "", language: str = "en") -> list[str]:
    excerpt = highlight(text, parse_query(query), field, language)
    return [excerpt.text[start:end] for start, end in excerpt.spans]


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("The ferries left; a Ferry came.", "ferry", ["ferries", "Ferry"]),
        ("A night ferry, and the night", '"night ferry"', ["night ferry"]),
        ("Night ferries", '"night ferry"', []),
        ("Чумҳурии Ҷумҳурӣ", "чумхури", ["Ҷумҳурӣ"]),
        ("Cafe\u0301 Café cafe", "cafe", ["Cafe\u0301", "Café", "cafe"]),
        ("Harbour harbours harm", "harb*", ["Harbour", "harbours"]),
        ("ferry levy", "ferry -levy", ["ferry"]),
        ("ferry ferry-levy", "ferry ferry-levy", ["ferry", "ferry-levy"]),
        ("東京都の電車", "京都", ["京都"]),
        ("東京都の電車", "京", ["京都"]),
        ("ferry", "title:ferry", []),
        ("nothing", "", []),
    ],
)
def test_the_words_of_a_query_are_highlighted(text: str, query: str, expected: list[str]) -> None:
    assert highlighted(text, query) == expected


def test_forms_of_a_word_are_highlighted_in_languages_with_known_forms() -> None:
    assert highlighted("Дары дара", "дара", language="ru") == ["Дары", "дара"]
    assert highlighted("Дар дараи", "дара", language="tg") == []


def test_a_title_also_shows_the_words_of_title_terms() -> None:
    assert highlighted("The ferry levy", "title:ferry levy", "title") == ["ferry", "levy"]


@pytest.mark.parametrize("query", ["needle", "nothing", ""])
def test_an_excerpt_shows_the_words_of_a_query_or_the_beginning(query: str) -> None:
    text = "word " * 60 + "before it the Needle\nstands here. " + "after " * 60
    excerpt = make_excerpt(text, parse_query(query), 160)
    assert (
        "before it the Needle stands here. after" if query == "needle" else "word " * 3
    ) in excerpt.text
    assert [excerpt.text[a:b] for a, b in excerpt.spans] == (
        ["Needle"] if query == "needle" else []
    )
    assert len(excerpt.text) <= 162
    assert "\n" not in excerpt.text


def test_the_excerpt_of_a_short_text_is_the_text() -> None:
    assert make_excerpt("One\nline  only", parse_query("only")).text == "One line only"
    assert make_excerpt("", parse_query("only")).text == ""


@given(st.text(max_size=300), st.text(max_size=30))
def test_spans_are_in_order_and_inside_their_text(text: str, query: str) -> None:
    for excerpt in (
        highlight(text, parse_query(query)),
        make_excerpt(text, parse_query(query), 40),
    ):
        positions = [position for span in excerpt.spans for position in span]
        assert positions == sorted(positions)
        assert all(0 <= position <= len(excerpt.text) for position in positions)
        assert all(start < end for start, end in excerpt.spans)
