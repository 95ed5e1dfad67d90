"""A first look at a page is evidence for the lines around each line."""

from __future__ import annotations

import pytest

from pipeline.core.models import Metadata
from pipeline.extract.features.first_look import FIRST_LOOK_FEATURES, FirstLook
from pipeline.extract.features.line_features import FEATURE_NAMES, LineFeatures
from pipeline.extract.html import parse_html
from pipeline.extract.text_lines import read_lines

BODY = (
    "<div class=story><h2>The crane</h2><p>harbour crane winter</p><p>harbour storm crane</p></div>"
    "<div class=box><h2>More</h2><p>crane harbour letter</p><p>subscribe today please</p></div>"
)
PROBABILITIES = {0: 0.8, 1: 1.0, 2: 0.9, 3: 0.1, 4: 0.0}


@pytest.fixture
def lines() -> LineFeatures:
    tree = parse_html(f"<html><body>{BODY}</body></html>".encode())
    assert tree is not None
    return LineFeatures(read_lines(tree), Metadata())


def features(lines: LineFeatures, i: int) -> dict[str, float]:
    look = FirstLook(lines, PROBABILITIES)
    return dict(zip(FIRST_LOOK_FEATURES, look.features(i), strict=True))


def test_a_line_knows_the_lines_beside_it(lines: LineFeatures) -> None:
    values = features(lines, 2)
    assert (values["likely_before"], values["likely"], values["likely_after"]) == (1.0, 0.9, 0.1)
    assert values["likely_near"] == pytest.approx(0.8 + 1.0 + 0.1)
    assert features(lines, 0)["likely_before"] == 0.0
    assert features(lines, 5)["likely_after"] == 0.0


def test_a_line_knows_its_element_and_its_section(lines: LineFeatures) -> None:
    story, box = features(lines, 1), features(lines, 4)
    assert story["up_likely"] > 0.7 > 0.1 > box["up_likely"]
    assert story["section_likely"] > 0.7 > 0.1 > box["section_likely"]
    assert (story["heading_likely"], box["heading_likely"]) == (0.8, 0.1)


def test_a_line_knows_how_much_of_the_story_stands_above(lines: LineFeatures) -> None:
    above = [features(lines, i)["likely_above"] for i in range(6)]
    assert above[0] == 0.0
    assert above == sorted(above)
    assert features(lines, 1)["gap_above"] < features(lines, 5)["gap_above"]
    assert features(lines, 5)["gap_below"] == 0.0


def test_a_line_knows_how_many_of_its_words_the_story_has(lines: LineFeatures) -> None:
    assert features(lines, 4)["vocabulary"] == pytest.approx(2 / 3)
    assert features(lines, 5)["vocabulary"] == 0.0
    assert features(lines, 1)["vocabulary"] == pytest.approx(2 / 3), "its own words do not count"


def test_the_context_of_a_line_changes_no_other_feature(lines: LineFeatures) -> None:
    lines.add_probabilities(PROBABILITIES)
    before = dict(zip(FEATURE_NAMES, lines.features(1), strict=True))
    after = dict(zip(FEATURE_NAMES, lines.with_context(1, lines.features(1)), strict=True))
    assert {name for name in FEATURE_NAMES if before[name] != after[name]} <= set(
        FIRST_LOOK_FEATURES
    )
    assert after["likely"] == 1.0
