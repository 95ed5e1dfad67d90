"""The definition of the scores, fixed on cases that are small enough to count by hand."""

from __future__ import annotations

import pytest

from tests.bench.scoring import (
    PageScore,
    average_scores,
    bootstrap,
    compare,
    interval,
    name_set,
    normalize,
    score_page,
    split_words,
)


@pytest.mark.parametrize(
    ("gold", "text", "expected"),
    [
        ("a b c d e", "a b c d e", (1.0, 1.0, True)),
        ("a b c d e", "A, b. c d e", (0.5, 0.5, False)),  # case counts, punctuation does not
        ("a b c d e", "a - b c d e!", (1.0, 1.0, True)),
        ("a b c d e f", "a b c d e", (1.0, 2 / 3, False)),
        ("a b c d", "a b c d e f", (1 / 3, 1.0, False)),
        ("a b c", "a b c", (1.0, 1.0, True)),  # shorter than a shingle: the whole
        ("a b c", "a b", (0.0, 0.0, False)),
        ("a b c d", "", (None, 0.0, False)),
        ("", "", (1.0, 1.0, True)),
        ("", "a b c d", (0.0, None, False)),
        ("a a a a a", "a a a a a a", (2 / 3, 1.0, False)),  # a multiset: as often as in the gold
        ("a b c d x a b c d", "a b c d x a b c d", (1.0, 1.0, True)),
    ],
)
def test_precision_recall_and_exactness_of_one_page(
    gold: str, text: str, expected: tuple[float | None, float | None, bool]
) -> None:
    assert compare(gold, text) == expected


def test_shingles_in_another_order_are_not_exact() -> None:
    assert compare("a b c p a b c q a b c", "a b c q a b c p a b c") == (1.0, 1.0, False)


def test_each_chinese_letter_is_a_word() -> None:
    assert split_words("北京 2024年 news") == ["北", "京", "2024", "年", "news"]


def test_scores_are_averaged_over_pages_and_f1_is_of_the_averages() -> None:
    figures = average_scores(
        [
            PageScore("s", 1.0, 0.5, 0.0),
            PageScore("s", None, 0.0, 0.0),
            PageScore("s", 0.5, 1.0, 1.0),
        ]
    )
    assert figures["precision"] == pytest.approx(0.75)
    assert figures["recall"] == pytest.approx(0.5)
    assert figures["f1"] == pytest.approx(0.6)
    assert figures["exact"] == pytest.approx(1 / 3)
    assert "title" not in figures


def test_metadata_is_compared_without_case_width_and_punctuation() -> None:
    page = {
        "text": "",
        "title": "A “story” &amp; more",
        "authors": ["Ann Lee", "Bo Ek"],
        "date": "2024-03-01",
    }
    extracted = {
        "text": "",
        "title": 'a "Story" & more',
        "authors": "Bo Ek and ANN LEE",
        "date": "2024-03-01T10:00:00+00:00",
    }
    page_score = score_page(page, extracted)
    assert (page_score.title, page_score.authors, page_score.date) == (1.0, 1.0, 1.0)
    assert score_page(page, {}).date == 0.0
    assert score_page({"text": ""}, extracted).title is None
    assert (normalize("Ｆull  WIDTH!"), name_set(None)) == ("full width", set())


def test_all_candidates_get_the_same_samples_of_sites() -> None:
    good = [PageScore(f"s{number}", 0.9, 0.9, 1.0) for number in range(10)]
    poor = [PageScore(f"s{number}", 0.8, 0.8, 0.0) for number in range(10)]
    draws = bootstrap({"good": good, "poor": poor}, 50)
    assert {
        round(a["f1"] - b["f1"], 6) for a, b in zip(draws["good"], draws["poor"], strict=True)
    } == {0.1}
    assert bootstrap({"good": good}, 5) == bootstrap({"good": good}, 5)
    assert interval([float(value) for value in range(100)]) == (2.0, 97.0)
