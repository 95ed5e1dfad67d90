"""Lines are shares in the labelled text, and trees can be trained on them."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.extract.decision_trees import DecisionTrees
from pipeline.extract.features.line_features import FEATURE_NAMES
from tests.bench import train
from tests.bench.labels import line_shares

WORDS = (
    "harbour",
    "ferry",
    "quay",
    "crane",
    "seal",
    "storm",
    "council",
    "levy",
    "bridge",
    "lamp",
    "winter",
    "island",
)


def sentence(seed: int) -> str:
    return (
        " ".join(WORDS[(seed * 7 + n * (3 + seed % 5)) % len(WORDS)] for n in range(9)).capitalize()
        + "."
    )


def labelled(number: int) -> dict[str, object]:
    story = [sentence(number * 20 + n) for n in range(6)]
    menu = "".join(f'<li><a href="/{n}">{sentence(900 + n)}</a></li>' for n in range(8))
    body = "".join(f"<p>{line}</p>" for line in story)
    article = f"<article><div class=text>{body}</div></article>"
    markup = (
        f"<html><body><ul class=menu>{menu}</ul>{article}<footer>Imprint</footer></body></html>"
    )
    return {"id": str(number), "site": f"s{number % 7}", "html": markup, "text": "\n".join(story)}


def test_lines_are_found_as_a_whole_in_part_and_in_order() -> None:
    text = "one two three four\nfive six seven eight nine ten eleven\none two three four"
    shares = line_shares(
        [
            "one two three four",
            "menu",
            "five six seven eight nine ten eleven",
            "one two three four",
            "",
            "two",
        ],
        text,
    )
    assert shares == [1.0, 0.0, 1.0, 1.0, 0.0, 0.0]
    (part,) = line_shares(
        ["five six seven eight nine ten eleven and more words of another kind"], text
    )
    assert 0.3 <= part < 1.0


def test_a_line_that_menu_and_story_share_is_found_once() -> None:
    assert line_shares(
        ["Storm", "The harbour is closed since noon", "Storm"],
        "The harbour is closed since noon\nStorm",
    ) == [
        0.0,
        1.0,
        1.0,
    ]


@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map(" ".join), max_size=8))
@settings(max_examples=50, deadline=None)
def test_all_lines_of_a_text_are_found_in_it(lines: list[str]) -> None:
    assert line_shares(lines, "\n".join(lines)) == [1.0] * len(lines)


def test_a_page_becomes_an_example() -> None:
    example = train.make_example(labelled(1), weight=1.0, fold=0)
    assert example is not None
    assert {len(row) for row in example.rows.values()} == {len(FEATURE_NAMES)}
    assert example.shares.count(1.0) == 6
    assert all(weight > 0 for weight in example.weights.values())


def test_a_page_in_pieces_has_labels_for_the_lines_with_a_piece() -> None:
    page = labelled(1)
    page.pop("text")
    page |= {"with": [sentence(20)[:30]], "without": ["Imprint"]}
    example = train.make_example(page, weight=1.0, fold=0)
    assert example is not None
    weighed = {i for i, weight in example.weights.items() if weight}
    texts = {example.lines.lines[i].text: example.shares[i] for i in weighed}
    assert texts == {sentence(20): 1.0, "Imprint": 0.0}


def test_a_label_that_a_sure_first_look_contradicts_is_doubtful() -> None:
    example = train.make_example(labelled(1), weight=1.0, fold=0)
    assert example is not None
    other, story = example.shares.index(0.0), example.shares.index(1.0)
    example.lines.add_probabilities({other: 0.99, story: 0.01})
    assert example.has_doubtful_label(other)
    assert not example.has_doubtful_label(story)
    example.lines.add_probabilities({other: 0.5})
    assert not example.has_doubtful_label(other)


def test_trees_are_trained_and_measured_on_other_sites(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip(
        "lightgbm", reason="training needs LightGBM, which cleaning does not: pip install lightgbm"
    )
    path, out = tmp_path / "little.jsonl.xz", tmp_path / "trees.json"
    path.write_bytes(
        lzma.compress("".join(json.dumps(labelled(n)) + "\n" for n in range(40)).encode())
    )
    assert train.main([str(path), "--folds", "2", "--weight", "little=2", "--out", str(out)]) == 0
    assert (
        capsys.readouterr().out
        == "little: precision 1.0000  recall 1.0000  f1 1.0000  exact 1.0000\n"
    )
    trees = DecisionTrees(json.loads(out.read_text()))
    example = train.make_example(labelled(99), weight=1.0, fold=0)
    assert example is not None
    story, others = [], []
    for i, row in example.rows.items():
        (story if example.shares[i] else others).append(trees.first(row))
    assert min(story) > max(others)


@pytest.mark.parametrize("weight", ["little", "little=", "little=much"])
def test_a_weight_without_a_number_is_refused(
    weight: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "little.jsonl"
    path.write_text(json.dumps(labelled(1)) + "\n")
    with pytest.raises(SystemExit) as end:
        train.main([str(path), "--weight", weight])
    assert end.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
