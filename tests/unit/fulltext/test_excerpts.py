"""Excerpts: plain text with the spans that a reader asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.fulltext.excerpts import make_excerpt, highlight
from pipeline.fulltext.query_language import parse_query


def lit(text: str, query: str, field: str = "", language: str = "en") -> list[str]:
    found = highlight(text, parse_query(query), field, language)
    return [found.text[start:end] for start, end in found.spans]


@pytest.mark.parametrize(
    ("text", "query", "found"),
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
def test_what_was_asked_for_is_marked(text: str, query: str, found: list[str]) -> None:
    assert lit(text, query) == found


def test_forms_of_a_word_are_marked_in_languages_whose_forms_are_known() -> None:
    assert lit("Дары дара", "дара", language="ru") == ["Дары", "дара"]
    assert lit("Дар дараи", "дара", language="tg") == []


def test_a_title_also_shows_what_was_asked_of_titles() -> None:
    assert lit("The ferry levy", "title:ferry levy", "title") == ["ferry", "levy"]


@pytest.mark.parametrize("query", ["needle", "nothing", ""])
def test_an_excerpt_shows_what_was_asked_for_or_the_beginning(query: str) -> None:
    text = "word " * 60 + "before it the Needle\nstands here. " + "after " * 60
    shown = make_excerpt(text, parse_query(query), 160)
    assert (
        "before it the Needle stands here. after" if query == "needle" else "word " * 3
    ) in shown.text
    assert [shown.text[a:b] for a, b in shown.spans] == (["Needle"] if query == "needle" else [])
    assert len(shown.text) <= 162
    assert "\n" not in shown.text


def test_an_excerpt_of_a_short_text_is_the_text() -> None:
    assert make_excerpt("One\nline  only", parse_query("only")).text == "One line only"
    assert make_excerpt("", parse_query("only")).text == ""


@given(st.text(max_size=300), st.text(max_size=30))
def test_spans_are_in_order_and_within_their_text(text: str, query: str) -> None:
    for found in (highlight(text, parse_query(query)), make_excerpt(text, parse_query(query), 40)):
        places = [place for span in found.spans for place in span]
        assert places == sorted(places)
        assert all(0 <= place <= len(found.text) for place in places)
        assert all(start < end for start, end in found.spans)
