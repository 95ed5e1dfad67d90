"""Normalized for search, what a reader types equals what a writer wrote."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.fulltext.normalize import normalize_for_search, split_words


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("ҳар", "хар"), ("ҷумҳурӣ", "чумхури"), ("кӯча", "куча"), ("қоида", "коида"),
        ("Ғафуров", "гафуров"), ("Ёлка", "елка"), ("Café", "cafe"), ("Łódź", "lodz"),
        ("STRASSE", "straße"), ("naïve", "naive"), ("İstanbul", "istanbul"), ("ﬁsh", "fish"),
        ("ＡＢＣ", "abc"), ("Кӯҳ", "кух"),
    ],
)  # fmt: skip
def test_letters_that_keyboards_lack_make_no_difference(written: str, typed: str) -> None:
    assert normalize_for_search(written) == normalize_for_search(typed)


@pytest.mark.parametrize(
    ("one", "other"), [("йод", "иод"), ("мой", "мои"), ("мир", "мёр"), ("шар", "щар"), ("a", "b")]
)
def test_letters_that_readers_distinguish_stay_different(one: str, other: str) -> None:
    assert normalize_for_search(one) != normalize_for_search(other)


@given(st.text(max_size=50))
def test_composed_and_decomposed_letters_are_equal(text: str) -> None:
    assert normalize_for_search(unicodedata.normalize("NFD", text)) == normalize_for_search(
        unicodedata.normalize("NFC", text)
    )


@given(st.text(max_size=50))
def test_no_text_raises_and_no_word_holds_a_space(text: str) -> None:
    assert all(word and not any(letter.isspace() for letter in word) for word in split_words(text))


def test_words_are_runs_of_letters_and_digits() -> None:
    assert split_words("«Об», мегӯяд — 3,5 км; covid-19") == [
        "об",
        "мегуяд",
        "3",
        "5",
        "км",
        "covid",
        "19",
    ]
    assert split_words("… — !") == []
