"""The scorer's definition, fixed on cases small enough to be counted by hand."""

from __future__ import annotations

import pytest

from tests.bench.scoring import Mark, bootstrap, compare, fold, interval, mark, names, score, words


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


def test_the_same_shingles_in_another_order_are_not_exact() -> None:
    assert compare("a b c p a b c q a b c", "a b c q a b c p a b c") == (1.0, 1.0, False)


def test_each_letter_of_chinese_is_a_word() -> None:
    assert words("北京 2024年 news") == ["北", "京", "2024", "年", "news"]


def test_averages_are_over_pages_and_f1_is_of_the_averages() -> None:
    figures = score([Mark("s", 1.0, 0.5, 0.0), Mark("s", None, 0.0, 0.0), Mark("s", 0.5, 1.0, 1.0)])
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
    found = {
        "text": "",
        "title": 'a "Story" & more',
        "authors": "Bo Ek and ANN LEE",
        "date": "2024-03-01T10:00:00+00:00",
    }
    marked = mark(page, found)
    assert (marked.title, marked.authors, marked.date) == (1.0, 1.0, 1.0)
    assert mark(page, {}).date == 0.0
    assert mark({"text": ""}, found).title is None
    assert (fold("Ｆull  WIDTH!"), names(None)) == ("full width", set())


def test_sites_are_redrawn_alike_for_all_candidates_and_the_interval_holds_the_middle() -> None:
    good = [Mark(f"s{number}", 0.9, 0.9, 1.0) for number in range(10)]
    poor = [Mark(f"s{number}", 0.8, 0.8, 0.0) for number in range(10)]
    draws = bootstrap({"good": good, "poor": poor}, 50)
    assert {
        round(a["f1"] - b["f1"], 6) for a, b in zip(draws["good"], draws["poor"], strict=True)
    } == {0.1}
    assert bootstrap({"good": good}, 5) == bootstrap({"good": good}, 5)
    assert interval([float(value) for value in range(100)]) == (2.0, 97.0)
